"""A service used as a life cycle: things are made, looked at and removed through its API."""

import random
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from itertools import count, cycle, islice, repeat
from typing import Any, Protocol

from quorate.drill.judges import Judgement, lifecycle
from quorate.drill.judges.lifecycle import UNDER_WAY, State
from quorate.drill.operation import Operation
from quorate.drill.outage import SLOW_S
from quorate.drill.request import Unserved
from quorate.drill.workload import Client

PREFIX = "quorate-drill-"
"""What the name of everything begins with that a drill makes; the rest is its label."""
CLIENTS = 2
KEEPS = 3
"""So many things each client has at a time: what was made before the harm is looked at and removed after it."""
LOOKS = 8
"""So many looks at least are between two things that are made or removed, which costs a service most."""


@dataclass(frozen=True, slots=True)
class Found:
    """A thing in a service's list: its name, what its service knows it by, and its state."""

    name: str
    key: str
    state: State


class Things(Protocol):
    """What a service makes. Each raises Unserved, or what the client raises, for an answer that is none."""

    async def make(self, name: str) -> str:
        """Make one; what its service knows it by."""
        ...

    async def look(self, name: str, key: str) -> State:
        """Look at one."""
        ...

    async def remove(self, name: str, key: str) -> None:
        """Remove it; one that is gone is no error."""

    async def all(self) -> Sequence[Found]:
        """All there are, whoever made them."""
        ...


class LifeClient:
    """One client, which looks at what it has more often than it makes and removes."""

    def __init__(self, work: "LifeCycle", number: int) -> None:
        self._work = work
        self._number = number

    def operations(self) -> Iterator[tuple[str, Any]]:
        """Make what is missing, look at all of its own, remove the oldest if it is at rest.

        Whatever fails, what costs much is not done more often: a busy service would only become busier.
        """
        work = self._work
        # Not all services' clients are to begin with what costs most.
        begin = random.Random(f"{work.name} {self._number}").randrange(LOOKS)  # noqa: S311 - no secret
        yield from repeat(("list", None), begin)
        tried: list[str] = []
        for number in count():
            if len(self._own(tried)) < work.keeps:
                tried.append(f"{self._number}-{number}")
                yield "create", tried[-1]
                if tried[-1] not in work.held:
                    # It may be there all the same.
                    yield "list", None
            looks: list[tuple[str, Any]] = [("show", label) for label in self._own(tried)] or [("list", None)]
            yield from islice(cycle(looks), max(LOOKS, len(looks)))
            own = self._own(tried)
            if work.renews and len(own) == work.keeps and work.states.get(own[0], State.COMING) not in UNDER_WAY:
                yield "delete", own[0]

    def _own(self, tried: Sequence[str]) -> list[str]:
        """What of that is there, as far as is known."""
        work = self._work
        return [label for label in tried if label in work.held and work.states.get(label) is not State.GONE]

    async def call(self, does: str, value: Any) -> Any:
        """One of them; histories hold labels and states."""
        work, things = self._work, self._work.things
        match does:
            case "create":
                work.held[value] = await things.make(PREFIX + value)
            case "show":
                work.states[value] = await things.look(PREFIX + value, work.held[value])
                return work.states[value]
            case "delete":
                await things.remove(PREFIX + value, work.held[value])
            case _:
                found = await work.found()
                # What is there although nobody said so is used and removed like all else.
                work.held.update({label: each.key for label, each in found if each.state is State.THERE})
                waits = [label for label, each in found if each.state in UNDER_WAY and label in work.held]
                if does == "settle" and waits:
                    raise Unserved(f"under way: {', '.join(waits)}")
                return [[label, each.state] for label, each in found]
        return None

    async def close(self) -> None:
        """Every request has a connection of its own."""


@dataclass(frozen=True, slots=True)
class LifeCycle:
    """The life of a service's things. Each client has `keeps` at a time; with `renews` it goes on with new ones.

    `held` is what the service knows them by, and `states` how they were seen, by label; `removing` are the names
    of those that are removed because the drill is over.
    """

    name: str
    component: str
    things: Things
    keeps: int = KEEPS
    renews: bool = True
    held: dict[str, str] = field(default_factory=dict, repr=False)
    states: dict[str, State] = field(default_factory=dict, repr=False)
    removing: set[str] = field(default_factory=set, repr=False)
    every_s: float = 1.5
    patience_s: float = 2.0
    slow_s: float = SLOW_S
    asks: frozenset[str] = frozenset({"show", "list"})

    async def found(self) -> list[tuple[str, Found]]:
        """Of what is there, what a drill has made, by label."""
        listed = [each for each in await self.things.all() if each.state is not State.GONE]
        return [(each.name.removeprefix(PREFIX), each) for each in listed if each.name.startswith(PREFIX)]

    async def prepare(self) -> None:
        """Nothing is needed but that nothing is there."""

    def clients(self) -> Sequence[Client]:
        """Two, so that one that waits does not keep the other from asking."""
        return tuple(LifeClient(self, number) for number in range(CLIENTS))

    def last(self) -> Sequence[tuple[str, Any]]:
        """All there is, now and when nothing is under way any more, and everything ever made once more."""
        return (("list", None), ("settle", None), *(("show", label) for label in self.held))

    def judge(self, operations: Sequence[Operation]) -> Judgement:
        """Whether what was acknowledged is so."""
        return lifecycle.judge(operations, self.name)

    async def remove(self) -> None:
        """Remove everything that a drill has made. Raises Unserved as long as anything is left."""
        found = [each for _, each in await self.found()]
        for each in found:
            # To ask again may begin it anew; what was asked before may have been lost with who was asked.
            if each.state is not State.GOING or each.name not in self.removing:
                await self.things.remove(each.name, each.key)
                self.removing.add(each.name)
        if found:
            raise Unserved(f"{len(found)} were there still, {found[0].name} {found[0].state}")
