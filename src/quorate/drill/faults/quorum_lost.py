"""So many nodes lose power that those left have no quorum."""

from collections.abc import Iterable, Iterator

from quorate.drill.fault import Fault
from quorate.drill.scene import Scene
from quorate.model.check import Result, no, yes
from quorate.model.design import Design


def faults(design: Design) -> Iterator[Fault]:
    """One."""
    del design
    yield Fault(
        name="quorum-lost",
        does="cuts the power of a node and of as many others as takes the quorum away",
        heals="restores the power of all",
        expects="those left stop everything; all comes back with the others, without a hand",
        aim="vip-holder",
        hold_s=60,
        harm=_harm,
        heal=_heal,
        look=_look,
    )


def _lost(scene: Scene, node: str) -> tuple[str, ...]:
    peers = scene.peers(node)
    return (node, *peers[: (len(peers) + 1) // 2])


async def _harm(scene: Scene, node: str) -> None:
    scene.strike()
    for each in _lost(scene, node):
        await scene.door.power_off(each)


async def _heal(scene: Scene, node: str) -> None:
    for each in _lost(scene, node):
        await scene.door.power_on(each)


async def _look(scene: Scene, node: str) -> Iterable[Result]:
    """That those left have stopped what they ran."""
    left = set(scene.nodes) - {*_lost(scene, node)}
    results = []
    for name, view in (await scene.hosts.views()).items():
        if name not in left:
            continue
        running = sorted(
            {each.resource for each in view.instances if each.node == name and each.role != "Stopped"}
        )
        if view.quorate:
            results.append(no("has a quorum, though most members are gone", name))
        elif running:
            results.append(no(f"without a quorum still runs {', '.join(running)}", name))
        else:
            results.append(yes("has no quorum, and has stopped everything", name))
    return results
