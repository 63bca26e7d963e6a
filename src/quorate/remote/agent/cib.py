"""The cluster's configuration: compared, merged, foreseen by Pacemaker's scheduler, patched."""

from __future__ import annotations

import itertools
import os
import tempfile
from typing import Any, Sequence

from quorate.remote.agent.channel import Json
from quorate.remote.agent.jobs import SENSITIVE, Job, Result
from quorate.remote.agent.processes import Failed, must, run

OURS = ("resources", "constraints", "fencing-topology", "op_defaults", "rsc_defaults")
LABELS = {
    **dict.fromkeys(
        ("configuration", "crm_config", "resources", "constraints", "instance_attributes", "operations"), ""
    ),
    "cluster_property_set": "property",
    "meta_attributes": "meta",
}


def xml() -> Any:
    """The module for it: python3-minimal, which hosts without a cluster may have, lacks it."""
    import xml.etree.ElementTree as ET

    return ET


def child(parent: Any, tag: str, before: Sequence[str] = ()) -> Any:
    """The child element of that tag, made if it is not there (in the place the schema wants: after these)."""
    found = parent.find(tag)
    if found is None:
        found = xml().Element(tag)
        places = [index for index, each in enumerate(parent) if each.tag in before]
        parent.insert(places[-1] + 1 if places else len(parent), found)
    return found


def temporary_move(constraint: Any, desired: Any) -> bool:
    """Made by an operator with `crm_resource --move` or `--ban`, or by a restart, for a resource that stays."""
    resource = constraint.get("rsc")
    stays = any(each.get("id") == resource for each in desired.iterfind("resources//*"))
    return str(constraint.get("id", "")).startswith("cli-") and stays


def merged(live: Any, desired: Any) -> Any:
    """The live CIB with our properties set and our sections in place of its own."""
    import copy

    new = copy.deepcopy(live)
    configuration = new.find("configuration")
    crm_config = child(configuration, "crm_config")
    properties = {each.get("name"): each for each in crm_config.iter("nvpair")}
    for pair in desired.iterfind("crm_config//nvpair"):
        if pair.get("name") in properties:
            properties[pair.get("name")].set("value", pair.get("value"))
        else:
            home = crm_config.find("cluster_property_set")
            if home is None:
                home = xml().SubElement(crm_config, "cluster_property_set", id="cib-bootstrap-options")
            home.append(copy.deepcopy(pair))
    order = ["crm_config", "nodes", "resources", "constraints"]
    for tag in OURS:
        want = desired.find(tag)
        if want is None and configuration.find(tag) is None:
            continue
        section = child(configuration, tag, before=order)
        kept = [each for each in section if tag == "constraints" and temporary_move(each, desired)]
        section[:] = [*([] if want is None else map(copy.deepcopy, want)), *kept]
        order.append(tag)
    return new


def without(later: Sequence[str], live: Any, desired: Any) -> None:
    """Take from what is desired the resources that come later and are not there, and what constrains them."""
    there = {each.get("id") for each in live.iterfind("configuration/resources//*")}
    gone: set[Any] = set()
    for parent in desired.iterfind("resources"):
        for each in list(parent):
            if each.get("id") in later and each.get("id") not in there:
                gone.update(part.get("id") for part in each.iter())
                parent.remove(each)
    for parent in desired.iterfind("constraints"):
        for each in list(parent):
            if gone & {each.get(name) for name in ("rsc", "with-rsc", "first", "then") if each.get(name)}:
                parent.remove(each)


def label(element: Any) -> str:
    """What a person calls this element; nothing for those that only hold others."""
    tag, name = element.tag, element.get("name")
    if tag == "nvpair":
        return str(name)
    if tag == "op":
        return " ".join(filter(None, ("op", name, element.get("role"))))
    if tag in LABELS:
        return LABELS[tag]
    kind = ":".join(element.get(part) for part in ("class", "provider", "type") if element.get(part))
    return " ".join(filter(None, (tag, element.get("id"), kind and f"({kind})")))


def significant(element: Any) -> Any:
    """The element as comparison sees it: without white space, order of constraints, or empty sections."""
    children = [significant(each) for each in element]
    children = [each for each in children if each[1] or each[2]]
    if element.tag == "constraints":
        children.sort(key=repr)
    return element.tag, tuple(sorted(element.attrib.items())), tuple(children)


def cib_changes(old: Any, new: Any, path: str = "") -> list[str]:
    """What differs between two elements, a line a difference, in a person's words."""
    here = f"{path} {label(new)}".rstrip() if label(new) else path
    lines = []
    for name in sorted(set(old.attrib) | set(new.attrib)):
        if old.get(name) != new.get(name):
            what = here if name == "value" else f"{here} {name}"
            lines.append(f"~{what}: {shown(here, old.get(name))} -> {shown(here, new.get(name))}")
    olds, news = keyed(old), keyed(new)
    for key in olds:
        if key not in news:
            lines += [f"-{line}" for line in contents(olds[key], here)]
    for key, each in news.items():
        lines += (
            cib_changes(olds[key], each, here) if key in olds else [f"+{line}" for line in contents(each, here)]
        )
    if new.tag != "constraints" and [key for key in olds if key in news] != [key for key in news if key in olds]:
        lines.append(f"~{here or ' ' + new.tag}: order")
    return lines


def keyed(parent: Any) -> dict[tuple[str, str], Any]:
    return {(each.tag, each.get("id") or each.get("name") or str(n)): each for n, each in enumerate(parent)}


def shown(label_: str, value: str | None) -> str | None:
    return "<redacted>" if value is not None and SENSITIVE.search(label_) else value


def contents(element: Any, path: str) -> list[str]:
    """An element that comes or goes: a line for itself and one for each thing it holds."""
    here = f"{path} {label(element)}".rstrip() if label(element) else path
    if element.tag == "nvpair":
        return [f"{here}={shown(here, element.get('value'))}"]
    said = [
        f"{name}={shown(name, value)}"
        for name, value in element.items()
        if name not in ("id", "class", "provider", "type")
        and not (element.tag == "op" and name in ("name", "role"))
    ]
    own = [" ".join([here, *said])] if said or element.tag not in (*LABELS, "op_defaults", "rsc_defaults") else []
    return own + [line for each in element for line in contents(each, here)]


def live_cib() -> tuple[str, str]:
    """The cluster's CIB, or why there is none."""
    try:
        query = run(["cibadmin", "--query"])
    except OSError:
        return "", "cibadmin is not installed"
    return (query.stdout, "") if query.rc == 0 else ("", query.last_line)


def cib(item: Json, job: Job) -> Result:
    desired = xml().fromstring(item["xml"])
    desired = desired if desired.tag == "configuration" else desired.find("configuration")
    text, reason = live_cib()
    if not text:
        if job.check:
            return not_up_yet(desired)
        raise Failed(f"the cluster gives no configuration to compare with: {reason}", argv=["cibadmin", "--query"])
    live = xml().fromstring(text)
    without(item["later"], live, desired)
    new = merged(live, desired)
    diff = cib_difference(live, new)
    if not diff:
        return Result()
    root = "/run" if os.access("/run", os.W_OK) else None
    with tempfile.TemporaryDirectory(prefix="quorate-", dir=root) as where:
        original, wanted = os.path.join(where, "original"), os.path.join(where, "new")
        write_text(original, text)
        write_text(wanted, xml().tostring(new, "unicode"))
        alone = os.path.join(where, "configuration")
        write_text(alone, xml().tostring(without_state(new), "unicode"))
        verified = run(["crm_verify", "-V", "--xml-file", alone])
        if verified.rc != 0:
            raise verified.failed("Pacemaker finds the new configuration invalid")
        simulated = run(["crm_simulate", "--simulate", "--xml-file", wanted], timeout_s=120)
        if simulated.rc != 0:
            raise simulated.failed(
                "Pacemaker foresees that it could not carry this out: do its orders form a loop?"
            )
        actions = transition(simulated.stdout)
        if job.check:
            return Result("changed", f"{len(diff)} changes", diff, actions)
        job.tell("running", f"{len(diff)} changes to the cluster's configuration")
        patch_cib(original, wanted, os.path.join(where, "patch"))
    after = xml().fromstring(must(["cibadmin", "--query"]).stdout)
    left = cib_difference(after, merged(after, desired))
    if left:
        seen = "; ".join(left[:5])
        raise Failed(f"the cluster took the configuration and differs still; does someone else change it? {seen}")
    return Result("changed", f"{len(diff)} changes", diff, actions)


def without_state(whole: Any) -> Any:
    """The CIB without what is known of nodes: one that has not joined yet must not count against it."""
    import copy

    alone = copy.deepcopy(whole)
    for parent, tag in ((alone.find("configuration"), "nodes"), (alone, "status")):
        for each in parent.findall(tag):
            each[:] = []
    return alone


def cib_difference(old: Any, new: Any) -> list[str]:
    old, new = old.find("configuration"), new.find("configuration")
    if significant(old) == significant(new):
        return []
    return cib_changes(old, new) or ["~ parts without an id"]


def patch_cib(original: str, wanted: str, patch: str) -> None:
    """Send only what differs, without versions: what others change elsewhere meanwhile stays."""
    made = run(["crm_diff", "--no-version", "--original", original, "--new", wanted])
    if made.rc not in (0, 1):  # 1 says that they differ
        raise made.failed()
    write_text(patch, made.stdout)
    must(["cibadmin", "--patch", "--xml-file", patch])


def write_text(path: str, text: str) -> None:
    with open(path, "w", encoding="utf-8") as stream:
        stream.write(text)


def not_up_yet(desired: Any) -> Result:
    resources = sum(1 for tag in ("primitive", "bundle") for _ in desired.iterfind("resources//" + tag))
    constraints = sum(len(each) for each in desired.iterfind("constraints"))
    return Result("changed", f"configures the cluster: {resources} resources, {constraints} constraints")


def transition(simulated: str) -> list[str]:
    """The actions of crm_simulate's "Transition Summary"."""
    lines = iter(simulated.partition("Transition Summary:\n")[2].splitlines())
    return [" ".join(line.split()).lstrip("* ") for line in itertools.takewhile(str.strip, lines)]
