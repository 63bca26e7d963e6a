"""Where images and volumes are: files that members share, on GlusterFS or NFS, mounted on each; or Ceph."""

import json
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping
from functools import partial
from typing import Any

from quorate.catalog import program, source
from quorate.formats import settings
from quorate.model.check import Answers, Check, Probe, Result, listing, no, unknown, yes
from quorate.model.cloud import Cloud
from quorate.model.component import Component, Option
from quorate.model.design import Design
from quorate.model.item import Command, Directory, File, Until
from quorate.model.resource import Clone, Constraint, Kind, Op, Order, Primitive, systemd
from quorate.model.secret import Secret
from quorate.model.topology import Cluster, Node, Topology

MOUNT = "/srv/shared"
BRICKS = "/srv/glusterfs"
VOLUME = "quorate"
COPIES = 3
DAEMON = "glusterd"
_ABSENT = {"lost": "not in the volume", "split": 0, "unhealed": 0}
WATCH_PROGRAM = "/usr/local/lib/quorate/brick-watch"
WATCH_UNIT = "quorate-brick-watch.service"
PROCESSES = f"/var/run/gluster/vols/{VOLUME}"
GLUSTERFS, NFS, CEPH = "glusterfs", "nfs", "ceph"
CEPH_CONF = "/etc/ceph/ceph.conf"
# Each a user of Ceph's of its own name.
CEPH_USERS = ("cinder", "glance")

OPTIONS = (
    Option("backend", "where images and volumes are", GLUSTERFS, (GLUSTERFS, NFS, CEPH)),
    Option("export", "the NFS export, SERVER:/PATH"),
    Option("monitors", "Ceph's monitors", many=True),
)


def declare(cloud: Cloud, cluster: Cluster) -> Component:
    """What brings the files, or the way to Ceph, to every member."""
    del cluster
    return {GLUSTERFS: _glusterfs, NFS: _nfs, CEPH: _ceph}[cloud.option("storage", "backend")](cloud)


def _glusterfs(cloud: Cloud) -> Component:
    daemon = Clone(
        systemd(DAEMON, DAEMON, monitor_s=cloud.timers.monitor_interval_s, start_s=120, stop_s=60),
        meta={"interleave": "true"},
    )
    mounts = _mounts(cloud)
    return Component(
        name="storage",
        packages=("glusterfs-server", "glusterfs-client", "kmod"),
        owned_units=(f"{DAEMON}.service",),
        prepare=(Directory(BRICKS),),
        resources=(mounts, daemon),
        # Before the next member's daemon and brick are restarted.
        ready=(Until("every copy is whole", _copies_said(), within_s=300, every_s=1),),
        early=(daemon.id,),
        constraints=before(cloud, mounts.id),
        data=(BRICKS,),
    )


def _nfs(cloud: Cloud) -> Component:
    return Component(name="storage", packages=("nfs-common", "kmod"), resources=(_mounts(cloud),))


def _ceph(cloud: Cloud) -> Component:
    """Nothing runs here for it: who stores there is its client."""
    del cloud
    return Component(
        name="storage", packages=("ceph-common",), secrets=tuple(_ceph_key(user) for user in CEPH_USERS)
    )


def _mounts(cloud: Cloud) -> Clone:
    return Clone(mount(cloud, "shared-files", MOUNT), meta={"interleave": "true"})


def shares_files(cloud: Cloud) -> bool:
    """Whether images and volumes are files that members share."""
    return cloud.option("storage", "backend") != CEPH


def _ceph_key(user: str) -> Secret:
    """A key that Ceph gives (`ceph auth get-key client.USER`), not one to be made."""
    return Secret(f"ceph/{user}", length=40)


def config(design: Design, node: Node) -> Iterator[File]:
    """Who watches a brick; or where Ceph is, and as whom each service comes to it."""
    backend = design.cloud.option("storage", "backend")
    if backend == GLUSTERFS and node in brick_nodes(design.cloud.topology):
        yield from _watch(node)
    elif backend == CEPH:
        yield from _ceph_files(design.cloud)


def _watch(node: Node) -> Iterator[File]:
    # The packaged unit refuses a seventh start within an hour, which is Pacemaker's to judge.
    drop_in = {"Unit": {"Wants": WATCH_UNIT, "StartLimitIntervalSec": "0"}}
    watch = {
        "Unit": {
            "Description": "Starts the brick when GlusterFS does not",
            "BindsTo": f"{DAEMON}.service",
            "After": f"{DAEMON}.service",
        },
        "Service": {
            "ExecStart": f"{WATCH_PROGRAM} {VOLUME} {_brick(node)} {PROCESSES}",
            "Restart": "on-failure",
            "RestartSec": "5",
        },
    }
    for path, unit in ((f"{DAEMON}.service.d/quorate.conf", drop_in), (WATCH_UNIT, watch)):
        yield File(f"/etc/systemd/system/{path}", settings.unit(unit), read_by=(DAEMON,))
    yield File(WATCH_PROGRAM, source("brick_watch"), mode=0o755, read_by=(DAEMON,))


def _ceph_files(cloud: Cloud) -> Iterator[File]:
    monitors = ",".join(cloud.options["storage"]["monitors"])
    ceph = {"global": {"mon_host": monitors, "auth_client_required": "cephx"}}
    yield File(CEPH_CONF, settings.ini(settings.merged(ceph, cloud.extra.get("ceph.conf"))))
    for user in CEPH_USERS:
        if cloud.topology.has(user):
            keyring = {f"client.{user}": {"key": _ceph_key(user).reference}}
            path = f"/etc/ceph/ceph.client.{user}.keyring"
            yield File(path, settings.ini(keyring), group=user, mode=0o640)


def before(cloud: Cloud, mounting: str) -> tuple[Constraint, ...]:
    """What comes before a resource that mounts the files."""
    if cloud.option("storage", "backend") != GLUSTERFS:
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


def _brick(node: Node) -> str:
    return f"{node.name}:{BRICKS}/{VOLUME}"


def preparations(design: Design) -> tuple[Command | Until, ...]:
    """The volume, and in it (or the export) the directories that components want."""
    cloud = design.cloud
    if not shares_files(cloud):
        return ()
    made = (_volume(design),) if cloud.option("storage", "backend") == GLUSTERFS else ()
    return (*made, _directories(design))


def _volume(design: Design) -> Command:
    members = design.cloud.topology.members_of("storage")
    wanted = {
        "members": [node.name for node in members],
        "volume": VOLUME,
        "bricks": [_brick(node) for node in brick_nodes(design.cloud.topology)],
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
        # As GlusterFS' own group `virt` has it: by default two copies are compared by checksums of both, which
        # costs more than to copy the file.
        "cluster.data-self-heal-algorithm": "full",
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


def checks(design: Design) -> Iterator[Check]:
    """Every brick reached, and the same in all of them."""
    nodes = _with_bricks(design)
    if nodes:
        yield _of_copies("storage-copies", "every brick reached, nothing to heal, no split brain", nodes, _alike)


def spares(design: Design, without: Collection[str]) -> Iterator[Check]:
    """Enough bricks without those of these nodes, and nothing in theirs alone."""
    nodes = _with_bricks(design)
    if any(node.name in without for node in nodes):
        about = "enough bricks without theirs, and nothing in theirs alone"
        yield _of_copies("storage-spares", about, nodes, partial(_spared, without))


def _with_bricks(design: Design) -> tuple[Node, ...]:
    cloud = design.cloud
    there = cloud.topology.has("storage") and cloud.option("storage", "backend") == GLUSTERFS
    return brick_nodes(cloud.topology) if there else ()


Copies = Mapping[str, Mapping[str, Any]]
"""Each node's copy, as `gluster_copies` says it."""


def _of_copies(
    name: str, about: str, nodes: tuple[Node, ...], judge: Callable[[Copies], Iterable[Result]]
) -> Check:
    said = Probe(_copies_said(), timeout_s=60, json=False, once=True)

    def judged(answers: Answers) -> Iterator[Result]:
        for asked, output in answers[said].items():
            try:
                copies = json.loads(output["stdout"])
            except ValueError:
                words = (output["stderr"] or output["stdout"]).strip() or f"exit status {output['rc']}"
                yield unknown(f"gluster: {words[:80]}", asked)
                continue
            yield from judge({node.name: copies.get(_brick(node), _ABSENT) for node in nodes})

    return Check(name, "storage", about, {said: tuple(node.name for node in nodes)}, judged)


def _copies_said() -> tuple[str, ...]:
    return (*program("gluster_copies"), VOLUME)


def _alike(copies: Copies) -> Iterable[Result]:
    wrong = {name: _wrong(copy) for name, copy in copies.items()}
    return [no(words, name) for name, words in wrong.items() if words] or [yes(f"the same on {listing(wrong)}")]


def _wrong(copy: Mapping[str, Any]) -> str:
    if copy["lost"]:
        return f"its brick is {copy['lost']}"
    if copy["split"]:
        return f"{copy['split']} files in split brain: gluster volume heal {VOLUME} info split-brain"
    return f"{copy['unhealed']} files to be healed" if copy["unhealed"] else ""


def _spared(without: Collection[str], copies: Copies) -> Iterator[Result]:
    """Who writes has to reach most of the bricks, and what one has that others lack must not go with it."""
    left = [name for name, copy in copies.items() if name not in without and not copy["lost"]]
    if 2 * len(left) <= len(copies):
        yield no(f"{len(left)} of {len(copies)} copies of the shared files would be left, too few to write")
    for name, copy in copies.items():
        if name in without and copy["unhealed"]:
            yield no(f"{copy['unhealed']} of the shared files are newer on {name} than elsewhere")
    yield yes(f"copies are left on {listing(left)}")
