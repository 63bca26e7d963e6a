"""A cluster at one moment as the scheduler sees it: a configuration, and what every node says has happened on it.

A `State` is a value. What happens to a cluster (a node is lost, an action is done) makes a new one, which shares
with the old what did not change. `read` and `State.cib` are each other's inverse but for the order of attributes.
"""

import hashlib
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from functools import cached_property
from typing import Self, TypeVar
from xml.etree import ElementTree as ET
from xml.sax.saxutils import quoteattr

from quorate.prove.configuration import Configuration
from quorate.prove.history import History, Role
from quorate.prove.spelling import milliseconds

ONLINE = {"in_ccm": "true", "crmd": "online", "join": "member", "expected": "member"}
OFFLINE = {"in_ccm": "false", "crmd": "offline", "join": "down", "expected": "down"}
VANISHED = {**ONLINE, "in_ccm": "false"}
"""What the others see of a member that is silent: gone without having said goodbye, so to be fenced."""

_TOLD_BY = frozenset({"crm-debug-origin"})
"""Who told of a node."""

EPOCH = 1_735_689_600
"""The time in a CIB that does not say one, in seconds: 2025-01-01. A proof does not depend on when it is made."""


Told = TypeVar("Told")


@dataclass(frozen=True)
class NodeState:
    """What a cluster knows of one node: its `<node_state>`."""

    attributes: Mapping[str, str]
    histories: Mapping[str, History] = field(default_factory=dict)
    transient: Mapping[str, str] = field(default_factory=dict)
    utilization: Mapping[str, str] = field(default_factory=dict)

    @property
    def id(self) -> str:
        """Its Corosync id; a remote node's name."""
        return self.attributes["id"]

    @property
    def name(self) -> str:
        """Its name."""
        return self.attributes.get("uname", self.id)

    @property
    def remote(self) -> bool:
        """Whether it is a Pacemaker remote, of which the membership knows nothing."""
        return self.attributes.get("remote_node") == "true"

    @cached_property
    def member(self) -> bool:
        """Whether Corosync counts it in (since Pacemaker 3 the value is the time since when)."""
        return self.attributes.get("in_ccm", "0") not in {"false", "0", ""}

    @cached_property
    def online(self) -> bool:
        """Whether it is a member whose controller takes part."""
        return self.member and self.attributes.get("crmd", "0") not in {"offline", "0", ""}

    @property
    def expected(self) -> bool:
        """Whether the cluster expects it to take part: it joined, and neither left nor was fenced."""
        return self.attributes.get("expected") == "member"

    def with_attributes(self, attributes: Mapping[str, str]) -> Self:
        """The same with some of its attributes changed."""
        return replace(self, attributes={**self.attributes, **attributes})

    def with_history(self, history: History) -> Self:
        """The same with one resource's history changed."""
        return replace(self, histories={**self.histories, history.id: history})

    def without(self, history: str) -> Self:
        """The same without a resource's history."""
        return replace(self, histories={name: each for name, each in self.histories.items() if name != history})

    def with_transient(self, changes: Mapping[str, str | None]) -> Self:
        """The same with some transient node attributes changed, or (None) gone."""
        changed = {**self.transient, **changes}
        return replace(self, transient={name: value for name, value in changed.items() if value is not None})

    def forgotten(self, attributes: Mapping[str, str]) -> Self:
        """The same with nothing known of what ran on it, as after it was fenced."""
        return replace(self.with_attributes(attributes), histories={}, transient={}, utilization={})

    @cached_property
    def key(self) -> bytes:
        """What is known of it, without counters and the times of what went well."""
        attributes = sorted((name, value) for name, value in self.attributes.items() if name not in _TOLD_BY)
        transient = sorted(self.transient.items())
        told = (attributes, transient, self.utilization, [history.key for history in self.histories.values()])
        return hashlib.blake2b(repr(told).encode(), digest_size=16).digest()

    @cached_property
    def xml(self) -> str:
        """Its element."""
        lines = [element("node_state", self.attributes, open_=True)]
        if self.transient or self.utilization:
            lines.append(element("transient_attributes", {"id": self.id}, open_=True))
            lines += self._pairs("instance_attributes", f"status-{self.id}", self.transient)
            lines += self._pairs("utilization", f"status-{self.id}-utilization", self.utilization)
            lines.append("</transient_attributes>")
        if self.histories:
            lines.append(element("lrm", {"id": self.id}, open_=True) + "<lrm_resources>")
            lines += (history.xml for history in self.histories.values())
            lines.append("</lrm_resources></lrm>")
        return "\n".join([*lines, "</node_state>"])

    @staticmethod
    def _pairs(tag: str, pairs_id: str, pairs: Mapping[str, str]) -> Iterator[str]:
        if not pairs:
            return
        yield element(tag, {"id": pairs_id}, open_=True)
        for number, (name, value) in enumerate(pairs.items()):
            yield element("nvpair", {"id": f"{pairs_id}-{number}", "name": name, "value": value})
        yield f"</{tag}>"


@dataclass(frozen=True)
class State:
    """A cluster at one moment.

    `cib` holds the attributes of the CIB itself, `nodes` what is known of each node by its name, and `others`
    what else the status section holds (tickets). `now` is the time at which the scheduler looks, in seconds.
    """

    cib: Mapping[str, str]
    configuration: Configuration
    nodes: Mapping[str, NodeState]
    others: str = ""
    now: int = EPOCH

    @cached_property
    def xml(self) -> str:
        """The whole CIB."""
        head = element("cib", {**self.cib, "execution-date": str(self.now)}, open_=True)
        status = "\n".join([*(node.xml for node in self.nodes.values()), self.others])
        return f"{head}\n{self.configuration.xml}\n<status>\n{status}\n</status>\n</cib>\n"

    @property
    def quorate(self) -> bool:
        """Whether the members who write this CIB have quorum."""
        return self.cib.get("have-quorum") in {"1", "true"}

    @property
    def majority(self) -> bool:
        """Whether more than half of all members are there.

        Then they have quorum (votequorum(5)): no CIB says whether a device or `two_node` decides otherwise.
        """
        up = sum(1 for name in self.configuration.members if name in self.nodes and self.nodes[name].member)
        return up * 2 > len(self.configuration.members)

    @property
    def members(self) -> tuple[str, ...]:
        """The full members that take part, in the order of the configuration."""
        return tuple(name for name in self.configuration.members if name in self.nodes and self.nodes[name].online)

    @cached_property
    def unclean(self) -> frozenset[str]:
        """The members that went without having said goodbye and are not fenced yet: what they run may run on."""
        return frozenset(
            name
            for name in self.configuration.members
            if name in self.nodes and not self.nodes[name].member and self.nodes[name].expected
        )

    def with_quorum(self, quorate: bool) -> Self:
        """The same as its members see it with or without quorum."""
        return replace(self, cib={**self.cib, "have-quorum": str(int(quorate))})

    def with_node(self, node: NodeState) -> Self:
        """The same with one node's state changed, or added."""
        nodes = dict(self.nodes)
        if node.name not in nodes:
            nodes.pop(node.id, None)
        return replace(self, nodes={**nodes, node.name: node})

    def with_configuration(self, configuration: Configuration) -> Self:
        """The same cluster, configured otherwise."""
        return replace(self, configuration=configuration)

    def node(self, name: str, uuid: str | None = None) -> NodeState:
        """What is known of a node; nothing yet if it was never heard of.

        One that has not told its name yet is known by its id.
        """
        if name in self.nodes:
            return self.nodes[name]
        node_id = uuid or self.configuration.node_ids.get(name, name)
        known = self.nodes.get(node_id, NodeState({"id": node_id}))
        return known.with_attributes({"uname": name})

    def instances(self, resource: str) -> dict[str, Role]:
        """Where a primitive is active, by its history: the node's name and its role there.

        A failed instance counts as active until it was stopped.
        """
        return {
            node: role
            for node, roles in self.roles.items()
            if (role := roles.get(resource)) and role is not Role.STOPPED
        }

    @cached_property
    def roles(self) -> dict[str, dict[str, Role]]:
        """For each node, the role of every primitive of which it has a history.

        Of a unique clone the highest role of its instances there.
        """
        found: dict[str, dict[str, Role]] = {}
        for name, node in self.nodes.items():
            roles = found.setdefault(name, {})
            for history in node.histories.values():
                resource = self.configuration.primitive_id(history.id)
                roles[resource] = max(roles.get(resource, Role.STOPPED), self._counting(history).role)
        for name, node in self.nodes.items():
            for history in node.histories.values():
                if history.departure:
                    self._migrated(history, name, found)
        return found

    def _migrated(self, history: History, source: str, roles: dict[str, dict[str, Role]]) -> None:
        """Correct the roles for a migration: one that is half done may be active on both nodes.

        The rules are those of unpack_migrate_to_success (lib/pengine/unpack.c).
        """
        assert history.departure
        target, resource = history.departure.get("migrate_target", ""), self.configuration.primitive_id(history.id)
        there = self.nodes[target].histories.get(history.id) if target in self.nodes else None
        if there is None:
            return
        if there.arrived(history.departure):
            roles[source][resource] = Role.STOPPED
        elif there.may_hold(history.departure) and self.nodes[target].online:
            roles[target][resource] = max(roles[target].get(resource, Role.STOPPED), Role.STARTED)

    @cached_property
    def failed(self) -> frozenset[tuple[str, str]]:
        """The primitives whose last operation on a node failed: (primitive, node)."""
        return frozenset(
            (self.configuration.primitive_id(history.id), name)
            for name, node in self.nodes.items()
            for history in node.histories.values()
            if self._counting(history).failed
        )

    def _counting(self, history: History) -> History:
        """A history without failures that are older than the resource's `failure-timeout`."""
        primitive = self.configuration.primitives.get(self.configuration.primitive_id(history.id))
        timeout_s = milliseconds(primitive.meta.get("failure-timeout", "")) // 1000 if primitive else 0
        return history.unexpired(self.now - timeout_s, primitive.blocking) if primitive and timeout_s else history

    def running(self, resource: str) -> dict[str, Role]:
        """Where a primitive is active and well, and on a node that takes part."""
        return {
            node: role
            for node, role in self.instances(resource).items()
            if (resource, node) not in self.failed and self.takes_part(node)
        }

    def takes_part(self, node: str) -> bool:
        """Whether a node is in the cluster: a member that is online, or a remote whose connection is up."""
        if node in self.configuration.members:
            return node in self.nodes and self.nodes[node].online
        host = self.configuration.remotes.get(node)
        return host is not None and any(self.takes_part(where) for where in self.instances(host))

    @cached_property
    def key(self) -> bytes:
        """What decides how it goes on: equal for states that differ in nothing but counters."""
        parts = (self.cib.get("have-quorum", ""), self.configuration.digest, self.others, self.now)
        told = hashlib.blake2b(repr(parts).encode(), digest_size=16)
        for node in self.nodes.values():
            told.update(node.key)
        return told.digest()


def read(xml: str) -> State:
    """The state that a `<cib>` tells.

    Raises ValueError if it is something else, holds no configuration, or tells of the same thing twice.
    """
    try:
        root = ET.fromstring(xml)  # noqa: S314 - expat expands no external entities
    except ET.ParseError as error:
        raise ValueError(f"not XML: {error}") from error
    section = root.find("configuration")
    if root.tag != "cib" or section is None:
        raise ValueError(f"not a CIB: <{root.tag}> without a <configuration> in it")
    status = root.find("status")
    elements = [] if status is None else list(status)
    # the scheduler ignores the others, too
    nodes = [_node(each) for each in elements if each.tag == "node_state" and "id" in each.attrib]
    others = "".join(_text(each) for each in elements if each.tag != "node_state")
    attributes = dict(root.attrib)
    told = attributes.pop("execution-date", None)
    now = int(told) if told else max((time for node in nodes for time in _times(node)), default=EPOCH)
    by_name = _once((node.name, node) for node in nodes)
    return State(attributes, Configuration(section), by_name, others, now)


def _node(root: ET.Element) -> NodeState:
    histories = (History.of(each) for each in root.iterfind("lrm/lrm_resources/lrm_resource"))
    return NodeState(
        dict(root.attrib),
        _once((history.id, history) for history in histories),
        _pairs(root, "instance_attributes"),
        _pairs(root, "utilization"),
    )


def _pairs(node: ET.Element, tag: str) -> dict[str, str]:
    pairs = node.iterfind(f"transient_attributes/{tag}/nvpair")
    return {pair.get("name", ""): pair.get("value", "") for pair in pairs}


def _text(root: ET.Element) -> str:
    root.tail = None
    return ET.tostring(root, encoding="unicode")


def _once(named: Iterable[tuple[str, Told]]) -> dict[str, Told]:
    found: dict[str, Told] = {}
    for name, each in named:
        if name in found:
            raise ValueError(f"{type(each).__name__} of {name} is told twice")
        found[name] = each
    return found


def _times(node: NodeState) -> Iterator[int]:
    for history in node.histories.values():
        for operation in history.operations.values():
            yield int(operation.get("last-rc-change", 0))


def element(tag: str, attributes: Mapping[str, str], *, open_: bool = False) -> str:
    """An element without children, or its start alone."""
    words = "".join(f" {name}={quoteattr(value)}" for name, value in attributes.items())
    return f"<{tag}{words}{'' if open_ else '/'}>"
