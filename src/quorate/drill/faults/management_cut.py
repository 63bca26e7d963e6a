"""A node's management network is gone; its other networks stay."""

from collections.abc import Iterator

from quorate.drill.affliction import Affliction, acts
from quorate.drill.fault import Fault
from quorate.drill.netfilter import Rules, filtered
from quorate.drill.scene import Scene
from quorate.model.design import Design
from quorate.model.topology import MANAGEMENT


def faults(design: Design) -> Iterator[Fault]:
    """One."""
    del design
    harm, heal = acts(cut)
    yield Fault(
        name="management-cut",
        does="drops everything on a node's management network (but SSH); other networks stay",
        heals="removes the rules that drop it (a reboot does, too)",
        expects="the others fence it through its BMC, take its addresses over and serve on",
        aim="vip-holder",
        hold_s=30,
        harm=harm,
        heal=heal,
    )


def cut(scene: Scene, node: str) -> dict[str, Affliction]:
    """The node drops everything there, but what finds it for SSH."""
    host = scene.hosts.nodes[node]
    # Nobody is to find a virtual IP there.
    topology = scene.design.cloud.topology
    own = [host.address] if ":" not in host.address else []
    finds = [f"arp saddr ip {address} accept" for address in own] + ["icmpv6 type nd-neighbor-advert accept"]
    asks = [f"arp daddr ip {address} accept" for address in own] + ["icmpv6 type nd-neighbor-solicit accept"]
    virtual = [vip.address for vip in topology.virtual_ips if ":" in vip.address]
    hidden = [f"icmpv6 taddr {address} drop" for address in virtual]
    return {node: filtered(host, {MANAGEMENT: Rules((*asks, "drop"), (*hidden, *finds, "drop"))})}
