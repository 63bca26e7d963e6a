"""What components require of each other, asked of the catalog before there is a cloud to ask it about."""

from collections.abc import Mapping
from functools import cache
from ipaddress import ip_network

from quorate import catalog
from quorate.model.cloud import Cloud, Fencing
from quorate.model.component import Option
from quorate.model.topology import MANAGEMENT, Cluster, Network, Node, Topology, VirtualIp
from quorate.spec import profiles


@cache
def requirements() -> Mapping[str, tuple[str, ...]]:
    """Every component a file may name, with those it cannot do without.

    A component answers for a cloud and a cluster; a file that is wrong has neither, so it is asked about one
    collapsed cluster of all components, on which nothing is missing.
    """
    names = catalog.names()
    management = Network(MANAGEMENT, ip_network("10.0.0.0/24"))
    nodes = tuple(Node(f"n{number}", {MANAGEMENT: f"10.0.0.{number}"}) for number in (1, 2, 3))
    cluster = Cluster("all", nodes, names)
    vip = VirtualIp("internal", "10.0.0.10", management)
    cloud = Cloud(
        name="all",
        release=RELEASES[-1],
        region="all",
        topology=Topology((management,), nodes, (cluster,), (vip,)),
        timers=profiles.timers(profiles.DEFAULT, len(nodes)),
        fencing=Fencing(()),
        options={
            name: {option.name: option.otherwise for option in options} for name, options in offered().items()
        },
    )
    return {
        name: tuple(requires.component for requires in catalog.component(name, cloud, cluster).requires)
        for name in names
    }


@cache
def offered() -> Mapping[str, tuple[Option, ...]]:
    """The choices that every component a file may name leaves to the file."""
    return {name: catalog.options(name) for name in catalog.names()}


# The OpenStack series whose settings the catalog writes; Debian 13 has 2025.1.
RELEASES = ("2025.1",)
