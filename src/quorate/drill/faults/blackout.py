"""All nodes lose power at once, and return in any order."""

from collections.abc import Iterator
from functools import partial

from quorate.drill.fault import Fault
from quorate.drill.scene import Scene
from quorate.model.design import Design
from quorate.remote.until import rest

OUT_S = 3.0
APART_S = 5.0


def faults(design: Design) -> Iterator[Fault]:
    """Two."""
    del design
    heals = "restores the power of all"
    yield Fault(
        name="blackout",
        does="cuts the power of all nodes within a second; it returns to them in a random order",
        heals=heals,
        expects="everything starts again by itself, with what was acknowledged",
        aim="random",
        hold_s=0,
        harm=partial(_harm, missing=False),
        heal=_heal,
    )
    yield Fault(
        name="blackout-one-missing",
        does="cuts the power of all nodes within a second; it returns to all but one",
        heals=heals,
        expects="the others fence the missing one, which brings it back, and everything starts again",
        aim="random",
        hold_s=90,
        harm=partial(_harm, missing=True),
        heal=_heal,
    )


async def _harm(scene: Scene, node: str, *, missing: bool) -> None:
    scene.strike()
    for each in scene.nodes:
        await scene.door.power_off(each)
    order = [each for each in scene.nodes if not missing or each != node]
    scene.chance.shuffle(order)
    await rest(OUT_S)
    for place, each in enumerate(order):
        await rest(scene.chance.uniform(0, APART_S) if place else 0)
        scene.say(f"{each} has power again")
        await scene.door.power_on(each)


async def _heal(scene: Scene, _node: str) -> None:
    for each in scene.nodes:
        await scene.door.power_on(each)
