"""The network parts: a node from its peers, half of the cluster from the other, or in one direction only."""

from collections.abc import Iterator, Mapping

from quorate.drill import netfilter
from quorate.drill.affliction import Affliction, Afflictions, acts
from quorate.drill.fault import Fault
from quorate.drill.scene import Scene
from quorate.model.design import Design

MEMBERS = 4
"""From so many on, half of the cluster is more than a node."""


def faults(design: Design) -> Iterator[Fault]:
    """Three; the half of a cluster of three is a node."""
    yield _fault(
        "isolate",
        "drops everything between a node and its peers; clients still reach both",
        "the majority fences it and takes over; the two sides never both serve an address",
        isolated,
    )
    if any(len(cluster.cluster.members) >= MEMBERS for cluster in design.clusters):
        yield _fault(
            "halve",
            "drops everything between half of the cluster, with the node, and the others",
            "who has the quorum fences the others; without one everything stops",
            halved,
        )
    yield _fault(
        "one-way-loss",
        "drops what a node gets from its peers; what it sends them still arrives",
        "it is fenced: a member that does not hear is none",
        deaf,
    )


def _fault(name: str, does: str, expects: str, cut: Afflictions) -> Fault:
    harm, heal = acts(cut)
    heals = "removes the rules that drop it (a reboot does, too)"
    return Fault(name, does, heals, expects, "vip-holder", 30, harm, heal)


def isolated(scene: Scene, node: str) -> Mapping[str, Affliction]:
    """The node and its peers hear nothing of each other."""
    return _parted(scene, [node], scene.peers(node))


def deaf(scene: Scene, node: str) -> Mapping[str, Affliction]:
    """The node does not hear its peers, who hear it."""
    return _parted(scene, [node], scene.peers(node), outward=False)


def halved(scene: Scene, node: str) -> Mapping[str, Affliction]:
    """The node with half of its peers on one side."""
    peers = scene.peers(node)
    some = (len(peers) + 1) // 2
    return _parted(scene, [node, *peers[: some - 1]], peers[some - 1 :])


def _parted(
    scene: Scene, side: list[str], others: tuple[str, ...], *, outward: bool = True
) -> dict[str, Affliction]:
    nodes = scene.hosts.nodes
    them = [nodes[name] for name in others]
    return {name: netfilter.apart(nodes[name], them, outward=outward) for name in side}
