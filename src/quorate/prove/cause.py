"""Naming what is responsible for a breach: the first single edit of the configuration with which it vanishes."""

import time
from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import Self

from quorate.prove import proof, situations
from quorate.prove.apparent import Cause, apparent, unfenced
from quorate.prove.configuration import Configuration
from quorate.prove.edits import Edit, candidates
from quorate.prove.event import Banned, Event, Fails
from quorate.prove.proof import Question, Refutation
from quorate.prove.properties import ALL, Breach
from quorate.prove.scheduler import ScheduleFailed
from quorate.prove.settle import Schedule, Situation, Trace, play
from quorate.prove.state import State

TRIALS = 80
"""How many edits are tried."""

SECONDS = 60.0
"""After how long no further edit is tried."""

ALIKE = 8
"""In how many situations of the same kind an edit has to help as well: it may only have moved what was hit."""

START, STEADY = "start", "steady"
"""The kinds of situation in which nothing happens: coming to the steady state, and being in it."""

Key = tuple[str, tuple[str, ...]]
"""What tells one breach from another: the property, and what it is about."""


def find(
    question: Question, refutation: Refutation, *, trials: int = TRIALS, seconds: float = SECONDS
) -> Cause | None:
    """The cause of a refutation; None if no edit that was tried, or there was time for, is one.

    An edit counts if the breach is no more in its situation and those alike, and no other has come in its place.

    Raises SchedulerUnavailable.
    """
    found = apparent(question.state.configuration, refutation.breach)
    if found is not None:
        return found
    if refutation.breach.property == "managed":
        return _left_behind(question, refutation)
    schedule = proof.schedule_at(question.place, question.engine)
    try:
        had = Played.of(question, refutation.situation, schedule)
    except ScheduleFailed:  # of such a configuration nothing can be tried
        return None
    found = had.unfenced(refutation.breach)
    if found is not None:
        return found
    until = time.monotonic() + seconds
    for edit, edited in _trials(question, had.detailed(refutation), trials):
        if time.monotonic() > until:
            break
        # the intent stays: an edit does not change what is meant
        asked = replace(question, state=question.state.with_configuration(edited))
        if _mends(asked, refutation, had, schedule):
            return Cause(edit.text, edit.remedy, edit.element)
    return None


def replayed(question: Question, situation: Situation, schedule: Schedule) -> Trace:
    """A refutation's trace, played again.

    Raises ScheduleFailed.
    """
    return _trace(proof.steady(question, schedule), situation, question, schedule)


def _trace(start: Trace, situation: Situation, question: Question, schedule: Schedule) -> Trace:
    if situation.kind == START:
        return start
    return play(situation, start.end, schedule, agents=question.agents)


def _left_behind(question: Question, refutation: Refutation) -> Cause | None:
    """What ties Pacemaker's hands, for which nothing has to be played."""
    conf, key = question.state.configuration, _key(refutation.breach)
    for edit in candidates(conf, refutation.breach, refutation.situation):
        state = question.state.with_configuration(edit.applied(conf))
        if key not in _breached(Trace(refutation.situation, state, ()), question):
            return Cause(edit.text, edit.remedy, edit.element)
    return None


def _trials(question: Question, refutation: Refutation, most: int) -> Iterator[tuple[Edit, Configuration]]:
    """The edits to try, none twice."""
    conf = question.state.configuration
    tried = {conf.digest}
    for edit in candidates(conf, refutation.breach, refutation.situation):
        edited = edit.applied(conf)
        if edited.digest not in tried:
            tried.add(edited.digest)
            yield edit, edited
        if len(tried) > most:
            return


@dataclass(frozen=True, slots=True)
class Played:
    """A question's way to its steady state, a situation played from there, and what was breached in both."""

    start: Trace
    trace: Trace
    breached: frozenset[Key]

    @classmethod
    def of(cls, question: Question, situation: Situation, schedule: Schedule) -> Self:
        """Play them.

        Raises ScheduleFailed.
        """
        start = proof.steady(question, schedule)
        at_rest = Trace(Situation(STEADY, STEADY, ()), start.end, ())
        trace = _trace(start, situation, question, schedule)
        breached = frozenset(key for each in (start, at_rest, trace) for key in _breached(each, question))
        return cls(start, trace, breached)

    def unfenced(self, breach: Breach) -> Cause | None:
        """Why a node cannot be fenced on which the cluster waits at the moment of the breach."""
        state = self._state_at(breach)
        causes = (unfenced(state.configuration, node) for node in sorted(state.unclean))
        return next((cause for cause in causes if cause), None)

    def _state_at(self, breach: Breach) -> State:
        if breach.episode < 0:
            return self.trace.start
        episode = self.trace.episodes[breach.episode]
        return episode.at if breach.transition < 0 else episode.transitions[breach.transition].after

    def detailed(self, refutation: Refutation) -> Refutation:
        """The same; if its breach names no resource, with those that the cluster is not done with then."""
        breach = refutation.breach
        if breach.resources or breach.episode < 0 or breach.transition < 0:
            return refutation
        transition = self.trace.episodes[breach.episode].transitions[breach.transition]
        conf, carried = transition.before.configuration, transition.carried
        numbers = (*carried.failed, *carried.left) or carried.done
        found = (conf.primitive_id(transition.graph.actions[each].resource or "") for each in numbers)
        resources = tuple(dict.fromkeys(each for each in found if each in conf.primitives))
        return replace(refutation, breach=replace(breach, resources=resources))


def _breached(trace: Trace, question: Question) -> Iterator[Key]:
    for name in question.properties:
        for breach in ALL[name].judge(trace, question.intent).breaches:
            yield _key(breach)


def _key(breach: Breach) -> Key:
    return breach.property, breach.resources or breach.nodes


def _mends(asked: Question, refutation: Refutation, had: Played, schedule: Schedule) -> bool:
    """Whether a breach is no more with an edited configuration, in every situation that is like its own."""
    key = _key(refutation.breach)
    try:
        has = Played.of(asked, refutation.situation, schedule)
        if has.breached - had.breached or key in has.breached:
            return False
        return not any(
            key in _breached(_trace(has.start, each, asked, schedule), asked)
            for each in _alike(refutation.situation, has.start.end)
        )
    except ScheduleFailed:  # Pacemaker refuses the edit
        return False


def _alike(situation: Situation, steady: State) -> list[Situation]:
    """Others of its class in which the same befalls other nodes: at most ALIKE, evenly chosen."""
    make = situations.CLASSES.get(situation.kind)
    if make is None:
        return []
    scope = situations.scope(steady, sample=1)
    found = [each for each in make(scope) if _about(each) == _about(situation) and each.name != situation.name]
    return found[:: max(1, -(-len(found) // ALIKE))]


def _about(situation: Situation) -> list[tuple[type[Event], str]]:
    """What happens, without where."""
    return [
        (type(event), event.resource if isinstance(event, Fails | Banned) else "") for event in situation.events
    ]
