"""Nova's control: API, metadata, conductor, scheduler and console proxy, all active/active; cells v2 mapped."""

import json
from collections.abc import Iterator
from typing import Any

from quorate.catalog import glance, program
from quorate.catalog.openstack import clients, database
from quorate.catalog.openstack.process import NEEDS, Api, Process, conf
from quorate.formats import settings
from quorate.model.cloud import Cloud
from quorate.model.component import Component, Database, Listener, Mode, Requires, Service, ServiceUser
from quorate.model.design import Design
from quorate.model.item import Command, File
from quorate.model.secret import Secret
from quorate.model.topology import Cluster, Node

CONF = "/etc/nova/nova.conf"
DATABASE = Database("nova", Secret("database/nova"))
CELL0 = Database("nova_cell0", DATABASE.secret, owner="nova")
API_DATABASE = Database("nova_api", Secret("database/nova_api"))
# Neutron leaves the binding of ports to administrators and services, and the search for them to administrators.
USER = ServiceUser("nova", Secret("service/nova"), roles=("service", "admin"))
METADATA_SECRET = Secret("nova/metadata")
# The API is monkey-patched for eventlet, which more than one thread a process breaks; it answers without a token
# when it is asked for its versions.
API = Api("nova-api", "nova", 8774, "/usr/bin/nova-api-wsgi", check="/", threads=1)
METADATA = Api(
    "nova-api-metadata", "nova", 8775, "/usr/bin/nova-metadata-wsgi", check="/", threads=1, public=False
)
CONDUCTOR = Process.daemon("nova-conductor", "nova", CONF, Type="notify", NotifyAccess="all")
SCHEDULER = Process.daemon("nova-scheduler", "nova", CONF, Type="notify", NotifyAccess="all")
CONSOLE = Process.daemon("nova-novncproxy", "nova", CONF)
CONSOLE_PORT = 6080
CONSOLE_PAGE = "/vnc_lite.html"
SERVICE = Service("nova", "compute", API.name, "/v2.1", "OpenStack Compute")


def declare(cloud: Cloud, cluster: Cluster) -> Component:
    """Every process as a clone."""
    del cluster
    daemons = (CONDUCTOR, SCHEDULER, CONSOLE)
    return Component(
        name="nova",
        requires=(
            *NEEDS,
            Requires("placement", None, "asked when a server is scheduled"),
            Requires("glance", None, "asked when a server is made"),
        ),
        packages=(
            *("nova-api", "nova-conductor", "nova-scheduler", "nova-consoleproxy"),
            *("uwsgi-plugin-python3", "python3-pymysql", "python3-memcache"),
        ),
        owned_units=(API.process.unit, METADATA.process.unit, *(daemon.unit for daemon in daemons)),
        masked_units=("nova-serialproxy.service", "nova-spicehtml5proxy.service"),
        resources=(
            API.process.clone(cloud),
            METADATA.process.clone(cloud),
            *(daemon.clone(cloud) for daemon in daemons),
        ),
        ready=(API.answers(), METADATA.answers()),
        listeners=(
            API.listener(cloud),
            METADATA.listener(cloud),
            # the proxy forks for each connection
            Listener(
                *(CONSOLE.name, CONSOLE_PORT, Mode.HTTP),
                check=f"GET {CONSOLE_PAGE}",
                dear=True,
                public=True,
                idle_s=3600,
            ),
        ),
        databases=(DATABASE, CELL0, API_DATABASE),
        services=(SERVICE,),
        users=(USER,),
        secrets=(DATABASE.secret, API_DATABASE.secret, USER.secret, METADATA_SECRET),
    )


def preparations(design: Design) -> tuple[Command, ...]:
    """The tables of the API, the mapping of both cells, then the cells' tables."""
    cells, said = program("nova_cells"), json.dumps(_cells(design))
    main = "nova/db/main/migrations/versions"
    sync = ("nova-manage", "db", "sync")
    return (
        database.migration(
            design, API_DATABASE, "nova/db/api/migrations/versions", ("nova-manage", "api_db", "sync"), "nova"
        ),
        Command("cells mapped", cells, unless=(*cells, "check"), stdin=said, unless_stdin=said),
        # one command for the tables of both; each may lack them
        database.migration(design, CELL0, main, sync, "nova"),
        database.migration(design, DATABASE, main, sync, "nova"),
    )


def _cells(design: Design) -> dict[str, Any]:
    """What `programs/nova_cells.py` is asked for.

    The mappings are templates, which each service fills in from its own settings: no password is in a table.
    """
    brokers = len(design.cloud.topology.members_of("rabbitmq"))
    numbers = range(1, brokers + 1) if brokers > 1 else ("",)
    each = (f"{{username{n}}}:{{password{n}}}@{{hostname{n}}}:{{port{n}}}" for n in numbers)
    database_url = "{scheme}://{username}:{password}@{hostname}/%s?{query}"
    return {
        "host": design.address(design.listener("galera")),
        "user": API_DATABASE.user,
        "password": API_DATABASE.secret.reference,
        "database": API_DATABASE.name,
        "cells": {
            "cell0": ["none:///", database_url % CELL0.name],
            "cell1": ["{scheme}://" + ",".join(each) + "/", database_url % DATABASE.name],
        },
    }


def config(design: Design, node: Node) -> Iterator[File]:
    """nova.conf, uWSGI's settings and the units."""
    processes = (API.name, METADATA.name, CONDUCTOR.name, SCHEDULER.name, CONSOLE.name)
    content = settings.merged(_nova(design, node), clients.messaging(design, "nova"))
    yield conf(design, CONF, content, "nova", processes)
    for api in (API, METADATA):
        yield from api.files(design, node)
    for daemon in (CONDUCTOR, SCHEDULER, CONSOLE):
        yield daemon.file()


def _nova(design: Design, node: Node) -> settings.Settings:
    workers = str(design.cloud.workers.get("nova", 4))
    return {
        "DEFAULT": {"my_ip": node.address, "state_path": "/var/lib/nova", "web": "/usr/share/novnc"},
        "api_database": database.connection(design, API_DATABASE),
        "database": database.connection(design, DATABASE),
        "keystone_authtoken": clients.tokens(design, USER),
        "service_user": {"send_service_user_token": "true", **clients.session(design, USER)},
        "conductor": {"workers": workers},
        "scheduler": {"workers": workers},
        "placement": clients.adapter(design, USER),
        "glance": {"valid_interfaces": "internal", "service_type": glance.SERVICE.type},
        "neutron": {
            **clients.adapter(design, USER),
            "service_metadata_proxy": "true",
            "metadata_proxy_shared_secret": METADATA_SECRET.reference,
        },
        "cinder": {"catalog_info": "volumev3:cinder:internalURL", "os_region_name": design.cloud.region},
        "vnc": {
            "novncproxy_host": node.address,
            "novncproxy_port": str(CONSOLE_PORT),
            "novncproxy_base_url": design.root(design.listener(CONSOLE.name), public=True) + CONSOLE_PAGE,
        },
        **clients.proxied(),
    }
