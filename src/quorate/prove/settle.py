"""What becomes of a cluster after an event: schedule, carry out, and again, until nothing is left to do."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from enum import Enum

from quorate.prove.agents import KNOWN, Agents
from quorate.prove.event import Event, Passed
from quorate.prove.execute import Carried, Failing, carry_out
from quorate.prove.fencing import unfencible
from quorate.prove.graph import Graph
from quorate.prove.state import State

Schedule = Callable[[State], Graph]
"""Pacemaker's scheduler: what it decides in a state."""

TRANSITIONS = 30
"""A cluster that has not settled after so many transitions never will: cold starts took at most 8."""


class Ending(Enum):
    """How the consequences of an event end."""

    SETTLED = "settled"
    """Nothing is left to do."""
    BLOCKED = "blocked"
    """What is left to do fails whenever it is tried, or waits for what cannot be done."""
    ENDLESS = "endless"
    """The cluster goes on for ever."""
    CUT = "cut"
    """The next event came before it had settled."""


@dataclass(frozen=True)
class Transition:
    """One round: what the scheduler decided in a state, and how far that was carried out."""

    before: State
    graph: Graph
    carried: Carried

    @property
    def after(self) -> State:
        """The state at its end."""
        return self.carried.state


@dataclass(frozen=True)
class Episode:
    """An event and all that followed: `before` it, `at` once it had happened, then the transitions."""

    event: Event
    before: State
    at: State
    transitions: tuple[Transition, ...]
    ending: Ending

    @property
    def after(self) -> State:
        """How it ended."""
        return self.transitions[-1].after if self.transitions else self.at

    @property
    def states(self) -> tuple[State, ...]:
        """The state at once, and after each transition."""
        return (self.at, *(each.after for each in self.transitions))


@dataclass(frozen=True)
class Situation:
    """What a cluster is put through: a sequence of events.

    After each the cluster settles before the next, except after the first `cut` actions of the transition that
    follows the first event, if that is given: then the second comes in the middle of it.
    """

    name: str
    kind: str
    events: tuple[Event, ...]
    cut: int | None = None

    def __str__(self) -> str:
        return "; then ".join(str(event) for event in self.events)


@dataclass(frozen=True)
class Trace:
    """A situation and everything that happened in it, from a steady state on."""

    situation: Situation
    start: State
    episodes: tuple[Episode, ...]

    @property
    def end(self) -> State:
        """How it ended."""
        return self.episodes[-1].after if self.episodes else self.start


def settle(
    state: State,
    schedule: Schedule,
    *,
    agents: Agents = KNOWN,
    failing: Sequence[Failing] = (),
    cut: int | None = None,
) -> tuple[tuple[Transition, ...], Ending]:
    """Transitions until nothing is left to do.

    Raises what `schedule` raises.
    """
    transitions: list[Transition] = []
    seen = {state.key}
    for _ in range(TRANSITIONS):
        graph = schedule(state)
        if graph.empty:
            return tuple(transitions), Ending.SETTLED
        carried = carry_out(state, graph, agents=agents, failing=(*failing, *_unfenced(state, failing)), until=cut)
        transitions.append(Transition(state, graph, carried))
        if cut is not None:
            return tuple(transitions), Ending.CUT
        state = carried.state
        if state.key in seen:
            stuck = carried.failed or not any(graph.actions[each].kind.real for each in carried.done)
            return tuple(transitions), Ending.BLOCKED if stuck else Ending.ENDLESS
        seen.add(state.key)
    return tuple(transitions), Ending.ENDLESS


def _unfenced(state: State, failing: Sequence[Failing]) -> tuple[Failing, ...]:
    """The fencing of nodes that no working device is left for, which the scheduler does not know."""
    broken = [each.resource for each in failing if each.task == "stonith" and each.resource]
    return tuple(Failing("stonith", None, node) for node in unfencible(state, broken))


def play(situation: Situation, start: State, schedule: Schedule, *, agents: Agents = KNOWN) -> Trace:
    """Put a cluster through a situation.

    Raises what `schedule` raises.
    """
    state = start
    failing: tuple[Failing, ...] = ()
    episodes: list[Episode] = []
    for number, event in enumerate(situation.events):
        if number and isinstance(event, Passed) and state.roles == start.roles:
            continue  # what is forgotten with time changes nothing where everything runs as before
        at = event.happen(state)
        # what fails stays broken: nobody has mended it
        failing = (*failing, *event.failing(state))
        cut = situation.cut if number == 0 else None
        transitions, ending = settle(at, schedule, agents=agents, failing=failing, cut=cut)
        episodes.append(Episode(event, state, at, transitions, ending))
        state = episodes[-1].after
    return Trace(situation, start, tuple(episodes))
