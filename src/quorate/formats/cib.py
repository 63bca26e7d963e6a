"""Pacemaker's own dialect: the configuration as XML, for `cibadmin` and `crm_verify`.

Written for the schema of Pacemaker 3.0. Ids are derived from what they belong to and follow the habit of pcs,
so that a person who edits by hand later finds what they expect. The order is the design's, and the bytes are
those that `cibadmin --query` prints.
"""

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from xml.etree import ElementTree as ET

from quorate.model.resource import (
    Clone,
    Colocation,
    Configuration,
    Constraint,
    FencingLevel,
    Location,
    Op,
    Order,
    Primitive,
    Resource,
)

SCHEMA = "pacemaker-4.0"
FEATURE_SET = "3.20.0"
"""What Pacemaker 3.0.0 writes; a running cluster replaces it by its own."""

PROPERTY_SET = "cib-bootstrap-options"
"""The set to which Pacemaker, pcs and crmsh write properties."""

WRITTEN_BY_CLUSTER = frozenset(
    {"cluster-infrastructure", "cluster-name", "dc-version", "have-watchdog", "last-lrm-refresh"},
)
"""Properties that Pacemaker sets itself: facts, not decisions."""

_DEFAULTS = {
    "rsc_order": {"first-action": "start", "kind": "Mandatory", "symmetrical": "true"},
    "rsc_colocation": {"rsc-role": "Started", "with-rsc-role": "Started"},
    "rsc_location": {"resource-discovery": "always"},
}
"""What Pacemaker assumes of a constraint that does not say (Pacemaker Explained, constraints)."""

_UNITS_MS = {"": 1000, "s": 1000, "sec": 1000, "ms": 1, "msec": 1, "m": 60_000, "min": 60_000, "h": 3_600_000}


def document(conf: Configuration, nodes: Sequence[tuple[str, int]] = ()) -> str:
    """A whole `<cib>` for `crm_verify -x`, `crm_simulate -x` and `CIB_file`; not for loading into a cluster.

    `nodes` are names with their Corosync ids. They are all up, and nothing has been started yet: Pacemaker
    fences a node of which it knows nothing.
    """
    cib = ET.Element(
        "cib",
        {
            "crm_feature_set": FEATURE_SET,
            "validate-with": SCHEMA,
            "epoch": "1",
            "num_updates": "0",
            "admin_epoch": "0",
            "have-quorum": "1",
        },
    )
    cib.append(_configuration(conf, nodes))
    status = ET.SubElement(cib, "status")
    up = {"in_ccm": "true", "crmd": "online", "join": "member", "expected": "member"}
    for name, number in nodes:
        ET.SubElement(status, "node_state", {"id": str(number), "uname": name, **up})
    return _text(cib)


def configuration(conf: Configuration, nodes: Sequence[tuple[str, int]] = ()) -> str:
    """The `<configuration>` element.

    It holds Quorate's decisions alone: a running cluster's configuration replaced by it also forgets what
    others wrote there (nodes not named in `nodes`, their attributes, tags, ACLs, alerts).
    """
    return _text(_configuration(conf, nodes))


def decided(properties: Mapping[str, str]) -> dict[str, str]:
    """The properties without those that the cluster writes itself, which pcs also refuses to set."""
    return {name: value for name, value in properties.items() if name not in WRITTEN_BY_CLUSTER}


def duration(seconds: float) -> str:
    """A time in Pacemaker's spelling: whole seconds as `10s`, fractions in milliseconds as `1500ms`."""
    milliseconds = round(seconds * 1000)
    return f"{milliseconds}ms" if milliseconds % 1000 else f"{milliseconds // 1000}s"


def op_attributes(op: Op) -> dict[str, str]:
    """An operation's settings by Pacemaker's names, in the order in which people read them."""
    settings = {"interval": duration(op.interval_s), "timeout": duration(op.timeout_s)}
    if op.on_fail is not None:
        settings["on-fail"] = op.on_fail
    if op.role is not None:
        settings["role"] = op.role
    return settings


def _configuration(conf: Configuration, nodes: Sequence[tuple[str, int]]) -> ET.Element:
    root = ET.Element("configuration")
    _nvset(ET.SubElement(root, "crm_config"), "cluster_property_set", PROPERTY_SET, decided(conf.properties))
    members = ET.SubElement(root, "nodes")
    for name, number in nodes:
        ET.SubElement(members, "node", {"id": str(number), "uname": name})
    ET.SubElement(root, "resources").extend(_resource(each) for each in conf.resources)
    ET.SubElement(root, "constraints").extend(_constraint(each) for each in conf.constraints)
    if conf.fencing_levels:
        ET.SubElement(root, "fencing-topology").extend(_levels(conf.fencing_levels))
    for tag, defaults in (("op_defaults", conf.op_defaults), ("rsc_defaults", conf.resource_defaults)):
        if defaults:
            _nvset(ET.SubElement(root, tag), "meta_attributes", f"{tag}-meta_attributes", defaults)
    return root


def _resource(resource: Resource) -> ET.Element:
    if isinstance(resource, Primitive):
        return _primitive(resource)
    element = ET.Element("clone" if isinstance(resource, Clone) else "group", {"id": resource.id})
    _nvset(element, "meta_attributes", f"{resource.id}-meta_attributes", resource.meta)
    if isinstance(resource, Clone):
        element.append(_resource(resource.child))
    else:
        element.extend(_primitive(each) for each in resource.primitives)
    return element


def _primitive(primitive: Primitive) -> ET.Element:
    standard, _, name = primitive.agent.partition(":")
    agent = {"class": standard}
    if standard == "ocf":
        agent["provider"], _, name = name.partition(":")
    element = ET.Element("primitive", {"id": primitive.id, **agent, "type": name})
    for tag, pairs in (("instance_attributes", primitive.parameters), ("meta_attributes", primitive.meta)):
        _nvset(element, tag, f"{primitive.id}-{tag}", pairs)
    if primitive.ops:
        operations = ET.SubElement(element, "operations")
        for op in primitive.ops:
            settings = op_attributes(op)
            op_id = f"{primitive.id}-{op.name}-interval-{settings['interval']}"
            ET.SubElement(operations, "op", {"id": op_id, "name": op.name, **settings})
    return element


def _constraint(constraint: Constraint) -> ET.Element:
    match constraint:
        case Order():
            # then-action defaults to first-action: said or not, what follows a promote would be a promote.
            sides = {"first": constraint.first, "first-action": constraint.first_action}
            sides |= {"then": constraint.then, "then-action": "start", "kind": constraint.kind.value}
            return ET.Element("rsc_order", {"id": constraint.id, **sides})
        case Colocation():
            sides = {"rsc": constraint.resource, "with-rsc": constraint.with_resource}
            return ET.Element("rsc_colocation", {"id": constraint.id, **sides, "score": constraint.score})
        case Location():
            sides = {"rsc": constraint.resource, "node": constraint.node}
            return ET.Element("rsc_location", {"id": constraint.id, **sides, "score": constraint.score})


def _levels(levels: Iterable[FencingLevel]) -> Iterable[ET.Element]:
    for level in levels:
        about = {"target": level.target, "index": str(level.index), "devices": ",".join(level.devices)}
        yield ET.Element("fencing-level", {"id": _id(f"fl-{level.target}-{level.index}"), **about})


def _nvset(parent: ET.Element, tag: str, set_id: str, pairs: Mapping[str, str]) -> None:
    if not pairs:
        return
    nvset = ET.SubElement(parent, tag, {"id": set_id})
    for name, value in pairs.items():
        ET.SubElement(nvset, "nvpair", {"id": _id(f"{set_id}-{name}"), "name": name, "value": value})


def _id(text: str) -> str:
    return re.sub(r"[^\w.-]", "-", text, flags=re.ASCII)


def _text(element: ET.Element) -> str:
    ET.indent(element)
    # libxml2 leaves no blank before "/>"; ElementTree does. A value cannot hold ">": it is escaped there.
    return ET.tostring(element, encoding="unicode").replace(" />", "/>") + "\n"


def same(one: str, other: str) -> bool:
    """Whether two configurations mean the same cluster (`normal`)."""
    return normal(one) == normal(other)


def normal(xml: str) -> tuple[str, ...]:
    """What a `<cib>` or `<configuration>` decides: one line for each decision, sorted.

    Left out is what does not matter: the ids of all but resources, the order of everything but a group's
    members and a fencing level's devices, the spelling of times and scores, defaults written out, status,
    nodes and the properties that the cluster writes itself. (The order of resources breaks ties in placement;
    pcs and crmsh do not keep it.) Raises ValueError if there is no configuration in `xml`.
    """
    root = ET.fromstring(xml)  # noqa: S314 - from our own cluster or our own hand
    conf = root if root.tag == "configuration" else root.find("configuration")
    if conf is None:
        raise ValueError(f"no <configuration> in <{root.tag}>")
    return tuple(sorted(_decisions(conf)))


def _decisions(conf: ET.Element) -> Iterator[str]:
    for section in conf:
        match section.tag:
            case "crm_config":
                properties = (pair for pair in _pairs(section) if pair.split("=")[0] not in WRITTEN_BY_CLUSTER)
                yield from (f"property {pair}" for pair in properties)
            case "rsc_defaults" | "op_defaults":
                yield from (f"{section.tag} {pair}" for pair in _pairs(section))
            case "resources":
                yield from (line for resource in section for line in _resource_decisions(resource))
            case "constraints" | "fencing-topology":
                yield from (_said(each) for each in section)
            case "nodes":
                pass
            case _:
                yield from (f"{each.get('id')} {_said(each)}" for each in section)


def _resource_decisions(resource: ET.Element) -> Iterator[str]:
    name = resource.get("id", "")
    about = {key: value for key, value in resource.attrib.items() if key not in {"id", "description"}}
    children = [child for child in resource if child.tag in {"primitive", "group", "clone"}]
    of = [child.get("id", "") for child in children]
    yield " ".join([resource.tag, name, *(f"{key}={about[key]}" for key in sorted(about)), *of])
    for child in resource:
        if child in children:
            yield from _resource_decisions(child)
        elif child.tag == "operations":
            yield from (f"{name} {_said(op)}" for op in child)
        elif child.tag in {"instance_attributes", "meta_attributes", "utilization"}:
            yield from (f"{name} {child.tag} {pair}" for pair in _pairs([child]))
        else:
            yield f"{name} {_said(child)}"


def _pairs(sets: Iterable[ET.Element]) -> Iterator[str]:
    for nvset in sets:
        rules = "".join(f" {_said(child)}" for child in nvset if child.tag != "nvpair")
        score = f" score={nvset.get('score')}" if nvset.get("score") else ""
        for pair in nvset.iter("nvpair"):
            yield f"{pair.get('name')}={pair.get('value')}{score}{rules}"


def _said(element: ET.Element) -> str:
    settings = {**_DEFAULTS.get(element.tag, {}), **element.attrib}
    settings.pop("id", None)
    if element.tag == "rsc_order" and "first" in settings:
        settings.setdefault("then-action", settings["first-action"])
    words = [f"{name}={_plain(name, settings[name])}" for name in sorted(settings)]
    return " ".join([element.tag, *words, *(f"[{_said(child)}]" for child in element)])


def _plain(name: str, value: str) -> str:
    if name in {"interval", "timeout", "start-delay"} and (time := re.fullmatch(r"(\d+)\s*([a-z]*)", value)):
        number, unit = time.groups()
        return f"{int(number) * _UNITS_MS[unit]}ms" if unit in _UNITS_MS else value
    if name == "score":
        return re.sub(r"^\+?(-?)inf(inity)?$", r"\1INFINITY", value, flags=re.IGNORECASE)
    return value
