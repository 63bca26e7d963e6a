"""Glance, the image service: active/active, its images on the shared file system."""

from collections.abc import Iterator

from quorate.catalog import storage
from quorate.catalog.openstack import clients, database
from quorate.catalog.openstack.process import NEEDS, Api, conf
from quorate.formats import settings
from quorate.model.cloud import Cloud
from quorate.model.component import Component, Database, Requires, Service, ServiceUser
from quorate.model.design import Design
from quorate.model.item import Command, Directory, File
from quorate.model.resource import Kind
from quorate.model.secret import Secret
from quorate.model.topology import Cluster, Node

CONF = "/etc/glance/glance-api.conf"
DATABASE = Database("glance", Secret("database/glance"))
USER = ServiceUser("glance", Secret("service/glance"))
# Uploads take their time, and nothing is said meanwhile.
API = Api("glance-api", "glance", 9292, "/usr/bin/glance-wsgi-api", idle_s=600)
SERVICE = Service("glance", "image", API.name, "", "OpenStack Image")
IMAGES = Directory(f"{storage.MOUNT}/images", owner="glance", group="glance", mode=0o750)


def declare(cloud: Cloud, cluster: Cluster) -> Component:
    """The API under uWSGI as a clone, on nodes that have the shared files."""
    del cluster
    return Component(
        name="glance",
        requires=(
            *NEEDS,
            Requires(
                "storage", Kind.MANDATORY, "without the shared files an image would be on one node", same_node=True
            ),
        ),
        packages=(
            *("glance-api", "uwsgi-plugin-python3", "python3-pymysql", "python3-memcache"),
            *(() if storage.shares_files(cloud) else ("python3-rbd", "python3-rados")),
        ),
        owned_units=(API.process.unit,),
        resources=(API.process.clone(cloud),),
        ready=(API.answers(),),
        listeners=(API.listener(cloud),),
        databases=(DATABASE,),
        services=(SERVICE,),
        users=(USER,),
        shared=(IMAGES,) if storage.shares_files(cloud) else (),
        secrets=(DATABASE.secret, USER.secret),
    )


_CEPH = {
    "rbd_store_pool": "images",
    "rbd_store_user": "glance",
    "rbd_store_ceph_conf": storage.CEPH_CONF,
}


def preparations(design: Design) -> tuple[Command, ...]:
    """The tables."""
    revisions = "glance/db/sqlalchemy/alembic_migrations/versions"
    return (database.migration(design, DATABASE, revisions, ("glance-manage", "db_sync"), "glance"),)


def config(design: Design, node: Node) -> Iterator[File]:
    """glance-api.conf, uWSGI's settings and the unit."""
    shared = storage.shares_files(design.cloud)
    content = settings.merged(
        {
            "DEFAULT": {
                "enabled_backends": "shared:file" if shared else "ceph:rbd",
                # An image that was staged here is imported here, whoever is asked to.
                "worker_self_reference_url": f"http://{node.address}:{API.port}",
            },
            "database": database.connection(design, DATABASE),
            "glance_store": {"default_backend": "shared" if shared else "ceph"},
            **({"shared": {"filesystem_store_datadir": IMAGES.path}} if shared else {"ceph": _CEPH}),
            "os_glance_staging_store": {"filesystem_store_datadir": "/var/lib/glance/staging"},
            "os_glance_tasks_store": {"filesystem_store_datadir": "/var/lib/glance/tasks"},
            "keystone_authtoken": clients.tokens(design, USER),
            "paste_deploy": {"flavor": "keystone"},
            **clients.proxied(),
        },
        clients.messaging(design, "glance"),
    )
    yield conf(design, CONF, content, "glance", (API.name,))
    yield from API.files(design, node)
