"""What of a counterexample is worth drawing: which nodes and resources, and of each transition what matters."""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from enum import Enum
from itertools import combinations

from quorate.prove.event import (
    Attributed,
    Banned,
    Blackout,
    Event,
    Fails,
    Lost,
    Parted,
    RemoteLost,
    Returned,
    Stopped,
)
from quorate.prove.graph import Action, Graph, Kind
from quorate.prove.journey import accused
from quorate.prove.properties import Breach
from quorate.prove.settle import Ending, Episode, Trace, Transition
from quorate.prove.state import State

LANES = 6
"""How many nodes one picture shows at most: more would not be readable on a page."""

LEAST = 3
"""How many nodes it shows at least, if there are so many."""

INVOLVED = 14
"""How many resources that take part it shows at most."""

BYSTANDERS = 12
"""How many resources to which nothing happens it names at most; of more it says how many."""

TRANSITIONS = 3
"""How many transitions of one event it shows at most."""

EDGES = 10
"""With more than so many edges in a transition, only those between the breach's own actions are shown."""

_UP = frozenset({"start", "promote", "migrate_from"})
_DOWN = frozenset({"stop", "demote", "migrate_to"})
_SHOWN = _UP | _DOWN | {"reload", "reload-agent"}


class Outcome(Enum):
    """What became of an action."""

    DONE = "done"
    FAILED = "failed"
    NOT_BEGUN = "not begun"


@dataclass(frozen=True, slots=True)
class Mark:
    """An action in a node's lane. What has the same `rank` may be done at once, or in any order.

    `resource` is None for what is done to the node itself. `accused` are those that the breach is about.
    """

    action: int
    node: str
    task: str
    resource: str | None
    outcome: Outcome
    rank: int
    accused: bool


class Relation(Enum):
    """What an edge between two actions says."""

    ORDER = "order"
    """The second waits for the first."""
    MOVE = "move"
    """It does, and a resource moves from the one's node to the other's."""
    UNORDERED = "unordered"
    """Neither waits for the other, though the property asks for it."""


@dataclass(frozen=True, slots=True)
class Edge:
    """A relation between two marks, by the numbers of their actions."""

    first: int
    then: int
    relation: Relation


@dataclass(frozen=True, slots=True)
class Round:
    """A transition: its marks by rank, the edges among them, and how many marks are left out."""

    number: int
    marks: tuple[Mark, ...]
    edges: tuple[Edge, ...]
    left_out: int


@dataclass(frozen=True, slots=True)
class Chapter:
    """An event with the transitions that followed and are shown; `skipped` says how many others there were.

    `at` is the state once it had happened; `closing` says whether it is the one of the breach.
    """

    number: int
    event: Event
    before: State
    at: State
    after: State
    rounds: tuple[Round, ...]
    skipped: int
    closing: bool


@dataclass(frozen=True, slots=True)
class Scene:
    """What a picture shows: nodes as lanes, the resources that take part and those that do not, and what happened.

    `left_out` says in sentences what else there was.
    """

    breach: Breach
    lanes: tuple[str, ...]
    involved: tuple[str, ...]
    bystanders: tuple[str, ...]
    start: State
    chapters: tuple[Chapter, ...]
    left_out: tuple[str, ...]

    @property
    def after(self) -> State:
        """The state that the breach is about."""
        return self.chapters[-1].after if self.chapters else self.start


def scene(trace: Trace, breach: Breach) -> Scene:
    """What to show of a breach: all of a small cluster, of a larger one what takes part in it."""
    episodes = trace.episodes[: breach.episode + 1]
    shown = [(episode, _shown(episode, breach, last=episode is episodes[-1])) for episode in episodes]
    transitions = [episode.transitions[number] for episode, numbers in shown for number in numbers]
    acting = [action for transition in transitions for action in _actions(transition.graph)]
    conf = trace.start.configuration
    resources = _resources(trace, breach, acting)
    involved = resources[:INVOLVED]
    lanes = _lanes(breach, [each.event for each in episodes], acting, trace.start)
    chapters = tuple(
        _chapter(number, episode, numbers, breach, (lanes, involved), closing=episode is episodes[-1])
        for number, (episode, numbers) in enumerate(shown, 1)
    )
    others = [each for each in conf.primitives if each not in resources and trace.start.instances(each)]
    bystanders = [each for each in others if {*lanes} & {*trace.start.instances(each)}]
    # fencing devices last: they run somewhere, and it seldom matters where
    bystanders.sort(key=lambda each: conf.primitives[each].fencing)
    del bystanders[BYSTANDERS:]
    left_out = tuple(_left_out(trace, episodes, lanes, resources, len(others) - len(bystanders)))
    return Scene(breach, lanes, involved, tuple(bystanders), trace.start, chapters, left_out)


def _left_out(
    trace: Trace, episodes: Sequence[Episode], lanes: Sequence[str], resources: Sequence[str], others: int
) -> Iterator[str]:
    nodes = len(trace.start.configuration.nodes) - len(lanes)
    if nodes:
        yield f"{nodes} of {nodes + len(lanes)} nodes"
    if len(resources) > INVOLVED:
        yield f"{len(resources) - INVOLVED} more resources that something is done to"
    if others:
        yield f"{others} more resources that nothing is done to"
    later = trace.episodes[len(episodes) :]
    if later:
        yield f"what comes later: {'; then '.join(str(each.event) for each in later)}"


def _shown(episode: Episode, breach: Breach, *, last: bool) -> tuple[int, ...]:
    """The numbers of an episode's transitions that are shown: of the last the first ones, and the breach's."""
    if not last:
        return (0,) if episode.ending is Ending.CUT else ()
    numbers = range(breach.transition + 1)
    return tuple(numbers if len(numbers) <= TRANSITIONS else (*numbers[: TRANSITIONS - 1], numbers[-1]))


def _chapter(
    number: int,
    episode: Episode,
    numbers: Sequence[int],
    breach: Breach,
    shown: tuple[Sequence[str], Sequence[str]],
    *,
    closing: bool,
) -> Chapter:
    rounds = tuple(
        _round(each, episode.transitions[each], breach, shown, accusing=closing and each == breach.transition)
        for each in numbers
    )
    passed = breach.transition + 1 if closing else len(episode.transitions)
    after = episode.states[breach.transition + 1] if closing else episode.after
    return Chapter(number, episode.event, episode.before, episode.at, after, rounds, passed - len(rounds), closing)


def _actions(graph: Graph) -> list[Action]:
    """What is done on a host, or to it, and changes something."""
    return [
        each
        for each in graph.actions.values()
        if (each.kind is Kind.RESOURCE and each.task in _SHOWN)
        or (each.kind is Kind.FENCING and each.meta("stonith_action") != "on")
        or (each.kind is Kind.CLUSTER and each.task == "do_shutdown")
    ]


def _resources(trace: Trace, breach: Breach, acting: Iterable[Action]) -> tuple[str, ...]:
    """The primitives that take part: those of the breach and of the events, then others in their order."""
    conf = trace.start.configuration
    acted = {conf.primitive_id(each.resource) for each in acting if each.resource}
    return tuple(dict.fromkeys([*accused(trace, breach), *(each for each in conf.primitives if each in acted)]))


def _lanes(breach: Breach, events: Sequence[Event], acting: Iterable[Action], state: State) -> tuple[str, ...]:
    """The nodes to show, in their order: all of a few, otherwise those where something happens."""
    nodes = state.configuration.nodes
    if len(nodes) <= LANES:
        return nodes
    members = state.configuration.members
    wanted = [node for event in events for node in struck(event, members)]
    wanted += [*breach.nodes, *(each.node for each in acting if each.node)]
    kept = list(dict.fromkeys(each for each in wanted if each in nodes))[:LANES]
    # one lane alone would not say that there are others
    others = [where for name in breach.resources for where in state.instances(name)]
    kept += [each for each in dict.fromkeys((*others, *nodes)) if each not in kept][: max(0, LEAST - len(kept))]
    return tuple(each for each in nodes if each in kept)


def _round(
    number: int,
    transition: Transition,
    breach: Breach,
    shown: tuple[Sequence[str], Sequence[str]],
    *,
    accusing: bool,
) -> Round:
    lanes, involved = shown
    conf = transition.before.configuration
    graph = transition.graph
    actions = _actions(graph)
    kept = [
        each
        for each in actions
        if each.node in lanes and (not each.resource or conf.primitive_id(each.resource) in involved)
    ]
    ranks = _ranks(graph, kept)
    marks = tuple(_mark(each, transition, breach if accusing else None, ranks[each.id]) for each in kept)
    edges = [*_orders(transition, marks, breach), *(_unordered(graph, marks, breach) if accusing else ())]
    if len(edges) > EDGES:
        meant = {each.action for each in marks if each.accused}
        edges = [each for each in edges if {each.first, each.then} <= meant]
    return Round(number + 1, marks, tuple(edges), len(actions) - len(kept))


def _mark(action: Action, transition: Transition, breach: Breach | None, rank: int) -> Mark:
    outcome = Outcome.DONE if action.id in transition.carried.done else Outcome.NOT_BEGUN
    if action.id in transition.carried.failed:
        outcome = Outcome.FAILED
    resource = transition.before.configuration.primitive_id(action.resource) if action.resource else None
    node = action.node or ""
    task = "fence" if action.kind is Kind.FENCING else action.task
    task = "shut down" if task == "do_shutdown" else task
    return Mark(
        action.id,
        node,
        task,
        resource,
        outcome,
        rank,
        breach is not None and _meant(action, node, resource, breach),
    )


def _meant(action: Action, node: str, resource: str | None, breach: Breach) -> bool:
    if breach.nodes and node not in breach.nodes:
        return False
    return resource in breach.resources if resource else action.kind is Kind.FENCING and bool(breach.nodes)


def _ranks(graph: Graph, actions: Sequence[Action]) -> dict[int, int]:
    """For each action the length of the longest chain of shown ones that it waits for."""
    before = {each.id: [other.id for other in actions if graph.waits_for(each.id, other.id)] for each in actions}
    ranks: dict[int, int] = {}
    for action in sorted(before, key=lambda each: len(before[each])):
        ranks[action] = 1 + max((ranks[each] for each in before[action]), default=-1)
    return ranks


def _orders(transition: Transition, marks: Sequence[Mark], breach: Breach) -> Iterator[Edge]:
    """Every move, and what directly waits for what (but for others that are shown) where that tells something."""
    graph = transition.graph
    for then in marks:
        waited = [each for each in marks if graph.waits_for(then.action, each.action)]
        for first in waited:
            if _moves(transition, first, then, marks):
                yield Edge(first.action, then.action, Relation.MOVE)
            elif _telling(first, then, breach) and not any(
                graph.waits_for(each.action, first.action) for each in waited
            ):
                yield Edge(first.action, then.action, Relation.ORDER)


def _telling(first: Mark, then: Mark, breach: Breach) -> bool:
    """Starts after fencings, restarts, and whatever orders the breach's resources."""
    if first.resource is None:
        return first.task == "fence" and then.task in _UP
    return first.resource == then.resource or bool({first.resource, then.resource} & {*breach.resources})


def _moves(transition: Transition, first: Mark, then: Mark, marks: Sequence[Mark]) -> bool:
    """Whether a resource leaves the one's node, where it is not started again, for the other's."""
    if then.task == "promote" or then.resource is None or first.resource not in {None, then.resource}:
        return False
    stays = any(each.task in _UP and (each.resource, each.node) == (then.resource, first.node) for each in marks)
    where = transition.before.instances(then.resource)
    return then.task in _UP and not stays and first.node in where and then.node not in where


def _unordered(graph: Graph, marks: Sequence[Mark], breach: Breach) -> Iterator[Edge]:
    """Pairs of the breach's actions of which neither waits for the other, where the property is about order."""
    if breach.property not in {"fenced-first", "once", "order", "vip-with-haproxy"}:
        return
    for one, other in combinations([each for each in marks if each.accused], 2):
        if graph.waits_for(one.action, other.action) or graph.waits_for(other.action, one.action):
            continue
        if _should_be_ordered(one, other):
            yield Edge(one.action, other.action, Relation.UNORDERED)


def _should_be_ordered(one: Mark, other: Mark) -> bool:
    tasks = {one.task, other.task}
    if "fence" in tasks:
        return bool(tasks & _UP)
    if one.resource == other.resource:
        return one.node != other.node and bool(tasks & _UP) and bool(tasks & _DOWN)
    return tasks <= _UP or tasks <= _DOWN


def struck(event: Event, members: Sequence[str]) -> dict[str, str]:
    """The nodes that an event is about, each with what happens to it, in a word or two."""
    found: dict[str, str] = {}
    match event:
        case Lost(nodes):
            found = dict.fromkeys(nodes, "lost")
        case Blackout():
            found = dict.fromkeys(members, "lost")
        case RemoteLost(node):
            found = {node: "lost"}
        case Parted(side):
            found = {node: "stays" if node in side else "cut off" for node in members}
        case Returned(nodes):
            found = dict.fromkeys(nodes, "back")
        case Stopped(node):
            found = {node: "stopped"}
        case Attributed(node, name, on):
            found = {node: f"{'in' if on else 'out of'} {name}"}
        case Banned(_, node):
            found = {node: "banned"}
        case Fails(_, node):
            found = {node: "fails"}
    return found
