"""Bridges, and the cables between them and the hosts' network namespaces.

The lab makes these itself instead of having podman do it: a bridge then stays while all its hosts are off (the
BMCs listen on it), nothing is masqueraded or filtered, a host keeps its MAC address, and plugging one in takes
10 ms instead of podman's 300. A cable is cut by disabling the bridge port: all frames are dropped and the host
sees no change of its link, as when a switch further away fails.
"""

import json
from collections.abc import Iterable
from ipaddress import ip_interface, ip_network
from pathlib import Path
from typing import Any

from quorate.lab.command import CommandFailed, LabError, run
from quorate.lab.layout import Bridge, Host, alias_of, links_of, prefix

NETNS = Path("/run/netns")
_PORT_STATES = {"disabled": "0", "forwarding": "3"}


def plug(host: Host) -> tuple[str, ...]:
    """The lines of the `ip -batch` script that connects a host's namespace to the bridges."""
    return tuple(
        line
        for port in host.ports
        for line in (
            f"link add {port.port} type veth peer name {port.device} address {port.mac} netns {host.netns}",
            f'link set {port.port} alias "{port.alias}"',
            f"link set {port.port} master {port.bridge} up",
        )
    )


def configure(host: Host) -> tuple[str, ...]:
    """The lines of the `ip -batch` script that sets the addresses inside the host's namespace."""
    return (
        "link set lo up",
        *(
            f"address add {port.address} dev {port.device}{_nodad(port.address)}"
            for port in host.ports
            if port.address
        ),
        *(f"link set {port.device} up" for port in host.ports),
    )


def unplug(host: Host) -> tuple[str, ...]:
    """The lines of the `ip -batch` script that pulls the host's cables out."""
    return tuple(f"link delete {port.port}" for port in host.ports)


def make_namespace(host: Host) -> None:
    """Make the host's network namespace, empty, unless it exists; switching the host on makes it anew."""
    if not (NETNS / host.netns).exists():
        run("ip", "netns", "add", host.netns)


def lay(bridges: Iterable[Bridge]) -> tuple[str, ...]:
    """Make the bridges that do not exist yet, and complete one whose maker was killed; their networks' names.

    Raises LabError when a network's addresses are in use on this machine outside of the lab.
    """
    there = {link["ifname"]: link for link in _links()}
    # The last that is done to a bridge is to bring it up.
    made = tuple(bridge for bridge in bridges if "UP" not in there.get(bridge.device, {}).get("flags", ()))
    for bridge in made:
        _refuse_overlap(bridge)
        add = f"link add {bridge.device} address {bridge.mac} type bridge stp_state 0 forward_delay 0"
        script = (
            *(() if bridge.device in there else (add,)),
            f'link set {bridge.device} alias "{bridge.alias}"',
            *(f"address replace {each} dev {bridge.device}{_nodad(each)}" for each in bridge.addresses),
            f"link set {bridge.device} up",
        )
        run("ip", "-batch", "-", stdin="\n".join(script))
    return tuple(bridge.name for bridge in made)


def tear(lab: str) -> None:
    """Remove every bridge, cable and namespace that carries the lab's name."""
    for device in devices(lab):
        try:
            run("ip", "link", "delete", device)
        except CommandFailed as error:
            if "Cannot find device" not in error.stderr:  # gone with its namespace meanwhile
                raise
    for name in namespaces(lab):
        run("ip", "netns", "delete", name)


def namespaces(lab: str) -> tuple[str, ...]:
    """The network namespaces that carry the lab's name."""
    names = (path.name for path in NETNS.iterdir()) if NETNS.exists() else ()
    return tuple(sorted(name for name in names if name.startswith(prefix(lab))))


def devices(lab: str) -> tuple[str, ...]:
    """The network devices that carry the lab's name, or do not yet because their maker was killed."""
    return tuple(
        link["ifname"]
        for link in _links()
        if link.get("ifalias", "").startswith(alias_of(lab))
        or (link["ifname"].startswith(links_of(lab)) and "ifalias" not in link)
    )


def cut(host: Host) -> None:
    """Drop everything that enters or leaves the host (LabError if it is off)."""
    _set_ports(host, "disabled")


def mend(host: Host) -> None:
    """Let its traffic flow again (LabError if it is off)."""
    _set_ports(host, "forwarding")


def cut_ports(hosts: Iterable[Host]) -> frozenset[str]:
    """The nodes that have at least one cable cut."""
    states = {link["ifname"]: _port_state(link) for link in _links()}
    return frozenset(
        host.node for host in hosts if any(states.get(port.port) == "disabled" for port in host.ports)
    )


def _set_ports(host: Host, state: str) -> None:
    there = {link["ifname"] for link in _links()}
    if any(port.port not in there for port in host.ports):
        raise LabError(f"{host.node} is off, so has no cable to cut or mend: `quorate lab power on {host.node}`")

    for port in host.ports:
        run("bridge", "link", "set", "dev", port.port, "state", _PORT_STATES[state])


def _port_state(link: dict[str, Any]) -> str | None:
    state: str | None = link.get("linkinfo", {}).get("info_slave_data", {}).get("state")
    return state


def _links() -> list[dict[str, Any]]:
    links: list[dict[str, Any]] = json.loads(run("ip", "-json", "-details", "link"))
    return links


def _refuse_overlap(bridge: Bridge) -> None:
    if bridge.network is None:
        return
    for link in json.loads(run("ip", "-json", "address")):
        if link["ifname"] == bridge.device:
            continue
        for entry in link.get("addr_info", ()):
            other = ip_network(f"{entry['local']}/{entry['prefixlen']}", strict=False)
            cidr = bridge.network.cidr
            if type(other) is type(cidr) and other.overlaps(cidr):
                raise LabError(
                    f"network {bridge.name}: {cidr} is already in use on this machine by "
                    f"{link['ifname']} ({link.get('ifalias') or entry['local']}); choose another in the file, "
                    "or take that lab down"
                )


def _nodad(address: str) -> str:
    """Addresses given by hand need no search for duplicates, which delays their use by a second."""
    return " nodad" if ip_interface(address).version == 6 else ""  # noqa: PLR2004 (IP version 6)
