"""Things that are made, looked at and removed: what was acknowledged is so at the end.

A service that does its work later acknowledges that it has taken it on, and then says how far it is: what it has
taken on it has to finish. What was not acknowledged may be either way. A reading that misses what was acknowledged
before it, when later ones do not, is told and breaks no promise: not every service reads causally.
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from enum import StrEnum

from quorate.drill.judges.judgement import Judgement, Wrong, counted
from quorate.drill.operation import Ending, Operation


class State(StrEnum):
    """How a thing is found."""

    COMING = "coming"
    THERE = "there"
    CHANGED = "changed"
    """There, and not as it was made."""
    FAILED = "failed"
    """Its service has given it up."""
    GOING = "going"
    GONE = "gone"


LEFT = frozenset({State.THERE, State.CHANGED})
UNDER_WAY = frozenset({State.COMING, State.GOING})
ALL = ("list", "settle")


@dataclass(frozen=True, slots=True)
class Reading:
    """A thing as an operation found it."""

    operation: Operation
    state: State


@dataclass(slots=True)
class Life:
    """What was done to one thing, and how it was found, each in the order of time."""

    creation: Operation | None = None
    removals: list[Operation] = field(default_factory=list)
    readings: list[Reading] = field(default_factory=list)

    @property
    def promised_s(self) -> float | None:
        """From when on it has to be there: its creation was acknowledged, or somebody has seen it."""
        if self.creation and self.creation.ok:
            return self.creation.ended_s
        return next((each.operation.ended_s for each in self.readings if each.state is State.THERE), None)

    @property
    def removed_s(self) -> float | None:
        """From when on it has to be gone."""
        return next((each.ended_s for each in self.removals if each.ok), None)

    def while_promised(self) -> list[Reading]:
        """Those before which it had been promised, and during which nobody had tried to remove it."""
        tried_s = min((each.began_s for each in self.removals), default=float("inf"))
        return [each for each in self._since(self.promised_s) if (each.operation.ended_s or tried_s) < tried_s]

    def when_removed(self) -> list[Reading]:
        """Those before which its removal had been acknowledged."""
        return self._since(self.removed_s)

    def _since(self, at_s: float | None) -> list[Reading]:
        return [each for each in self.readings if at_s is not None and each.operation.began_s >= at_s]


Of = Mapping[str, Life]


def judge(operations: Sequence[Operation], workload: str) -> Judgement:
    """`create` and `delete` have a label, `show` has one and gives its state.

    `list` gives a label and a state of everything that is there, and `settle` the same once nothing is under way.
    """
    lives = _lives(operations)
    waited = any(each.does == "settle" for each in operations)
    return Judgement.of(
        workload,
        (
            Wrong.of("lost", "acknowledged, and not there", _each(lives, _lost)),
            Wrong.of("kept", "removed by its service's word, and there at the end", _each(lives, _kept)),
            Wrong.of("changed", "not as it was made", _each(lives, _changed)),
            Wrong.of("failed", "acknowledged, and given up by its service", _each(lives, _failed)),
            Wrong.of(
                "unfinished", "acknowledged, and under way to the end", _each(lives, _unfinished) if waited else ()
            ),
            Wrong.of("unwritten", "there, though nobody made it", _each(lives, _unwritten)),
            Wrong.of("twice", "there more than once", (each for each in operations if _doubled(each))),
            Wrong.of("stale", "a reading misses what later ones have", _each(lives, _stale), promised=False),
        ),
        counted(operations) | _figures(lives),
        why_unknown=_unknown(lives, waited=waited),
    )


def _unknown(lives: Of, *, waited: bool) -> str:
    """What was never seen."""
    unseen = [each for each in lives.values() if not _seen(each)]
    open_ = [] if waited else list(_each(lives, _unfinished))
    if unseen or open_:
        return f"not looked at since they were acknowledged: {len(unseen)}; under way when last seen: {len(open_)}"
    return "" if any(each.promised_s is not None for each in lives.values()) else "nothing was ever made"


def _lives(operations: Sequence[Operation]) -> dict[str, Life]:
    lives: dict[str, Life] = {}
    for each in operations:
        if each.does == "create" and each.ending is not Ending.FAIL:
            lives.setdefault(each.value, Life()).creation = each
        elif each.does == "delete" and each.ending is not Ending.FAIL:
            lives.setdefault(each.value, Life()).removals.append(each)
    for each in sorted(operations, key=lambda operation: operation.began_s):
        if each.ok and each.does == "show":
            lives.setdefault(each.value, Life()).readings.append(Reading(each, State(each.result)))
        elif each.ok and each.does in ALL:
            found = dict(each.result)
            for label in {*lives, *found}:
                state = State(found.get(label, State.GONE))
                lives.setdefault(label, Life()).readings.append(Reading(each, state))
    return lives


def _each(lives: Of, wrong: Callable[[Life], Operation | None]) -> Iterator[Operation]:
    """Of every thing with which that is wrong, the operation that shows it."""
    return filter(None, map(wrong, lives.values()))


def _lost(life: Life) -> Operation | None:
    readings = life.while_promised()
    return readings[-1].operation if readings and readings[-1].state is State.GONE else None


def _kept(life: Life) -> Operation | None:
    readings = life.when_removed()
    return readings[-1].operation if readings and readings[-1].state in LEFT else None


def _changed(life: Life) -> Operation | None:
    return next((each.operation for each in life.while_promised() if each.state is State.CHANGED), None)


def _failed(life: Life) -> Operation | None:
    readings = (*life.while_promised(), *life.when_removed())
    return next((each.operation for each in readings if each.state is State.FAILED), None)


def _unfinished(life: Life) -> Operation | None:
    readings = life.when_removed() or life.while_promised()
    return readings[-1].operation if readings and readings[-1].state in UNDER_WAY else None


def _unwritten(life: Life) -> Operation | None:
    if life.creation:
        return None
    return next((each.operation for each in life.readings if each.state is not State.GONE), None)


def _stale(life: Life) -> Operation | None:
    """Gone, and there again; or there after a removal that others have seen."""
    missed = _outlived(life.while_promised(), State.GONE)
    return missed or _outlived(life.when_removed(), State.THERE)


def _outlived(readings: Sequence[Reading], state: State) -> Operation | None:
    found = (each for each in readings if each.state is state)
    return next((each.operation for each in found if readings[-1].state is not state), None)


def _doubled(operation: Operation) -> bool:
    if not operation.ok or operation.does not in ALL:
        return False
    labels = [label for label, _ in operation.result]
    return len(set(labels)) < len(labels)


def _seen(life: Life) -> bool:
    """Whether somebody looked after the last thing that was acknowledged."""
    if life.removed_s is not None:
        return bool(life.when_removed())
    acknowledged = life.creation is not None and life.creation.ok
    return not acknowledged or bool(life.removals or life.while_promised())


def _figures(lives: Of) -> dict[str, int]:
    """How many of unknown outcome are there, and the longest that making and removing took, seen from outside."""
    unknown = [each for each in lives.values() if each.creation and not each.creation.ok]
    there = sum(any(one.state is State.THERE for one in each.readings) for each in unknown)
    figures = {"unknown, and there": there} if there else {}
    for state in sorted(UNDER_WAY):
        longest_s = max((_under_way_s(each, state) for each in lives.values()), default=0.0)
        figures |= {f"longest {state}, ms": round(1000 * longest_s)} if longest_s else {}
    return figures


def _under_way_s(life: Life, state: State) -> float:
    """From its acknowledgement until it was first found to be so no more, or found last."""
    readings = life.while_promised() if state is State.COMING else life.when_removed()
    since_s = life.promised_s if state is State.COMING else life.removed_s
    if since_s is None or not any(each.state is state for each in readings):
        return 0.0
    last = next((each for each in readings if each.state is not state), readings[-1])
    return (last.operation.ended_s or since_s) - since_s
