"""What a configuration itself says of a breach, without a trial."""

import difflib
import itertools
import re
from collections.abc import Iterator
from dataclasses import dataclass
from xml.etree import ElementTree as ET

from quorate.prove.configuration import Configuration
from quorate.prove.fencing import devices, fencible, levels, targets, usable
from quorate.prove.properties import ACCEPTED, Breach

_CLOSE = 0.6
"""How alike two names are if one is a slip of the other (difflib's measure)."""


@dataclass(frozen=True, slots=True)
class Cause:
    """The constraint or setting responsible (its id, if it has one), and what would mend it."""

    text: str
    remedy: str
    element: str | None


def apparent(conf: Configuration, breach: Breach) -> Cause | None:
    """The cause of a breach that is one of the configuration rather than of what was played."""
    match breach.property:
        case "fencible":
            causes = [_claiming(conf, each) for each in breach.resources]
            causes += [unfenced(conf, each) for each in breach.nodes]
            return next((cause for cause in causes if cause), None)
        case "quorum":
            return _quorum(conf)
        case "watched":
            return _unwatched(conf, breach)
        case "once" | "vip-with-haproxy":
            return _same_address(conf, breach)
        case property_ if property_ == ACCEPTED:
            return _refused(conf, breach)
    return None


def unfenced(conf: Configuration, node: str) -> Cause | None:
    """Why no other member can fence a node; None if one can."""
    if not conf.enabled("stonith-enabled", default=True):
        return Cause("stonith-enabled=false", "stonith-enabled=true", "stonith-enabled")
    others = [member for member in conf.members if member != node]
    if fencible(conf, node, others):
        return None
    found = levels(conf, node)
    if not found:
        return _without_device(conf, node)
    in_levels = conf.levels_for(node) is not None
    for number, level in enumerate(found, 1):
        for device in level:
            if not usable(conf, device, others, node):
                what = f"level {number} of {node} names {device}" if in_levels else f"{device} is to fence {node}"
                why, remedy, element = _unusable(conf, device, others, node)
                return Cause(f"{what}, {why}", remedy, element or device)
    return None


def _claiming(conf: Configuration, device: str) -> Cause | None:
    """Why a device is thought to fence nodes which it cannot."""
    primitive = conf.primitives.get(device)
    if primitive is None or not primitive.fencing:
        return None
    for name in ("pcmk_host_check", "pcmk_host_list", "pcmk_host_map"):
        if name in primitive.parameters:
            text = f"{device} claims nodes that it does not reach: {name}={primitive.parameters[name]}"
            remedy = "pcmk_host_list with the nodes that it reaches, and pcmk_host_check=static-list"
            return Cause(text, remedy, device)
    text = f"{device} claims every node: it has no pcmk_host_list"
    return Cause(text, "pcmk_host_list with the nodes that it reaches", device)


def _without_device(conf: Configuration, node: str) -> Cause:
    for device in devices(conf):
        named = targets(device) or frozenset()
        short = [each for each in named if each.partition(".")[0] == node.partition(".")[0]]
        near = short or [
            each for each in difflib.get_close_matches(node, named, 1, _CLOSE) if each not in conf.nodes
        ]
        if near:
            parameter = "pcmk_host_list" if "pcmk_host_list" in device.parameters else "pcmk_host_map"
            text = f"{device.id} fences {near[0]} by its {parameter}, and no device fences {node}"
            return Cause(text, f"{node} in place of {near[0]} in {parameter}", device.id)
    return Cause(f"no device fences {node}", f"a device whose pcmk_host_list names {node}", None)


def _unusable(conf: Configuration, device: str, others: list[str], node: str) -> tuple[str, str, str | None]:
    """Why a device cannot be used against a node, what would mend that, and the id of what says so."""
    primitive = conf.primitives.get(device)
    if primitive is None or not primitive.fencing:
        return "which is no fencing device that there is", f"the name of one that fences {node}", None
    named = targets(primitive)
    if named is not None and node not in named:
        return f"which fences {' and '.join(sorted(named))}", f"{node} in its pcmk_host_list", None
    if primitive.meta.get("target-role", "Started").lower() == "stopped":
        return "which is disabled: target-role=Stopped", "without target-role", None
    bans = [each for each in conf.locations if each.resource == device and each.node in others]
    if bans:
        ids = ", ".join(each.id for each in bans)
        return f"and is kept from every other node ({ids})", f"without {bans[0].id}", bans[0].id
    return "and no location allows it anywhere: symmetric-cluster=false", "symmetric-cluster=true", None


def _same_address(conf: Configuration, breach: Breach) -> Cause | None:
    there = (conf.primitives[each] for each in breach.resources if each in conf.primitives)
    addresses = {each.id: each.parameters.get("ip") for each in there}
    for one, other in itertools.combinations(addresses, 2):
        if addresses[one] and addresses[one] == addresses[other]:
            text = f"{one} and {other} both have ip={addresses[one]}"
            return Cause(text, f"another address for {other}", other)
    return None


def _quorum(conf: Configuration) -> Cause:
    number = "two" if len(conf.members) == 2 else str(len(conf.members))  # noqa: PLR2004 - a word for the usual case
    text = (
        f"of {number} members ({', '.join(conf.members)}) too few are left for quorum, and there is no tiebreaker"
    )
    return Cause(text, "a third member, or a tiebreaker (a quorum device, or two_node with fencing)", None)


def _unwatched(conf: Configuration, breach: Breach) -> Cause:
    role = "Promoted" if "(promoted)" in breach.message else "Started"
    primitive = conf.primitives[breach.resources[0]]
    for operation in primitive.monitors(promoted=role == "Promoted"):
        text = f"the monitor of {primitive.id} ({role}) has on-fail={operation.get('on-fail')}"
        return Cause(text, "without on-fail: it is restarted", operation.get("id"))
    text = f"{primitive.id} has no recurring monitor for the role {role}"
    return Cause(text, f"a monitor with an interval for {role}", primitive.id)


def _refused(conf: Configuration, breach: Breach) -> Cause:
    """Of what crm_verify says the first line, or what refers to something that does not exist."""
    root = ET.fromstring(conf.xml)  # noqa: S314 - our own text
    for identity, missing in _dangling(root):
        if missing in breach.message:
            return Cause(
                f"{identity} names {missing}, which does not exist", "the name of one that does", identity
            )
    said = [line.removeprefix("error: ").removeprefix("warning: ") for line in breach.message.split("; ")]
    ids = {each.get("id", "") for each in root.iter()}
    element = next((word for word in re.findall(r"[\w.:-]+", said[0]) if word in ids and len(word) > 2), None)  # noqa: PLR2004 - no id is so short
    return Cause(said[0], "what crm_verify asks for", element)


def _dangling(root: ET.Element) -> Iterator[tuple[str, str]]:
    ids = {each.get("id") for part in ("resources", "tags") for each in root.iterfind(f"{part}//*")}
    for constraint in root.iterfind("constraints/*"):
        ends = [constraint.get(name) for name in ("first", "then", "rsc", "with-rsc")]
        ends += [each.get("id") for each in constraint.iter("resource_ref")]
        for end in ends:
            if end and end not in ids:
                yield constraint.get("id", ""), end
