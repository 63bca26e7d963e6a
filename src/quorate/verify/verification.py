"""Asking: every probe once on each of its nodes, all of a node's in one round trip, all nodes at once."""

import asyncio
import json
import time
from collections.abc import Iterable, Iterator, Mapping, Sequence
from threading import Event
from typing import Any, Protocol

from quorate import catalog
from quorate.model.check import Answers, Check, Probe, Result, listing, no, unknown, yes
from quorate.model.design import Design
from quorate.remote import shipping
from quorate.remote.errors import AgentLost, Unreachable
from quorate.remote.session import Output
from quorate.remote.shipping import Values
from quorate.verify import cloud, cluster, hosts, identity, uses
from quorate.verify.report import Outcome, Report

NODES = "nodes"
CLOCKS = "clocks"
_CLOCK = shipping.Probe(("date", "+%s.%N"), timeout_s=10)
_READINGS = 5
_OVERHEAD_S = 30


class Asked(Protocol):
    """What is needed of a session with a node's agent."""

    async def run(
        self, probes: Sequence[shipping.Probe], *, at_once: bool = True, values: Values | None = None
    ) -> tuple[Output, ...]:
        """Run programs and return what each gave, in the order asked for. Raises `AgentLost`."""


def checks(design: Design) -> Iterator[Check]:
    """Every check that nodes answer: of the clusters, of each component, of every host."""
    yield from cluster.checks(design)
    for component in design.components():
        yield from catalog.checks(component.name, design)
    yield from hosts.checks(design)


def names(design: Design) -> tuple[str, ...]:
    """The names of all checks, in the order they are shown."""
    return (NODES, CLOCKS, *(check.name for check in checks(design)), *identity.names(design), *uses.names(design))


def looks(design: Design) -> tuple[str, ...]:
    """Those of them that make nothing, and so cost little; the others are `uses`."""
    return tuple(name for name in names(design) if name not in uses.names(design))


async def verify(
    design: Design,
    values: Values,
    sessions: Mapping[str, Asked],
    unreachable: Iterable[Unreachable] = (),
    *,
    only: Iterable[str] = (),
) -> Report:
    """Look at the running cloud. `only` names the checks to ask (all by default); `NODES` is always asked.

    A node without a session, and one that is lost while asked, is unknown to every check and a no of `NODES`.
    """
    begun = time.monotonic()
    wanted = set(only) or set(names(design))
    asked = [check for check in checks(design) if check.name in wanted]
    absent = {failure.host: f"{failure.reason}; {failure.remedy}" for failure in unreachable}
    for node in design.cloud.topology.nodes:
        if node.name not in sessions:
            absent.setdefault(node.name, "there is no session with it")
    (answers, offsets, lost), used = await asyncio.gather(
        _ask_all(asked, values, sessions), _used(design, values, wanted, sessions)
    )
    outcomes = [Outcome(NODES, "hosts", "every node answers", tuple(_nodes(design, absent | lost)))]
    if CLOCKS in wanted:
        unread = [unknown("not reached", node) for node in absent | lost]
        results = (*hosts.clocks(offsets), *unread)
        outcomes.append(Outcome(CLOCKS, "hosts", f"clocks within {hosts.APART_S:g} s of each other", results))
    outcomes += [judged(check, answers, sessions) for check in asked]
    outcomes += [outcome for outcome in used if outcome.name in wanted]
    return Report(tuple(outcomes), time.monotonic() - begun)


async def ask(asked: Sequence[Check], values: Values, sessions: Mapping[str, Asked]) -> tuple[Outcome, ...]:
    """What comes of these checks alone."""
    answers, _, _ = await _ask_all(asked, values, sessions)
    return tuple(judged(check, answers, sessions) for check in asked)


Answered = Mapping[Probe, Mapping[str, Output | str]]
"""What came back, by probe and node: its output, or why there is none."""


def judged(check: Check, answered: Answered, reached: Iterable[str]) -> Outcome:
    """The check's own judgement of what was answered, and an unknown for whatever was not."""
    answers: dict[Probe, dict[str, Any]] = {}
    missing: dict[str, str] = {}
    for probe, nodes in check.probes.items():
        answers[probe] = {}
        for node in _askers(probe, nodes, reached) or nodes:
            value, error = _read(probe, answered.get(probe, {}).get(node, "not reached"))
            if error is None:
                answers[probe][node] = value
            else:
                missing.setdefault(node, error)
    results = list(_judgement(check, answers)) if any(answers.values()) else []
    results += [unknown(error, node) for node, error in missing.items()]
    return Outcome(check.name, check.component, check.about, tuple(results))


def _judgement(check: Check, answers: Answers) -> Iterable[Result]:
    try:
        return list(check.judge(answers))
    except (KeyError, TypeError, ValueError) as error:
        # An answer of another shape than the program promises: said, never taken for a yes.
        return [unknown(f"an answer that makes no sense: {type(error).__name__}: {error}")]


def _askers(probe: Probe, nodes: Iterable[str], reached: Iterable[str]) -> tuple[str, ...]:
    """Of a probe's nodes those that are asked; none if none can be reached and one would do."""
    present = set(reached)
    if not probe.once:
        return tuple(nodes)
    return tuple(node for node in nodes if node in present)[:1]


def _read(probe: Probe, output: Output | str) -> tuple[Any, str | None]:
    """The answer, or why there is none."""
    if isinstance(output, str):
        return None, output
    if output.rc is None:
        return None, f"{_program(probe)} gave no answer within {probe.timeout_s:g} s"
    if not probe.json:
        return {"rc": output.rc, "stdout": output.stdout, "stderr": output.stderr}, None
    try:
        if output.rc == 0:
            return json.loads(output.stdout), None
    except ValueError:
        return None, f"{_program(probe)} answered {output.stdout[:60]!r}"
    lines = output.stderr.strip().splitlines() or ["nothing"]
    return None, f"{_program(probe)} exited {output.rc}, saying {lines[-1][:200]}"


def _program(probe: Probe) -> str:
    """A name for people: one of our programs by the first line of its docstring."""
    ours = len(catalog.PYTHON)
    if probe.argv[:ours] != catalog.PYTHON:
        return probe.argv[0]
    first, *_ = probe.argv[ours].strip('"').splitlines()
    return f"the program <{first}>"


async def _ask_all(
    asked: Iterable[Check], values: Values, sessions: Mapping[str, Asked]
) -> tuple[Answered, dict[str, tuple[float, float]], dict[str, str]]:
    """Every answer by probe and node, bounds of every clock's offset, and why a node was lost meanwhile."""
    questions: dict[str, dict[Probe, None]] = {name: {} for name in sessions}
    for check in asked:
        for probe, nodes in check.probes.items():
            for node in _askers(probe, nodes, sessions):
                questions.get(node, {})[probe] = None
    results = await asyncio.gather(*(_ask(sessions[name], questions[name], values) for name in sessions))
    answers: dict[Probe, dict[str, Output | str]] = {}
    offsets, lost = {}, {}
    for name, (outputs, offset, trouble) in zip(sessions, results, strict=True):
        if trouble:
            lost[name] = trouble
        if offset:
            offsets[name] = offset
        for probe in questions[name]:
            answers.setdefault(probe, {})[name] = outputs.get(probe, trouble or "not answered")
    return answers, offsets, lost


async def _ask(
    session: Asked, probes: Iterable[Probe], values: Values
) -> tuple[dict[Probe, Output], tuple[float, float] | None, str | None]:
    """One node's clock, then everything else at once."""
    probes = list(probes)
    offset = None
    within_s = max((probe.timeout_s for probe in probes), default=0) + _OVERHEAD_S
    try:
        async with asyncio.timeout(within_s):
            offset = await _offset(session)
            shipped = [shipping.Probe(probe.argv, probe.stdin, probe.timeout_s) for probe in probes]
            outputs = await session.run(shipped, values=values) if shipped else ()
    except AgentLost as error:
        return {}, offset, f"lost while {error.doing}: {error.reason}"
    except TimeoutError:
        return {}, offset, f"gave no answer within {within_s:g} s"
    return dict(zip(probes, outputs, strict=True)), offset, None


async def _offset(session: Asked) -> tuple[float, float] | None:
    """Between what bounds, in s, the node's clock is ahead of ours; None if it could not be read.

    The quickest answer tells the most: where one is too slow to tell, another is asked for.
    """
    found: list[tuple[float, float]] = []
    while len(found) < _READINGS and not any(most - least < hosts.APART_S / 2 for least, most in found):
        sent = time.time()
        (output,) = await session.run([_CLOCK])
        received = time.time()
        if output.rc != 0:
            return None
        there = float(output.stdout)
        found.append((there - received, there - sent))
    return min(found, key=lambda bounds: bounds[1] - bounds[0])


async def _used(
    design: Design, values: Values, wanted: set[str], sessions: Mapping[str, Asked]
) -> tuple[Outcome, ...]:
    """What a person sees who uses the cloud from here."""
    if not wanted.intersection((*identity.names(design), *uses.names(design))):
        return ()
    # threads that import one package at once see half of it
    await asyncio.to_thread(cloud.load)
    ended = Event()
    using = (design, values.secrets, frozenset(wanted), _on(sessions, ended), ended)
    try:
        tokens, services = await asyncio.gather(
            asyncio.to_thread(identity.outcomes, design, values.secrets), asyncio.to_thread(uses.outcomes, *using)
        )
    finally:
        # A thread cannot be interrupted: it removes what it has made, and makes no more.
        ended.set()
    return *tokens, *services


def _on(sessions: Mapping[str, Asked], ended: Event) -> uses.On:
    """A way for other threads to have a program run on a node; Wrong once it has `ended`."""
    loop = asyncio.get_running_loop()

    async def said(node: str, argv: tuple[str, ...]) -> str:
        if node not in sessions:
            return "not reached"
        try:
            (output,) = await sessions[node].run([shipping.Probe(argv)])
        except AgentLost as error:
            return f"lost while {error.doing}: {error.reason}"
        return output.stdout.strip()

    def on(node: str, argv: tuple[str, ...]) -> str:
        if ended.is_set():
            raise uses.Wrong("interrupted")
        return asyncio.run_coroutine_threadsafe(said(node, argv), loop).result()

    return on


def _nodes(design: Design, absent: Mapping[str, str]) -> Iterator[Result]:
    for node, reason in absent.items():
        yield no(reason, node)
    if not absent:
        yield yes(f"{listing(node.name for node in design.cloud.topology.nodes)}")
