"""Any cluster's configuration as values: what a CIB's `<configuration>` says, by whoever it was written.

Only what a proof asks for is read; the scheduler itself gets the XML as it was.
"""

import copy
import hashlib
import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Self
from xml.etree import ElementTree as ET

from quorate.prove import constraint
from quorate.prove.alter import Change, named
from quorate.prove.constraint import Colocation, Location, Order
from quorate.prove.spelling import INFINITY, milliseconds, score, true

REMOTE = "ocf:pacemaker:remote"


@dataclass(frozen=True)
class Primitive:
    """A primitive, with the meta attributes that hold for it: its own, its clone's, the defaults."""

    id: str
    agent: str
    group: str | None
    clone: str | None
    bundle: str | None
    meta: Mapping[str, str]
    parameters: Mapping[str, str]
    operations: tuple[Mapping[str, str], ...]

    @property
    def fencing(self) -> bool:
        """Whether it is a fencing device."""
        return self.agent.startswith("stonith:")

    @property
    def promotable(self) -> bool:
        """Whether its instances have a promoted role."""
        return (self.clone or self.bundle) is not None and true(self.meta.get("promotable"))

    @property
    def unique(self) -> bool:
        """Whether each instance of its clone is one of a kind."""
        return true(self.meta.get("globally-unique"))

    @property
    def blocking(self) -> frozenset[tuple[str, int]]:
        """The operations, by name and interval in ms, whose failure leaves it as it is for somebody to look at."""
        return frozenset(
            (each.get("name", ""), milliseconds(each.get("interval", "0")))
            for each in self.operations
            if each.get("on-fail") == "block"
        )

    def monitors(self, *, promoted: bool) -> tuple[Mapping[str, str], ...]:
        """The recurring monitors for a role."""
        roles = {"Promoted", "Master"} if promoted else {None, "Started", "Slave", "Unpromoted"}
        return tuple(
            each
            for each in self.operations
            if each.get("name") == "monitor"
            and milliseconds(each.get("interval", "0"))
            and each.get("role") in roles
        )


class Configuration:
    """The `<configuration>` of a CIB. It is not changed: `changed` gives a new one."""

    def __init__(self, root: ET.Element) -> None:
        self._root = root

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Configuration) and self.xml == other.xml

    def __hash__(self) -> int:
        return hash(self.xml)

    def __reduce__(self) -> tuple[object, ...]:
        return _from_xml, (self.xml,)

    @cached_property
    def xml(self) -> str:
        """The element."""
        return ET.tostring(self._root, encoding="unicode").rstrip()

    @cached_property
    def digest(self) -> str:
        """The same for the same configuration."""
        return hashlib.blake2b(self.xml.encode(), digest_size=16).hexdigest()

    @cached_property
    def node_ids(self) -> dict[str, str]:
        """Every configured node's id by its name, remotes too."""
        return {each.get("uname", ""): each.get("id", "") for each in self._root.iterfind("nodes/node")}

    @cached_property
    def members(self) -> tuple[str, ...]:
        """The full members, in their order."""
        nodes = self._root.iterfind("nodes/node")
        return tuple(
            node.get("uname", "")
            for node in nodes
            if node.get("type", "member") not in {"remote", "ping"} and node.get("uname") not in self.remotes
        )

    @cached_property
    def remotes(self) -> dict[str, str]:
        """The Pacemaker remotes, each with the primitive that is its connection (or the guest that it is)."""
        found = {each.id: each.id for each in self.primitives.values() if each.agent == REMOTE}
        guests = {
            each.meta["remote-node"]: each.id for each in self.primitives.values() if "remote-node" in each.meta
        }
        return found | guests

    def node_attributes(self, node: str) -> dict[str, str]:
        """A node's lasting attributes."""
        element = named(self._root, node)
        return {} if element is None else self._pairs(element.iterfind("instance_attributes"))

    @property
    def nodes(self) -> tuple[str, ...]:
        """Every node: members, then remotes."""
        return (*self.members, *self.remotes)

    @cached_property
    def properties(self) -> dict[str, str]:
        """The cluster's properties; of several sets the one that Pacemaker prefers."""
        sets = list(self._root.iterfind("crm_config/cluster_property_set"))
        return self._pairs(sorted(sets, key=lambda each: each.get("id") != "cib-bootstrap-options"))

    def enabled(self, name: str, *, default: bool) -> bool:
        """Whether a property that is true or false is true."""
        return true(self.properties[name]) if name in self.properties else default

    @cached_property
    def primitives(self) -> dict[str, Primitive]:
        """Every primitive by its id, in the order of the configuration."""
        resources = self._root.find("resources")
        defaults = self._pairs(self._root.iterfind("rsc_defaults/meta_attributes"))
        found = [] if resources is None else list(self._read(resources, defaults))
        return {each.id: each for each in found}

    def _read(
        self,
        parent: ET.Element,
        meta: Mapping[str, str],
        group: str | None = None,
        clone: str | None = None,
        bundle: str | None = None,
    ) -> Iterator[Primitive]:
        for each in parent:
            own = {**meta, **_implied(each), **self._pairs(each.iterfind("meta_attributes"))}
            match each.tag:
                case "primitive":
                    yield self._primitive(each, meta, group, clone, bundle)
                case "group":
                    yield from self._read(each, own, each.get("id"), clone, bundle)
                case "clone" | "master":
                    yield from self._read(each, own, group, each.get("id"), bundle)
                case "bundle":
                    yield from self._read(each, own, group, clone, each.get("id"))

    def _primitive(
        self, root: ET.Element, meta: Mapping[str, str], group: str | None, clone: str | None, bundle: str | None
    ) -> Primitive:
        template = self._root.find(f"resources/template[@id='{root.get('template')}']")
        sources = [root] if template is None else [template, root]
        agent = [sources[0].get(part) for part in ("class", "provider", "type")]
        return Primitive(
            id=root.get("id", ""),
            agent=":".join(part for part in agent if part),
            group=group,
            clone=clone,
            bundle=bundle,
            meta={**meta, **self._merged(sources, "meta_attributes")},
            parameters=self._merged(sources, "instance_attributes"),
            operations=tuple(
                {**self._operation_defaults, **self._pairs(op.iterfind("meta_attributes")), **op.attrib}
                for source in reversed(sources)
                for op in source.iterfind("operations/op")
            ),
        )

    @cached_property
    def _operation_defaults(self) -> dict[str, str]:
        return self._pairs(self._root.iterfind("op_defaults/meta_attributes"))

    def _merged(self, sources: Iterable[ET.Element], tag: str) -> dict[str, str]:
        """What sources say, the later ones before the earlier."""
        return {name: value for source in sources for name, value in self._pairs(source.iterfind(tag)).items()}

    def _pairs(self, sets: Iterable[ET.Element]) -> dict[str, str]:
        """What sets of pairs say: of several the one with the highest score, then the first.

        See pcmk__cmp_nvpair_blocks in lib/common/nvpair.c. A set with a rule is left out: it holds at some times,
        or for some resources.
        """
        found: dict[str, str] = {}
        valid = (each for each in map(self._meant, sets) if each.find("rule") is None)
        for each in sorted(valid, key=lambda each: -score(each.get("score", "0"))):
            for pair in map(self._meant, each.iterfind("nvpair")):
                found.setdefault(pair.get("name", ""), pair.get("value", ""))
        return found

    def _meant(self, element: ET.Element) -> ET.Element:
        """What an element stands for: with `id-ref` for another one."""
        reference = element.get("id-ref")
        return element if reference is None else self._by_id.get(reference, element)

    @cached_property
    def _by_id(self) -> dict[str, ET.Element]:
        return {each.get("id", ""): each for each in self._root.iter() if "id" in each.attrib}

    @cached_property
    def collectives(self) -> dict[str, tuple[str, ...]]:
        """The primitives behind every id that a constraint may name: a group, a clone, a tag, itself."""
        found: dict[str, tuple[str, ...]] = {}
        for each in self.primitives.values():
            for name in {each.id, each.group, each.clone, each.bundle} - {None}:
                found[name or ""] = (*found.get(name or "", ()), each.id)
        for tag in self._root.iterfind("tags/tag"):
            refs = (ref.get("id", "") for ref in tag)
            found[tag.get("id", "")] = tuple(one for ref in refs for one in found.get(ref, ()))
        return found

    def primitive_id(self, history: str) -> str:
        """The primitive that a history is about: an instance of a unique clone has a number after its name."""
        if history in self.primitives:
            return history
        return history.rpartition(":")[0] or history

    @cached_property
    def orders(self) -> tuple[Order, ...]:
        """The orders of pairs; a set gives one for each two neighbours."""
        return tuple(
            order for each in self._root.iterfind("constraints/rsc_order") for order in constraint.orders(each)
        )

    @cached_property
    def colocations(self) -> tuple[Colocation, ...]:
        """The colocations of pairs, also of those that sets give."""
        found = self._root.iterfind("constraints/rsc_colocation")
        return tuple(colocation for each in found for colocation in constraint.colocations(each))

    @cached_property
    def locations(self) -> tuple[Location, ...]:
        """The locations of single resources, those by rules with no node."""
        found = self._root.iterfind("constraints/rsc_location")
        return tuple(location for each in found for location in constraint.locations(each, self.collectives))

    def levels_for(self, node: str) -> tuple[tuple[str, ...], ...] | None:
        """The devices of every fencing level for a node, in their order; None if the topology says nothing of it.

        A level that names the node goes before those that match its name or one of its attributes
        (find_topology_for_host in daemons/fenced/fenced_commands.c).
        """
        levels = list(self._root.iterfind("fencing-topology/fencing-level"))
        named = [each for each in levels if each.get("target", "").lower() == node.lower()]
        first = next((each for each in levels if self._means(each, node)), None)
        found = named or [each for each in levels if first is not None and _target(each) == _target(first)]
        found.sort(key=lambda each: int(each.get("index", 0)))
        return tuple(tuple(name.strip() for name in each.get("devices", "").split(",")) for each in found) or None

    def _means(self, level: ET.Element, node: str) -> bool:
        """Whether a level matches a node, by an attribute or a regular expression, which any part may match."""
        pattern, attribute = level.get("target-pattern"), level.get("target-attribute")
        if pattern is not None:
            try:
                return re.search(pattern, node) is not None
            except re.error:
                return False
        return attribute is not None and self.node_attributes(node).get(attribute) == level.get("target-value")

    def preference(self, resource: str, node: str) -> int:
        """How much the locations without rules want a primitive on a node, by which opt-in clusters begin."""
        names = {name for name, parts in self.collectives.items() if resource in parts}
        scores = [each.score for each in self.locations if each.resource in names and each.node == node]
        if -INFINITY in scores or not (scores or self.enabled("symmetric-cluster", default=True)):
            return -INFINITY
        return max(-INFINITY, min(INFINITY, sum(scores)))

    def banned(self, resource: str, node: str) -> bool:
        """Whether a location keeps a primitive from a node whatever happens."""
        names = {name for name, parts in self.collectives.items() if resource in parts}
        return any(
            each.resource in names and each.node == node and each.score <= -INFINITY for each in self.locations
        )

    def changed(self, change: Change) -> Self:
        """The same with a change, which is made to a copy."""
        root = copy.deepcopy(self._root)
        change(root)
        return type(self)(root)


def _from_xml(xml: str) -> Configuration:
    return Configuration(ET.fromstring(xml))  # noqa: S314 - our own text


def _implied(root: ET.Element) -> dict[str, str]:
    """The meta attributes that an element stands for: an old `<master>`, a bundle with promoted replicas."""
    if root.tag == "master":
        return {"promotable": "true"}
    promoted = (
        [each.get("promoted-max", each.get("masters", "0")) for each in root] if root.tag == "bundle" else []
    )
    return next(({"promotable": "true", "promoted-max": each} for each in promoted if each != "0"), {})


def _target(level: ET.Element) -> tuple[str | None, ...]:
    return tuple(level.get(name) for name in ("target", "target-pattern", "target-attribute", "target-value"))
