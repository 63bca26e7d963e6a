"""Where a lab keeps what, and how everything it makes is named: a pure function of the cloud."""

import hashlib
import re
from collections.abc import Iterator
from dataclasses import dataclass, replace
from ipaddress import ip_address
from pathlib import Path

from quorate.lab.command import LabError
from quorate.lab.machine import LINKS
from quorate.model.cloud import Cloud
from quorate.model.topology import Bmc, Network, Node, Wire

RUNTIME = Path("/run/quorate/lab")
"""Runtime state of every lab of this machine; gone after a reboot, as the processes and networks are."""

_NAME = re.compile(r"[a-z0-9][a-z0-9-]{0,39}")


def check_name(name: str) -> str:
    """The name, if a lab can carry it (LabError if not): it stands in names of containers and namespaces."""
    if not _NAME.fullmatch(name):
        raise LabError(f"a lab cannot be named {name!r}: use up to 40 lower-case letters, digits and hyphens")
    return name


def runtime_of(lab: str) -> Path:
    """The runtime directory of a lab."""
    return RUNTIME / check_name(lab)


def links_of(lab: str) -> str:
    """What the name of every network device of a lab begins with; another lab's hardly does."""
    return LINKS + hashlib.sha256(lab.encode()).hexdigest()[:5]


def link_name(lab: str, *parts: str) -> str:
    """A name for a network device, which may have 15 characters, out of names of any length."""
    return links_of(lab) + hashlib.sha256("/".join(parts).encode()).hexdigest()[:7]


def mac_address(*parts: str) -> str:
    """A locally administered MAC address, always the same for the same parts."""
    digest = hashlib.sha256("/".join(parts).encode()).digest()
    return ":".join(f"{octet:02x}" for octet in (0x02, *digest[:5]))


@dataclass(frozen=True, slots=True)
class Bridge:
    """The switch that stands for one of the cloud's networks; this machine has `addresses` on it.

    `network` is None if nobody has an address there.
    """

    name: str
    device: str
    mac: str
    alias: str
    network: Network | None
    addresses: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Port:
    """A host's connection to a network: `device` inside the host, `port` at the bridge."""

    bridge: str
    port: str
    device: str
    mac: str
    alias: str
    address: str | None
    """With its prefix length: 10.0.0.11/24; None where it has none."""


@dataclass(frozen=True, slots=True)
class Host:
    """One host of a lab."""

    node: str
    container: str
    netns: str
    address: str
    ports: tuple[Port, ...]
    bmc: Bmc | None
    runtime: Path


@dataclass(frozen=True, slots=True)
class Layout:
    """Everything a lab consists of; `state` is the directory beside the spec that ssh reads its keys from."""

    lab: str
    state: Path
    runtime: Path
    bridges: tuple[Bridge, ...]
    hosts: tuple[Host, ...]

    def host(self, node: str) -> Host:
        """The host of a node (LabError names the nodes there are)."""
        for host in self.hosts:
            if host.node == node:
                return host
        raise LabError(f"lab {self.lab} has no node {node!r}; it has {', '.join(h.node for h in self.hosts)}")


def alias_of(lab: str) -> str:
    """What the alias of every network device of a lab begins with."""
    return f"quorate lab {lab}: "


def prefix(lab: str) -> str:
    """What the names of the lab's network namespaces and containers begin with.

    An underscore cannot stand in a lab's name, so no lab's prefix is the beginning of another's.
    """
    return f"quorate_{lab}_"


def layout(cloud: Cloud, directory: Path) -> Layout:
    """The lab of a cloud whose spec is in `directory`; LabError if a container lab cannot stand for it."""
    lab = check_name(cloud.name)
    networks = cloud.topology.networks
    return Layout(
        lab=lab,
        state=directory.absolute() / ".quorate" / "lab",
        runtime=runtime_of(lab),
        bridges=(
            *(_bridge(lab, network, cloud.topology.nodes) for network in networks),
            *(_bare(lab, wire.name) for wire in cloud.topology.wires),
        ),
        hosts=tuple(_host(lab, node, networks, cloud.topology.wires) for node in cloud.topology.nodes),
    )


def _bare(lab: str, name: str) -> Bridge:
    """A switch to which this machine is not connected."""
    alias = alias_of(lab) + f"network {name}"
    return Bridge(name, link_name(lab, name), mac_address(lab, name), alias, None, ())


def _bridge(lab: str, network: Network, nodes: tuple[Node, ...]) -> Bridge:
    own = tuple(f"{address}/{network.cidr.prefixlen}" for address in _own_addresses(network, nodes))
    return replace(_bare(lab, network.name), network=network, addresses=own)


def _own_addresses(network: Network, nodes: tuple[Node, ...]) -> Iterator[str]:
    """What this machine is on the network: the first one, as a gateway has, and those of the BMCs."""
    first = str(network.cidr.network_address + 1)
    bmcs = [node.bmc.address for node in nodes if node.bmc and ip_address(node.bmc.address) in network.cidr]
    taken = {node.addresses.get(network.name) for node in nodes}
    for address in dict.fromkeys([first, *bmcs]):
        if address not in taken:
            yield address
        elif address in bmcs:
            raise LabError(f"{address} is the address of a node and of a BMC; give the BMC {first}")


def _host(lab: str, node: Node, networks: tuple[Network, ...], wires: tuple[Wire, ...]) -> Host:
    name = prefix(lab) + node.name
    attached = [network for network in networks if network.name in node.addresses]
    if node.bmc and not any(ip_address(node.bmc.address) in network.cidr for network in networks):
        raise LabError(
            f"{node.name}: its BMC's address {node.bmc.address} is in none of the networks, so no node of a lab "
            f"could reach it; give it {attached[0].cidr.network_address + 1} and a port of its own"
        )
    return Host(
        node=node.name,
        container=name,
        netns=name,
        address=node.address,
        ports=(
            *(
                _port(lab, node, network.name, f"eth{number}", _address(node, network))
                for number, network in enumerate(attached)
            ),
            *(_port(lab, node, wire.name, wire.interface, None) for wire in wires),
        ),
        bmc=node.bmc,
        runtime=runtime_of(lab) / node.name,
    )


def _address(node: Node, network: Network) -> str:
    return f"{node.addresses[network.name]}/{network.cidr.prefixlen}"


def _port(lab: str, node: Node, network: str, device: str, address: str | None) -> Port:
    return Port(
        bridge=link_name(lab, network),
        port=link_name(lab, network, node.name),
        device=device,
        mac=mac_address(lab, network, node.name),
        alias=alias_of(lab) + f"{node.name} on {network}",
        address=address,
    )
