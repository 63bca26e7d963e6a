"""Clients at work: what they write down of a service that answers, refuses, breaks and keeps silent."""

import asyncio
import io
import time
from collections.abc import Iterator, Sequence
from typing import Any

import pytest

from quorate.drill.judges import Judgement, elements
from quorate.drill.operation import Ending, Operation, Recorder, read
from quorate.drill.workload import Refused, at_work
from quorate.remote.until import until


class Service:
    """Answers by a table; what is not in it is answered."""

    def __init__(self, table: dict[int, object]) -> None:
        self._table = table
        self.closed = False

    def operations(self) -> Iterator[tuple[str, Any]]:
        return (("add", number) for number in range(1_000_000))

    async def call(self, _does: str, value: Any) -> Any:
        match self._table.get(value):
            case "silent":
                await asyncio.Event().wait()
            case Exception() as error:
                raise error
        return None

    async def close(self) -> None:
        self.closed = True


class Adding:
    name = "set"
    component = "database"
    every_s = 0.001
    patience_s = 0.05
    slow_s = 1.0
    asks = frozenset({"add"})

    def __init__(self, *services: Service) -> None:
        self._services = services

    async def prepare(self) -> None:
        """Nothing to make."""

    def clients(self) -> Sequence[Service]:
        return self._services

    def last(self) -> Sequence[tuple[str, Any]]:
        return (("read", None),)

    def judge(self, operations: Sequence[Operation]) -> Judgement:
        return elements.judge(operations)

    async def remove(self) -> None:
        """Nothing was made."""


def worked(*services: Service, least: int) -> tuple[Operation, ...]:
    """What they write down until so many operations have ended."""
    stream = io.StringIO()

    def lines() -> list[str]:
        return stream.getvalue().splitlines(keepends=True)

    async def ended() -> int:
        return sum(each.ended_s is not None for each in read(lines()))

    async def work() -> None:
        async with asyncio.timeout(20), at_work(Adding(*services), Recorder(stream), time.monotonic()):
            await until("operations", ended, lambda count: count >= least, within_s=10, every_s=0.01)

    asyncio.run(work())
    return read(lines())


def test_each_operation_is_written_with_its_end() -> None:
    table = {1: Refused("deadlock"), 2: ConnectionResetError("reset by peer"), 3: "silent"}
    found = worked(Service(table), least=6)
    assert [each.value for each in found[:5]] == [0, 1, 2, 3, 4]
    assert [(each.ending, each.error) for each in found[:5]] == [
        (Ending.OK, ""),
        (Ending.FAIL, "deadlock"),
        (Ending.UNKNOWN, "reset by peer"),
        (Ending.UNKNOWN, "no answer within 0.05 s"),
        (Ending.OK, ""),
    ]
    assert all(each.ended_s is not None and each.ended_s >= each.began_s for each in found)


def test_clients_work_side_by_side_and_are_closed() -> None:
    silent, well = Service(dict.fromkeys(range(1000), "silent")), Service({})
    found = worked(silent, well, least=20)
    assert {each.client for each in found if each.ok} == {2}
    assert sum(each.ok for each in found) >= 15
    assert (silent.closed, well.closed) == (True, True)


def test_what_goes_wrong_meanwhile_is_told_as_it_is() -> None:
    service = Service({})

    async def work() -> None:
        async with at_work(Adding(service), Recorder(io.StringIO()), time.monotonic()):
            raise LookupError("meanwhile")

    with pytest.raises(LookupError, match="meanwhile"):
        asyncio.run(work())
    assert service.closed
