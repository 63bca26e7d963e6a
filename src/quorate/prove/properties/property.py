"""What a property is, and what its judgement of a trace says."""

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass

from quorate.prove.graph import Action, Kind
from quorate.prove.intent import Intent
from quorate.prove.settle import Ending, Episode, Trace, Transition


@dataclass(frozen=True, slots=True)
class Breach:
    """Where a property does not hold: in which episode of the trace, after which of its transitions (-1: at once).

    `resources` and `nodes` are those it is about, `constraint` the id of one that says otherwise.
    """

    property: str
    message: str
    episode: int = -1
    transition: int = -1
    resources: tuple[str, ...] = ()
    nodes: tuple[str, ...] = ()
    constraint: str | None = None


@dataclass(frozen=True, slots=True)
class Judged:
    """How many things were checked, and the breaches among them."""

    checked: int
    breaches: tuple[Breach, ...] = ()


Check = Callable[[Trace, Intent], Iterable[Breach | None]]
"""Yields one value for each thing checked: None if it holds."""


@dataclass(frozen=True, slots=True)
class Property:
    """One of the things that must always hold.

    `applies` says whether a configuration has anything that it is about; where it has not, it is not judged.
    """

    name: str
    about: str
    check: Check
    applies: Callable[[Trace, Intent], bool] = lambda _trace, _intent: True

    def judge(self, trace: Trace, intent: Intent) -> Judged:
        """Judge one trace."""
        if not self.applies(trace, intent):
            return Judged(0)
        found = list(self.check(trace, intent))
        return Judged(len(found), tuple(each for each in found if each is not None))


def settled(trace: Trace, *, quorate: bool) -> Iterator[tuple[int, Episode]]:
    """The episodes after which the cluster came to rest, with quorum or without."""
    for number, episode in enumerate(trace.episodes):
        if episode.ending in {Ending.SETTLED, Ending.BLOCKED} and episode.after.quorate is quorate:
            yield number, episode


def transitions(trace: Trace) -> Iterator[tuple[int, int, Transition]]:
    """Every transition, with the numbers of its episode and of itself."""
    for number, episode in enumerate(trace.episodes):
        for index, transition in enumerate(episode.transitions):
            yield number, index, transition


def acts(transition: Transition, *tasks: str) -> Iterator[tuple[str, str, Action]]:
    """The agents' actions of a transition with one of those names: primitive, node, action."""
    conf = transition.before.configuration
    for action in transition.graph.actions.values():
        if action.kind is Kind.RESOURCE and action.task in tasks and action.resource and action.node:
            yield conf.primitive_id(action.resource), action.node, action
