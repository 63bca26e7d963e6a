"""Virtual IPs: that more than one node can hold each."""

from collections.abc import Iterator

from quorate.model.cloud import Cloud
from quorate.model.topology import Node, VirtualIp
from quorate.rules.rule import Breach


def no_holder(cloud: Cloud) -> Iterator[Breach]:
    """Some node can hold each virtual IP.

    It runs HAProxy and has an address on the virtual IP's network.
    """
    for vip in cloud.topology.virtual_ips:
        if not _holders(cloud, vip):
            yield Breach(
                _place(vip),
                f"no node that runs haproxy is on the {vip.network.name} network, so none can hold {vip.address}",
                f"give the nodes that run haproxy addresses on the {vip.network.name} network",
            )


def single_holder(cloud: Cloud) -> Iterator[Breach]:
    """More than one node can hold each virtual IP.

    An address that is lost with its node is no virtual one.
    """
    for vip in cloud.topology.virtual_ips:
        holders = _holders(cloud, vip)
        if len(holders) == 1:
            yield Breach(
                _place(vip),
                f"only {holders[0].name} can hold {vip.address}: when it is lost, so is the address",
                f"give more nodes that run haproxy an address on the {vip.network.name} network",
            )


def partial_holders(cloud: Cloud) -> Iterator[Breach]:
    """Every node that runs HAProxy can hold each virtual IP.

    Pacemaker may choose one that cannot, and loses seconds until it tries another.
    """
    for vip in cloud.topology.virtual_ips:
        holders = _holders(cloud, vip)
        without = [node.name for node in _proxies(cloud) if node not in holders]
        if len(holders) > 1 and without:
            yield Breach(
                _place(vip),
                f"{', '.join(without)} has no address on the {vip.network.name} network and cannot hold "
                f"{vip.address}, but may be chosen to",
                f"give it an address on the {vip.network.name} network",
            )


def _proxies(cloud: Cloud) -> tuple[Node, ...]:
    return cloud.topology.members_of("haproxy") if cloud.topology.has("haproxy") else ()


def _holders(cloud: Cloud, vip: VirtualIp) -> list[Node]:
    return [node for node in _proxies(cloud) if vip.network.name in node.addresses]


def _place(vip: VirtualIp) -> str:
    shared = vip.name in {"internal", "public"}
    return f"virtual_ips.{vip.name}" if shared else f"virtual_ips.services.{vip.name}"
