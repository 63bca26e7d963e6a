"""Pacemaker's own dialect: the configuration as XML, for `cibadmin` and `crm_verify`.

Written for the schema of Pacemaker 3.0. Ids are derived from what they belong to and follow the habit of pcs,
so that a person who edits by hand later finds what they expect. The order is the design's, and the bytes are
those that `cibadmin --query` prints.
"""

import re
from collections.abc import Iterable, Mapping, Sequence
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


def document(conf: Configuration, nodes: Sequence[tuple[str, int]] = ()) -> str:
    """A whole `<cib>` for `crm_verify -x`, `crm_simulate -x` and `CIB_file`; not to be loaded into a live cluster.

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
    _nvset(ET.SubElement(root, "crm_config"), "cluster_property_set", PROPERTY_SET, conf.properties)
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
