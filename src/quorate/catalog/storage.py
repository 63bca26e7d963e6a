"""The files that members share: a GlusterFS volume over them, or an NFS export; mounted on every member."""

import json

from quorate.catalog import program
from quorate.model.cloud import Cloud
from quorate.model.component import Component, Option
from quorate.model.design import Design
from quorate.model.item import Command, Directory, Until
from quorate.model.resource import Clone, Constraint, Kind, Op, Order, Primitive
from quorate.model.topology import Cluster, Node, Topology

MOUNT = "/srv/shared"
BRICKS = "/srv/glusterfs"
VOLUME = "quorate"
COPIES = 3
DAEMON = "glusterd"
GLUSTERFS, NFS = "glusterfs", "nfs"

OPTIONS = (
    Option("backend", "where the files are", GLUSTERFS, (GLUSTERFS, NFS)),
    Option("export", "the NFS export, SERVER:/PATH"),
)


def declare(cloud: Cloud, cluster: Cluster) -> Component:
    """The mount as a clone, and the daemon of the bricks as another."""
    del cluster
    backend = cloud.option("storage", "backend")
    mounts = Clone(mount(cloud, "shared-files", MOUNT), meta={"interleave": "true"})
    if backend == NFS:
        return Component(name="storage", packages=("nfs-common",), resources=(mounts,))
    daemon = Clone(
        Primitive(
            DAEMON,
            f"systemd:{DAEMON}",
            ops=(
                Op("start", timeout_s=120),
                Op("stop", timeout_s=60),
                Op("monitor", cloud.timers.monitor_interval_s, timeout_s=30),
            ),
        ),
        meta={"interleave": "true"},
    )
    return Component(
        name="storage",
        packages=("glusterfs-server", "glusterfs-client", "kmod"),
        owned_units=("glusterd.service",),
        prepare=(Directory(BRICKS),),
        resources=(mounts, daemon),
        early=(daemon.id,),
        constraints=before(cloud, mounts.id),
        data=(BRICKS,),
    )


def before(cloud: Cloud, mounting: str) -> tuple[Constraint, ...]:
    """What comes before a resource that mounts the files."""
    if cloud.option("storage", "backend") == NFS:
        return ()
    why = "a mount asks the daemon on its node where the bricks are"
    return (Order(f"{DAEMON}-clone", mounting, Kind.OPTIONAL, why=why),)


def mount(cloud: Cloud, name: str, directory: str, below: str = "") -> Primitive:
    """The resource `name` that mounts the shared files, or a directory `below` in them (`/volumes`)."""
    nfs = cloud.option("storage", "backend") == NFS
    return Primitive(
        name,
        "ocf:heartbeat:Filesystem",
        parameters={
            "device": (cloud.option("storage", "export") if nfs else f"localhost:/{VOLUME}") + below,
            "directory": directory,
            "fstype": NFS if nfs else GLUSTERFS,
        },
        ops=(
            Op("start", timeout_s=60),
            Op("stop", timeout_s=60),
            Op("monitor", max(10, cloud.timers.monitor_interval_s), timeout_s=40),
        ),
    )


def brick_nodes(topology: Topology) -> tuple[Node, ...]:
    """The members with a brick: three of them have a copy of everything each."""
    return topology.members_of("storage")[:COPIES]


def preparations(design: Design) -> tuple[Command | Until, ...]:
    """The volume, and in it (or the export) the directories that components want."""
    cloud = design.cloud
    made = (_volume(design),) if cloud.option("storage", "backend") == GLUSTERFS else ()
    return (*made, _directories(design))


def _volume(design: Design) -> Command:
    members = design.cloud.topology.members_of("storage")
    wanted = {
        "members": [node.name for node in members],
        "volume": VOLUME,
        "bricks": [f"{node.name}:{BRICKS}/{VOLUME}" for node in brick_nodes(design.cloud.topology)],
        "options": _options(design),
    }
    make, said = program("gluster_volume"), json.dumps(wanted)
    return Command(f"volume {VOLUME}", make, unless=(*make, "check"), stdin=said, unless_stdin=said, timeout_s=300)


def _options(design: Design) -> dict[str, str]:
    """The volume's settings (`gluster volume set help`)."""
    return {
        # So long do all clients wait for a brick whose node is gone; by default 42 s.
        "network.ping-timeout": str(max(1, -(-design.cloud.timers.galera_inactive_ms // 1000))),
        # Nothing is written that most of the copies do not have: no split brain.
        "cluster.quorum-type": "auto",
        "cluster.server-quorum-type": "server",
        "cluster.granular-entry-heal": "enable",
        # The files of images and volumes are large, and are read and written by one at a time.
        "features.shard": "off",
        "performance.client-io-threads": "on",
    }


def _directories(design: Design) -> Command:
    whole = mount(design.cloud, "shared-files", MOUNT).parameters
    wanted = {
        "device": whole["device"],
        "fstype": whole["fstype"],
        "mount": MOUNT,
        "directories": [
            {
                "path": directory.path.removeprefix(f"{MOUNT}/"),
                "owner": directory.owner,
                "group": directory.group,
                "mode": directory.mode,
            }
            for component in design.components()
            for directory in component.shared
        ],
    }
    make, said = program("shared_directories"), json.dumps(wanted)
    return Command("directories for what is shared", make, unless=(*make, "check"), stdin=said, unless_stdin=said)
