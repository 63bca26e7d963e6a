"""Orders and colocations, in every state that a transition can pass through."""

from collections.abc import Collection, Iterator
from dataclasses import dataclass
from functools import lru_cache

from quorate.prove.configuration import Configuration
from quorate.prove.constraint import Colocation
from quorate.prove.history import Role
from quorate.prove.intent import VIRTUAL_IPS, Intent
from quorate.prove.properties.property import Breach, Property, acts, transitions
from quorate.prove.settle import Trace, Transition
from quorate.prove.spelling import INFINITY, true
from quorate.prove.state import State

_UNDONE = {"start": "stop", "promote": "demote"}

FILE_SYSTEM = "Filesystem"


@dataclass(frozen=True, slots=True)
class Sequence:
    """Primitives that do something one after the other.

    `together` if only those on one node are concerned, `mandatory` if `then` cannot be without `first`, `lies` if
    that is a file system on which it lies.
    """

    id: str
    first: frozenset[str]
    first_task: str
    then: frozenset[str]
    then_task: str
    mandatory: bool
    symmetrical: bool
    together: bool
    lies: bool = False


@lru_cache(maxsize=64)
def sequences(conf: Configuration) -> tuple[Sequence, ...]:
    """What the orders say, and what follows from file systems."""
    return tuple(_sequences(conf))


def _sequences(conf: Configuration) -> Iterator[Sequence]:
    """What is ordered after one, placed with one or in a group with one lies on it, and cannot be without it."""
    systems = {each.id for each in conf.primitives.values() if each.agent.rpartition(":")[2] == FILE_SYSTEM}
    for each in conf.orders:
        first, then = (frozenset(conf.collectives.get(name, ())) for name in (each.first, each.then))
        if each.kind != "Serialize":
            mandatory, tasks = each.kind == "Mandatory", (each.first_action, each.then_action)
            together = _interleaved(conf, first, then)
            yield Sequence(each.id, first, tasks[0], then, tasks[1], mandatory, each.symmetrical, together)
        if first & systems:
            yield _lying(each.id, first & systems, then)
    for colocation in conf.colocations:
        with_it = systems.intersection(conf.collectives.get(colocation.with_resource, ()))
        if with_it and colocation.score >= INFINITY:
            yield _lying(colocation.id, with_it, frozenset(conf.collectives.get(colocation.resource, ())))
    for group in {each.group for each in conf.primitives.values() if each.group} & set(conf.collectives):
        members = frozenset(conf.collectives[group])
        if members & systems:
            yield _lying(group, members & systems, frozenset(each for each in members if not _address(conf, each)))


def _lying(about: str, systems: Collection[str], what: frozenset[str]) -> Sequence:
    first = frozenset(systems)
    return Sequence(
        about, first, "start", what - first, "start", mandatory=True, symmetrical=True, together=True, lies=True
    )


def _address(conf: Configuration, primitive: str) -> bool:
    return conf.primitives[primitive].agent.rpartition(":")[2] in VIRTUAL_IPS


def _interleaved(conf: Configuration, first: Collection[str], then: Collection[str]) -> bool:
    """Whether an order is about instances on the same node alone: between clones, if the second is interleaved."""
    return all(conf.primitives[each].clone for each in (*first, *then)) and all(
        true(conf.primitives[each].meta.get("interleave")) for each in then
    )


def order(trace: Trace, _intent: Intent) -> Iterator[Breach | None]:
    """Of two that are ordered the second begins after the first, and (if symmetrical) the first ends after it.

    Judged along the graph's edges, so for every way in which the transition can go.
    """
    found = sequences(trace.start.configuration)
    for number, index, transition in transitions(trace):
        for each in found:
            for message, resources, nodes in (*_unordered(transition, each), *_without(transition, each)):
                yield None if not message else Breach("order", message, number, index, resources, nodes, each.id)


_Said = tuple[str, tuple[str, ...], tuple[str, ...]]
"""What is wrong (nothing if empty), with which resources, on which nodes."""


def _unordered(transition: Transition, each: Sequence) -> Iterator[_Said]:
    """Whether what follows waits for what goes before, both in the beginning and in the end."""
    pairs = [(each.first, each.first_task, each.then, each.then_task)]
    if each.symmetrical and {each.first_task, each.then_task} <= set(_UNDONE):
        pairs.append((each.then, _UNDONE[each.then_task], each.first, _UNDONE[each.first_task]))
    for first, first_task, then, then_task in pairs:
        before = [act for act in acts(transition, first_task) if act[0] in first]
        for resource, node, action in acts(transition, then_task) if before else ():
            for other, where, earlier in before if resource in then else ():
                # what is stopped on a node that is gone is stopped with it
                if (where == node or not each.together) and transition.before.takes_part(where):
                    held = transition.graph.waits_for(action.id, earlier.id)
                    said = f"{then_task} {resource} on {node} does not wait for {first_task} {other} on {where}"
                    yield ("" if held else said), (resource, other), (node, where)


def _without(transition: Transition, each: Sequence) -> Iterator[_Said]:
    """Whether the second stays where the first is stopped, though it cannot be without it."""
    if not (each.mandatory and each.symmetrical and each.together and each.first_task == "start"):
        return
    stopped = {(resource, node) for resource, node, _ in acts(transition, "stop")}
    for first, node in stopped:
        for then in each.then if first in each.first else ():
            stays = node in transition.before.running(then) and (then, node) not in stopped
            yield (
                (f"{then} stays on {node} while {first} is stopped there" if stays else ""),
                (then, first),
                (node,),
            )


def colocation(trace: Trace, _intent: Intent) -> Iterator[Breach | None]:
    """What must be together is, and what must be apart is, after every transition."""
    states = [(-1, -1, trace.start)] if not trace.episodes else []
    states += [(number, index, each.after) for number, index, each in transitions(trace) if each.carried.complete]
    for number, index, state in states:
        for each in state.configuration.colocations:
            if abs(each.score) < INFINITY or not state.quorate:
                continue
            for message, nodes in _misplaced(state, each):
                about = (each.resource, each.with_resource)
                yield None if not message else Breach("colocation", message, number, index, about, nodes, each.id)
        for lying in sequences(state.configuration):
            yield from (_stranded(state, number, index, lying, then) for then in sorted(lying.then) if lying.lies)


def _stranded(state: State, number: int, index: int, lying: Sequence, then: str) -> Breach | None:
    """A breach if a service runs where none of the file systems is on which it lies."""
    there = {node for system in lying.first for node in state.instances(system)}
    stranded = tuple(node for node in state.running(then) if node not in there)
    message = f"{then} runs on {' and '.join(stranded)} without {' and '.join(sorted(lying.first))}"
    breach = Breach("colocation", message, number, index, (then, *sorted(lying.first)), stranded, lying.id)
    return breach if stranded and state.quorate else None


def _misplaced(state: State, each: Colocation) -> Iterator[tuple[str, tuple[str, ...]]]:
    there = set(_nodes(state, each.with_resource, each.with_role))
    for node in _nodes(state, each.resource, each.role):
        together = node in there
        if node in state.unclean:
            continue
        if each.score > 0:
            said = (
                f"{each.resource} is on {node}, {each.with_resource} on {' and '.join(sorted(there)) or 'no node'}"
            )
        else:
            said = f"{each.resource} and {each.with_resource} are both on {node}"
        yield ("" if together is (each.score > 0) else said), (node,)


def _nodes(state: State, name: str, role: str) -> list[str]:
    """Where a resource is in a role; of a group where its last member is."""
    parts = state.configuration.collectives.get(name, ())
    promoted = role in {"Promoted", "Master"}
    return [
        node
        for part in parts[-1:]
        for node, has in state.instances(part).items()
        if not promoted or has is Role.PROMOTED
    ]


def _places(conf: Configuration) -> bool:
    """Whether anything is to be placed with, or apart from, something else."""
    return any(abs(each.score) >= INFINITY for each in conf.colocations) or any(
        each.lies for each in sequences(conf)
    )


PROPERTIES = (
    Property(
        "order",
        "orders hold in every intermediate state",
        order,
        lambda trace, _intent: bool(sequences(trace.start.configuration)),
    ),
    Property(
        "colocation",
        "colocations hold after every transition",
        colocation,
        lambda trace, _intent: _places(trace.start.configuration),
    ),
)
