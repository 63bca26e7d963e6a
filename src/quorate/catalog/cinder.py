"""Cinder, block storage: API and scheduler active/active, one volume manager unless the file says otherwise."""

from collections.abc import Iterator
from hashlib import md5

from quorate.catalog import glance, source, storage
from quorate.catalog.openstack import clients, database
from quorate.catalog.openstack.process import NEEDS, Api, Process, conf
from quorate.formats import settings
from quorate.model.cloud import Cloud
from quorate.model.component import Component, Database, Option, Requires, Service, ServiceUser
from quorate.model.design import Design
from quorate.model.item import Command, Directory, File
from quorate.model.resource import Clone, Group, Primitive
from quorate.model.secret import Secret
from quorate.model.topology import Cluster, Node

CONF = "/etc/cinder/cinder.conf"
SHARES = "/etc/cinder/shares"
DATABASE = Database("cinder", Secret("database/cinder"))
# Extending a volume in use is told to Nova by an event, which its policy leaves to administrators.
USER = ServiceUser("cinder", Secret("service/cinder"), roles=("service", "admin"))
API_PROGRAM = "/usr/local/lib/quorate/cinder-wsgi"
API = Api("cinder-api", "cinder", 8776, API_PROGRAM)
SCHEDULER = Process.daemon("cinder-scheduler", "cinder", CONF)
MANAGER = Process.daemon("cinder-volume", "cinder", CONF)
VOLUME_MANAGER = "cinder-volumes"
SERVICE = Service("cinder", "volumev3", API.name, "/v3/%(project_id)s", "OpenStack Block Storage")
VOLUMES = Directory(f"{storage.MOUNT}/volumes", owner="cinder", group="cinder", mode=0o770)
SHARE = f"quorate:{VOLUMES.path}"
"""What the driver calls the shared files. It takes them for mounted where Pacemaker has mounted them for it: at a
place named by this name's hash (os_brick.remotefs)."""
PLACES = "/var/lib/cinder/mnt"

PASSIVE, ACTIVE = "active-passive", "active-active"
OPTIONS = (Option("manager", "how many managers of volumes work at a time", PASSIVE, (PASSIVE, ACTIVE)),)
COORDINATION = ("etcd3+http", "etcd3+https", "redis", "zookeeper")
"""Schemes of URLs of places where managers can lock what they share. Not what tooz has beside these: files and
queues of one node, tables' locks that Galera does not share, caches that forget."""


def declare(cloud: Cloud, cluster: Cluster) -> Component:
    """The API and the scheduler as clones, the manager on one node, with the volumes mounted there, or on all."""
    del cluster
    return Component(
        name="cinder",
        requires=(
            *NEEDS,
            Requires("storage", None, "the manager alone needs the files, and mounts them itself"),
            Requires("glance", None, "an image is asked for when a volume is made of it"),
        ),
        packages=(
            *("cinder-api", "cinder-scheduler", "cinder-volume", "nfs-common", "qemu-utils"),
            *("uwsgi-plugin-python3", "python3-pymysql", "python3-memcache"),
            *(() if storage.shares_files(cloud) else ("python3-rbd", "python3-rados")),
        ),
        owned_units=(API.process.unit, SCHEDULER.unit, MANAGER.unit),
        masked_units=("tgt.service",),
        prepare=(Directory(PLACES, owner="cinder", group="cinder"),),
        resources=(API.process.clone(cloud), SCHEDULER.clone(cloud), _manager(cloud)),
        constraints=storage.before(cloud, VOLUME_MANAGER),
        ready=(API.answers(),),
        listeners=(API.listener(cloud),),
        databases=(DATABASE,),
        services=(SERVICE,),
        users=(USER,),
        shared=(VOLUMES,) if storage.shares_files(cloud) else (),
        secrets=(DATABASE.secret, USER.secret),
    )


def place() -> str:
    """Where the driver looks for the shared files."""
    return f"{PLACES}/{md5(SHARE.encode(), usedforsecurity=False).hexdigest()}"


def coordination(cloud: Cloud) -> str:
    """The URL of what managers lock what they share with; empty if the file names none."""
    return cloud.extra.get("cinder.conf", {}).get("coordination", {}).get("backend_url", "")


def several(cloud: Cloud) -> bool:
    """Whether each member has a manager that works."""
    return cloud.option("cinder", "manager") == ACTIVE


def _manager(cloud: Cloud) -> Clone | Group | Primitive:
    """One alone has its own mount on its node: a stop of it never waits for one of the other members'."""
    if several(cloud):
        return MANAGER.clone(cloud)
    if not storage.shares_files(cloud):
        return MANAGER.primitive(cloud)
    volumes = storage.mount(cloud, "cinder-files", place(), VOLUMES.path.removeprefix(storage.MOUNT))
    return Group(VOLUME_MANAGER, (volumes, MANAGER.primitive(cloud)))


def preparations(design: Design) -> tuple[Command, ...]:
    """The tables."""
    argv = ("cinder-manage", "db", "sync")
    return (database.migration(design, DATABASE, "cinder/db/migrations/versions", argv, "cinder"),)


def config(design: Design, node: Node) -> Iterator[File]:
    """cinder.conf, the share, what uWSGI runs and how, and the units."""
    processes = (API.name, SCHEDULER.name, MANAGER.name)
    content = settings.merged(_cinder(design, node), clients.messaging(design, "cinder"))
    yield conf(design, CONF, content, "cinder", processes)
    if storage.shares_files(design.cloud):
        yield File(SHARES, f"{SHARE}\n", group="cinder", mode=0o640, read_by=(MANAGER.name,))
    yield from API.files(design, node)
    yield File(API_PROGRAM, source("cinder_wsgi"), read_by=(API.name,))
    yield SCHEDULER.file()
    yield MANAGER.file()


_BACKENDS = {
    "shared": {
        "volume_driver": "cinder.volume.drivers.nfs.NfsDriver",
        "nfs_shares_config": SHARES,
        "nfs_mount_point_base": PLACES,
        "nfs_sparsed_volumes": "true",
        # The files belong to the service's user, on every member the same one.
        "nas_secure_file_operations": "true",
        "nas_secure_file_permissions": "true",
    },
    "ceph": {
        "volume_driver": "cinder.volume.drivers.rbd.RBDDriver",
        "rbd_pool": "volumes",
        "rbd_user": "cinder",
        "rbd_ceph_conf": storage.CEPH_CONF,
        "rbd_flatten_volume_from_snapshot": "false",
    },
}


def _cinder(design: Design, node: Node) -> settings.Settings:
    backend = "shared" if storage.shares_files(design.cloud) else "ceph"
    # One manager under one name, wherever it runs: what it made there it can remove here. Of several each has a
    # name of its own, and any removes what one of their cluster made.
    name = (
        {"host": node.name, "cluster": design.cloud.name} if several(design.cloud) else {"host": design.cloud.name}
    )
    return {
        "DEFAULT": {
            "my_ip": node.address,
            **name,
            "state_path": "/var/lib/cinder",
            "enabled_backends": backend,
            "glance_catalog_info": f"image:{glance.SERVICE.name}:internalURL",
            "volume_name_template": "volume-%s",
            # The manager tells all schedulers what room it has, and again after a while: one that has just started
            # and missed it has requests wait until then, no longer refuses them after a minute.
            "periodic_interval": "10",
            "periodic_fuzzy_delay": "0",
            "backend_stats_polling_interval": "20",
            "scheduler_driver_init_wait_time": "180",
        },
        backend: {"volume_backend_name": backend, **_BACKENDS[backend]},
        "database": database.connection(design, DATABASE),
        "keystone_authtoken": clients.tokens(design, USER),
        # As Nova and Neutron have it by default: without it Cinder warns of each rule that it has both ways.
        "oslo_policy": {"enforce_new_defaults": "true"},
        "service_user": {"send_service_user_token": "true", **clients.session(design, USER)},
        "nova": {**clients.session(design, USER), "region_name": design.cloud.region, "interface": "internal"},
        **clients.proxied(),
    }
