"""Fencing: that it can be done, that it comes first, and that who has no quorum keeps still."""

from collections.abc import Iterator

from quorate.prove.configuration import REMOTE
from quorate.prove.event import Lost
from quorate.prove.fencing import fencible, overreaching
from quorate.prove.intent import Active, Intent
from quorate.prove.properties.property import Breach, Property, acts, settled, transitions
from quorate.prove.settle import Trace, Transition
from quorate.prove.words import listed


def fencible_nodes(trace: Trace, _intent: Intent) -> Iterator[Breach | None]:
    """Every node can be fenced by a device that the others can use, and each that was lost is.

    The scheduler does not ask whether there is such a device.
    """
    name = "fencible"
    conf = trace.start.configuration
    if not trace.episodes:
        off = not conf.enabled("stonith-enabled", default=True)
        for node in conf.nodes:
            others = [member for member in conf.members if member != node]
            if off:
                yield Breach(name, "fencing is off: stonith-enabled=false", nodes=(node,))
            elif fencible(conf, node, others):
                yield None
            else:
                yield Breach(name, f"no working device that another node can use fences {node}", nodes=(node,))
        for device, named in overreaching(conf):
            message = f"{device} reaches one machine and claims to fence {listed(sorted(named), FEW)}"
            yield Breach(name, message, -1, -1, (device,), tuple(sorted(named)))
    if trace.situation.kind in {"fencing-fails", "device-lost"}:
        return
    for number, episode in settled(trace, quorate=True):
        for node in episode.at.unclean:
            unfenced = node in episode.after.unclean
            message = f"{node} is never fenced"
            yield Breach(name, message, number, len(episode.transitions) - 1, (), (node,)) if unfenced else None


def quorum_survives(trace: Trace, _intent: Intent) -> Iterator[Breach | None]:
    """The others keep quorum when the first member is lost: two need a tiebreaker, which no CIB tells of."""
    for number, episode in enumerate(trace.episodes):
        first = episode.before.quorate and episode.before.members == trace.start.members
        if isinstance(episode.event, Lost) and len(episode.event.nodes) == 1 and first:
            message = f"{episode.event.nodes[0]} lost: the others have no quorum"
            yield None if episode.at.quorate else Breach("quorum", message, number, -1, (), episode.event.nodes)


def fenced_first(trace: Trace, intent: Intent) -> Iterator[Breach | None]:
    """Nothing that ran on a node, or may on one never seen, is started before that node's fencing is confirmed.

    However the transition goes: the start waits for the fencing along the edges of its graph. Fencing devices and
    the connections to remotes need no fencing (`requires=quorum`).
    """
    for number, index, transition in transitions(trace):
        graph = transition.graph
        fencings = {each.node: each.id for each in graph.fencings()}
        for resource, node, action in acts(transition, "start"):
            for lost in _instances_lost(transition, resource, node, intent, set(fencings) - {None}):
                fencing = fencings.get(lost)
                if fencing is not None and graph.waits_for(action.id, fencing):
                    yield None
                    continue
                when = "before it is fenced" if fencing is not None else "and it is not fenced"
                message = f"{resource}, which may run on {lost}, may be started on {node} {when}"
                yield Breach("fenced-first", message, number, index, (resource,), (lost, node))


def _instances_lost(
    transition: Transition, resource: str, node: str, intent: Intent, fenced: set[str | None]
) -> Iterator[str]:
    """The nodes that are to be fenced, or should be, and may still run what is started elsewhere."""
    state = transition.before
    primitive = state.configuration.primitives.get(resource)
    if primitive is None or primitive.fencing or primitive.agent == REMOTE:
        return
    if intent.services.get(resource) is Active.ALL and not primitive.unique:
        return
    if state.quorate:
        yield from (other for other in state.configuration.members if other not in state.nodes)
    for other in state.instances(resource):
        if other != node and (other in fenced or other in state.unclean):
            yield other


def minority_stops(trace: Trace, _intent: Intent) -> Iterator[Breach | None]:
    """Where there is no quorum, nothing runs and nobody is fenced."""
    name = "minority-stops"
    for number, episode in settled(trace, quorate=False):
        state = episode.after
        last = len(episode.transitions) - 1
        for primitive in state.configuration.primitives.values():
            if primitive.fencing or not state.members:
                continue
            running = tuple(node for node in state.instances(primitive.id) if state.takes_part(node))
            message = f"{primitive.id} runs on {listed(running)} without quorum"
            yield Breach(name, message, number, last, (primitive.id,), running) if running else None
    for number, index, transition in transitions(trace):
        if not transition.before.quorate:
            present = transition.before.members
            for each in transition.graph.fencings():
                # whom it sees it may fence: it is in the same minority (pe_can_fence)
                beyond = each.node in transition.before.configuration.members and each.node not in present
                message = f"{each.node} is fenced by nodes without quorum"
                yield Breach(name, message, number, index, (), (each.node or "",)) if beyond else None


FEW = 3
"""So many names are said, of more only their number."""


PROPERTIES = (
    Property("fencible", "every node can be fenced by a device that survives it", fencible_nodes),
    Property("quorum", "quorum outlives the loss of any one member", quorum_survives),
    Property("fenced-first", "nothing of a lost node starts before it is fenced", fenced_first),
    Property("minority-stops", "nothing runs in a minority", minority_stops),
)
