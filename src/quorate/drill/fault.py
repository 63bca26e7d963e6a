"""A fault, as data: what it does, how it heals, what should happen."""

from collections.abc import Awaitable, Callable, Iterable
from dataclasses import dataclass

from quorate.drill.scene import Scene
from quorate.model.check import Result

Act = Callable[[Scene, str], Awaitable[None]]
Look = Callable[[Scene, str], Awaitable[Iterable[Result]]]


async def nothing(_scene: Scene, _node: str) -> tuple[Result, ...]:
    """Nothing beyond what clients and the cluster itself tell is looked at."""
    return ()


@dataclass(frozen=True, slots=True)
class Fault:
    """One way to break a cloud.

    `aim` says which node is hit unless another is asked for (`aims.py`), `hold_s` for how long it stays broken.
    `harm` and `heal` get the node; `heal` is idempotent, and puts right also what a drill that was killed has
    left: it knows no more than the node. `look` judges what should be while it is broken.
    """

    name: str
    does: str
    heals: str
    expects: str
    aim: str
    hold_s: float
    harm: Act
    heal: Act
    look: Look = nothing
