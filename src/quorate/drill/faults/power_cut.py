"""A node's power goes, as if its plug were pulled."""

from collections.abc import Iterable, Iterator

from quorate.drill.fault import Fault
from quorate.drill.scene import Scene
from quorate.model.check import Result, no, yes
from quorate.model.design import Design


def faults(design: Design) -> Iterator[Fault]:
    """One."""
    del design
    yield Fault(
        name="power-cut",
        does="cuts the power of a node",
        heals="by itself: fencing restores the power",
        expects="the others fence it, take its addresses over and serve on",
        aim="vip-holder",
        hold_s=30,
        harm=_harm,
        heal=_heal,
        look=_look,
    )


async def _harm(scene: Scene, node: str) -> None:
    scene.strike()
    await scene.door.power_off(node)


async def _look(scene: Scene, node: str) -> Iterable[Result]:
    if await scene.door.powered(node):
        return (yes("has power again, by its fencing", node),)
    return (no("is still without power: nobody has fenced it", node),)


async def _heal(scene: Scene, node: str) -> None:
    await scene.door.power_on(node)
