"""One drill: from full health to full health, with a fault between, clients at work all the time, and judges."""

import asyncio
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Iterable, Mapping, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from itertools import accumulate
from pathlib import Path
from textwrap import shorten
from typing import Any

from quorate.catalog import pacemaker
from quorate.catalog.haproxy import address_id
from quorate.design.budget import budget
from quorate.drill import aims, archive, happening, owners
from quorate.drill.fault import Fault
from quorate.drill.happening import Happening, Kind
from quorate.drill.judges import owners as ownership
from quorate.drill.judges import placement
from quorate.drill.judges.owners import Claim
from quorate.drill.ledger import Harm, Ledger
from quorate.drill.operation import Ending, Operation, Recorder, read
from quorate.drill.outage import good
from quorate.drill.result import Drilled, Service, Term
from quorate.drill.scene import Scene
from quorate.drill.workload import At, Workload, at_work
from quorate.model.check import Result, unknown
from quorate.model.finding import Verdict
from quorate.remote.shipping import Probe
from quorate.remote.until import Deadline, rest, until
from quorate.verify import Report, looks, uses

WORDS = 100
"""Characters of what is wrong, where a drill says what it waits for."""
Health = Callable[[Sequence[str]], Awaitable[Report]]
"""Asks the checks of these names."""


@dataclass(frozen=True, slots=True)
class Pace:
    """How long a drill's parts take, in seconds; `within` ones are deadlines.

    `work_s` of work come before the harm, so that there is something to lose, the last `steady_s` of them without
    a failure; `after_s` after everything is as designed again. `last_within_s` is for each of the reads that
    decide, and for removing what clients needed.
    """

    work_s: float = 8.0
    steady_s: float = 3.0
    steady_within_s: float = 60.0
    healthy_within_s: float = 600.0
    healthy_every_s: float = 2.0
    after_s: float = 5.0
    last_within_s: float = 120.0


@dataclass(slots=True)
class Run:
    """A drill under way: where it is kept, and its histories, whose seconds begin at `origin_s`."""

    fault: Fault
    scene: Scene
    workloads: Sequence[Workload]
    directory: Path
    pace: Pace
    origin_s: float = field(default_factory=time.monotonic)
    began_at: str = field(default_factory=lambda: datetime.now(UTC).isoformat(timespec="seconds"))
    recorders: dict[str, Recorder] = field(default_factory=dict)

    @property
    def struck_s(self) -> float:
        """The history's second at which the harm began."""
        return (self.scene.struck_s or self.origin_s) - self.origin_s

    def since_s(self) -> float:
        """Seconds since the harm began."""
        return time.monotonic() - self.origin_s - self.struck_s

    def history(self, workload: Workload) -> tuple[Operation, ...]:
        """What a workload's clients have written down so far."""
        with self._path(workload).open(encoding="utf-8") as stream:
            return read(stream)

    def since_harm(self, workload: Workload) -> tuple[Operation, ...]:
        """The same, in seconds after the harm."""
        return tuple(each.since(self.struck_s) for each in self.history(workload))

    def _path(self, workload: Workload) -> Path:
        return self.directory / f"{workload.name}.jsonl"

    @asynccontextmanager
    async def prepared(self) -> AsyncIterator[None]:
        """The workloads' tables and queues are there as long as the block runs, and their histories open."""
        async with AsyncExitStack() as stack:
            await all_removed(self.workloads, self.pace.last_within_s)
            stack.push_async_callback(all_removed, self.workloads, self.pace.last_within_s)
            for workload in self.workloads:
                await workload.prepare()
                stream = stack.enter_context(self._path(workload).open("w", encoding="utf-8"))
                self.recorders[workload.name] = Recorder(stream)
            yield

    @asynccontextmanager
    async def clients(self) -> AsyncIterator[None]:
        """All clients are at work as long as the block runs."""
        async with AsyncExitStack() as stack:
            for place, workload in enumerate(self.workloads):
                phase, recorder = place / len(self.workloads), self.recorders[workload.name]
                await stack.enter_async_context(at_work(workload, recorder, self.origin_s, phase))
            yield


async def all_removed(workloads: Iterable[Workload], within_s: float) -> None:
    """What they made is removed, side by side; also what others made if one cannot be (Deadline)."""
    ends = await asyncio.gather(*(removed(each, within_s) for each in workloads), return_exceptions=True)
    for each in ends:
        if each is not None:
            raise each


async def removed(workload: Workload, within_s: float) -> None:
    """What it made is removed, as soon as its service lets it (Deadline)."""

    async def tried() -> str:
        try:
            async with asyncio.timeout(workload.patience_s * 2):
                await workload.remove()
        except Exception as failure:  # noqa: BLE001 - whatever a client library raises: it is tried again
            return str(failure) or type(failure).__name__
        return ""

    what = f"what the drill made for {workload.name} is removed"
    await until(what, tried, lambda trouble: not trouble, within_s=within_s)


async def drill(
    fault: Fault,
    aim: str,
    scene: Scene,
    workloads: Sequence[Workload],
    health: Health,
    *,
    ledger: Ledger,
    path: Path,
    pace: Pace = Pace(),
) -> Drilled:
    """Break it, heal it, judge it; everything is written below `path`, a directory that is not there yet.

    What keeps a drill from going its way after the harm is in its result. Raises what happens before: Deadline
    if the cloud is not in order to begin with, NoAim.
    """
    await healthy(health, scene, pace)
    await asyncio.to_thread(path.mkdir, mode=0o700, parents=True)
    run = Run(fault, scene, workloads, path, pace)
    claims: list[Claim] = []
    async with run.prepared():
        # not before: a queue's leader is where the clients' queue is
        node = await aims.node(scene, aim)
        at_first = await scene.placed_once()
        outcome = Drilled(fault.name, node, run.began_at, directory=str(path))
        async with AsyncExitStack() as stack:
            deaf = ""
            try:
                vips = [vip.address for vip in scene.design.cloud.topology.virtual_ips]
                claims = await stack.enter_async_context(owners.watching(vips, run.origin_s))
            except owners.CannotWatch as error:
                deaf = str(error)
            await stack.enter_async_context(run.clients())
            await _steady(run)
            outcome = await _broken_and_healed(run, outcome, health, ledger)
        outcome = await _last_words(run, outcome)
        judgements = [workload.judge(run.since_harm(workload)) for workload in workloads]
    outcome = await _used(run, outcome, health)
    happened = await _happenings(scene)
    outcome = replace(
        outcome,
        struck_s=round(run.struck_s, 3),
        services=_services(run),
        judgements=(
            *judgements,
            ownership.judge([each.since(run.struck_s) for each in claims], why_unknown=deaf),
            placement.judge(happened, at_first),
        ),
        happenings=happened,
        at_first=at_first,
    )
    outcome = replace(outcome, terms=_terms(scene, outcome))
    archive.keep(outcome)
    return outcome


async def healthy(health: Health, scene: Scene, pace: Pace, *, use: bool = True) -> bool:
    """Wait until everything is as designed; whether it was when first asked. Raises Deadline with what is not.

    To ask for all is a burden. So what is not well is asked alone until it is; and services are used, if they are
    to be, once all that is only looked at is well, each until it has gone well since.
    """
    looked, left = looks(scene.design), uses.names(scene.design) if use else ()
    wrong = looked if left else ()
    at_once = True

    async def observe() -> str:
        nonlocal wrong, left
        found = _open(await health(wrong)) if wrong else {}
        if not found:
            found = _open(await health((*looked, *left)))
            left = tuple(name for name in left if name in found)
        wrong = tuple(name for name in found if name in looked)
        return "; ".join(f"{name} ({why})" for name, why in found.items())

    def told(open_: str) -> None:
        nonlocal at_once
        at_once = False
        scene.say(f"not yet: {open_}")

    await until(
        "everything is as designed",
        observe,
        lambda open_: not open_,
        within_s=pace.healthy_within_s,
        every_s=pace.healthy_every_s,
        report=told,
    )
    return at_once


def _open(report: Report) -> dict[str, str]:
    """What is not well, and the first thing that is wrong with each."""
    found: dict[str, str] = {}
    for outcome in report.outcomes:
        wrong = [result for result in outcome.results if result.verdict is not Verdict.YES]
        if outcome.verdict is not Verdict.YES:
            first = wrong[0] if wrong else unknown("nothing was seen")
            said = f"{first.node}: {first.seen}" if first.node else first.seen
            found[outcome.name] = shorten(said, WORDS, placeholder="...")
    return found


async def _steady(run: Run) -> None:
    """Wait until every workload was served for a while."""
    began_s = time.monotonic() - run.origin_s

    async def observe() -> dict[str, str]:
        now_s = time.monotonic() - run.origin_s
        return {
            each.name: _unsteady(each, run.history(each), max(began_s, now_s - run.pace.steady_s))
            for each in run.workloads
        }

    def holds(seen: Mapping[str, str]) -> bool:
        return time.monotonic() - run.origin_s - began_s >= run.pace.work_s and not any(seen.values())

    await until("the clients are served steadily", observe, holds, within_s=run.pace.steady_within_s)


def _unsteady(workload: Workload, operations: Iterable[Operation], since_s: float) -> str:
    """What is wrong with a service as its clients saw it from then on; empty if nothing."""
    asked = (each for each in operations if each.does in workload.asks)
    ended = [each for each in asked if each.ended_s is not None and each.ended_s >= since_s]
    bad = [each for each in ended if not good(each, workload.slow_s)]
    return "" if ended and not bad else bad[0].error or "slow" if bad else "nothing was asked yet"


async def _broken_and_healed(run: Run, outcome: Drilled, health: Health, ledger: Ledger) -> Drilled:
    """Harm, time, a look, healing, and full health; trouble ends none of the later ones."""
    fault, scene, node = run.fault, run.scene, outcome.node
    troubles: list[str] = []
    looked: tuple[Result, ...] = ()
    ledger.write(Harm(fault.name, node, scene.hold_s))
    scene.say(f"{fault.name} on {node}: {fault.does}")
    try:
        await fault.harm(scene, node)
        scene.strike()
        await rest(scene.hold_s - run.since_s())
        looked = tuple(await fault.look(scene, node))
    except Exception as failure:  # noqa: BLE001 - whatever went wrong, the harm is healed and the rest is judged
        troubles.append(_told("harm", failure))
        scene.strike()
    finally:
        # Also when the drill is interrupted: that ends the drill, not the healing.
        troubles += await _healed(run, node, ledger)
    healed_s = run.since_s()
    healthy_s = None
    try:
        # Services are used later: clients are at work, who would wait for what a look at the cloud makes.
        await healthy(health, scene, run.pace, use=False)
        healthy_s = round(run.since_s(), 1)
        scene.say(f"everything is as designed again, {healthy_s:.1f} s after the harm began")
        await rest(run.pace.after_s)
    except Deadline as deadline:
        troubles.append(str(deadline))
    return replace(
        outcome,
        looked=looked,
        healed_s=round(healed_s, 1),
        healthy_s=healthy_s,
        trouble="; ".join(troubles),
    )


async def heal(fault: Fault, node: str, scene: Scene, ledger: Ledger) -> None:
    """Put right what a fault has harmed, now or in a drill that was killed, and note that it is."""
    scene.say(f"healing: {fault.heals}")
    await fault.heal(scene, node)
    ledger.clear()


async def _healed(run: Run, node: str, ledger: Ledger) -> list[str]:
    try:
        await heal(run.fault, node, run.scene, ledger)
    except Exception as failure:  # noqa: BLE001 - it stays in the ledger, and is told
        return [_told("healing", failure)]
    return []


def _told(what: str, failure: Exception) -> str:
    return f"{what}: {failure or type(failure).__name__}"


async def _used(run: Run, outcome: Drilled, health: Health) -> Drilled:
    """The services are used. If that does not go well at once, the cloud was not whole before it does."""
    if outcome.healthy_s is None or not uses.names(run.scene.design):
        return outcome
    try:
        at_once = await healthy(health, run.scene, run.pace)
    except Deadline as deadline:
        trouble = "; ".join(each for each in (outcome.trouble, str(deadline)) if each)
        return replace(outcome, healthy_s=None, trouble=trouble)
    return outcome if at_once else replace(outcome, healthy_s=round(run.since_s(), 1))


async def _last_words(run: Run, outcome: Drilled) -> Drilled:
    """The reads that decide, each until it is answered."""
    troubles = [outcome.trouble] if outcome.trouble else []
    for workload in run.workloads:
        client, *_ = workload.clients()
        at = At(0, client, workload, run.recorders[workload.name], run.origin_s)
        try:
            for does, value in workload.last():
                await _answered(at, does, value, run.pace.last_within_s)
        except Deadline as deadline:
            troubles.append(str(deadline))
        finally:
            await client.close()
    return replace(outcome, trouble="; ".join(troubles))


async def _answered(at: At, does: str, value: Any, within_s: float) -> None:
    await until(
        f"{at.workload.name} answers the last {does}",
        lambda: at.does(does, value),
        lambda ending: ending is Ending.OK,
        within_s=within_s,
    )


async def _happenings(scene: Scene) -> tuple[Happening, ...]:
    answers = await scene.hosts.ask([Probe(happening.command(scene.struck_at - 1))])
    return happening.happenings(((node, output.stdout) for node, (output,) in answers.items()), scene.struck_at)


def _services(run: Run) -> tuple[Service, ...]:
    found = []
    for workload in run.workloads:
        asked = [each for each in run.since_harm(workload) if each.client and each.does in workload.asks]
        found.append(Service.of(workload.name, workload.component, asked, workload.slow_s))
    return tuple(found)


def _terms(scene: Scene, outcome: Drilled) -> tuple[Term, ...]:
    """When each step of a failover was done, beside what the timers predict; only if somebody was fenced."""
    cloud = scene.design.cloud
    members = max(len(cluster.members) for cluster in cloud.topology.clusters)
    parts = {term.name: term.seconds for term in budget(cloud.timers, members, pacemaker.rest_s(cloud.fencing))}
    predicted = dict(zip(parts, accumulate(parts.values()), strict=True))
    addresses = frozenset(map(address_id, cloud.topology.virtual_ips))
    first = {
        "detected": _first(outcome, Kind.DETECTED),
        "membership": _first(outcome, Kind.MEMBERSHIP),
        "fenced": _first(outcome, Kind.FENCED),
        "address up": _first(outcome, Kind.START, addresses),
        "promoted": _first(outcome, Kind.PROMOTE),
    }
    if first["fenced"] is None:
        return ()
    back = max((each.outage_at_s + each.outage_s for each in outcome.services if each.outage_s), default=None)
    by_term = {"detected": "detect", "membership": "agree", "fenced": "fence", "address up": "start"}
    terms = [Term(name, at_s, predicted.get(by_term.get(name, ""))) for name, at_s in first.items()]
    return (*terms, Term("clients back", back, predicted["clients"]))


def _first(outcome: Drilled, kind: Kind, resources: frozenset[str] | None = None) -> float | None:
    times = (
        each.at_s
        for each in outcome.happenings
        if each.kind is kind and each.at_s > 0 and (resources is None or each.resource in resources)
    )
    return next(times, None)
