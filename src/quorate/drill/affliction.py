"""Harm done within a host, which the host undoes by itself if nobody else comes to do it."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass

from quorate.drill.fault import Act
from quorate.drill.hosts import PUNCTUAL, sh
from quorate.drill.scene import Scene
from quorate.formats import shell

UNIT = "quorate-drill-undo"
GRACE_S = 60
RELIEF_WITHIN_S = 120.0


@dataclass(frozen=True, slots=True)
class Affliction:
    """Two shell scripts; `undo` is idempotent, and does nothing on a host that was rebooted since."""

    harm: str
    undo: str


Afflictions = Callable[[Scene, str], Mapping[str, Affliction]]
"""Which hosts are harmed how, for the node that is aimed at."""


def acts(afflictions: Afflictions) -> tuple[Act, Act]:
    """A fault's `harm` and `heal`."""

    async def harm(scene: Scene, node: str) -> None:
        await afflict(scene, afflictions(scene, node))

    async def heal(scene: Scene, node: str) -> None:
        await relieve(scene, afflictions(scene, node))

    return harm, heal


async def afflict(scene: Scene, harms: Mapping[str, Affliction]) -> None:
    """Harm hosts, each by its script, all at about the same time.

    A timer on each undoes it when the drill, this machine or the way there is gone.
    """
    async with scene.hosts.sessions(harms) as sessions:
        within_s = round(scene.hold_s + GRACE_S)
        for node, affliction in harms.items():
            await sh(
                sessions[node],
                f"systemctl --quiet stop {UNIT}.timer || true\n"
                f"systemd-run --quiet --collect --expand-environment=no --unit={UNIT} "
                f"--on-active={within_s} {PUNCTUAL} " + shell.join(["sh", "-c", affliction.undo]),
            )
        scene.strike()
        for node, affliction in harms.items():
            await sh(sessions[node], affliction.harm)


async def relieve(scene: Scene, harms: Mapping[str, Affliction]) -> None:
    """Undo it, also on hosts that are rebooting (Deadline)."""
    for node, affliction in harms.items():
        undo = f"{affliction.undo}\nsystemctl --quiet stop {UNIT}.timer || true"
        await scene.hosts.insist(node, undo, within_s=RELIEF_WITHIN_S)
