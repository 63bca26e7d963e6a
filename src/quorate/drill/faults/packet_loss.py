"""A network that loses frames at random."""

from collections.abc import Iterator

from quorate.drill.affliction import Affliction, acts
from quorate.drill.fault import Fault
from quorate.drill.netfilter import Rules, filtered
from quorate.drill.scene import Scene
from quorate.model.design import Design

PERCENT = 20


def faults(design: Design) -> Iterator[Fault]:
    """One."""
    del design
    harm, heal = acts(lossy)
    yield Fault(
        name="packet-loss",
        does=f"loses {PERCENT} % of what a node gets and sends, at random",
        heals="removes the rules that drop it (a reboot does, too)",
        expects="retransmissions carry it, slower; or it is fenced for its silence",
        aim="random",
        hold_s=30,
        harm=harm,
        heal=heal,
    )


def lossy(scene: Scene, node: str) -> dict[str, Affliction]:
    """On every network of the node, in both directions."""
    some = (f"numgen random mod 100 < {PERCENT} drop",)
    host = scene.hosts.nodes[node]
    return {node: filtered(host, dict.fromkeys(host.addresses, Rules(some, some)))}
