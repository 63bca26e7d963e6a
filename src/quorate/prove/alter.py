"""Changes of a `<configuration>`, for `Configuration.changed`.

An id is looked for anew each time, for a change is made to copies. It raises KeyError if nothing has the id.
"""

from collections.abc import Callable
from functools import wraps
from typing import Concatenate, ParamSpec
from xml.etree import ElementTree as ET

Change = Callable[[ET.Element], None]
"""Changes a tree in place."""

About = ParamSpec("About")


def _change(make: Callable[Concatenate[ET.Element, About], None]) -> Callable[About, Change]:
    """What gives the change, told all but the tree."""

    @wraps(make)
    def told(*args: About.args, **kwargs: About.kwargs) -> Change:
        return lambda root: make(root, *args, **kwargs)

    return told


@_change
def attribute(root: ET.Element, identity: str, name: str, value: str | None, *, instead_of: str = "") -> None:
    """Set an attribute of an element, or (None) take it away; and another that it stands in for."""
    element = _by_id(root, identity)
    element.attrib.pop(instead_of, None)
    if value is None:
        element.attrib.pop(name, None)
    else:
        element.set(name, value)


@_change
def removed(root: ET.Element, identity: str) -> None:
    """Take an element away."""
    element = _by_id(root, identity)
    next(each for each in root.iter() if element in list(each)).remove(element)


@_change
def turned(root: ET.Element, identity: str) -> None:
    """Turn an order or a colocation round."""
    element = _by_id(root, identity)
    for one, other in (
        ("first", "then"),
        ("first-action", "then-action"),
        ("rsc", "with-rsc"),
        ("rsc-role", "with-rsc-role"),
    ):
        values = element.attrib.pop(one, None), element.attrib.pop(other, None)
        for name, value in ((other, values[0]), (one, values[1])):
            if value is not None:
                element.set(name, value)


@_change
def constrained(root: ET.Element, constraint: ET.Element) -> None:
    """Add a constraint."""
    _section(root, "constraints").append(constraint)


@_change
def cluster_property(root: ET.Element, name: str, value: str | None) -> None:
    """Set a property of the cluster, or (None) take it away."""
    _set(_section(root, "crm_config"), "cluster_property_set", "cib-bootstrap-options", name, value)


@_change
def default(root: ET.Element, name: str, value: str | None) -> None:
    """Set a default for the meta attributes of all resources, or (None) take it away."""
    _set(_section(root, "rsc_defaults"), "meta_attributes", "rsc_defaults-options", name, value)


@_change
def meta(root: ET.Element, resource: str, name: str, value: str | None) -> None:
    """Set a resource's own meta attribute, or (None) take it away."""
    _set(_by_id(root, resource), "meta_attributes", f"{resource}-meta_attributes", name, value)


@_change
def node_attribute(root: ET.Element, node: str, name: str, value: str | None) -> None:
    """Set a node's lasting attribute, or (None) take it away."""
    element = named(root, node)
    if element is None:
        element = ET.SubElement(_section(root, "nodes"), "node", {"id": node, "uname": node, "type": "remote"})
    _set(element, "instance_attributes", f"nodes-{element.get('id')}", name, value)


@_change
def first_in_group(root: ET.Element, group: str, member: str) -> None:
    """Have a member of a group begin it."""
    holder, element = _by_id(root, group), _by_id(root, member)
    holder.remove(element)
    holder.insert(next(place for place, each in enumerate(holder) if each.tag == "primitive"), element)


@_change
def monitored(root: ET.Element, primitive: str, role: str, interval: str) -> None:
    """Give a primitive a recurring monitor for a role."""
    holder = _by_id(root, primitive)
    operations = holder.find("operations")
    if operations is None:
        operations = ET.SubElement(holder, "operations")
    about = {"id": f"{primitive}-monitor-{interval}", "name": "monitor", "interval": interval}
    ET.SubElement(operations, "op", about | ({"role": role} if role == "Promoted" else {}))


def named(root: ET.Element, node: str) -> ET.Element | None:
    """A node's element; its name may hold what means something in an XPath."""
    return next((each for each in root.iterfind("nodes/node") if each.get("uname") == node), None)


def _by_id(root: ET.Element, identity: str) -> ET.Element:
    # a remote's node and its connection have one id: what can be edited comes last
    found = [each for each in root.iter() if each.get("id") == identity]
    if not found:
        raise KeyError(identity)
    return found[-1]


def _section(root: ET.Element, tag: str) -> ET.Element:
    found = root.find(tag)
    return ET.SubElement(root, tag) if found is None else found


def _set(parent: ET.Element, tag: str, set_id: str, name: str, value: str | None) -> None:
    """Set one pair in the first set there is, or a new one."""
    sets = parent.findall(tag)
    for each in sets:
        for pair in each.findall(f"nvpair[@name='{name}']"):
            each.remove(pair)
    if value is None:
        return
    into = sets[0] if sets else ET.Element(tag, {"id": set_id})
    if not sets:
        parent.insert(0, into)
    ET.SubElement(into, "nvpair", {"id": f"{into.get('id')}-{name}", "name": name, "value": value})
