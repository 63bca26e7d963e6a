"""The proof: every situation of the stated classes played through, every property judged, and what was covered."""

import math
import os
import time
from collections import deque
from collections.abc import Callable, Iterable, Mapping, Sequence
from concurrent.futures import FIRST_COMPLETED, Executor, Future, wait
from contextlib import nullcontext
from dataclasses import dataclass, field, replace
from functools import lru_cache

from quorate.model.finding import Verdict
from quorate.prove import situations
from quorate.prove.agents import KNOWN, Agents
from quorate.prove.event import Event, Passed, Returned
from quorate.prove.graph import Graph
from quorate.prove.graph import read as read_graph
from quorate.prove.history import Role
from quorate.prove.intent import Intent
from quorate.prove.pool import Pool, WorkerLost
from quorate.prove.properties import ACCEPTED, ALL, Breach, Judged
from quorate.prove.scheduler import Place, ScheduleFailed, scheduler_at
from quorate.prove.settle import Schedule, Situation, Trace, play
from quorate.prove.state import State
from quorate.prove.state import read as read_state

CHUNK = 8
"""How many situations go to a worker at once: enough to make sending cheap, few enough for steady progress."""

LARGE = 20
"""In clusters of more nodes a few situations are work enough."""

BREATH_S = 1.0
"""How often progress is reported when nothing is ready."""

MEMORY = 20_000
"""How many decisions of the scheduler each worker remembers."""

SAMPLE = 3
"""How many of the remotes that are alike are tried: in 20 of 20 trials they behaved alike."""


@dataclass(frozen=True, slots=True)
class Judgement:
    """What came of one situation: what each property says of it, or why nothing can be said."""

    situation: Situation
    judged: Mapping[str, Judged]
    transitions: int = 0
    unknown: str | None = None


@dataclass(frozen=True, slots=True)
class Assignment:
    """Situations for a worker, with all that it needs to judge them."""

    place: Place
    engine: str | None
    cib: str
    intent: Intent
    properties: tuple[str, ...]
    agents: Agents
    situations: tuple[Situation, ...]


@dataclass(frozen=True, slots=True)
class Refutation:
    """A breach, in the simplest situation that shows it, and in how many others it showed as well."""

    breach: Breach
    situation: Situation
    others: int = 0


@dataclass(frozen=True, slots=True)
class PropertyOutcome:
    """What became of one property: how often something was checked, and its simplest refutation.

    `applies` is false where the configuration has nothing that it is about, `decided` where something stayed open,
    `everywhere` where only some of the situations were asked for.
    """

    name: str
    about: str
    applies: bool
    checked: int
    decided: bool
    refutation: Refutation | None = None
    everywhere: bool = True

    @property
    def vacuous(self) -> bool:
        """Whether there was never anything to check, though there should have been."""
        return self.applies and self.decided and self.checked == 0

    @property
    def verdict(self) -> Verdict:
        """Refuted, or vacuous: no. Open: unknown. Not about this configuration, or it held throughout: yes.

        What none of the situations asked for is about stays unknown.
        """
        if self.refutation or (self.vacuous and self.everywhere):
            return Verdict.NO
        held = self.decided and not self.vacuous
        return Verdict.YES if held or not self.applies else Verdict.UNKNOWN


@dataclass(frozen=True, slots=True)
class Coverage:
    """What the proof covers: how many situations of each class, which are a sample, by whose decision.

    `left_out` counts the situations that were not asked for.
    """

    classes: Mapping[str, int]
    left_out: int
    sampled: Mapping[str, str]
    transitions: int
    pacemaker: str
    engine: str
    place: str
    seconds: float
    seed: int


@dataclass(frozen=True, slots=True)
class Proof:
    """What is proved, refuted or open. `undecided` maps what could not be judged to the reason."""

    properties: tuple[PropertyOutcome, ...]
    coverage: Coverage
    steady: State
    undecided: Mapping[str, str] = field(default_factory=dict)

    @property
    def open(self) -> dict[str, list[str]]:
        """What is undecided, by the reason."""
        reasons: dict[str, list[str]] = {}
        for name, why in self.undecided.items():
            reasons.setdefault(why, []).append(name)
        return reasons

    @property
    def verdict(self) -> Verdict:
        """One refutation makes it no; otherwise one open question, or nothing to check at all, makes it unknown.

        What none of the situations asked for is about does not count.
        """
        if any(each.verdict is Verdict.NO for each in self.properties):
            return Verdict.NO
        applying = [each.verdict for each in self.properties if each.applies]
        held = Verdict.YES in applying or not applying
        return Verdict.YES if held and not self.undecided else Verdict.UNKNOWN


Report = Callable[[int, int, float], None]
"""Told how many of how many situations are judged, and after how many seconds."""


@dataclass(frozen=True)
class Question:
    """What is to be proved of which cluster, and how thoroughly.

    `state` is where it begins: a running cluster's true state, or one in which nothing runs yet. `wanted` chooses
    among the situations. After `budget_s` seconds what is not judged yet stays open.
    """

    state: State
    intent: Intent
    place: Place
    properties: tuple[str, ...] = tuple(ALL)
    wanted: Callable[[Situation], bool] = lambda _situation: True
    depth: int = 1
    budget_s: float | None = None
    engine: str | None = None
    seed: int = 0
    agents: Agents = KNOWN


def schedule_at(place: Place, engine: str | None = None) -> Schedule:
    """Pacemaker's scheduler there, which remembers what it decided (exactly: by all that decides)."""
    return _remembering(place, engine).decide


@lru_cache(maxsize=8)
def _remembering(place: Place, engine: str | None) -> "_Remembering":
    return _Remembering(place, engine)


class _Remembering:
    def __init__(self, place: Place, engine: str | None) -> None:
        self._place, self._engine = place, engine
        self._known: dict[bytes, Graph] = {}

    def decide(self, state: State) -> Graph:
        graph = self._known.get(state.key)
        if graph is None:
            graph = read_graph(scheduler_at(self._place, self._engine).schedule(state.xml))
            if len(self._known) >= MEMORY:
                self._known.clear()
            self._known[state.key] = graph
        return graph


def judge_assigned(assignment: Assignment) -> tuple[Judgement, ...]:
    """Judge situations; runs in a worker process."""
    start = _start(assignment.cib)
    schedule = schedule_at(assignment.place, assignment.engine)
    return tuple(judge(each, start, schedule, assignment) for each in assignment.situations)


@lru_cache(maxsize=4)
def _start(cib: str) -> State:
    return read_state(cib)


def judge(situation: Situation, start: State, schedule: Schedule, assignment: Assignment) -> Judgement:
    """What the properties say of one situation; unknown if Pacemaker could not decide something."""
    try:
        trace = play(situation, start, schedule, agents=assignment.agents)
    except ScheduleFailed as error:
        return Judgement(situation, {}, unknown=str(error))
    judged = {name: ALL[name].judge(trace, assignment.intent) for name in assignment.properties}
    return Judgement(situation, judged, sum(len(each.transitions) for each in trace.episodes))


def steady(question: Question, schedule: Schedule) -> Trace:
    """How the cluster comes to its steady state from where it is, or with all members up if nothing ran yet.

    Raises ScheduleFailed.
    """
    state = question.state
    fresh = not any(node.histories for node in state.nodes.values())
    event: Event = Returned(state.configuration.members) if fresh else Passed(0)
    return play(Situation("start", "start", (event,)), state, schedule, agents=question.agents)


def prove(
    question: Question,
    *,
    executor: Executor | None = None,
    width: int | None = None,
    report: Report = lambda *_: None,
) -> Proof:
    """Judge every situation that the question asks for; by as many processes as there are cores unless told.

    `width` assignments at a time go to the executor: twice the cores of this machine, or of those it has.

    What Pacemaker refuses to decide stays open. Raises SchedulerUnavailable if it cannot be asked at all.
    """
    began = time.monotonic()
    schedule = schedule_at(question.place, question.engine)
    judgements = [_accepted(question)] if ACCEPTED in question.properties else []
    undecided: dict[str, str] = {}
    found = _Found((), 0, {})
    end = question.state
    try:
        start = steady(question, schedule)
    except ScheduleFailed as error:
        undecided["start"] = str(error)
    else:
        end = start.end
        question, open_ = _without_unknown(question, end)
        undecided |= open_
        judgements += [_judged(start, question), _judged(Trace(_STEADY, end, ()), question)]
        found = _situations(question, end, schedule)
        run = _Run(question, end, began, report)
        with Pool() if executor is None else nullcontext(executor) as workers:
            left, done = run.judgements(found.wanted, workers, width or 2 * (os.cpu_count() or 1))
        judgements += done
        undecided |= {each.name: "the budget was used up" for each in left}
    undecided |= {each.situation.name: each.unknown for each in judgements if each.unknown}
    outcomes = tuple(
        _outcome(name, judgements, end, question, decided=not undecided, everywhere=not found.left_out)
        for name in question.properties
    )
    scheduler = scheduler_at(question.place, question.engine)
    coverage = Coverage(
        classes=_counted(judgements),
        left_out=found.left_out,
        sampled=found.sampled,
        transitions=sum(each.transitions for each in judgements),
        pacemaker=scheduler.version,
        engine=scheduler.engine,
        place=question.place.name,
        seconds=time.monotonic() - began,
        seed=question.seed,
    )
    return Proof(outcomes, coverage, end, undecided)


def _without_unknown(question: Question, steady_state: State) -> tuple[Question, dict[str, str]]:
    """The question without the promotions that nothing can be said of, and why.

    Where an agent has no model, its resource may still be promoted by what the configuration says (a location).
    """
    unknown = {
        name: f"no model of {steady_state.configuration.primitives[name].agent}: when it is promoted is not known"
        for name in question.agents.unknown(steady_state.configuration)
        if Role.PROMOTED not in steady_state.instances(name).values()
    }
    known = {name: number for name, number in question.intent.promoted.items() if name not in unknown}
    intent = replace(question.intent, promoted=known)
    return replace(question, intent=intent), {f"promotion of {name}": why for name, why in unknown.items()}


_STEADY = Situation("steady", "steady", ())
"""Nothing happens: what holds of a configuration and of the state in which everything runs."""


@dataclass(frozen=True, slots=True)
class _Found:
    wanted: tuple[Situation, ...]
    left_out: int
    sampled: Mapping[str, str]


def _situations(question: Question, steady_state: State, schedule: Schedule) -> _Found:
    scope = situations.scope(steady_state, sample=SAMPLE, seed=question.seed)
    found: Iterable[Situation] = situations.singles(scope)
    if question.depth > 1:
        found = (*found, *situations.pairs(scope), *situations.interrupted(scope, _lengths(scope, schedule)))
    every = tuple(found)
    wanted = tuple(each for each in every if question.wanted(each))
    return _Found(wanted, len(every) - len(wanted), _sampled(scope, question.seed))


def _sampled(scope: situations.Scope, seed: int) -> Mapping[str, str]:
    remotes = [node for node in scope.steady.configuration.remotes if scope.steady.takes_part(node)]
    told = {}
    if len(scope.remotes) < len(remotes):
        alike = f"those alike by {SAMPLE}, with the devices that fence none but them"
        told["remotes"] = f"{len(scope.remotes)} of {len(remotes)}, {alike}, seed {seed}"
    if len(scope.members) > situations.PERMUTED:
        told["cold-start"] = f"{situations.COLD_STARTS} orders of return"
    return told


def _lengths(scope: situations.Scope, schedule: Schedule) -> dict[str, int]:
    """How many actions follow each fault that is to be interrupted."""
    faults = (*situations.node_lost(scope), *situations.monitor_fails(scope))
    return {each.name: _length(schedule(each.events[0].happen(scope.steady))) for each in faults}


def _accepted(question: Question) -> Judgement:
    """Whether crm_verify accepts the configuration: it alone sees what the scheduler leaves out of account."""
    said = scheduler_at(question.place, question.engine).verify(question.state.xml)
    # what is deprecated is a warning, with which it does not end well either
    errors = [line for line in said.lines if not line.startswith("warning:") and "(with warnings)" not in line]
    breach = Breach(ACCEPTED, "; ".join(dict.fromkeys(errors)) or f"crm_verify ended with {said.code}")
    return Judgement(_STEADY, {ACCEPTED: Judged(1, (breach,) if said.code and errors else ())})


def _length(graph: Graph) -> int:
    return sum(1 for action in graph.actions.values() if action.kind.real)


def _judged(trace: Trace, question: Question) -> Judgement:
    judged = {name: ALL[name].judge(trace, question.intent) for name in question.properties}
    return Judgement(trace.situation, judged, sum(len(each.transitions) for each in trace.episodes))


@dataclass(frozen=True, slots=True)
class _Run:
    """A proof under way: what is asked from which steady state, and since when."""

    question: Question
    start: State
    began: float
    report: Report

    def judgements(
        self, wanted: Sequence[Situation], executor: Executor, width: int
    ) -> tuple[list[Situation], list[Judgement]]:
        """Have situations judged, `width` assignments at a time: those that were not reached, and what was.

        In the order of the situations, whoever is first: the same question has the same answer.
        """
        size = CHUNK if len(self.start.nodes) <= LARGE else CHUNK // 4
        todo = deque(tuple(wanted[first : first + size]) for first in range(0, len(wanted), size))
        under_way: dict[Future[tuple[Judgement, ...]], tuple[Situation, ...]] = {}
        done: list[Judgement] = []
        try:
            while (todo or under_way) and self._left_s() > 0:
                while todo and len(under_way) < width:
                    chunk = todo.popleft()
                    under_way[executor.submit(judge_assigned, self._assignment(chunk))] = chunk
                ended, _ = wait(under_way, timeout=min(self._left_s(), BREATH_S), return_when=FIRST_COMPLETED)
                for each in ended:
                    chunk = under_way.pop(each)
                    try:
                        done += each.result()
                    except WorkerLost as lost:
                        done += [Judgement(situation, {}, unknown=str(lost)) for situation in chunk]
                self.report(len(done), len(wanted), time.monotonic() - self.began)
        finally:
            for each in under_way:
                each.cancel()
        order = {each.name: number for number, each in enumerate(wanted)}
        done.sort(key=lambda each: order[each.situation.name])
        return [situation for chunk in (*under_way.values(), *todo) for situation in chunk], done

    def _assignment(self, chunk: tuple[Situation, ...]) -> Assignment:
        asked = self.question
        about = (asked.place, asked.engine, self.start.xml, asked.intent, asked.properties, asked.agents)
        return Assignment(*about, chunk)

    def _left_s(self) -> float:
        if self.question.budget_s is None:
            return math.inf
        return self.question.budget_s - (time.monotonic() - self.began)


def _outcome(
    name: str,
    judgements: Sequence[Judgement],
    start: State,
    question: Question,
    *,
    decided: bool,
    everywhere: bool,
) -> PropertyOutcome:
    checked = sum(each.judged[name].checked for each in judgements if name in each.judged)
    breached = [each for each in judgements if name in each.judged and each.judged[name].breaches]
    refutation = None
    if breached:
        simplest = min(breached, key=lambda each: (len(each.situation.events), each.transitions))
        refutation = Refutation(simplest.judged[name].breaches[0], simplest.situation, len(breached) - 1)
    applies = ALL[name].applies(Trace(_STEADY, start, ()), question.intent)
    return PropertyOutcome(name, ALL[name].about, applies, checked, decided, refutation, everywhere)


def _counted(judgements: Iterable[Judgement]) -> dict[str, int]:
    counts: dict[str, int] = {}
    for each in judgements:
        if not each.unknown:
            counts[each.situation.kind] = counts.get(each.situation.kind, 0) + 1
    return counts
