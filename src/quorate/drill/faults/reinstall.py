"""A node is wiped, and `deploy` makes it what it was."""

from collections.abc import Iterator

from quorate.drill.fault import Fault
from quorate.drill.scene import Scene
from quorate.model.design import Design


class NotDeployed(Exception):
    """`deploy` did not bring the node back."""


def faults(design: Design) -> Iterator[Fault]:
    """One."""
    del design
    yield Fault(
        name="reinstall",
        does="wipes a node: an empty disk with nothing but the system (in a lab)",
        heals="quorate deploy",
        expects="the others serve on; the node gets its files, data and place back",
        aim="random",
        hold_s=20,
        harm=_harm,
        heal=_heal,
    )


async def _harm(scene: Scene, node: str) -> None:
    scene.strike()
    await scene.door.wipe(node)


async def _heal(scene: Scene, node: str) -> None:
    await scene.door.power_on(node)
    code, said = await scene.quorate("deploy", "--yes")
    if code != 0:
        raise NotDeployed(f"{node} is not what it was: quorate deploy ended with {code}:\n{said}")
