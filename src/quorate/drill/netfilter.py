"""Traffic dropped within a host, by nftables rules on its devices: ARP too, before anything else sees it.

Rules, like addresses, are gone after a reboot. Connections to sshd stay: whoever broke it has to mend it.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from ipaddress import ip_address

from quorate.drill.affliction import Affliction
from quorate.model.topology import Node

TABLE = "quorate_drill"
UNDO = f"nft delete table netdev {TABLE} 2>/dev/null || true"


@dataclass(frozen=True, slots=True)
class Rules:
    """What one network's device drops (or accepts before): lines of nftables, as frames come in and go out."""

    inward: tuple[str, ...] = ()
    outward: tuple[str, ...] = ()


def filtered(node: Node, rules: Mapping[str, Rules]) -> Affliction:
    """Rules on a node's devices, by the names of its networks."""
    chains = []
    script = [UNDO]
    for number, (network, each) in enumerate(rules.items()):
        address = node.addresses[network]
        script.append(f"device{number}=$(ip -brief address show to {address} | sed 's/[@ ].*//')")
        script.append(f'test -n "$device{number}"')
        for hook, ssh, lines in (("ingress", "dport", each.inward), ("egress", "sport", each.outward)):
            body = "; ".join((f"tcp {ssh} 22 accept", *lines))
            chains.append(
                f"chain {hook}{number} {{ type filter hook {hook} device $device{number} priority 0; {body}; }}"
            )
    listing = "\n".join((f"table netdev {TABLE} {{", *chains, "}"))
    return Affliction("\n".join((*script, f"nft -f - <<END\n{listing}\nEND")), UNDO)


def apart(node: Node, others: Iterable[Node], *, inward: bool = True, outward: bool = True) -> Affliction:
    """A node that gets no frame from others, or sends them none, on any network that it shares with them."""
    others = tuple(others)
    rules = {}
    for network in node.addresses:
        theirs = [other.addresses[network] for other in others if network in other.addresses]
        if theirs:
            rules[network] = Rules(
                _drops(theirs, "saddr") if inward else (), _drops(theirs, "daddr") if outward else ()
            )
    return filtered(node, rules)


def _drops(addresses: Iterable[str], end: str) -> tuple[str, ...]:
    by_version: dict[int, list[str]] = {}
    for address in addresses:
        by_version.setdefault(ip_address(address).version, []).append(address)
    lines = []
    for version, some in by_version.items():
        members = ", ".join(some)
        if version == 4:  # noqa: PLR2004 - IP version 4
            lines += [f"ip {end} {{ {members} }} drop", f"arp {end} ip {{ {members} }} drop"]
        else:
            lines.append(f"ip6 {end} {{ {members} }} drop")
    return tuple(lines)
