"""Tasks are carried out in the order of the graph, at once where they can be; a failure stops the rest."""

import asyncio
from collections.abc import Callable, Coroutine, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import pytest

from quorate.deploy.deployment import Progress, carry_out, look
from quorate.model.item import Command, File, Item, Renewal, Renewed
from quorate.plan.plan import Change
from quorate.plan.task import Task
from quorate.remote.errors import AgentLost, CommandFailed
from quorate.remote.event import Event, Outcome, Status
from quorate.remote.shipping import Values

VALUES = Values({"a": "1"})
ITEM = Command("work", ("true",))


@dataclass(slots=True)
class Stage:
    """How one stage of a fake host goes: it waits for `open`, then ends with `status`, or the host is lost."""

    status: Status = Status.OK
    lost: bool = False
    open: asyncio.Event | None = None


@dataclass(slots=True)
class FakeHost:
    """Answers from a table; writes down what was begun and what ended, in the order it happened."""

    name: str
    diary: list[str]
    stages: Mapping[str, Stage] = field(default_factory=dict)
    asked: list[dict[str, Any]] = field(default_factory=list)

    async def apply(
        self,
        stage: str,
        items: Sequence[Item],
        *,
        check: bool = False,
        values: Values | None = None,
        report: Callable[[Event], None] | None = None,
    ) -> Outcome:
        self.asked.append({"stage": stage, "items": items, "check": check, "values": values})
        self.diary.append(f"begin {self.name}/{stage}")
        planned = self.stages.get(stage, Stage())
        try:
            await (planned.open.wait() if planned.open else asyncio.sleep(0))
        except asyncio.CancelledError:
            self.diary.append(f"cancelled {self.name}/{stage}")
            raise
        self.diary.append(f"end {self.name}/{stage}")
        if planned.lost:
            raise AgentLost(self.name, f"applying {stage}", "the connection broke")
        event = Event(self.name, stage, "work", planned.status, detail="made", diff=("+a",), actions=("start a",))
        if report:
            report(event)
        outcome = Outcome(self.name, stage, (event,), 0.1)
        if planned.status is Status.FAILED:
            raise CommandFailed(event, outcome)
        return outcome


def task(task_id: str, *after: str) -> Task:
    node, _, step = task_id.partition("/")
    return Task(node, step, (ITEM,), after)


# Two nodes that prepare by themselves, then a, then both serve one after the other.
TASKS = (
    task("a/prepare"),
    task("b/prepare"),
    task("a/cluster", "a/prepare", "b/prepare"),
    task("a/serve", "a/cluster"),
    task("b/serve", "a/cluster", "a/serve"),
)


def hosts(**stages: Mapping[str, Stage]) -> tuple[list[str], dict[str, FakeHost]]:
    diary: list[str] = []
    return diary, {name: FakeHost(name, diary, stages.get(name, {})) for name in ("a", "b")}


def ran(work: Coroutine[Any, Any, Any]) -> Any:
    async def within() -> Any:
        async with asyncio.timeout(10):
            return await work

    return asyncio.run(within())


async def settled() -> None:
    """Everything that can go on without us has."""
    for _ in range(50):
        await asyncio.sleep(0)


def test_every_task_is_done_after_those_it_needs() -> None:
    diary, fakes = hosts()
    progress = Progress()
    ran(carry_out(TASKS, fakes, VALUES, progress))
    assert list(progress.done) == ["a/prepare", "b/prepare", "a/cluster", "a/serve", "b/serve"]
    assert (progress.failed, progress.left) == ({}, [])
    for each in TASKS:
        for need in each.after:
            assert diary.index(f"end {need}") < diary.index(f"begin {each.id}")
    asked = [each for fake in fakes.values() for each in fake.asked]
    assert all(each["items"] == (ITEM,) and each["values"] is VALUES and not each["check"] for each in asked)


def test_the_order_of_the_list_decides_nothing() -> None:
    diary, fakes = hosts()
    progress = Progress()
    ran(carry_out(tuple(reversed(TASKS)), fakes, VALUES, progress))
    assert set(progress.done) == {each.id for each in TASKS}
    assert diary.index("end a/serve") < diary.index("begin b/serve")


def test_tasks_that_need_nothing_of_each_other_run_at_once() -> None:
    """Neither could end alone: each is let go only when both have begun."""

    async def both() -> None:
        gate = asyncio.Event()
        diary, fakes = hosts(a={"prepare": Stage(open=gate)}, b={"prepare": Stage(open=gate)})
        work = asyncio.create_task(carry_out(TASKS, fakes, VALUES, Progress()))
        await settled()
        assert sorted(diary) == ["begin a/prepare", "begin b/prepare"]
        gate.set()
        await work

    ran(both())


def test_a_slow_node_holds_up_only_what_waits_for_it() -> None:
    async def slow() -> None:
        gate = asyncio.Event()
        diary, fakes = hosts(b={"prepare": Stage(open=gate)})
        graph = (*TASKS, task("a/extra", "a/prepare"))
        progress = Progress()
        work = asyncio.create_task(carry_out(graph, fakes, VALUES, progress))
        await settled()
        assert list(progress.done) == ["a/prepare", "a/extra"]
        assert "begin a/cluster" not in diary
        gate.set()
        await work
        assert not progress.left

    ran(slow())


@pytest.mark.parametrize(
    ("stage", "kind"),
    [(Stage(Status.FAILED), CommandFailed), (Stage(lost=True), AgentLost)],
    ids=["failed", "lost"],
)
def test_after_a_failure_nothing_more_is_begun_and_what_runs_is_finished(stage: Stage, kind: type) -> None:
    async def failing() -> None:
        gate = asyncio.Event()
        diary, fakes = hosts(a={"prepare": stage}, b={"prepare": Stage(open=gate)})
        graph = (*TASKS, task("b/extra", "b/prepare"))
        progress = Progress()
        work = asyncio.create_task(carry_out(graph, fakes, VALUES, progress))
        await settled()
        assert "end a/prepare" in diary
        assert not work.done()
        gate.set()
        await work
        assert list(progress.done) == ["b/prepare"]
        assert {name: type(error) for name, error in progress.failed.items()} == {"a/prepare": kind}
        assert progress.left == ["a/cluster", "a/serve", "b/serve", "b/extra"]
        assert "begin b/extra" not in diary
        assert "cancelled b/prepare" not in diary

    ran(failing())


def test_cancelled_it_ends_what_runs_and_says_what_was_not_completed() -> None:
    async def cancelled() -> None:
        diary, fakes = hosts(b={"prepare": Stage(open=asyncio.Event())})
        progress = Progress()
        work = asyncio.create_task(carry_out(TASKS, fakes, VALUES, progress))
        await settled()
        work.cancel()
        with pytest.raises(asyncio.CancelledError):
            await work
        assert list(progress.done) == ["a/prepare"]
        assert progress.failed == {}
        assert sorted(progress.left) == ["a/cluster", "a/serve", "b/prepare", "b/serve"]
        assert diary[-1] == "cancelled b/prepare"

    ran(cancelled())


def test_changes_are_those_of_the_tasks_done() -> None:
    _, fakes = hosts(a={"cluster": Stage(Status.CHANGED), "serve": Stage(Status.PENDING)})
    progress, seen = Progress(), []
    ran(carry_out(TASKS, fakes, VALUES, progress, seen.append))
    assert progress.changes == (Change("a/cluster", "work", "made", ("+a",), ("start a",)),)
    assert [event.status for event in seen] == [Status.OK, Status.OK, Status.CHANGED, Status.PENDING, Status.OK]


def test_looking_asks_for_everything_without_waiting_and_changes_nothing() -> None:
    async def looking() -> Progress:
        gates = {each: asyncio.Event() for each in ("a", "b")}
        diary, fakes = hosts(
            a={"prepare": Stage(Status.CHANGED, open=gates["a"])}, b={"serve": Stage(Status.CHANGED)}
        )
        work = asyncio.create_task(look(TASKS, fakes, VALUES))
        await settled()
        assert "end b/serve" in diary
        gates["a"].set()
        progress = await work
        assert all(each["check"] for fake in fakes.values() for each in fake.asked)
        return progress

    progress = ran(looking())
    assert list(progress.done) == [each.id for each in TASKS]
    assert [change.task for change in progress.changes] == ["a/prepare", "b/serve"]


def test_looking_at_restarts_comes_after_the_files_that_would_cause_them() -> None:
    written = Task("a", "configuration", (File("/etc/a.conf", "a"),))
    renewed = Task("a", "serves", (Renewed("a-clone", "a.service", ("/etc/a.conf",), Renewal.RESTART),))

    async def looking() -> list[str]:
        gate = asyncio.Event()
        diary, fakes = hosts(a={"configuration": Stage(open=gate)})
        work = asyncio.create_task(look((renewed, written), fakes, VALUES))
        await settled()
        gate.set()
        await work
        return diary

    assert ran(looking()) == ["begin a/configuration", "end a/configuration", "begin a/serves", "end a/serves"]


def test_looking_goes_on_after_a_failure_and_tells_it() -> None:
    _, fakes = hosts(a={"prepare": Stage(lost=True)})
    progress = ran(look(TASKS, fakes, VALUES))
    assert list(progress.failed) == ["a/prepare"]
    assert list(progress.done) == ["b/prepare", "a/cluster", "a/serve", "b/serve"]
