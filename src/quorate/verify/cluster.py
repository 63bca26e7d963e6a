"""Membership, resources and fencing, judged by the clusters' own word: implied by every design."""

import json
from collections.abc import Iterator, Mapping
from functools import partial
from typing import Any
from xml.etree import ElementTree as ET

from quorate.catalog import program
from quorate.catalog.pacemaker import device_id
from quorate.formats import status
from quorate.model.check import Answers, Check, Probe, Result, listing, no, unknown, yes
from quorate.model.design import ClusterDesign, Design
from quorate.model.finding import Verdict
from quorate.model.resource import Clone, Resource

VIEW = Probe(status.COMMAND, json=False)
_CONSTRAINTS = Probe(("cibadmin", "--query", "--scope", "constraints"), json=False, once=True)


def checks(design: Design) -> Iterator[Check]:
    """Membership, resources and fencing of each cluster, by the clusters' own word."""
    for cluster in design.clusters:
        nodes = tuple(member.name for member in cluster.cluster.members)
        suffix = f"-{cluster.cluster.name}" if len(design.clusters) > 1 else ""
        for name, about, judge in (
            ("quorum", "every member online in every member's own view", partial(_quorum, nodes)),
            ("resources", "every resource where the design wants it", partial(_placed, cluster)),
            ("failed-actions", "no action failed", _failures),
        ):
            yield Check(name + suffix, "pacemaker", about, {VIEW: nodes}, judge)
        yield Check(
            f"held-by-hand{suffix}",
            "pacemaker",
            "nothing in maintenance, standby or unmanaged, no leftover constraint of crm_resource",
            {VIEW: nodes, _CONSTRAINTS: nodes},
            _held,
        )
        probes = _fencing_probes(design, cluster)
        yield Check(
            f"fencing{suffix}",
            "pacemaker",
            "every device tells its node's true power state",
            {VIEW: nodes, **probes},
            partial(_fencing, design, probes),
        )


def _views(answers: Answers) -> dict[str, status.Status]:
    """What crm_mon said on each node where the cluster runs."""
    return {name: status.read(said["stdout"]) for name, said in answers[VIEW].items() if said["rc"] == 0}


def _best(answers: Answers) -> tuple[str, status.Status] | None:
    """The view to judge by: one with quorum, the designated controller's if it answered."""
    views = _views(answers)
    order = sorted(views.items(), key=lambda view: (not view[1].quorate, view[1].dc != view[0]))
    return order[0] if order else None


_NO_VIEW = unknown("no node could say: Pacemaker does not answer")


def _quorum(nodes: tuple[str, ...], answers: Answers) -> Iterator[Result]:
    views = _views(answers)
    wrong = [no(_told(said), name) for name, said in answers[VIEW].items() if name not in views]
    for name, view in views.items():
        if not view.quorate:
            wrong.append(no(f"has no quorum, sees {listing(view.online)}", name))
    for node in nodes:
        seers = [name for name, view in views.items() if node not in view.online]
        if seers:
            wrong.append(no(f"not online (seen from {listing(seers)})", node))
    if len({view.dc for view in views.values()}) > 1:
        wrong += [no(f"obeys {view.dc or 'nobody'}", name) for name, view in views.items()]
    if not wrong and views:
        dc = next(iter(views.values())).dc
        wrong = [yes(f"{len(nodes)} of {len(nodes)} online, seen alike from {listing(views)}; {dc} decides")]
    yield from wrong


def _told(said: Mapping[str, Any]) -> str:
    why = status.trouble(said["stdout"]) or said["stderr"].strip() or f"crm_mon exited {said['rc']}"
    return f"Pacemaker does not answer: {why}"


def _placed(cluster: ClusterDesign, answers: Answers) -> Iterator[Result]:
    best = _best(answers)
    if best is None:
        yield _NO_VIEW
        return
    _, view = best
    members = [member.name for member in cluster.cluster.members]
    wrong = [
        result for resource in cluster.configuration.resources for result in _misplaced(resource, members, view)
    ]
    for each in view.instances:
        states = {
            "has failed": each.failed,
            "is blocked": each.blocked,
            "is not in the configuration": each.orphaned,
        }
        wrong += [no(f"{each.resource} {state}", each.node) for state, holds in states.items() if holds]
    active = sum(1 for each in view.instances if each.node)
    resources = len(cluster.configuration.resources)
    yield from wrong or [yes(f"{resources} resources active {active} times, each where it belongs")]


def _misplaced(resource: Resource, members: list[str], view: status.Status) -> Iterator[Result]:
    for primitive in resource.primitives:
        where = view.active(primitive.id)
        if isinstance(resource, Clone):
            yield from _clone(resource, primitive.id, members, where)
        elif len(where) != 1:
            yield no(f"{primitive.id} is active on {listing(where)}, wanted on one")
        elif primitive.parameters.get("pcmk_host_list") in where:
            yield no(f"{primitive.id} runs on the node that it fences", next(iter(where)))


def _clone(clone: Clone, name: str, members: list[str], where: Mapping[str, str]) -> Iterator[Result]:
    instances = min(int(clone.meta.get("clone-max", len(members))), len(members))
    promoted = min(int(clone.meta.get("promoted-max", "1")), instances) if clone.promotable else 0
    if instances == len(members):
        yield from (no(f"{name} does not run", member) for member in members if member not in where)
    elif len(where) != instances:
        yield no(f"{name} runs on {listing(where)}, wanted on {instances} nodes")
    roles = [node for node, role in where.items() if role == "Promoted"]
    if clone.promotable and promoted == len(members):
        yield from (
            no(f"{name} is {role}, not Promoted", node) for node, role in where.items() if node not in roles
        )
    elif len(roles) != promoted:
        yield no(f"{name} is promoted on {listing(roles)}, wanted on {promoted} nodes")


def _failures(answers: Answers) -> Iterator[Result]:
    best = _best(answers)
    if best is None:
        yield _NO_VIEW
        return
    wrong = [no(f"{each.action}: {each.reason}", each.node) for each in best[1].failed_actions]
    yield from wrong or [yes(f"none, says {best[0]}")]


def _held(answers: Answers) -> Iterator[Result]:
    best = _best(answers)
    if best is None:
        yield _NO_VIEW
        return
    view = best[1]
    wrong = [no(f"the property {name} is set") for name in _HOLDING if view.options.get(name) == "true"]
    wrong += [no("in standby", member.name) for member in view.members if member.standby]
    wrong += [no("in maintenance", member.name) for member in view.members if member.maintenance]
    wrong += [no(f"{each.resource} is unmanaged", each.node) for each in view.instances if not each.managed]
    for name, said in answers[_CONSTRAINTS].items():
        if said["rc"] != 0:
            wrong.append(unknown(f"cibadmin exited {said['rc']}: {said['stderr'].strip()}", name))
            continue
        ids = [each.get("id", "") for each in ET.fromstring(said["stdout"])]  # noqa: S314 - cibadmin's own
        wrong += [
            no(f"constraint {each} was left: crm_resource --clear") for each in ids if each.startswith("cli-")
        ]
    yield from wrong or [yes("nothing")]


_HOLDING = ("maintenance-mode", "stop-all-resources")


def _fencing_probes(design: Design, cluster: ClusterDesign) -> dict[Probe, tuple[str, ...]]:
    """For each member one that asks its devices, on the first of the others that can be reached."""
    members = cluster.cluster.members
    probes = {}
    for number, member in enumerate(members):
        devices = [device_id(member, level) for level in range(1, len(design.cloud.fencing.levels) + 1)]
        others = tuple(other.name for other in (*members[number + 1 :], *members[:number]))
        if devices and others:
            question = {"target": member.name, "devices": devices, "within_s": 20}
            probes[Probe(program("fencing_status"), json.dumps(question), timeout_s=40, once=True)] = others
    return probes


def _fencing(design: Design, probes: Mapping[Probe, tuple[str, ...]], answers: Answers) -> Iterator[Result]:
    best = _best(answers)
    reason = design.cloud.fencing.disabled_because
    on = best is not None and best[1].options.get("stonith-enabled") == "true"
    if reason:
        yield no("is on, although the file says none") if on else yes(f"OFF, as the file says: {reason}")
        return
    wrong = [no("is off: stonith-enabled is not true")] if best is not None and not on else []
    seen = []
    for probe in probes:
        target = json.loads(probe.stdin)["target"]
        for asker, answer in answers[probe].items():
            if "error" in answer:
                wrong.append(unknown(f"its devices could not be asked from {asker}: {answer['error']}", target))
                continue
            states = {name: _power(name, asker, answer, target) for name in answer["devices"]}
            seen += [result.seen for result in states.values()]
            wrong += [result for result in states.values() if result.verdict is not Verdict.YES]
    if not seen and not wrong:
        wrong = [unknown("there is no device, or no node but its target to ask it from")]
    yield from wrong or [yes("; ".join(seen))]


def _power(device: str, asker: str, answer: Mapping[str, Any], target: str) -> Result:
    """A device that calls a running node off would let Pacemaker believe in a fencing that never was."""
    said = answer["devices"][device]
    if "error" in said:
        remedy = "are its address, user and password right?"
        return no(f"{device} does not answer {asker}: {said['error']}; {remedy}", target)
    member = target in answer["members"]
    if said["power"] == ("on" if member else "off"):
        return yes(f"{device} {said['power']}", target)
    if member:
        return no(f"{device} says off, yet {target} is a running member (asked from {asker})", target)
    return unknown(f"{device} says on, yet {target} is no member: starting, or hung", target)
