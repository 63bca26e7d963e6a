"""What every node, every resource and every workload's clients went through in a drill, each as a lane."""

from bisect import bisect_right
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from enum import Enum
from itertools import pairwise

from quorate.drill.happening import Happening, Kind
from quorate.drill.operation import Operation
from quorate.drill.outage import SLOW_S, Outage, after_harm, good, outages
from quorate.drill.result import Drilled, Service
from quorate.drill.scale import ALWAYS

TOLD_TOGETHER_S = 1.0
"""Members tell of the same within this time."""

_TELLERS = frozenset({Kind.DETECTED, Kind.MEMBERSHIP})
_FENCING = frozenset({Kind.FENCED, Kind.NOT_FENCED})
_ABOUT_RESOURCES = frozenset({Kind.START, Kind.STOP, Kind.PROMOTE, Kind.DEMOTE})


class Presence(Enum):
    """What is known of a node."""

    UP = "up"
    LOST = "lost"
    """Harmed, missed or restarting: nobody has made sure yet that nothing runs there."""
    FENCED = "fenced"
    """Its power was cut; Pacemaker has not begun there again."""


@dataclass(frozen=True, slots=True)
class Phase:
    """A time in the life of a node."""

    presence: Presence
    from_s: float
    until_s: float


@dataclass(frozen=True, slots=True)
class Span:
    """A time in which a resource was active on a node."""

    from_s: float
    until_s: float
    promoted: bool


@dataclass(frozen=True, slots=True)
class Instance:
    """A resource on one node."""

    resource: str
    node: str
    spans: tuple[Span, ...]
    happened: tuple[Happening, ...]


@dataclass(frozen=True, slots=True)
class Told:
    """The same as told by one or several nodes a moment apart; `about` is the node that was fenced."""

    kind: Kind
    about: str
    happened: tuple[Happening, ...]

    @property
    def at_s(self) -> float:
        """When it was told first."""
        return self.happened[0].at_s


class Answer(Enum):
    """What became of an operation, as its client saw it."""

    ANSWERED = "answered"
    LATE = "late"
    FAILED = "failed"


@dataclass(frozen=True, slots=True)
class Bin:
    """A time, and how many operations that began in it had which answer."""

    from_s: float
    until_s: float
    counts: Mapping[Answer, int]

    @property
    def bad(self) -> bool:
        """Whether one failed or was late."""
        return self.count(Answer.FAILED, Answer.LATE) > 0

    def count(self, *answers: Answer) -> int:
        """How many had one of these."""
        return sum(self.counts.get(each, 0) for each in answers)

    def per_s(self, *answers: Answer) -> float:
        """The same for a second."""
        return self.count(*answers) / (self.until_s - self.from_s)


@dataclass(frozen=True, slots=True)
class Clients:
    """One workload's clients, in seconds after the harm: when each operation began and its answer; the outages."""

    workload: str
    asked: tuple[tuple[float, Answer], ...]
    outages: tuple[Outage, ...]


def nodes(drilled: Drilled) -> tuple[str, ...]:
    """Every node that is known of, by name."""
    found = {each.node for each in drilled.happenings} | set(drilled.at_first.values()) | {drilled.node}
    return tuple(sorted(found - {""}))


def phases(drilled: Drilled, node: str) -> tuple[Phase, ...]:
    """The node's life, without gaps, from ever to ever."""
    found: list[Phase] = []
    presence, since_s = Presence.UP, -ALWAYS
    for each in drilled.happenings:
        if each.node != node or each.kind not in {Kind.FENCED, Kind.BEGUN}:
            continue
        if presence is Presence.UP:
            found += _up_and_lost(drilled, node, since_s, each.at_s)
        else:
            found.append(Phase(presence, since_s, each.at_s))
        presence = Presence.FENCED if each.kind is Kind.FENCED else Presence.UP
        since_s = each.at_s
    tried = [each.at_s for each in drilled.happenings if each.kind is Kind.NOT_FENCED and each.node == node]
    if presence is Presence.UP and any(at_s > since_s for at_s in tried):
        return (*found, *_up_and_lost(drilled, node, since_s, ALWAYS))
    return (*found, Phase(presence, since_s, ALWAYS))


def _up_and_lost(drilled: Drilled, node: str, since_s: float, until_s: float) -> Iterator[Phase]:
    """Of a node that was up, and at the end is fenced or begun anew."""
    lost_s = _lost_s(drilled, node, since_s, until_s)
    yield Phase(Presence.UP, since_s, lost_s)
    if lost_s < until_s:
        yield Phase(Presence.LOST, lost_s, until_s)


def _lost_s(drilled: Drilled, node: str, since_s: float, until_s: float) -> float:
    """When it was lost in that time: logs say who misses a member, not which.

    If others missed one, or had it fenced, the harm took the node that it was aimed at, and another when it was
    missed after its own last sign of life. If they did not, it left with that.
    """
    then = [each for each in drilled.happenings if since_s < each.at_s <= until_s]
    own = [each.at_s for each in then if each.node == node and each.at_s < until_s and each.kind not in _FENCING]
    alive_s = min(max((0.0, *own)), until_s)
    missed = [each.at_s for each in then if each.kind is Kind.DETECTED and each.node != node]
    fenced = any(each.kind in _FENCING and each.node == node for each in then)
    if node == drilled.node and since_s < 0 <= until_s and (missed or fenced):
        return 0.0
    return next((at_s for at_s in missed if at_s > alive_s), alive_s)


def instances(drilled: Drilled) -> tuple[Instance, ...]:
    """Of each resource that something happened to, the one to which it happened first before the others."""
    by_place: dict[tuple[str, str], list[Happening]] = {}
    for each in drilled.happenings:
        if each.kind in _ABOUT_RESOURCES:
            first = drilled.at_first.get(each.resource)
            if first:
                by_place.setdefault((each.resource, first), [])
            by_place.setdefault((each.resource, each.node), []).append(each)
    order = {resource: place for place, resource in enumerate(dict.fromkeys(name for name, _ in by_place))}
    away = {node: _away(drilled, node) for node in nodes(drilled)}
    return tuple(
        Instance(resource, node, tuple(_spans(drilled, resource, away[node], node, happened)), tuple(happened))
        for (resource, node), happened in sorted(by_place.items(), key=lambda each: order[each[0][0]])
    )


def _away(drilled: Drilled, node: str) -> tuple[float, ...]:
    """When the node ceased to take part."""
    lives = phases(drilled, node)
    return tuple(each.until_s for each in lives if each.presence is Presence.UP and each.until_s < ALWAYS)


def _spans(
    drilled: Drilled, resource: str, away: Sequence[float], node: str, happened: Sequence[Happening]
) -> Iterator[Span]:
    first = happened[0] if happened else None
    if resource in drilled.at_first:
        active = drilled.at_first[resource] == node
    else:
        # What is started where a node has come back had been there before: a clone's instance.
        active = first is not None and (
            first.kind is not Kind.START or any(lost_s < first.at_s for lost_s in away)
        )
    promoted = first is not None and first.kind is Kind.DEMOTE
    since_s = -ALWAYS
    changes = [(each.at_s, each.kind) for each in happened] + [(at_s, None) for at_s in away]
    for at_s, kind in sorted(changes, key=lambda each: each[0]):
        goes_on = kind in {Kind.START, Kind.PROMOTE, Kind.DEMOTE}
        if (goes_on, kind is Kind.PROMOTE) != (active, promoted):
            if active:
                yield Span(since_s, at_s, promoted)
            active, promoted, since_s = goes_on, kind is Kind.PROMOTE, at_s
    if active:
        yield Span(since_s, ALWAYS, promoted)


def told(drilled: Drilled) -> tuple[Told, ...]:
    """Of the membership and of fencing, what several members told together once."""
    found: list[Told] = []
    for each in drilled.happenings:
        if each.kind not in _FENCING | _TELLERS:
            continue
        about = each.node if each.kind in _FENCING else ""
        same = next((one for one in reversed(found) if (one.kind, one.about) == (each.kind, about)), None)
        if same and each.at_s - same.at_s <= TOLD_TOGETHER_S:
            found[found.index(same)] = replace(same, happened=(*same.happened, each))
        else:
            found.append(Told(each.kind, about, (each,)))
    return tuple(found)


def clients(drilled: Drilled, histories: Mapping[str, Sequence[Operation]]) -> tuple[Clients, ...]:
    """Every workload's, in the order of the result; of one whose history is gone the outage alone is known."""
    services = {each.workload: each for each in drilled.services}
    names = dict.fromkeys((*services, *histories))
    return tuple(_clients(name, services.get(name), histories.get(name, ())) for name in names)


def _clients(name: str, service: Service | None, history: Iterable[Operation]) -> Clients:
    kinds = service.asks if service else ()
    asked = [each for each in history if each.client and (not kinds or each.does in kinds)]
    slow_s = service.slow_s if service else SLOW_S
    found = outages(after_harm(asked), slow_s=slow_s)
    if not asked and service and service.outage_s:
        end_s = service.outage_at_s + service.outage_s
        found = (Outage(service.outage_at_s, end_s, service.failed, 0, service.errors),)
    return Clients(name, tuple((each.began_s, _answer(each, slow_s)) for each in asked), found)


def _answer(operation: Operation, slow_s: float) -> Answer:
    if not operation.ok:
        return Answer.FAILED
    return Answer.ANSWERED if good(operation, slow_s) else Answer.LATE


def bins(asked: Iterable[tuple[float, Answer]], edges: Sequence[float]) -> tuple[Bin, ...]:
    """The operations by when they began, between each two edges."""
    counts: list[Counter[Answer]] = [Counter() for _ in edges[1:]]
    for at_s, answer in asked:
        place = bisect_right(edges, at_s) - 1
        if 0 <= place < len(counts):
            counts[place][answer] += 1
    return tuple(Bin(begin, end, count) for (begin, end), count in zip(pairwise(edges), counts, strict=True))
