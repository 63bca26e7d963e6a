"""Look at hosts, or change them, task by task in the order of the graph."""

import asyncio
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Protocol

from quorate.model.item import File, Item
from quorate.plan.plan import Change
from quorate.plan.task import Task
from quorate.remote.errors import AgentLost, CommandFailed
from quorate.remote.event import Event, Outcome, Status
from quorate.remote.shipping import Values

Report = Callable[[Event], None]


class Host(Protocol):
    """What a deployment needs of a session."""

    async def apply(
        self,
        stage: str,
        items: Sequence[Item],
        *,
        check: bool = False,
        values: Values | None = None,
        report: Report | None = None,
    ) -> Outcome:
        """Bring the node to these states (`remote.session.Session.apply`)."""
        ...


@dataclass(slots=True)
class Progress:
    """How far a deployment has come, by task id: the stated condition of every node. `left` was not completed."""

    done: dict[str, Outcome] = field(default_factory=dict)
    failed: dict[str, CommandFailed | AgentLost] = field(default_factory=dict)
    left: list[str] = field(default_factory=list)

    @property
    def changes(self) -> tuple[Change, ...]:
        """What was (or, when only looked at, would be) changed, in the order of the tasks done."""
        return tuple(_change(task, event) for task, outcome in self.done.items() for event in _changed(outcome))


async def look(
    tasks: Sequence[Task], hosts: Mapping[str, Host], values: Values, report: Report | None = None
) -> Progress:
    """Compare every task's items with the hosts, changing nothing; none waits for another."""
    progress = Progress()

    # Files first: from those that would change, agents know what would restart.
    for writes in (True, False):
        async with asyncio.TaskGroup() as group:
            for task in tasks:
                if writes is any(isinstance(item, File) for item in task.items):
                    group.create_task(_carry_out(task, hosts[task.node], values, progress, report, check=True))
    order = {task.id: number for number, task in enumerate(tasks)}
    progress.done = dict(sorted(progress.done.items(), key=lambda pair: order[pair[0]]))
    return progress


async def carry_out(
    tasks: Sequence[Task],
    hosts: Mapping[str, Host],
    values: Values,
    progress: Progress,
    report: Report | None = None,
) -> None:
    """Do every task once those it comes after are done, keeping `progress` true also when this is cancelled.

    After a failure nothing more is begun; what runs is finished. Cancelled, hosts end at the item they are at.
    """
    waiting = {task.id: task for task in tasks}
    running: dict[asyncio.Task[None], str] = {}
    try:
        while True:
            if not progress.failed:
                for task in [
                    task for task in waiting.values() if all(need in progress.done for need in task.after)
                ]:
                    del waiting[task.id]
                    begun = _carry_out(task, hosts[task.node], values, progress, report, check=False)
                    running[asyncio.create_task(begun)] = task.id
            if not running:
                break
            finished, _ = await asyncio.wait(running, return_when=asyncio.FIRST_COMPLETED)
            for job in finished:
                del running[job]
                job.result()
    finally:
        for job in running:
            job.cancel()
        await asyncio.gather(*running, return_exceptions=True)
        progress.left = [*running.values(), *waiting]


async def _carry_out(
    task: Task, host: Host, values: Values, progress: Progress, report: Report | None, *, check: bool
) -> None:
    try:
        progress.done[task.id] = await host.apply(task.step, task.items, check=check, values=values, report=report)
    except (CommandFailed, AgentLost) as failure:
        progress.failed[task.id] = failure


def _changed(outcome: Outcome) -> list[Event]:
    return [event for event in outcome.events if event.status is Status.CHANGED]


def _change(task: str, event: Event) -> Change:
    return Change(task, event.item, event.detail, event.diff, event.actions)
