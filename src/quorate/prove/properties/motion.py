"""That a cluster comes to rest, and that on the way nothing moves which need not."""

from collections.abc import Iterator

from quorate.prove.configuration import Configuration
from quorate.prove.event import Attributed, Banned, Fails, Lost, Parted, RemoteLost, Returned, Stopped
from quorate.prove.intent import Intent
from quorate.prove.properties.property import Breach, Property, acts
from quorate.prove.settle import Ending, Episode, Trace
from quorate.prove.spelling import INFINITY

_DISTURBING = ("stop", "demote", "migrate_to")


def settles(trace: Trace, _intent: Intent) -> Iterator[Breach | None]:
    """After every event there comes an end to what follows from it."""
    for number, episode in enumerate(trace.episodes):
        endless = episode.ending is Ending.ENDLESS
        last = len(episode.transitions) - 1
        message = f"the cluster never comes to rest after: {episode.event}"
        yield Breach("settles", message, number, last) if endless else None


def undisturbed(trace: Trace, intent: Intent) -> Iterator[Breach | None]:
    """A fault stops, demotes or moves only what it hit, and what is placed with that."""
    for number, episode in enumerate(trace.episodes):
        if isinstance(episode.event, Lost | Parted | Fails | RemoteLost | Stopped | Banned) or _leaving(episode):
            yield from _disturbed("undisturbed", number, trace, intent)


def return_undisturbed(trace: Trace, intent: Intent) -> Iterator[Breach | None]:
    """A node that comes back disturbs nothing that runs on the others."""
    for number, episode in enumerate(trace.episodes):
        back = isinstance(episode.event, Returned) or (
            isinstance(episode.event, Attributed) and not episode.event.on
        )
        if back:
            yield from _disturbed("return-undisturbed", number, trace, intent)


def _leaving(episode: Episode) -> bool:
    return isinstance(episode.event, Attributed) and episode.event.on


def _disturbed(name: str, number: int, trace: Trace, intent: Intent) -> Iterator[Breach | None]:
    """One value for each instance that was well and has nothing to do with the event, nor with one cut short."""
    episode = trace.episodes[number]
    if not episode.at.quorate or not episode.before.quorate:
        return
    before = trace.episodes[number - 1] if number else episode
    under_way = (before, episode) if before.ending is Ending.CUT else (episode,)
    hit = {each for one in under_way for each in _hit(one, intent)}
    hit_nodes = {node for one in under_way for node in _hit_nodes(one)}
    for resource in episode.before.configuration.primitives:
        for node in episode.at.running(resource):
            if node not in hit_nodes and not {(resource, None), (resource, node)} & hit:
                yield _disturbance(name, number, episode, resource, node)


def _disturbance(name: str, number: int, episode: Episode, resource: str, node: str) -> Breach | None:
    for index, transition in enumerate(episode.transitions):
        if not transition.before.quorate:  # from then on all stops
            break
        for what, where, action in acts(transition, *_DISTURBING):
            if (what, where) == (resource, node):
                message = f"{action.task} {resource} on {node}, though it is well there"
                return Breach(name, message, number, index, (resource,), (node,))
    return None


def _hit_nodes(episode: Episode) -> Iterator[str | None]:
    """The nodes that an event is about, and those that are fenced: what runs there may be disturbed."""
    yield from _nodes_of(episode)
    for each in episode.transitions:
        yield from (fencing.node for fencing in each.graph.fencings())


def _nodes_of(episode: Episode) -> set[str]:
    """The nodes that an event is about (a return is about none that runs)."""
    match episode.event:
        case Lost(nodes):
            return {*nodes}
        case Parted(side):
            return {*episode.before.members} - {*side}
        case Stopped(node) | RemoteLost(node):
            return {node}
        case Attributed(node, "standby", True):
            return {node}
        case _:
            return set()


def _hit(episode: Episode, intent: Intent) -> set[tuple[str, str | None]]:
    """The instances that an event is about, and those that are placed with them: (primitive, node or anywhere).

    What cannot stay on its node takes along also what it is placed with. An address stays where it is while its
    HAProxy is restarted there.
    """
    conf, event = episode.before.configuration, episode.event
    found: set[tuple[str, str | None]] = set()
    away = False
    if isinstance(event, Fails):
        found, away = {(event.resource, event.node)}, bool(event.tasks)
    if isinstance(event, Banned):
        found, away = {(part, event.node) for part in conf.collectives.get(event.resource, ())}, True
    staying = intent.virtual_ips if not away and {name for name, _ in found} & intent.proxies else frozenset()
    while more := {(each, node) for name, node in found for each in _placed_with(conf, name, away=away)} - found:
        found |= more
    return {(name, node) for name, node in found if name not in staying}


def _placed_with(conf: Configuration, resource: str, *, away: bool) -> Iterator[str]:
    """What goes where a primitive goes: what is colocated with it, its group; if `away` also what it follows."""
    for each in conf.colocations:
        if each.score >= INFINITY and resource in conf.collectives.get(each.with_resource, ()):
            yield from conf.collectives.get(each.resource, ())
        if away and each.score >= INFINITY and resource in conf.collectives.get(each.resource, ()):
            yield from conf.collectives.get(each.with_resource, ())
    group = conf.primitives[resource].group if resource in conf.primitives else None
    if group is not None:
        members = conf.collectives[group]
        yield from members if away else members[members.index(resource) :]


PROPERTIES = (
    Property("settles", "the cluster comes to rest", settles),
    Property("undisturbed", "a fault moves or restarts nothing that it need not", undisturbed),
    Property("return-undisturbed", "a node that returns disturbs nothing", return_undisturbed),
)
