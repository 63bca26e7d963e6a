"""An API whose things nobody uses here: whether it answers what its proxy asks its servers."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import repeat
from typing import Any, Self

from quorate.drill.judges import Judgement
from quorate.drill.judges.judgement import counted
from quorate.drill.operation import Operation
from quorate.drill.outage import SLOW_S
from quorate.drill.request import request
from quorate.drill.workload import Client
from quorate.model.design import Design


@dataclass(frozen=True, slots=True)
class Door:
    """A listener of a component; its own client."""

    name: str
    component: str
    method: str
    url: str
    status: int
    every_s: float = 0.5
    patience_s: float = 2.0
    slow_s: float = SLOW_S
    asks: frozenset[str] = frozenset({"knock"})

    @classmethod
    def of(cls, design: Design, listed: str, component: str, name: str = "") -> Self:
        """The listener of that name, through the virtual IP; with a shorter name, if it has one."""
        listener = design.listener(listed)
        method, _, path = listener.check.partition(" ")
        return cls(name or listed, component, method, design.root(listener) + path, listener.status)

    def operations(self) -> Iterator[tuple[str, Any]]:
        """Knock."""
        return repeat(("knock", None))

    async def call(self, does: str, value: Any) -> Any:
        """One request."""
        del does, value
        (await request(self.method, self.url)).one_of(self.status)

    async def close(self) -> None:
        """Every request has a connection of its own."""

    async def prepare(self) -> None:
        """Nothing is needed."""

    def clients(self) -> Sequence[Client]:
        """Itself."""
        return (self,)

    def last(self) -> Sequence[tuple[str, Any]]:
        """Nothing decides."""
        return ()

    def judge(self, operations: Sequence[Operation]) -> Judgement:
        """Nothing can be lost."""
        answered = any(each.ok for each in operations)
        return Judgement.of(
            self.name, (), counted(operations), why_unknown="" if answered else "it never answered"
        )

    async def remove(self) -> None:
        """Nothing was made."""
