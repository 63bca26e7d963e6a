"""What runs where, once a cluster has come to rest, and whether a service was away in between."""

import itertools
from collections.abc import Iterator

from quorate.prove.event import Blackout, Fails, Lost, RemoteLost
from quorate.prove.history import Role
from quorate.prove.intent import Active, Intent
from quorate.prove.properties.property import Breach, Property, acts, settled, transitions
from quorate.prove.settle import Episode, Trace, Transition
from quorate.prove.state import State


def service_running(trace: Trace, intent: Intent) -> Iterator[Breach | None]:
    """Every service has a running instance while there is quorum: at rest, at once after a fault, on the way."""
    if not trace.episodes:
        for service in intent.services:
            message = f"{service} runs nowhere though every node is up"
            yield (
                None if trace.start.running(service) else Breach("service-running", message, resources=(service,))
            )
    several = [service for service, active in intent.services.items() if active is Active.ALL]
    for number, episode in settled(trace, quorate=True):
        yield from (_at_rest(number, episode, service) for service in intent.services)
    for number, episode in enumerate(trace.episodes):
        single = isinstance(episode.event, Lost | Fails | RemoteLost) and len(episode.at.unclean) <= 1
        if single and episode.at.quorate:
            yield from (_at_once(number, episode, service) for service in several)
    for number, index, transition in transitions(trace):
        if transition.before.quorate:
            yield from (_on_the_way(number, index, transition, service) for service in several)


def _at_rest(number: int, episode: Episode, service: str) -> Breach | None:
    """Not asked of what ran on a node that cannot be fenced: to start it elsewhere would run it twice."""
    if episode.after.running(service) or _held(episode.after, service):
        return None
    message = f"no instance of {service} runs after: {episode.event}"
    return Breach("service-running", message, number, len(episode.transitions) - 1, (service,))


def _at_once(number: int, episode: Episode, service: str) -> Breach | None:
    """What is active/active is not away for a moment when one thing fails."""
    if episode.at.running(service) or not episode.before.running(service):
        return None
    return Breach("service-running", f"{episode.event}: that was the only instance", number, -1, (service,))


def _held(state: State, service: str) -> bool:
    """Whether a service is held back for the sake of a node that is not fenced."""
    return any(node in state.unclean for node in state.instances(service))


def _on_the_way(number: int, index: int, transition: Transition, service: str) -> Breach | None:
    """A breach if there can be a moment at which none of several well instances runs."""
    well = transition.before.running(service)
    stops = {node: action for resource, node, action in acts(transition, "stop") if resource == service}
    starts = [action for resource, _, action in acts(transition, "start") if resource == service]
    if not well or set(well) - set(stops):
        return None
    graph = transition.graph
    if any(graph.waits_for(stops[node].id, start.id) for node in well for start in starts):
        return None
    message = f"every instance of {service} is stopped before one is started again"
    return Breach("service-running", message, number, index, (service,), tuple(well))


def vip_with_haproxy(trace: Trace, intent: Intent) -> Iterator[Breach | None]:
    """Every virtual address is on exactly one node, where HAProxy runs, and comes there after it."""
    name = "vip-with-haproxy"
    if not trace.episodes:
        for vip in sorted(intent.virtual_ips):
            yield _vip_at_rest((-1, -1), trace.start, vip, intent)
    for number, episode in settled(trace, quorate=True):
        for vip in sorted(intent.virtual_ips):
            if not _held(episode.after, vip):
                yield _vip_at_rest((number, len(episode.transitions) - 1), episode.after, vip, intent)
    for number, index, transition in transitions(trace):
        for vip, node, action in acts(transition, "start"):
            for proxy, where, start in acts(transition, "start") if vip in intent.virtual_ips else ():
                if proxy in intent.proxies and where == node:
                    early = not transition.graph.waits_for(action.id, start.id)
                    message = f"{vip} may be started on {node} before {proxy} is"
                    yield Breach(name, message, number, index, (vip, proxy), (node,)) if early else None


def _vip_at_rest(at: tuple[int, int], state: State, vip: str, intent: Intent) -> Breach | None:
    holders = state.running(vip)
    if len(holders) != 1:
        where = f"on {' and '.join(holders)}" if holders else "on no node"
        return Breach("vip-with-haproxy", f"{vip} is {where}", *at, (vip,), tuple(holders))
    node = next(iter(holders))
    proxies = [proxy for proxy in intent.proxies if node in state.running(proxy)]
    if proxies or not intent.proxies:
        return None
    lacking = sorted(intent.proxies)
    message = f"{vip} is on {node}, where {' and '.join(lacking)} does not run"
    return Breach("vip-with-haproxy", message, *at, (vip, *lacking), (node,))


def once(trace: Trace, intent: Intent) -> Iterator[Breach | None]:
    """An active/passive service never runs twice: one starts only after the other was stopped or fenced."""
    name = "once"
    if not trace.episodes:
        yield from _addresses(trace, intent)
    states = [(-1, -1, trace.start)] if not trace.episodes else []
    states += [(number, index, transition.after) for number, index, transition in transitions(trace)]
    for number, index, state in states:
        for service in sorted(intent.single):
            nodes = state.instances(service)
            message = f"{service} runs on {' and '.join(nodes)} at once"
            yield Breach(name, message, number, index, (service,), tuple(nodes)) if len(nodes) > 1 else None
    for number, index, transition in transitions(trace):
        for service, node, action in acts(transition, "start", "migrate_from"):
            if service in intent.single:
                for other in transition.before.instances(service):
                    if other != node and not _ended(transition, service, other, action.id):
                        message = f"{service} may be started on {node} while it still runs on {other}"
                        yield Breach(name, message, number, index, (service,), (node, other))
                    else:
                        yield None


def _addresses(trace: Trace, intent: Intent) -> Iterator[Breach | None]:
    """No two resources bring up the same address."""
    parameters = {vip: trace.start.configuration.primitives[vip].parameters for vip in sorted(intent.virtual_ips)}
    for vip, other in itertools.combinations(parameters, 2):
        address = parameters[vip].get("ip")
        message = f"{vip} and {other} have the same address, {address}"
        same = address is not None and address == parameters[other].get("ip")
        yield Breach("once", message, resources=(vip, other)) if same else None


def _ended(transition: Transition, service: str, node: str, before: int) -> bool:
    """Whether an instance is surely gone before an action begins."""
    graph = transition.graph
    ends = [
        each.id
        for resource, where, each in acts(transition, "stop", "migrate_to")
        if (resource, where) == (service, node)
    ]
    ends += [each.id for each in graph.fencings() if each.node == node]
    return any(graph.waits_for(before, end) for end in ends)


def promoted(trace: Trace, intent: Intent) -> Iterator[Breach | None]:
    """As many instances are promoted as are meant to be, out of those that run."""
    if not trace.episodes:
        for service in intent.promoted:
            yield _promoted_at_rest(-1, -1, trace.start, service, intent)
    for number, episode in settled(trace, quorate=True):
        for service in intent.promoted if not _awaited(trace, number) else ():
            if not _held(episode.after, service):
                yield _promoted_at_rest(number, len(episode.transitions) - 1, episode.after, service, intent)


def _awaited(trace: Trace, number: int) -> bool:
    """Whether members that lost power with all others are not back yet: whose data is the latest is not known."""
    dark = any(isinstance(episode.event, Blackout) for episode in trace.episodes[: number + 1])
    return dark and set(trace.episodes[number].after.members) != set(trace.start.members)


def _promoted_at_rest(number: int, index: int, state: State, service: str, intent: Intent) -> Breach | None:
    running = state.running(service)
    well = [node for node, role in running.items() if role is Role.PROMOTED]
    meant = min(intent.promoted[service], len(running))
    if len(well) == meant and (meant or not running):
        return None
    message = f"{len(well)} of {len(running)} instances of {service} are promoted, {meant} are meant to be"
    return Breach("promoted", message, number, index, (service,), tuple(running))


def majority(trace: Trace, intent: Intent) -> Iterator[Breach | None]:
    """Whatever one thing fails, more than half of the instances keep on through all that follows."""
    if trace.situation.kind not in SINGLE:
        return
    for number, index, transition in transitions(trace):
        for service in sorted(intent.majorities):
            all_ = _serving(trace.start, service, intent)
            kept = _serving(transition.before, service, intent) & _serving(transition.after, service, intent)
            kept -= {node for resource, node, _ in acts(transition, "stop", "demote") if resource == service}
            message = f"{len(kept)} of {len(all_)} instances of {service} keep on: no majority"
            breach = Breach("majority", message, number, index, (service,), tuple(sorted(all_ - kept)))
            yield None if len(kept) * 2 > len(all_) else breach


SINGLE = frozenset(
    {"node-lost", "monitor-fails", "start-fails", "stop-fails", "promote-fails", "standby", "rolling-restart"}
)
"""The classes of situations in which one thing at a time is amiss."""


def _serving(state: State, service: str, intent: Intent) -> set[str]:
    """Where a service does its work: where it is promoted, if it has that role."""
    least = Role.PROMOTED if service in intent.promoted else Role.STARTED
    return {node for node, role in state.running(service).items() if role >= least}


def cold_start(trace: Trace, intent: Intent) -> Iterator[Breach | None]:
    """After all nodes were lost and have come back, everything runs as before."""
    if trace.situation.kind == "cold-start":
        yield from _as_before("cold-start", trace, intent)


def restored(trace: Trace, intent: Intent) -> Iterator[Breach | None]:
    """After a fault that is over, as many instances run as before, in the same roles."""
    if trace.situation.kind in PASSING:
        yield from _as_before("restored", trace, intent)


PASSING = frozenset({"monitor-fails", "returning", "standby", "maintenance", "rolling-restart"})
"""The classes of situations at whose end nothing is broken any more."""


def _as_before(name: str, trace: Trace, intent: Intent) -> Iterator[Breach | None]:
    if not trace.end.quorate or set(trace.end.members) != set(trace.start.members):
        return
    last = len(trace.episodes) - 1
    for service in intent.services:
        before, after = trace.start.running(service), trace.end.running(service)
        message = f"{service} ran on {_where(before)}; in the end it runs on {_where(after)}"
        breach = Breach(name, message, last, len(trace.episodes[last].transitions) - 1, (service,))
        yield None if sorted(before.values()) == sorted(after.values()) else breach


def _where(nodes: dict[str, Role]) -> str:
    return (
        ", ".join(f"{node} (promoted)" if role is Role.PROMOTED else node for node, role in nodes.items())
        or "no node"
    )


PROPERTIES = (
    Property("service-running", "every service keeps a running instance while there is quorum", service_running),
    Property(
        "vip-with-haproxy",
        "every virtual IP is on exactly one node, with a live HAProxy",
        vip_with_haproxy,
        lambda _trace, intent: bool(intent.virtual_ips),
    ),
    Property("once", "what is active/passive never runs twice", once, lambda _trace, intent: bool(intent.single)),
    Property(
        "promoted",
        "promoted where it is meant, and nowhere else",
        promoted,
        lambda _trace, intent: bool(intent.promoted),
    ),
    Property(
        "majority",
        "what needs a majority keeps it whatever one thing fails",
        majority,
        lambda trace, intent: any(len(_serving(trace.start, each, intent)) > 2 for each in intent.majorities),  # noqa: PLR2004 - fewer have no majority to lose
    ),
    Property("cold-start", "after a cold start everything runs", cold_start),
    Property("restored", "after a fault that is over everything runs as before", restored),
)
