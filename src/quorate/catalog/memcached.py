"""memcached on every member; clients get the full list and hash over it themselves."""

import json
from collections.abc import Iterator

from quorate.catalog import program
from quorate.formats import settings
from quorate.model.check import Answers, Check, Probe, Result, listing, troubles, yes
from quorate.model.cloud import Cloud
from quorate.model.component import Component
from quorate.model.design import Design
from quorate.model.item import File
from quorate.model.resource import Clone, systemd
from quorate.model.topology import Cluster, Node, Topology

PORT = 11211


def declare(cloud: Cloud, cluster: Cluster) -> Component:
    """A clone of the daemon."""
    del cluster
    daemon = systemd("memcached", "memcached", monitor_s=cloud.timers.monitor_interval_s)
    return Component(
        name="memcached",
        packages=("memcached",),
        owned_units=("memcached.service",),
        resources=(Clone(daemon, meta={"interleave": "true"}),),
    )


def config(design: Design, node: Node) -> Iterator[File]:
    """memcached.conf, listening on the node's own address only."""
    keys = {"-m": "64", "-p": str(PORT), "-U": "0", "-u": "memcache", "-l": node.address}
    keys |= {"-c": "4096", "-P": "/run/memcached/memcached.pid"}
    merged = settings.merged({settings.MAIN: keys}, design.cloud.extra.get("memcached.conf"))
    yield File("/etc/memcached.conf", settings.flat(merged, " "), read_by=("memcached",))


def servers(topology: Topology) -> str:
    """What clients are given: `address:port,...`, every member."""
    return ",".join(f"{node.address}:{PORT}" for node in topology.members_of("memcached"))


def checks(design: Design) -> Iterator[Check]:
    """Every member's cache stores and gives back, asked from every member."""
    members = design.cloud.topology.members_of("memcached")
    servers = {node.name: [node.address, PORT] for node in members}
    probe = Probe(program("memcached_reach"), json.dumps({"servers": servers, "within_s": 2}))

    def judge(answers: Answers) -> Iterator[Result]:
        kept = yes(f"{len(members)} caches keep a value, asked from {listing(answers[probe])}")
        yield from list(troubles(answers[probe])) or [kept]

    yield Check(
        "memcached",
        "memcached",
        "each cache keeps a value, asked from each node",
        {probe: tuple(node.name for node in members)},
        judge,
    )
