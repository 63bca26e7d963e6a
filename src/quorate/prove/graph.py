"""What the scheduler decided: the actions of a transition, and which of them waits for which."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from enum import Enum
from functools import cached_property
from xml.etree import ElementTree as ET

from quorate.prove.spelling import score


class Kind(Enum):
    """Who carries an action out: a resource's agent, a fencing device, the controller, or nobody."""

    RESOURCE = "rsc_op"
    FENCING = "stonith"
    CLUSTER = "crm_event"
    PSEUDO = "pseudo_event"

    @property
    def real(self) -> bool:
        """Whether something is done on a host, or to it."""
        return self in {Kind.RESOURCE, Kind.FENCING}


@dataclass(frozen=True, slots=True)
class Action:
    """One action. `task` is start, stop, monitor, promote, stonith, ...; `parameters` are what the agent is given.

    `key` names it as Pacemaker's logs do: `galera_start_0`. `resource` is its name in a node's history, `long_id`
    that of the instance; `router` is the member that reaches the node if that is a remote.
    """

    id: int
    kind: Kind
    task: str
    key: str
    node: str | None
    node_id: str | None
    router: str | None
    resource: str | None
    long_id: str | None
    agent: Mapping[str, str]
    parameters: Mapping[str, str]
    priority: int

    @property
    def interval_ms(self) -> int:
        """How often it recurs; 0 if it is done once."""
        return int(self.meta("interval") or 0)

    @property
    def target_rc(self) -> int:
        """The exit code that the cluster wants."""
        return int(self.meta("op_target_rc") or 0)

    def meta(self, name: str) -> str | None:
        """One of the settings that Pacemaker adds to the parameters."""
        return self.parameters.get(f"CRM_meta_{name}")

    @property
    def probe(self) -> bool:
        """Whether it only asks what is the case on a node, before anything is done there."""
        return self.task == "monitor" and self.interval_ms == 0

    def __str__(self) -> str:
        match self.kind:
            case Kind.FENCING:
                return f"fence {self.node}"
            case Kind.PSEUDO | Kind.CLUSTER:
                return f"{self.key}" + (f" on {self.node}" if self.node else "")
        task = "probe" if self.probe else self.task
        return f"{task} {self.resource} on {self.node}"


@dataclass(frozen=True)
class Synapse:
    """Actions that begin together, once all of their `inputs` are done."""

    actions: tuple[int, ...]
    inputs: frozenset[int]
    priority: int


@dataclass(frozen=True)
class Graph:
    """A transition: its synapses in the scheduler's order, and its actions by their number."""

    synapses: tuple[Synapse, ...]
    actions: Mapping[int, Action]
    settings: Mapping[str, str]

    @cached_property
    def inputs(self) -> dict[int, frozenset[int]]:
        """What each action directly waits for."""
        return {action: synapse.inputs for synapse in self.synapses for action in synapse.actions}

    @cached_property
    def _before(self) -> dict[int, int]:
        """What each action waits for, also through others, as the bits of a number."""
        found: dict[int, int] = {}
        remaining = list(self.synapses)
        while remaining:
            waiting = []
            for synapse in remaining:
                if any(each not in found for each in synapse.inputs):
                    waiting.append(synapse)
                    continue
                bits = 0
                for each in synapse.inputs:
                    bits |= found[each] | 1 << each
                found.update(dict.fromkeys(synapse.actions, bits))
            if len(waiting) == len(remaining):  # a circle: none of them can ever begin
                break
            remaining = waiting
        return found

    def waits_for(self, action: int, other: int) -> bool:
        """Whether `action` can only begin after `other` is done, however the transition goes."""
        return bool(self._before.get(action, 0) >> other & 1)

    def of(self, *tasks: str, resource: str | None = None, node: str | None = None) -> Iterator[Action]:
        """The resources' actions with one of those names; probes and what recurs are not among them."""
        for action in self.actions.values():
            if (
                action.kind is Kind.RESOURCE
                and action.task in tasks
                and resource in {None, action.resource}
                and node in {None, action.node}
                and action.task != "monitor"
            ):
                yield action

    def fencings(self) -> Iterator[Action]:
        """The nodes' fencings (not what merely allows a node to run something: unfencing)."""
        for action in self.actions.values():
            if action.kind is Kind.FENCING and action.meta("stonith_action") != "on":
                yield action

    @property
    def empty(self) -> bool:
        """Whether there is nothing to do: without quorum Pacemaker goes on with pseudo-actions for ever."""
        return all(action.kind is Kind.PSEUDO for action in self.actions.values())


def read(xml: bytes | str) -> Graph:
    """The transition in a `<transition_graph>`.

    Raises ValueError if it is something else.
    """
    try:
        root = ET.fromstring(xml)  # noqa: S314 - written by Pacemaker's library
    except ET.ParseError as error:
        raise ValueError(f"not XML: {error}") from error
    if root.tag != "transition_graph":
        raise ValueError(f"not a transition graph: <{root.tag}>")
    synapses, actions = [], {}
    for each in root.iterfind("synapse"):
        priority = score(each.get("priority", "0"))
        found = [_action(one, priority) for one in each.iterfind("action_set/*")]
        actions.update({action.id: action for action in found})
        inputs = frozenset(int(one.get("id", 0)) for one in each.iterfind("inputs/trigger/*"))
        synapses.append(Synapse(tuple(action.id for action in found), inputs, priority))
    return Graph(tuple(synapses), actions, dict(root.attrib))


def _action(root: ET.Element, priority: int) -> Action:
    kind = Kind(root.tag)
    task = root.get("operation", "")
    if kind is Kind.CLUSTER and task == "stonith":
        kind = Kind.FENCING
    primitive = root.find("primitive")
    about = {} if primitive is None else dict(primitive.attrib)
    attributes = root.find("attributes")
    parameters = {} if attributes is None else dict(attributes.attrib)
    for each in () if attributes is None else attributes.iterfind("param"):
        parameters[each.get("name", "")] = each.get("value", "")
    return Action(
        id=int(root.get("id", 0)),
        kind=kind,
        task=task,
        key=root.get("operation_key", task),
        node=root.get("on_node"),
        node_id=root.get("on_node_uuid"),
        router=root.get("router_node"),
        resource=about.get("id"),
        long_id=about.get("long-id"),
        agent={name: about[name] for name in ("class", "provider", "type") if name in about},
        parameters=parameters,
        priority=priority,
    )
