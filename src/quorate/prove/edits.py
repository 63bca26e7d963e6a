"""Single edits of a configuration by which a breach may vanish, the likely ones first."""

import difflib
import itertools
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from xml.etree import ElementTree as ET

from quorate.prove import alter
from quorate.prove.alter import Change
from quorate.prove.configuration import REMOTE, Configuration, Primitive
from quorate.prove.event import Banned, Fails
from quorate.prove.properties import Breach
from quorate.prove.settle import Situation
from quorate.prove.spelling import INFINITY, score, true

ENOUGH = "100"
"""A stickiness that outweighs Pacemaker's preference for an even load, and no more."""

THRESHOLD = "3"
"""How many failures an instance may have before it moves, which is neither at once nor never."""


@dataclass(frozen=True, slots=True)
class Edit:
    """A change of a configuration: what it says now, what it should say, and the id of what says it."""

    text: str
    remedy: str
    element: str | None
    change: Change = field(repr=False)

    def applied(self, configuration: Configuration) -> Configuration:
        """The configuration with the change."""
        return configuration.changed(self.change)


def candidates(conf: Configuration, breach: Breach, situation: Situation) -> Iterator[Edit]:
    """Every edit worth a trial: first what the breach is about, gentle changes before thorough ones."""
    root = ET.fromstring(conf.xml)  # noqa: S314 - our own text
    events = [event for event in situation.events if isinstance(event, Fails | Banned)]
    hit = {part for event in events for part in conf.collectives.get(event.resource, ())}
    resources = [part for each in breach.resources for part in conf.collectives.get(each, ())]
    resources += [conf.remotes[node] for node in breach.nodes if node in conf.remotes]
    breach = replace(breach, resources=tuple(resources))
    about = names(conf, {*resources, *hit})
    constraints = [each for each in root.iterfind("constraints/*") if each.tag != "rsc_location"]
    named = [each for each in constraints if each.get("id") == breach.constraint]
    others = [each for each in constraints if each not in named]
    inner = [each for each in others if len(about & _ends(each)) > 1]
    outer = [each for each in others if len(about & _ends(each)) == 1]
    others = [each for each in others if not about & _ends(each)]
    meant_to_hold = breach.property in {"order", "colocation"}  # then to do away with it is no remedy
    yield from _settings(root, conf, about)
    for each in (*named, *inner):
        yield from _gently(each, conf)
    yield from _fewer(root, conf, breach)
    yield from _missing(conf, [*resources, *hit])
    yield from _locations(root, conf, about)
    yield from _cluster(root)
    for each in (*(() if meant_to_hold else named), *inner):
        yield from _thoroughly(each, conf)
    for each in outer:
        yield from (*_gently(each, conf), *_thoroughly(each, conf))
    yield from _spread(conf, breach)
    yield from _settings(root, conf, names(conf, set(conf.primitives)) - about)
    for each in others:
        yield from _gently(each, conf)


def names(conf: Configuration, resources: set[str]) -> frozenset[str]:
    """Every id by which constraints and settings can mean these primitives."""
    found = {name for name, parts in conf.collectives.items() if resources.intersection(parts)}
    return frozenset(found | resources)


def outermost(conf: Configuration, resource: str) -> str:
    """The id by which a constraint names a primitive: its clone's, if it is cloned."""
    primitive = conf.primitives.get(resource)
    return resource if primitive is None else primitive.clone or primitive.bundle or resource


def described(constraint: ET.Element) -> str:
    """A constraint's id, and what it is between unless the id says that."""
    kind = constraint.tag.removeprefix("rsc_")
    ends = [constraint.get(name) for name in ("first", "then", "rsc", "with-rsc", "rsc-pattern", "node")]
    parts = [each for each in ends if each] or [each.get("id", "") for each in constraint.iter("resource_ref")]
    identity = constraint.get("id", "")
    known = kind in identity and all(part in identity for part in parts)
    return identity if known else f"{identity} ({kind} of {', '.join(parts)})"


def _ends(constraint: ET.Element) -> frozenset[str]:
    found = {constraint.get(name, "") for name in ("first", "then", "rsc", "with-rsc")}
    return frozenset(found | {each.get("id", "") for each in constraint.iter("resource_ref")}) - {""}


# Constraints


def _gently(constraint: ET.Element, conf: Configuration) -> Iterator[Edit]:
    """What leaves a constraint between the same two, the same way round."""
    if constraint.tag == "rsc_order":
        now = constraint.get("kind") or ("Optional" if constraint.get("score") == "0" else "Mandatory")
        yield _attribute(constraint, "kind", now, "Optional" if now == "Mandatory" else "Mandatory", "score")
        if constraint.get("symmetrical") == "false":
            yield _attribute(constraint, "symmetrical", "false", "true")
    if constraint.tag == "rsc_colocation":
        now = constraint.get("score", "INFINITY")
        if -INFINITY < score(now) < INFINITY:
            yield _attribute(constraint, "score", now, "INFINITY")
        promotable = any(
            conf.primitives[each].promotable for each in conf.collectives.get(constraint.get("with-rsc", ""), ())
        )
        if promotable and "with-rsc-role" not in constraint.attrib:
            yield _attribute(constraint, "with-rsc-role", "(any)", "Promoted")


def _thoroughly(constraint: ET.Element, conf: Configuration) -> Iterator[Edit]:
    """What turns a constraint round, into its contrary, or takes it away."""
    what, identity = described(constraint), constraint.get("id", "")
    if constraint.tag == "rsc_order":
        first, then = constraint.get("first"), constraint.get("then")
        yield Edit(f"{what}: {first} before {then}", "without it", identity, alter.removed(identity))
        if first and then and not any((each.first, each.then) == (then, first) for each in conf.orders):
            text, remedy = f"{what}: {first} before {then}", f"the other way round: {then} before {first}"
            yield Edit(text, remedy, identity, alter.turned(identity))
    if constraint.tag == "rsc_colocation":
        rsc, with_rsc, now = constraint.get("rsc"), constraint.get("with-rsc"), constraint.get("score", "INFINITY")
        if score(now) <= -INFINITY:
            everywhere = any(conf.primitives[each].clone for each in conf.collectives.get(with_rsc or "", ()))
            for better in ("INFINITY", "-1000") if everywhere else ("-1000", "INFINITY"):
                yield _attribute(constraint, "score", now, better)
        if rsc and with_rsc:
            text, remedy = f"{what}: {rsc} with {with_rsc}", f"the other way round: {with_rsc} with {rsc}"
            yield Edit(text, remedy, identity, alter.turned(identity))
        yield Edit(f"{what}: {rsc} with {with_rsc}", "without it", identity, alter.removed(identity))


def _attribute(constraint: ET.Element, name: str, now: str, better: str, instead_of: str = "") -> Edit:
    identity = constraint.get("id", "")
    change = alter.attribute(identity, name, better, instead_of=instead_of)
    return Edit(f"{described(constraint)} has {name}={now}", f"{name}={better}", identity, change)


def _missing(conf: Configuration, resources: Sequence[str]) -> Iterator[Edit]:
    """Constraints that are missing between two of them: the first with, and after, the second."""
    kept = (each for each in resources if conf.primitives[each].agent != REMOTE)
    tops = list(dict.fromkeys(outermost(conf, each) for each in kept))
    together = {frozenset({each.resource, each.with_resource}) for each in conf.colocations}
    ordered = {frozenset({each.first, each.then}) for each in conf.orders}
    for one, other in itertools.combinations(tops, 2):
        if frozenset({one, other}) not in together:
            for rsc, with_rsc in ((one, other), (other, one)):
                about = {"rsc": rsc, "with-rsc": with_rsc, "score": "INFINITY"}
                yield _added("colocation", f"{rsc} with {with_rsc}", f"{rsc}-{with_rsc}", about)
        if frozenset({one, other}) not in ordered:
            for (first, then), kind in itertools.product(((other, one), (one, other)), ("Optional", "Mandatory")):
                about = {"first": first, "then": then, "kind": kind}
                yield _added("order", f"{first} before {then}", f"{first}-{then}", about)


def _added(kind: str, what: str, between: str, about: dict[str, str]) -> Edit:
    identity = f"{kind}-{between}"
    added = ET.Element(f"rsc_{kind}", {"id": identity, **about})
    strength = f"score={about['score']}" if "score" in about else f"kind={about['kind']}"
    return Edit(f"there is no {kind} of {what}", f"add one, {strength}", None, alter.constrained(added))


def _locations(root: ET.Element, conf: Configuration, about: frozenset[str]) -> Iterator[Edit]:
    """Places that a resource is kept from, drawn to, or looked for in vain; what was done by hand first."""
    found = [
        each
        for each in root.iterfind("constraints/rsc_location")
        if each.get("rsc") in about or not each.get("rsc")
    ]
    found.sort(key=lambda each: not each.get("id", "").startswith("cli-"))
    for each in found:
        yield from _nowhere(each, root)
        pattern = each.get("rsc-pattern")
        if pattern is not None and not any(_matches(pattern, name) for name in conf.collectives):
            yield from _pattern_meant(each, pattern, conf, about)
    for each in found:
        if each.get("rsc") in about:
            identity = each.get("id", "")
            yield Edit(_placing(each), "without it", identity, alter.removed(identity))


def _placing(location: ET.Element) -> str:
    what, resource, node = described(location), location.get("rsc"), location.get("node")
    points = score(location.get("score", "0"))
    if node is None:
        return f"{what} says by a rule where {resource} may be"
    if points <= -INFINITY:
        return f"{what} keeps {resource} from {node}"
    return f"{what} draws {resource} to {node} by {location.get('score')}"


def _nowhere(location: ET.Element, root: ET.Element) -> Iterator[Edit]:
    """Rules that want a value of a node attribute that no node has: another that there is."""
    for each in location.iter("expression"):
        name, value = each.get("attribute", ""), each.get("value", "")
        pairs = root.iterfind(f"nodes/node/instance_attributes/nvpair[@name='{name}']")
        there = sorted({pair.get("value", "") for pair in pairs})
        if each.get("operation") != "eq" or value in there or name.startswith("#"):
            continue
        text = f"{described(location)} wants {name}={value}, which no node of {location.get('rsc')} has"
        for other in difflib.get_close_matches(value, there, len(there), 0.0):
            change = alter.attribute(each.get("id", ""), "value", other)
            yield Edit(text, f"{name}={other}", location.get("id"), change)


def _pattern_meant(
    location: ET.Element, pattern: str, conf: Configuration, about: frozenset[str]
) -> Iterator[Edit]:
    identity = location.get("id", "")
    text = f"{identity} is for resources like {pattern}, and there are none"
    for resource in dict.fromkeys(outermost(conf, each) for each in sorted(about & set(conf.primitives))):
        change = alter.attribute(identity, "rsc", resource, instead_of="rsc-pattern")
        yield Edit(text, f"rsc={resource}", identity, change)


def _spread(conf: Configuration, breach: Breach) -> Iterator[Edit]:
    """What runs on remotes, too, for want of a location that keeps it from them."""
    remotes = [each for each in conf.remotes if each in breach.nodes] or list(conf.remotes)
    test = {"attribute": "#kind", "operation": "eq", "value": "remote"}
    for resource in dict.fromkeys(outermost(conf, each) for each in breach.resources) if remotes else ():
        identity = f"location-{resource}-members"
        keeping = ET.Element("rsc_location", {"id": identity, "rsc": resource})
        rule = ET.SubElement(keeping, "rule", {"id": f"{identity}-rule", "score": "-INFINITY"})
        ET.SubElement(rule, "expression", {"id": f"{identity}-expr", **test})
        text = f"no location keeps {resource} from remotes such as {remotes[0]}"
        remedy = "add one with a rule, #kind eq remote, score -INFINITY"
        yield Edit(text, remedy, None, alter.constrained(keeping))


# Settings


def _settings(root: ET.Element, conf: Configuration, about: frozenset[str]) -> Iterator[Edit]:
    """What the resources' own settings, operations and defaults say that is seldom meant."""
    seen: set[tuple[str | None, str]] = set()
    for each in (primitive for primitive in conf.primitives.values() if primitive.id in about):
        for edit in (*_meta(root, conf, each), *_operations(each), *_group(root, each)):
            key = (edit.element, edit.remedy)
            if key not in seen:
                seen.add(key)
                yield edit


def _meta(root: ET.Element, conf: Configuration, primitive: Primitive) -> Iterator[Edit]:
    """Meta attributes, each with what it is in most clusters (None: not set)."""
    wanted = [*_usual(primitive.meta)]
    if primitive.clone is not None:
        wanted += _usual_of_clone(primitive, conf)
    for name, value in wanted:
        yield _meta_edit(root, primitive, name, value)


def _usual(meta: Mapping[str, str]) -> Iterator[tuple[str, str | None]]:
    for name in ("target-role", "multiple-active", "requires", "priority"):
        if name in meta and meta[name].lower() != "started":
            yield name, None
    for name, usual in (("is-managed", True), ("maintenance", False), ("allow-migrate", False)):
        if name in meta and true(meta[name]) is not usual:
            yield name, None
    if score(meta.get("resource-stickiness", "0")) == 0:
        yield "resource-stickiness", ENOUGH
    threshold = meta.get("migration-threshold", "INFINITY")
    if threshold in {"0", "1"} or score(threshold) >= INFINITY:
        yield "migration-threshold", THRESHOLD


def _usual_of_clone(primitive: Primitive, conf: Configuration) -> Iterator[tuple[str, str | None]]:
    meta, members = primitive.meta, str(len(conf.members))
    if not true(meta.get("interleave")):
        yield "interleave", "true"
    for name in ("globally-unique", "ordered"):
        if true(meta.get(name)):
            yield name, "false"
    if meta.get("clone-node-max", "1") != "1":
        yield "clone-node-max", "1"
    if primitive.promotable and int(meta.get("promoted-max", meta.get("master-max", "1"))) < len(conf.members):
        yield "promoted-max", members
    if int(meta.get("clone-max", 0 if conf.remotes else members)) < len(conf.members):
        yield "clone-max", members


_LIMITS = {
    "once": ("promoted-max", "clone-max"),
    "promoted": ("promoted-max",),
    "vip-with-haproxy": ("clone-max",),
}


def _fewer(root: ET.Element, conf: Configuration, breach: Breach) -> Iterator[Edit]:
    """One instance, or one promoted, of what must not run twice."""
    primitive = conf.primitives.get(breach.resources[0]) if breach.resources else None
    if primitive is None or primitive.clone is None:
        return
    for name in _LIMITS.get(breach.property, ()):
        if name == "clone-max" or primitive.promotable:
            yield _meta_edit(root, primitive, name, "1")


def _meta_edit(root: ET.Element, primitive: Primitive, name: str, value: str | None) -> Edit:
    """To set or clear a meta attribute where it is set, otherwise on the outermost resource."""
    owners = [primitive.id, primitive.group, primitive.clone, primitive.bundle]
    for owner in owners:
        found = None if owner is None else _pair(root, f".//*[@id='{owner}']/meta_attributes", name)
        if found is not None:
            return _pair_edit(found, f"{owner}: {name}", value)
    found = _pair(root, "rsc_defaults/meta_attributes", name)
    if found is not None:
        return _pair_edit(found, f"the default for all resources, {name}", value)
    owner = next(each for each in reversed(owners) if each)
    if value is not None and name in {"resource-stickiness", "migration-threshold"}:
        return Edit(f"{name} is not set", f"{name}={value} for all resources", None, alter.default(name, value))
    return Edit(f"{owner}: {name} is not set", f"{name}={value}", owner, alter.meta(owner, name, value))


def _group(root: ET.Element, primitive: Primitive) -> Iterator[Edit]:
    if primitive.group is None:
        return
    for name in ("ordered", "collocated"):
        if primitive.meta.get(name) and not true(primitive.meta[name]):
            yield _meta_edit(root, primitive, name, None)
    members = [each.get("id", "") for each in root.iterfind(f".//group[@id='{primitive.group}']/primitive")]
    if primitive.agent.endswith(":Filesystem") and members[0] != primitive.id:
        before = ", ".join(members[: members.index(primitive.id)])
        text = f"in the group {primitive.group}, {primitive.id} comes after {before}"
        change = alter.first_in_group(primitive.group, primitive.id)
        yield Edit(text, f"{primitive.id} first", primitive.group, change)


def _operations(primitive: Primitive) -> Iterator[Edit]:
    """What is to follow from a failure, and who notices it."""
    for operation in primitive.operations:
        identity, name = operation.get("id", ""), operation.get("name")
        on_fail = operation.get("on-fail")
        if on_fail is not None:
            role = f" as {operation['role']}" if "role" in operation else ""
            text = f"{primitive.id}: its {name}{role} has on-fail={on_fail}"
            change = alter.attribute(identity, "on-fail", None)
            yield Edit(text, "on-fail as it is by default", identity, change)
    for role in ("Started", "Promoted") if primitive.promotable else ("Started",):
        if not primitive.monitors(promoted=role == "Promoted"):
            interval = "9s" if role == "Promoted" else "10s"
            text = f"{primitive.id} has no recurring monitor for the role {role}"
            change = alter.monitored(primitive.id, role, interval)
            yield Edit(text, f"a monitor every {interval} for {role}", primitive.id, change)


_CLUSTER = {
    "stonith-enabled": "true",
    "no-quorum-policy": "stop",
    "startup-fencing": "true",
    "symmetric-cluster": "true",
    "maintenance-mode": "false",
    "stop-all-resources": "false",
    "start-failure-is-fatal": "true",
    "enable-startup-probes": "true",
    "placement-strategy": "default",
    "concurrent-fencing": "true",
}
"""The cluster's properties that decide most, where they are set: what is seldom wrong."""


def _cluster(root: ET.Element) -> Iterator[Edit]:
    for name, usual in _CLUSTER.items():
        pair = _pair(root, "crm_config/cluster_property_set", name)
        if pair is not None and pair.get("value", "").lower() != usual:
            yield _pair_edit(pair, name, usual)
    for node in root.iterfind("nodes/node"):
        for name in ("standby", "maintenance"):
            pair = _pair(node, "instance_attributes", name)
            if pair is not None and true(pair.get("value")):
                yield _pair_edit(pair, f"{node.get('uname')}: {name}", None)


def _pair(root: ET.Element, where: str, name: str) -> ET.Element | None:
    return next(iter(root.iterfind(f"{where}/nvpair[@name='{name}']")), None)


def _pair_edit(pair: ET.Element, what: str, value: str | None) -> Edit:
    identity, name = pair.get("id", ""), pair.get("name")
    text = f"{what}={pair.get('value')}"
    if value is None:
        return Edit(text, f"without {name}", identity, alter.removed(identity))
    return Edit(text, f"{name}={value}", identity, alter.attribute(identity, "value", value))


def _matches(pattern: str, name: str) -> bool:
    try:
        return re.search(pattern, name) is not None
    except re.error:
        return False
