"""Single changes to a CIB's XML, by the ids of what is changed."""

from xml.etree import ElementTree as ET


def parsed(cib: str) -> ET.Element:
    """A CIB as a tree to be changed."""
    return ET.fromstring(cib)


def text(root: ET.Element) -> str:
    """A changed tree, spelled as `quorate.formats.cib` does."""
    ET.indent(root)
    return ET.tostring(root, encoding="unicode").replace(" />", "/>") + "\n"


def at(root: ET.Element, id_: str) -> ET.Element:
    """The element with this id; raises ValueError if there is none."""
    for element in root.iter():
        if element.get("id") == id_:
            return element
    raise ValueError(f"nothing has the id {id_}")


def parent(root: ET.Element, id_: str) -> ET.Element:
    """What holds the element with this id."""
    child = at(root, id_)
    return next(element for element in root.iter() if child in list(element))


def section(root: ET.Element, name: str) -> ET.Element:
    """A part of the configuration: `resources`, `constraints`, `nodes`, ..."""
    found = root.find(f"configuration/{name}")
    if found is None:
        raise ValueError(f"no {name}")
    return found


def remove(root: ET.Element, *ids: str) -> None:
    """Take elements out."""
    for each in ids:
        parent(root, each).remove(at(root, each))


def set_property(root: ET.Element, name: str, value: str) -> None:
    """A cluster property."""
    _set(at(root, "cib-bootstrap-options"), name, value)


def set_default(root: ET.Element, name: str, value: str | None) -> None:
    """A default of all resources; None takes it out."""
    _set(at(root, "rsc_defaults-meta_attributes"), name, value)


def set_meta(root: ET.Element, resource: str, name: str, value: str | None) -> None:
    """A meta attribute of a resource; None takes it out."""
    _set(_pairs(at(root, resource), "meta_attributes"), name, value)


def set_parameter(root: ET.Element, resource: str, name: str, value: str | None) -> None:
    """A parameter of a resource's agent; None takes it out."""
    _set(_pairs(at(root, resource), "instance_attributes"), name, value)


def set_utilization(root: ET.Element, owner: str, name: str, value: int) -> None:
    """How much a resource takes, or a node has."""
    _set(_pairs(at(root, owner), "utilization", f"utilization-{owner}"), name, str(value))


def set_node_attribute(root: ET.Element, node: str, name: str, value: str) -> None:
    """A permanent attribute of a node, by the node's name."""
    found = next(each for each in section(root, "nodes") if each.get("uname") == node)
    _set(_pairs(found, "instance_attributes", f"nodes-{found.get('id')}"), name, value)


def operation(root: ET.Element, primitive: str, name: str, role: str | None = None) -> ET.Element:
    """A primitive's operation."""
    found = (
        each for each in at(root, primitive).iter("op") if each.get("name") == name and each.get("role") == role
    )
    return next(found)


def order(root: ET.Element, first: str, then: str, kind: str = "Mandatory") -> None:
    """An order between starts."""
    about = {"first": first, "first-action": "start", "then": then, "then-action": "start", "kind": kind}
    ET.SubElement(section(root, "constraints"), "rsc_order", {"id": f"order-{first}-{then}", **about})


def colocate(root: ET.Element, resource: str, with_resource: str, score: str = "INFINITY") -> None:
    """`resource` runs where `with_resource` does."""
    about = {"rsc": resource, "with-rsc": with_resource, "score": score}
    id_ = f"colocation-{resource}-{with_resource}"
    ET.SubElement(section(root, "constraints"), "rsc_colocation", {"id": id_, **about})


def locate(root: ET.Element, resource: str, node: str, score: str, id_: str = "") -> None:
    """How much a resource wants to be on a node."""
    about = {"id": id_ or f"location-{resource}-{node}", "rsc": resource, "node": node, "score": score}
    ET.SubElement(section(root, "constraints"), "rsc_location", about)


def rule(root: ET.Element, resource: str, attribute: str, value: str) -> None:
    """The resource may run where a node's attribute has this value, and is looked for nowhere else."""
    settings = {"id": f"location-{resource}-{attribute}", "rsc": resource, "resource-discovery": "exclusive"}
    _rule(root, settings, {"score": "0"}, {"attribute": attribute, "operation": "eq", "value": value})


def promote_anywhere(root: ET.Element, clone: str) -> None:
    """Give every node the same promotion score, which otherwise the agent gives."""
    settings = {"id": f"location-{clone}-promoted", "rsc": clone}
    _rule(root, settings, {"role": "Promoted", "score": "10"}, {"attribute": "#uname", "operation": "defined"})


def clone(root: ET.Element, primitive: str) -> None:
    """Wrap a primitive in a clone, and let the constraints name the clone."""
    child, holder = at(root, primitive), parent(root, primitive)
    place = list(holder).index(child)
    holder.remove(child)
    around = ET.Element("clone", {"id": f"{primitive}-clone"})
    around.append(child)
    holder.insert(place, around)
    set_meta(root, f"{primitive}-clone", "interleave", "true")
    for constraint in section(root, "constraints"):
        for side in ("rsc", "with-rsc", "first", "then"):
            if constraint.get(side) == primitive:
                constraint.set(side, f"{primitive}-clone")


def _rule(root: ET.Element, location: dict[str, str], rule: dict[str, str], test: dict[str, str]) -> None:
    constraint = ET.SubElement(section(root, "constraints"), "rsc_location", location)
    inner = ET.SubElement(constraint, "rule", {"id": f"{location['id']}-rule", **rule})
    ET.SubElement(inner, "expression", {"id": f"{location['id']}-rule-expr", **test})


def _pairs(owner: ET.Element, tag: str, id_: str = "") -> ET.Element:
    found = owner.find(tag)
    if found is None:
        found = ET.Element(tag, {"id": id_ or f"{owner.get('id')}-{tag}"})
        owner.insert(0, found)
    return found


def _set(pairs: ET.Element, name: str, value: str | None) -> None:
    for pair in pairs.findall("nvpair"):
        if pair.get("name") == name:
            pairs.remove(pair)
    if value is not None:
        ET.SubElement(pairs, "nvpair", {"id": f"{pairs.get('id')}-{name}", "name": name, "value": value})
