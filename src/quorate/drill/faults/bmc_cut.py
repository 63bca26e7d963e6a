"""A node dies, and the controller that could confirm it cannot be reached."""

from collections.abc import Iterable, Iterator

from quorate.drill.affliction import Affliction, acts
from quorate.drill.fault import Fault
from quorate.drill.netfilter import Rules, filtered
from quorate.drill.scene import Scene
from quorate.model.check import Result, no, yes
from quorate.model.design import Design
from quorate.model.topology import Node

HELD_S = 60


def faults(design: Design) -> Iterator[Fault]:
    """One, where nodes have a BMC."""
    if any(node.bmc for node in design.cloud.topology.nodes):
        cut_off, heal = acts(unreachable)

        async def harm(scene: Scene, node: str) -> None:
            await cut_off(scene, node)
            await scene.door.power_off(node)

        yield Fault(
            name="bmc-cut",
            does="cuts off a node's BMC from all others, then the node's power",
            heals="lets the BMC be reached again: the cluster fences the node, which brings it back",
            expects="the cluster blocks: what ran there is started nowhere else, and crm_mon says why",
            aim="vip-holder",
            hold_s=HELD_S,
            harm=harm,
            heal=heal,
            look=_look,
        )


def unreachable(scene: Scene, node: str) -> dict[str, Affliction]:
    """The others send nothing to the node's BMC."""
    bmc = scene.hosts.nodes[node].bmc
    assert bmc is not None
    family = "ip6" if ":" in bmc.address else "ip"
    drops = Rules(outward=(f"{family} daddr {bmc.address} udp dport {bmc.port} drop",))
    return {name: _everywhere(scene.hosts.nodes[name], drops) for name in scene.peers(node)}


def _everywhere(host: Node, rules: Rules) -> Affliction:
    return filtered(host, dict.fromkeys(host.addresses, rules))


async def _look(scene: Scene, node: str) -> Iterable[Result]:
    """That the others wait, and that the node shows as one to be fenced."""
    results = []
    for name, view in (await scene.hosts.views()).items():
        unclean = [member.name for member in view.members if member.unclean]
        if node in unclean:
            results.append(yes(f"{node} is UNCLEAN: nothing is taken over before it is fenced", name))
        else:
            results.append(no(f"{node} is not UNCLEAN, though nobody could fence it", name))
    return results
