"""Heat, orchestration: both APIs active/active, one engine unless the file says otherwise."""

from collections.abc import Iterator
from dataclasses import replace

from quorate.catalog import source
from quorate.catalog.openstack import clients, database
from quorate.catalog.openstack.process import NEEDS, Api, Process, conf
from quorate.formats import settings
from quorate.model.cloud import Cloud
from quorate.model.component import Component, Database, Domain, Option, Service, ServiceUser
from quorate.model.design import Design
from quorate.model.item import Command, File
from quorate.model.secret import Secret
from quorate.model.topology import Cluster, Node

CONF = "/etc/heat/heat.conf"
DATABASE = Database("heat", Secret("database/heat"))
USER = ServiceUser("heat", Secret("service/heat"), roles=("service", "admin"))
# Users that stacks make for their servers are in a domain of their own, where another user is administrator.
DOMAIN = Domain("heat", ServiceUser("heat-domain-admin", Secret("service/heat-domain"), roles=("admin",)))
STACK_USER = "heat_stack_user"
ENCRYPTION = Secret("heat/encryption", length=32)
API = Api("heat-api", "heat", 8004, "/usr/bin/heat-wsgi-api")
CFN = Api("heat-api-cfn", "heat", 8000, "/usr/bin/heat-wsgi-api-cfn")
RESUME_PROGRAM = "/usr/local/lib/quorate/heat-resume"
RESUME_UNIT = "quorate-heat-resume.service"
ENGINE = replace(Process.daemon("heat-engine", "heat", CONF), wants=RESUME_UNIT)
SERVICE = Service("heat", "orchestration", API.name, "/v1/%(project_id)s", "OpenStack Orchestration")
CFN_SERVICE = Service("heat-cfn", "cloudformation", CFN.name, "/v1", "OpenStack Orchestration, CloudFormation")

PASSIVE, ACTIVE = "active-passive", "active-active"
OPTIONS = (Option("engine", "how many engines work at a time", PASSIVE, (PASSIVE, ACTIVE)),)


def declare(cloud: Cloud, cluster: Cluster) -> Component:
    """Both APIs as clones, the engine on one node or on all."""
    del cluster
    single = cloud.option("heat", "engine") == PASSIVE
    engine = ENGINE.primitive(cloud) if single else ENGINE.clone(cloud)
    return Component(
        name="heat",
        requires=NEEDS,
        packages=(
            *("heat-api", "heat-api-cfn", "heat-engine"),
            *("uwsgi-plugin-python3", "python3-pymysql", "python3-memcache"),
        ),
        owned_units=(API.process.unit, CFN.process.unit, ENGINE.unit),
        resources=(API.process.clone(cloud), CFN.process.clone(cloud), engine),
        ready=(API.answers(), CFN.answers()),
        listeners=(API.listener(cloud), CFN.listener(cloud)),
        databases=(DATABASE,),
        services=(SERVICE, CFN_SERVICE),
        users=(USER,),
        domains=(DOMAIN,),
        roles=(STACK_USER,),
        secrets=(DATABASE.secret, USER.secret, DOMAIN.admin.secret, ENCRYPTION),
    )


def preparations(design: Design) -> tuple[Command, ...]:
    """The tables."""
    argv = ("heat-manage", "db_sync")
    return (database.migration(design, DATABASE, "heat/db/migrations/versions", argv, "heat"),)


def config(design: Design, node: Node) -> Iterator[File]:
    """heat.conf, uWSGI's settings, the units, and the program that goes with the engine."""
    content = settings.merged(_heat(design), clients.messaging(design, "heat"))
    yield conf(design, CONF, content, "heat", (API.name, CFN.name, ENGINE.name))
    for api in (API, CFN):
        yield from api.files(design, node)
    yield ENGINE.file()
    yield File(f"/etc/systemd/system/{RESUME_UNIT}", settings.unit(_RESUME), read_by=(ENGINE.name,))
    yield File(RESUME_PROGRAM, source("heat_resume"), mode=0o755, read_by=(ENGINE.name,))


_RESUME: settings.Settings = {
    "Unit": {
        "Description": "Has Heat go on with what a dead engine had in hand",
        "BindsTo": ENGINE.unit,
        "After": ENGINE.unit,
    },
    "Service": {
        "ExecStart": f"{RESUME_PROGRAM} --config-file {CONF}",
        "User": ENGINE.user,
        "Group": ENGINE.user,
        "WorkingDirectory": "~",
        "Restart": "on-failure",
        "RestartSec": "5",
    },
}


def _heat(design: Design) -> settings.Settings:
    metadata = design.root(CFN.listener(design.cloud), public=True)
    return {
        "DEFAULT": {
            "region_name_for_services": design.cloud.region,
            "num_engine_workers": str(design.cloud.workers.get("heat", 4)),
            "auth_encryption_key": ENCRYPTION.reference,
            "stack_user_domain_name": DOMAIN.name,
            "stack_domain_admin": DOMAIN.admin.name,
            "stack_domain_admin_password": DOMAIN.admin.secret.reference,
            "heat_stack_user_role": STACK_USER,
            "heat_metadata_server_url": metadata,
            "heat_waitcondition_server_url": f"{metadata}/v1/waitcondition",
        },
        "database": database.connection(design, DATABASE),
        "keystone_authtoken": clients.tokens(design, USER),
        "trustee": {
            key: value for key, value in clients.session(design, USER).items() if not key.startswith("project_")
        },
        "clients": {"endpoint_type": "internalURL"},
        "clients_keystone": {"auth_uri": clients.session(design, USER)["auth_url"]},
        **clients.proxied(),
    }
