"""A small cloud for the tests of the lab."""

from ipaddress import ip_network

import pytest

from quorate.model.cloud import Cloud, Fencing
from quorate.model.topology import MANAGEMENT, PUBLIC, Bmc, Network, Node, Topology
from quorate.spec.profiles import timers

NETWORKS = (
    Network(MANAGEMENT, ip_network("10.77.1.0/24")),
    Network(PUBLIC, ip_network("10.78.1.0/24")),
)


def cloud_of(*nodes: Node, name: str = "trial") -> Cloud:
    topology = Topology(NETWORKS, nodes, (), ())
    return Cloud(name, "epoxy", "RegionOne", topology, timers("fast", 3), Fencing(()))


def node_of(number: int, *, bmc: Bmc | None = None) -> Node:
    addresses = {MANAGEMENT: f"10.77.1.{10 + number}", PUBLIC: f"10.78.1.{10 + number}"}
    return Node(f"ctl{number}", addresses, bmc or Bmc("10.77.1.1", "quorate", 6230 + number))


@pytest.fixture
def cloud() -> Cloud:
    return cloud_of(node_of(1), node_of(2), node_of(3))
