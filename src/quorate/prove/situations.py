"""The situations that a cluster is put through, class by class; every class is complete unless it is sampled.

They are made for a steady state: what runs where decides what can fail.
"""

import itertools
import random
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass

from quorate.prove.configuration import REMOTE, Primitive
from quorate.prove.event import (
    Attributed,
    Banned,
    Blackout,
    DevicesBroken,
    Event,
    Fails,
    Lost,
    Parted,
    Passed,
    QuorumLost,
    RemoteLost,
    Returned,
    Stopped,
)
from quorate.prove.fencing import devices, levels, targets
from quorate.prove.history import Role
from quorate.prove.settle import Situation
from quorate.prove.state import State

COLD_STARTS = 24
"""How many orders of return after a blackout are tried if there are more."""

DAY_S = 86_400

PERMUTED = 4
"""Of so many members all orders of return are tried."""


@dataclass(frozen=True)
class Scope:
    """A steady state, and the nodes that situations are made for: every member, and remotes, all or a sample."""

    steady: State
    remotes: tuple[str, ...]

    @property
    def members(self) -> tuple[str, ...]:
        """The full members that take part."""
        return self.steady.members

    @property
    def nodes(self) -> tuple[str, ...]:
        """Members, then remotes."""
        return (*self.members, *self.remotes)

    def concerns(self, resource: Primitive) -> bool:
        """Whether something may befall a resource: not to a device that fences none but remotes left out."""
        fenced = (targets(resource) if resource.fencing else None) or frozenset()
        remotes = {node.lower() for node in self.steady.configuration.remotes if node not in self.remotes}
        return not fenced or not fenced <= remotes

    def running(self, resource: str) -> dict[str, Role]:
        """Where a primitive runs, on those nodes."""
        return {node: role for node, role in self.steady.running(resource).items() if node in self.nodes}


def scope(steady: State, *, sample: int | None = None, seed: int = 0) -> Scope:
    """The nodes to make situations for: of remotes that are alike at most `sample`, chosen with `seed`.

    Alike are those with the same attributes, on which the same resources run. Members are never left out: which
    is which decides where Pacemaker places what.
    """
    alike: dict[str, list[str]] = {}
    for node in steady.configuration.remotes:
        if steady.takes_part(node):
            alike.setdefault(_kind(steady, node), []).append(node)
    chosen = random.Random(seed)  # noqa: S311 - a sample, not a secret
    kept = [
        node
        for nodes in alike.values()
        for node in (nodes if sample is None or len(nodes) <= sample else chosen.sample(nodes, sample))
    ]
    return Scope(steady, tuple(node for node in steady.configuration.remotes if node in kept))


def _kind(steady: State, node: str) -> str:
    attributes = sorted(steady.configuration.node_attributes(node).items())
    return f"{attributes} {sorted(steady.roles.get(node, {}).items())}"


def singles(scope: Scope) -> Iterator[Situation]:
    """Every single situation, class by class."""
    for make in CLASSES.values():
        yield from make(scope)


def pairs(scope: Scope) -> Iterator[Situation]:
    """Depth 2: ordered pairs of faults, the second after the cluster settled from the first."""
    faults = [*node_lost(scope), *monitor_fails(scope), *stop_fails(scope)]
    for one, other in itertools.permutations(faults, 2):
        first, second = one.events[0], other.events[0]
        if isinstance(second, Fails) and isinstance(first, Lost) and second.node in first.nodes:
            continue
        yield Situation(f"{one.name},{other.name}", "second-fault", (first, second))


def interrupted(scope: Scope, actions: Mapping[str, int]) -> Iterator[Situation]:
    """Depth 2: a member is lost in the middle of what follows a first fault, after each of its actions.

    `actions` has the number of actions of the first transition by the name of the first fault.
    """
    for one in (*node_lost(scope), *monitor_fails(scope)):
        for other in node_lost(scope):
            for cut in range(1, actions.get(one.name, 0)):
                events = (one.events[0], other.events[0])
                if one.events != other.events:
                    yield Situation(f"{one.name}/{cut},{other.name}", "interrupted", events, cut)


def node_lost(scope: Scope) -> Iterator[Situation]:
    """A member loses power."""
    for node in scope.members:
        yield Situation(f"{node}-lost", "node-lost", (Lost((node,)),))


def pair_lost(scope: Scope) -> Iterator[Situation]:
    """Two members lose power at once."""
    for pair in itertools.combinations(scope.members, 2):
        yield Situation(f"{'+'.join(pair)}-lost", "pair-lost", (Lost(pair),))


def partition(scope: Scope) -> Iterator[Situation]:
    """The network parts the members: each member alone, and each half; every side judged."""
    members = scope.members
    alone = [(node,) for node in members]
    half = [tuple(members[: len(members) // 2])]
    sides = dict.fromkeys([*alone, *half] if len(members) > 1 else [])
    for side in sides:
        rest = tuple(node for node in members if node not in side)
        for judged in (side, rest):
            yield Situation(f"{'+'.join(judged)}-parted", "partition", (Parted(judged),))


def quorum_lost(_scope: Scope) -> Iterator[Situation]:
    """Quorum is gone though nobody vanished."""
    yield Situation("quorum-lost", "quorum-lost", (QuorumLost(),))


def monitor_fails(scope: Scope) -> Iterator[Situation]:
    """Each running instance of each resource is found dead; a day later that is forgotten, if it ever is."""
    return _failures(scope, "monitor-fails", (), Passed(DAY_S))


def start_fails(scope: Scope) -> Iterator[Situation]:
    """It is found dead, and cannot be started again there."""
    return _failures(scope, "start-fails", ("start",))


def stop_fails(scope: Scope) -> Iterator[Situation]:
    """It is found dead, and cannot be stopped.

    In the order of the nodes: each is fenced, after which it does not matter what has failed on it.
    """
    found = list(_failures(scope, "stop-fails", ("stop",)))
    return iter(sorted(found, key=lambda each: scope.nodes.index(_node_of(each))))


def _node_of(situation: Situation) -> str:
    first = situation.events[0]
    assert isinstance(first, Fails)
    return first.node


def promote_fails(scope: Scope) -> Iterator[Situation]:
    """It is found dead, and cannot be promoted again there."""
    return _failures(scope, "promote-fails", ("promote",))


def _failures(scope: Scope, kind: str, tasks: tuple[str, ...], *later: Event) -> Iterator[Situation]:
    conf = scope.steady.configuration
    for resource in conf.primitives.values():
        if resource.agent == REMOTE or not scope.concerns(resource):
            continue
        for node, role in scope.running(resource.id).items():
            if "promote" in tasks and role is not Role.PROMOTED:
                continue
            yield Situation(f"{resource.id}-on-{node}-{kind}", kind, (Fails(resource.id, node, tasks), *later))


def fencing_fails(scope: Scope) -> Iterator[Situation]:
    """A node is lost, and the first device that should fence it does not work."""
    for node in scope.nodes:
        for device in dict.fromkeys(
            each for level in levels(scope.steady.configuration, node)[:1] for each in level
        ):
            lost: Event = Lost((node,)) if node in scope.members else RemoteLost(node)
            broken = DevicesBroken((device,))
            yield Situation(f"{node}-lost-{device}-broken", "fencing-fails", (broken, lost))


def device_lost(scope: Scope) -> Iterator[Situation]:
    """A member is lost together with every fencing device that is running on it."""
    for node in scope.members:
        with_it = tuple(
            each.id for each in devices(scope.steady.configuration) if node in scope.steady.instances(each.id)
        )
        if with_it:
            events = (DevicesBroken(with_it), Lost((node,)))
            yield Situation(f"{node}-lost-with-{'+'.join(with_it)}", "device-lost", events)


def standby(scope: Scope) -> Iterator[Situation]:
    """A node is put in standby, and back."""
    return _attributed(scope, "standby")


def maintenance(scope: Scope) -> Iterator[Situation]:
    """A node is put in maintenance, and back."""
    return _attributed(scope, "maintenance")


def _attributed(scope: Scope, name: str) -> Iterator[Situation]:
    for node in scope.nodes:
        events = (Attributed(node, name, on=True), Attributed(node, name, on=False))
        yield Situation(f"{node}-{name}", name, events)


def returning(scope: Scope) -> Iterator[Situation]:
    """A member is lost, fenced, and comes back."""
    for node in scope.members:
        yield Situation(f"{node}-returns", "returning", (Lost((node,)), Returned((node,))))


def cold_start(scope: Scope) -> Iterator[Situation]:
    """All members lose power, and come back one by one: in every order, or a sample of them with a fixed seed."""
    yield Situation("cold-start-together", "cold-start", (Blackout(), Returned(scope.members)))
    for order in _orders(scope.members):
        events: tuple[Event, ...] = (Blackout(), *(Returned((node,)) for node in order))
        yield Situation(f"cold-start-{'-'.join(order)}", "cold-start", events)


def _orders(members: Sequence[str]) -> Iterator[tuple[str, ...]]:
    if len(members) <= PERMUTED:
        yield from itertools.permutations(members)
        return
    chosen = random.Random(len(members))  # noqa: S311 - a sample, not a secret
    for _ in range(COLD_STARTS):
        yield tuple(chosen.sample(members, len(members)))


def banned(scope: Scope) -> Iterator[Situation]:
    """An operator bans a resource from a node where it runs."""
    conf = scope.steady.configuration
    for resource in conf.primitives.values():
        if resource.fencing or (resource.id in conf.remotes and resource.id not in scope.remotes):
            continue
        name = resource.clone or resource.group or resource.id
        for node in scope.running(resource.id):
            yield Situation(f"{name}-banned-from-{node}", "banned", (Banned(name, node),))


def rolling_restart(scope: Scope) -> Iterator[Situation]:
    """Every member is stopped in its turn, and comes back before the next."""
    pairs = ((Stopped(node), Returned((node,))) for node in scope.members)
    yield Situation("rolling-restart", "rolling-restart", tuple(event for pair in pairs for event in pair))


def remote_lost(scope: Scope) -> Iterator[Situation]:
    """A remote node loses power."""
    for node in scope.remotes:
        yield Situation(f"{node}-lost", "remote-lost", (RemoteLost(node),))


def connection_lost(scope: Scope) -> Iterator[Situation]:
    """The connection to a remote node fails, though it can be made again."""
    for node in scope.remotes:
        connection = scope.steady.configuration.remotes[node]
        for host in scope.running(connection):
            yield Situation(f"{node}-connection-lost", "connection-lost", (Fails(connection, host),))


CLASSES: Mapping[str, Callable[[Scope], Iterator[Situation]]] = {
    "node-lost": node_lost,
    "pair-lost": pair_lost,
    "partition": partition,
    "quorum-lost": quorum_lost,
    "monitor-fails": monitor_fails,
    "start-fails": start_fails,
    "stop-fails": stop_fails,
    "promote-fails": promote_fails,
    "fencing-fails": fencing_fails,
    "device-lost": device_lost,
    "standby": standby,
    "maintenance": maintenance,
    "returning": returning,
    "cold-start": cold_start,
    "banned": banned,
    "rolling-restart": rolling_restart,
    "remote-lost": remote_lost,
    "connection-lost": connection_lost,
}
"""Every class of single situations by its name. The member that hosts a connection is lost among `node-lost`."""
