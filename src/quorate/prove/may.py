"""Whether a node may be stopped, or may be lost, from where a cluster is now; and what a change would make of it.

Judged by playing it: Pacemaker's scheduler decides, the properties judge. What Pacemaker does not know is judged
beside that: databases and brokers that count their own majority.
"""

from collections.abc import Collection, Iterable, Iterator, Mapping
from dataclasses import dataclass, field

from quorate.model.finding import Verdict
from quorate.prove.agents import KNOWN
from quorate.prove.configuration import Configuration
from quorate.prove.event import Attributed, Event, Harmless, Lost, RemoteLost, Stopped
from quorate.prove.graph import Graph, Kind
from quorate.prove.history import Role
from quorate.prove.intent import Intent
from quorate.prove.properties import ALL, Breach
from quorate.prove.properties.property import acts
from quorate.prove.scheduler import ScheduleFailed
from quorate.prove.settle import Schedule, Situation, Trace, play
from quorate.prove.spelling import milliseconds, true
from quorate.prove.state import State
from quorate.prove.words import listed

PROPERTIES = (
    "service-running",
    "vip-with-haproxy",
    "once",
    "fencible",
    "fenced-first",
    "minority-stops",
    "promoted",
    "undisturbed",
    "settles",
)
"""What must hold when a node goes."""

CHANGED = tuple(name for name in PROPERTIES if name != "undisturbed")
"""What must hold when the configuration changes: it may move what it is about."""

FENCING = "60s"
"""Pacemaker's `stonith-timeout` where it is not configured."""


@dataclass(frozen=True, slots=True)
class Trouble:
    """Something that is not as it should be before anything has happened, and what to do, or to wait for.

    One that `blocks` makes every further step a risk that cannot be judged.
    """

    what: str
    remedy: str
    nodes: tuple[str, ...] = ()
    service: str | None = None
    blocks: bool = False


@dataclass(frozen=True, slots=True)
class Moved:
    """What becomes of one primitive: where it was and where it ends, with its roles.

    `restarted` are nodes on which it is stopped and started again. `away_s` is for how long at most, by the
    timeouts of the actions between, nothing of it runs; None if some instance runs throughout, or it ends
    nowhere. Where a node has to be fenced before, the time begins with the fencing.
    """

    resource: str
    before: Mapping[str, Role]
    after: Mapping[str, Role]
    restarted: tuple[str, ...] = ()
    away_s: float | None = None

    @property
    def interrupted(self) -> bool:
        """Whether there is a time in which nothing of it runs."""
        return self.away_s is not None or not self.after


@dataclass(frozen=True, slots=True)
class Votes:
    """The members that are up, out of all, and whether the cluster has quorum."""

    up: int
    of: int
    quorate: bool


@dataclass(frozen=True, slots=True)
class Reason:
    """Why not, or why it cannot be told."""

    message: str
    wait_for: tuple[Trouble, ...] = ()


@dataclass(frozen=True, slots=True)
class Answer:
    """Whether what was asked about may happen now, and what would follow.

    `present` is what is wrong already, `before` and `after` are the votes, `fenced` the nodes that are fenced.
    """

    verdict: Verdict
    reasons: tuple[Reason, ...] = ()
    present: tuple[Trouble, ...] = ()
    moved: tuple[Moved, ...] = ()
    before: Votes | None = None
    after: Votes | None = None
    fenced: tuple[str, ...] = ()
    breaches: tuple[Breach, ...] = ()
    transitions: int = 0
    actions: int = 0
    trace: Trace | None = field(default=None, repr=False, compare=False)


def may_stop(state: State, nodes: Iterable[str], intent: Intent, schedule: Schedule) -> Answer:
    """Whether members may be stopped, one after the other, none coming back before the next.

    A remote node is not stopped by itself: it is put in standby, which moves away what it runs.
    """
    events: list[Event] = []
    for node in nodes:
        if node in state.configuration.remotes:
            events.append(Attributed(node, "standby", on=True))
        elif state.takes_part(node):
            events.append(Stopped(node))
    return _may(state, tuple(nodes), tuple(events), intent, schedule)


def may_lose(state: State, nodes: Iterable[str], intent: Intent, schedule: Schedule) -> Answer:
    """Whether nodes may be lost, all at once: members with their power, remotes with theirs."""
    there = tuple(node for node in nodes if state.takes_part(node))
    members = tuple(node for node in there if node in state.configuration.members)
    events: list[Event] = [RemoteLost(node) for node in there if node not in members]
    if members:
        events.append(Lost(members))
    return _may(state, tuple(nodes), tuple(events), intent, schedule)


def changed(state: State, to: Configuration, intent: Intent, schedule: Schedule) -> Answer:
    """What becomes of a running cluster when it is given another configuration, and whether all holds.

    Only what would not go wrong without the change as well speaks against it: it may be what mends the cluster.
    """
    try:
        as_is = _breaches(_reconfigured(state, state.configuration, schedule), intent, CHANGED)
        trace = _reconfigured(state, to, schedule)
    except ScheduleFailed as error:
        return Answer(Verdict.UNKNOWN, (Reason(str(error)),))
    known = {(each.property, each.resources) for each in as_is}
    breaches = tuple(
        each for each in _breaches(trace, intent, CHANGED) if (each.property, each.resources) not in known
    )
    return _answer(trace, tuple(Reason(each.message) for each in breaches), present(state, intent), breaches)


def _reconfigured(state: State, to: Configuration, schedule: Schedule) -> Trace:
    return play(Situation("changed", "changed", (_Changed(to),)), state, schedule)


def present(state: State, intent: Intent, at_work: Graph | None = None) -> tuple[Trouble, ...]:
    """What is not as it should be in a state; `at_work` is what the cluster is about to do."""
    return (*_held(state), *_members(state), *_services(state, intent), *_work(at_work))


def _may(
    state: State, nodes: tuple[str, ...], events: tuple[Event, ...], intent: Intent, schedule: Schedule
) -> Answer:
    try:
        now = present(state, intent, schedule(state))
        trace = play(Situation("may", "may", events), state, schedule)
    except ScheduleFailed as error:
        return Answer(Verdict.UNKNOWN, (Reason(str(error)),))
    if not events:
        return Answer(Verdict.YES, present=now, before=_votes(state), after=_votes(state), trace=trace)
    breaches = _breaches(trace, intent, PROPERTIES)
    blocked = tuple(Reason(each.what, (each,)) for each in now if each.blocks)
    reasons = (
        *blocked,
        *_quorum_lost(state, trace, now),
        *_majorities(state, nodes, now, clean=not any(isinstance(each, Lost) for each in events)),
        # what else goes wrong then is of no use to know
        *(Reason(each.message, _about(now, each.resources)) for each in breaches if not blocked),
    )
    return _answer(trace, reasons, now, breaches)


def _answer(
    trace: Trace, reasons: tuple[Reason, ...], now: tuple[Trouble, ...], breaches: tuple[Breach, ...]
) -> Answer:
    unknown = tuple(_unknown(trace))
    verdict = Verdict.NO if reasons else Verdict.UNKNOWN if unknown else Verdict.YES
    graphs = [each.graph for episode in trace.episodes for each in episode.transitions]
    return Answer(
        verdict=verdict,
        reasons=reasons or unknown,
        present=now,
        moved=tuple(_moved(trace)),
        before=_votes(trace.start),
        after=_votes(trace.end),
        fenced=tuple(dict.fromkeys(each.node or "" for graph in graphs for each in graph.fencings())),
        breaches=breaches,
        transitions=len(graphs),
        actions=sum(1 for graph in graphs for action in graph.actions.values() if action.kind.real),
        trace=trace,
    )


def _breaches(trace: Trace, intent: Intent, properties: Iterable[str]) -> tuple[Breach, ...]:
    """One breach of each property, the first, and of service-running one a service."""
    found: dict[tuple[str, tuple[str, ...]], Breach] = {}
    for name in properties:
        for breach in ALL[name].judge(trace, intent).breaches:
            found.setdefault((name, breach.resources if name == "service-running" else ()), breach)
    return tuple(found.values())


def _unknown(trace: Trace) -> Iterator[Reason]:
    conf = trace.start.configuration
    for each in KNOWN.unknown(conf):
        agent = conf.primitives[each].agent
        yield Reason(f"nobody can say which instance of {each} is promoted: {agent} decides, and is not modelled")
    if not _counted_by_members(trace.start):
        yield Reason("votes are not the members' alone (a quorum device?): what they are then cannot be told")


# -- what is wrong already


def _held(state: State) -> Iterator[Trouble]:
    conf = state.configuration
    if not state.quorate:
        yield Trouble("there is no quorum", "bring members back", blocks=True)
    for name in ("maintenance-mode", "stop-all-resources"):
        if conf.enabled(name, default=False):
            remedy = f"crm_attribute --name {name} --delete"
            yield Trouble(f"the property {name} is set: Pacemaker keeps still", remedy, blocks=True)
    for primitive in conf.primitives.values():
        managed = true(primitive.meta.get("is-managed", "true")) and not true(primitive.meta.get("maintenance"))
        if not managed:
            remedy = f"crm_resource --resource {primitive.id} --meta --delete-parameter is-managed"
            yield Trouble(f"{primitive.id} is unmanaged", remedy, service=primitive.id)


def _members(state: State) -> Iterator[Trouble]:
    conf = state.configuration
    for name in conf.members:
        node = state.nodes.get(name)
        about = (name,)
        if name in state.unclean:
            remedy = f"wait for its fencing: stonith_admin --history {name}"
            yield Trouble(f"{name} is lost and not fenced yet", remedy, about, blocks=True)
        elif node is None or not node.online:
            yield Trouble(f"{name} is not back", "wait for it: quorate verify --only quorum", about)
        elif node.attributes.get("join") != "member":
            yield Trouble(f"{name} is joining", "wait for it: quorate verify --only quorum", about, blocks=True)
        attributes = conf.node_attributes(name)
        for held in ("standby", "maintenance"):
            if true(attributes.get(held)):
                remedy = f"crm_attribute --node {name} --name {held} --delete"
                yield Trouble(f"{name} is in {held}", remedy, about, blocks=held == "maintenance")


def _services(state: State, intent: Intent) -> Iterator[Trouble]:
    conf = state.configuration
    for resource, node in sorted(state.failed):
        remedy = f"crm_resource --cleanup --resource {resource} --node {node}"
        yield Trouble(f"{resource} has failed on {node}", remedy, (node,), resource)
    for service, primitive in conf.primitives.items():
        if service not in intent.services:
            continue
        running = state.running(service)
        meant = {service} if primitive.clone is None else set(_eligible(state, service))
        lacking = sorted(meant - set(running)) if primitive.clone else []
        if not running:
            yield Trouble(f"{service} runs nowhere", _wait(service), service=service)
        elif lacking and len(running) < int(primitive.meta.get("clone-max", len(conf.members))):
            yield Trouble(f"{service} does not run on {listed(lacking)}", _wait(service), tuple(lacking), service)
        waiting = tuple(node for node, role in running.items() if role is not Role.PROMOTED)
        if service in intent.promoted and len(running) - len(waiting) < min(
            intent.promoted[service], len(running)
        ):
            yield Trouble(f"{service} is not promoted on {listed(waiting)} yet", _wait(service), waiting, service)


def _wait(service: str) -> str:
    return f"wait for it: quorate verify --only {'galera' if service == 'galera' else 'resources'}"


def _eligible(state: State, service: str) -> Iterator[str]:
    """The members that take part and may run a service now."""
    conf = state.configuration
    names = [name for name, parts in conf.collectives.items() if service in parts]
    only = {each.node for each in conf.locations if each.resource in names and each.score > 0}
    for node in state.members:
        standby = true(conf.node_attributes(node).get("standby"))
        allowed = conf.enabled("symmetric-cluster", default=True) or node in only
        if not standby and allowed and not conf.banned(service, node):
            yield node


NAMED = 3
"""So many are named, of more only their number."""


def _work(graph: Graph | None) -> Iterator[Trouble]:
    if graph is None:
        return
    acts = [str(each) for each in graph.actions.values() if each.kind.real]
    if acts:
        said = f"the cluster is at work: {listed(acts, NAMED)}"
        yield Trouble(said, "wait until it has come to rest: crm_mon", blocks=True)


def _about(now: Iterable[Trouble], resources: Collection[str]) -> tuple[Trouble, ...]:
    """What is wrong already with some resources, which explains what goes wrong with them next."""
    return tuple(each for each in now if each.service is not None and each.service in resources)


# -- what only the members themselves count


def _quorum_lost(state: State, trace: Trace, now: tuple[Trouble, ...]) -> Iterator[Reason]:
    after = _votes(trace.end)
    if not _counted_by_members(state):
        return
    if state.quorate and not trace.end.quorate:
        absent = tuple(each for each in now if each.nodes and each.service is None)
        yield Reason(f"the cluster would have no quorum: {after.up} of {after.of} votes", absent)


def _majorities(
    state: State, nodes: tuple[str, ...], now: tuple[Trouble, ...], *, clean: bool
) -> Iterator[Reason]:
    """Services that serve only while most of their members see each other, which Pacemaker does not count.

    Galera counts those that were together last: who leaves in order is no longer counted, but a single member of
    three that is left has nobody to fall back on. RabbitMQ's quorum queues count all members they have.
    """
    for primitive in state.configuration.primitives.values():
        running = state.running(primitive.id)
        if primitive.clone is None or not running:
            continue
        members = len(state.configuration.members)
        waiting = _about(now, (primitive.id,)) or tuple(
            each for each in now if each.nodes and each.service is None
        )
        if primitive.agent == "ocf:heartbeat:galera":
            serving = [node for node, role in running.items() if role is Role.PROMOTED]
            left = [node for node in serving if node not in nodes]
            enough = 2 * len(left) >= members if clean else 2 * len(left) > len(serving)
            if len(left) < len(serving) and not enough:
                total = members if clean else len(serving)
                yield Reason(f"{primitive.id} would have no quorum: {len(left)} of {total} promoted", waiting)
        elif "rabbitmq" in primitive.agent and members > 2:  # noqa: PLR2004 - of two neither has a majority alone
            left = [node for node in running if node not in nodes]
            if len(left) < len(running) and 2 * len(left) <= members:
                message = f"quorum queues of {primitive.id} would have no quorum: {len(left)} of {members} run"
                yield Reason(message, waiting)


def _counted_by_members(state: State) -> bool:
    """Whether quorum follows from the members that are up: something else has votes if there is more than that."""
    return state.majority or not state.quorate


def _votes(state: State) -> Votes:
    members = state.configuration.members
    up = sum(1 for name in members if name in state.nodes and state.nodes[name].member)
    return Votes(up, len(members), state.quorate)


# -- what would move


def _moved(trace: Trace) -> Iterator[Moved]:
    for resource in trace.start.configuration.primitives | trace.end.configuration.primitives:
        before, after = trace.start.running(resource), trace.end.running(resource)
        restarted = tuple(sorted(_stopped(trace, resource) & set(before) & set(after)))
        if before != after or restarted:
            away_ms = _away_ms(trace, resource, before)
            away_s = None if away_ms is None or not after else away_ms / 1000
            yield Moved(resource, before, after, restarted, away_s)


def _stopped(trace: Trace, resource: str) -> set[str]:
    transitions = [each for episode in trace.episodes for each in episode.transitions]
    return {node for each in transitions for name, node, _ in acts(each, "stop") if name == resource}


def _away_ms(trace: Trace, resource: str, before: Mapping[str, Role]) -> int | None:
    """For how long at most nothing of it runs, by the timeouts of what lies between; None if some always does."""
    if not before:
        return None
    for episode in trace.episodes:
        for transition in episode.transitions:
            ends = [each.id for name, _, each in acts(transition, "stop", "migrate_to") if name == resource]
            ends += [each.id for each in transition.graph.fencings() if each.node and each.node in before]
            begins = [each.id for name, _, each in acts(transition, "start", "migrate_from") if name == resource]
            stay = set(transition.before.running(resource)) - {
                node for name, node, _ in acts(transition, "stop") if name == resource
            }
            if ends and begins and not stay:
                conf = transition.before.configuration
                fencing_ms = milliseconds(conf.properties.get("stonith-timeout", FENCING))
                return max(
                    _longest_ms(transition.graph, end, begin, fencing_ms) for end in ends for begin in begins
                )
    return None


def _longest_ms(graph: Graph, first: int, last: int, fencing_ms: int) -> int:
    """The sum of the timeouts along the longest way from one action to another, both included."""
    known: dict[int, int] = {}

    def until(action: int) -> int:
        if action not in known:
            inputs = [each for each in graph.inputs[action] if each == first or graph.waits_for(each, first)]
            known[action] = _timeout_ms(graph, action, fencing_ms) + max(map(until, inputs), default=0)
        return known[action]

    return until(last) if graph.waits_for(last, first) else _timeout_ms(graph, last, fencing_ms)


def _timeout_ms(graph: Graph, number: int, fencing_ms: int) -> int:
    action = graph.actions[number]
    match action.kind:
        case Kind.RESOURCE:
            return int(action.meta("timeout") or 20_000)
        case Kind.FENCING:
            return fencing_ms
        case _:
            return 0


# -- events that are no faults


@dataclass(frozen=True, slots=True)
class _Changed(Harmless):
    """The cluster is given another configuration."""

    to: Configuration

    def happen(self, state: State) -> State:
        """Nothing but the configuration differs."""
        return state.with_configuration(self.to)

    def __str__(self) -> str:
        return "the configuration changed"
