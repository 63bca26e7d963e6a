"""A node is rebooted as its administrator would: everything on it is told to stop first."""

from collections.abc import Iterator

from quorate.drill.fault import Fault
from quorate.drill.rebooting import reboot
from quorate.drill.scene import Scene
from quorate.model.design import Design


def faults(design: Design) -> Iterator[Fault]:
    """One."""
    del design
    yield Fault(
        name="reboot",
        does="reboots a node (systemctl reboot)",
        heals="by itself: it comes back; the drill sees to it that it has power",
        expects="what it holds is moved before it goes; nobody is fenced",
        aim="vip-holder",
        hold_s=0,
        harm=_harm,
        heal=_heal,
    )


async def _harm(scene: Scene, node: str) -> None:
    await reboot(scene, node)


async def _heal(scene: Scene, node: str) -> None:
    await scene.door.power_on(node)
