"""Orders, colocations and locations, as pairs: what a CIB's `<constraints>` say."""

import itertools
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from xml.etree import ElementTree as ET

from quorate.prove.spelling import score, true


@dataclass(frozen=True, slots=True)
class Order:
    """`first` does `first_action` before `then` does `then_action`."""

    id: str
    first: str
    first_action: str
    then: str
    then_action: str
    kind: str
    symmetrical: bool


@dataclass(frozen=True, slots=True)
class Colocation:
    """`resource` (in `role`) is placed where `with_resource` (in `with_role`) is."""

    id: str
    resource: str
    role: str
    with_resource: str
    with_role: str
    score: int


@dataclass(frozen=True, slots=True)
class Location:
    """How much a resource wants to be on a node; of a rule only that there is one."""

    id: str
    resource: str
    node: str | None
    score: int


def orders(root: ET.Element) -> Iterator[Order]:
    """What one `<rsc_order>` says: a pair, or each two neighbours of its sets."""
    order_id, kind = root.get("id", ""), root.get("kind") or _kind_of(root.get("score"))
    symmetrical = true(root.get("symmetrical", str(kind != "Serialize")))
    sets = list(root.iterfind("resource_set"))
    action = root.get("first-action", "start")
    steps = [[(root.get("first", ""), action)], [(root.get("then", ""), root.get("then-action", action))]]
    if sets:
        steps = [step for each in sets for step in _steps(each)]
    for before, after in itertools.pairwise(steps):
        for first, first_action in before:
            for then, then_action in after:
                yield Order(order_id, first, first_action, then, then_action, kind, symmetrical)


def _steps(resource_set: ET.Element) -> list[list[tuple[str, str]]]:
    members = [(ref.get("id", ""), resource_set.get("action", "start")) for ref in resource_set]
    return [[each] for each in members] if true(resource_set.get("sequential", "true")) else [members]


def _kind_of(value: str | None) -> str:
    return "Optional" if value is not None and score(value) == 0 else "Mandatory"


def colocations(root: ET.Element) -> Iterator[Colocation]:
    """What one `<rsc_colocation>` says: a pair, or the pairs of its sets."""
    colocation_id, value = root.get("id", ""), score(root.get("score", "0"))
    if "rsc" in root.attrib:
        roles = root.get("rsc-role", "Started"), root.get("with-rsc-role", "Started")
        yield Colocation(colocation_id, root.get("rsc", ""), roles[0], root.get("with-rsc", ""), roles[1], value)
        return
    sets = list(root.iterfind("resource_set"))
    for each in sets:
        own = score(each.get("score", root.get("score", "0")))
        yield from (Colocation(colocation_id, *pair, own) for pair in _colocated_in(each, own))
    for one, other in itertools.pairwise(sets):
        yield from (Colocation(colocation_id, *pair, value) for pair in _colocated_between(one, other))


def _colocated_in(resource_set: ET.Element, value: int) -> Iterator[tuple[str, str, str, str]]:
    """Who in a set depends on whom: each on the one before it; those that avoid each other, on all before it."""
    members, role = _members(resource_set)
    if not true(resource_set.get("sequential", "true")):
        return
    for number, member in enumerate(members):
        for other in members[:number] if value < 0 else members[:number][-1:]:
            yield member, role, other, role


def _colocated_between(one: ET.Element, other: ET.Element) -> Iterator[tuple[str, str, str, str]]:
    """A set depends on the next one: its first member, if it is a sequence, on the last (colocate_rsc_sets)."""
    (dependents, role), (primaries, with_role) = _members(one), _members(other)
    if true(one.get("sequential", "true")):
        dependents = dependents[:1]
    if true(other.get("sequential", "true")):
        primaries = primaries[-1:]
    for dependent, primary in itertools.product(dependents, primaries):
        yield dependent, role, primary, with_role


def _members(resource_set: ET.Element) -> tuple[list[str], str]:
    return [ref.get("id", "") for ref in resource_set], resource_set.get("role", "Started")


def locations(root: ET.Element, collectives: Mapping[str, object]) -> Iterator[Location]:
    """A location's resource, those of its sets, or those that its regular expression (with !: does not) match."""
    location_id, node, value = root.get("id", ""), root.get("node"), root.get("score", "0")
    if "rsc" in root.attrib:
        yield Location(location_id, root.get("rsc", ""), node, score(value))
    for each in root.iterfind("resource_set"):
        for name in _members(each)[0]:
            yield Location(location_id, name, node, score(each.get("score", value)))
    pattern = root.get("rsc-pattern")
    if pattern is not None:
        negated = pattern.startswith("!")
        for name in collectives:
            if bool(re.search(pattern.removeprefix("!"), name)) is not negated:
                yield Location(location_id, name, node, score(value))
