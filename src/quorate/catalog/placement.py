"""Placement: which host has how much of what; stateless, active/active."""

from collections.abc import Iterator

from quorate.catalog.openstack import clients, database
from quorate.catalog.openstack.process import NEEDS, Api, conf
from quorate.formats import settings
from quorate.model.cloud import Cloud
from quorate.model.component import Component, Database, Service, ServiceUser
from quorate.model.design import Design
from quorate.model.item import Command, File
from quorate.model.secret import Secret
from quorate.model.topology import Cluster, Node

CONF = "/etc/placement/placement.conf"
DATABASE = Database("placement", Secret("database/placement"))
USER = ServiceUser("placement", Secret("service/placement"))
# It answers the question for its versions without a token.
API = Api("placement-api", "placement", 8778, "/usr/bin/placement-api", check="/")
SERVICE = Service("placement", "placement", API.name, "", "OpenStack Placement")


def declare(cloud: Cloud, cluster: Cluster) -> Component:
    """The API under uWSGI as a clone."""
    del cluster
    return Component(
        name="placement",
        requires=NEEDS,
        packages=("placement-api", "uwsgi-plugin-python3", "python3-pymysql", "python3-memcache"),
        owned_units=(API.process.unit,),
        resources=(API.process.clone(cloud),),
        ready=(API.answers(),),
        listeners=(API.listener(cloud),),
        databases=(DATABASE,),
        services=(SERVICE,),
        users=(USER,),
        secrets=(DATABASE.secret, USER.secret),
    )


def preparations(design: Design) -> tuple[Command, ...]:
    """The tables."""
    revisions = "placement/db/sqlalchemy/alembic/versions"
    return (database.migration(design, DATABASE, revisions, ("placement-manage", "db", "sync"), "placement"),)


def _connection(design: Design) -> dict[str, str]:
    """It has no setting for reads that wait for the other members (its section is not oslo.db's)."""
    return {
        key: value
        for key, value in database.connection(design, DATABASE).items()
        if key != "mysql_wsrep_sync_wait"
    }


def config(design: Design, node: Node) -> Iterator[File]:
    """placement.conf, uWSGI's settings and the unit."""
    content: settings.Settings = {
        "placement_database": _connection(design),
        "api": {"auth_strategy": "keystone"},
        "keystone_authtoken": clients.tokens(design, USER),
        **clients.proxied(),
    }
    yield conf(design, CONF, content, "placement", (API.name,))
    yield from API.files(design, node)
