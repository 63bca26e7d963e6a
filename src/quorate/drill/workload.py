"""Clients at work while something is broken, each operation written down before it is tried."""

import asyncio
import time
from collections.abc import AsyncIterator, Iterator, Sequence
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass
from typing import Any, Protocol

from quorate.drill.judges import Judgement
from quorate.drill.operation import Ending, Operation, Recorder


class Refused(Exception):
    """The operation surely did not take effect, and never will."""


class Client(Protocol):
    """One client: what it does next, and how it does it."""

    def operations(self) -> Iterator[tuple[str, Any]]:
        """What it does, one after the other, without end: (does, value)."""

    async def call(self, does: str, value: Any) -> Any:
        """Do it; the result. Raises Refused if it surely did not happen; what else is raised leaves that open."""

    async def close(self) -> None:
        """Give back what it holds; it may be broken."""


class Workload(Protocol):
    """What a service is used for: its clients, and the judge of what they lived through."""

    name: str
    component: str
    """Whose service it uses."""
    every_s: float
    """How often each client begins an operation, if the last one has ended."""
    patience_s: float
    """How long a client waits for an answer; then the operation's outcome is unknown."""
    slow_s: float
    """How long an answer may take before it is as good as none (drill/outage.py)."""
    asks: frozenset[str]
    """What is done that a service in order always answers: its failures are an outage."""

    async def prepare(self) -> None:
        """Make what the clients need (a schema, a queue); what an earlier run left is removed."""

    def clients(self) -> Sequence[Client]:
        """The clients, each with connections of its own."""

    def last(self) -> Sequence[tuple[str, Any]]:
        """What is done once at the end, when all is well again, and must be answered: the reads that decide."""

    def judge(self, operations: Sequence[Operation]) -> Judgement:
        """What was lost, and what appeared from nowhere."""

    async def remove(self) -> None:
        """Remove what `prepare` made, if it is there."""


@dataclass(frozen=True, slots=True)
class At:
    """A client at its place in a history."""

    number: int
    client: Client
    workload: Workload
    recorder: Recorder
    origin_s: float

    def now_s(self) -> float:
        """Seconds since the history's origin."""
        return time.monotonic() - self.origin_s

    async def does(self, does: str, value: Any) -> Ending:
        """One operation, written down; how it ended."""
        operation = self.recorder.began(self.number, does, value, self.now_s())
        result, error = None, ""
        try:
            async with asyncio.timeout(self.workload.patience_s):
                result = await self.client.call(does, value)
            ending = Ending.OK
        except TimeoutError:
            ending, error = Ending.UNKNOWN, f"no answer within {self.workload.patience_s:g} s"
        except Refused as refused:
            ending, error = Ending.FAIL, str(refused)
        except Exception as failure:  # noqa: BLE001 - whatever a client library raises leaves the outcome open
            ending, error = Ending.UNKNOWN, str(failure) or type(failure).__name__
        self.recorder.ended(operation, ending, self.now_s(), result=result, error=error)
        return ending

    async def work(self, stop: asyncio.Event, after_s: float) -> None:
        """Operations at its pace, the first after a while, until told to stop."""
        due_s = self.now_s() + after_s
        for does, value in self.client.operations():
            with suppress(TimeoutError):
                await asyncio.wait_for(stop.wait(), max(0.0, due_s - self.now_s()))
            if stop.is_set():
                return
            await self.does(does, value)
            due_s = max(self.now_s(), due_s + self.workload.every_s)


@asynccontextmanager
async def at_work(
    workload: Workload, recorder: Recorder, origin_s: float, phase: float = 0.0
) -> AsyncIterator[None]:
    """A workload's clients at work as long as the block runs; what is under way at its end is awaited.

    They begin one after the other within their pace: together they ask more often than each of them. `phase` (0 to
    1) is when the first begins between two that follow each other: many workloads are not to ask all at once.
    """
    stop = asyncio.Event()
    clients = [At(number, each, workload, recorder, origin_s) for number, each in enumerate(workload.clients(), 1)]
    spacing_s = workload.every_s / len(clients)
    # No TaskGroup: it would wrap what goes wrong in the block.
    works = [
        asyncio.create_task(each.work(stop, spacing_s * (place + phase))) for place, each in enumerate(clients)
    ]
    try:
        yield
    finally:
        stop.set()
        try:
            await asyncio.gather(*works)
        finally:
            for each in clients:
                await each.client.close()
