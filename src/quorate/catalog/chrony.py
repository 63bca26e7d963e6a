"""chrony: every member's clock, by sources from the file and by the other members."""

from collections.abc import Iterator

from quorate.formats import settings
from quorate.model.cloud import Cloud
from quorate.model.component import Component, Option
from quorate.model.design import Design
from quorate.model.item import File
from quorate.model.resource import Clone, systemd
from quorate.model.topology import Cluster, Node

STEER, WATCH = "steer", "watch"
OPTIONS = (
    Option(
        "servers", "the NTP servers to follow; the members follow each other alone if there are none", many=True
    ),
    Option("clock", "whether the clock is set, or only watched (where hosts share one)", STEER, (STEER, WATCH)),
)


def declare(cloud: Cloud, cluster: Cluster) -> Component:
    """A clone of the daemon."""
    del cloud, cluster
    daemon = systemd("chrony", "chrony", monitor_s=60)
    return Component(
        name="chrony",
        packages=("chrony",),
        owned_units=("chrony.service",),
        resources=(Clone(daemon, meta={"interleave": "true"}),),
    )


def config(design: Design, node: Node) -> Iterator[File]:
    """chrony.conf, and how the daemon is started."""
    merged = settings.merged({settings.MAIN: _conf(design, node)}, design.cloud.extra.get("chrony.conf"))
    yield File("/etc/chrony/chrony.conf", settings.flat(merged, " "), read_by=("chrony",))
    # -x: do not touch the clock; -F 1: the package's system call filter (chronyd(8))
    watch = " -x" if design.cloud.option("chrony", "clock") == WATCH else ""
    yield File("/etc/default/chrony", f'DAEMON_OPTS="-F 1{watch}"\n', read_by=("chrony",))


def _conf(design: Design, node: Node) -> dict[str, str]:
    peers = [member.address for member in design.cloud.topology.members_of("chrony") if member != node]
    return {
        **{f"server {name}": "iburst" for name in design.cloud.options["chrony"]["servers"]},
        **{f"peer {address}": "" for address in peers},
        **{f"allow {address}": "" for address in peers},
        # Without a source the members agree with each other: tokens and logs want one time, if not the right one.
        "local": "stratum 10 orphan",
        "driftfile": "/var/lib/chrony/chrony.drift",
        "makestep": "1 3",
        "maxupdateskew": "100.0",
        "rtcsync": "",
        "leapseclist": "/usr/share/zoneinfo/leap-seconds.list",
    }
