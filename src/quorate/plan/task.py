"""The graph over (node, step) that carries a design out."""

from collections.abc import Iterator
from dataclasses import dataclass

from quorate import catalog
from quorate.formats import cib
from quorate.model.component import Component
from quorate.model.design import ClusterDesign, Design
from quorate.model.item import Cib, Command, File, Item, Packages, Renewal, Renewed, Unit, Until
from quorate.model.resource import Clone, Primitive, Resource
from quorate.model.topology import Node

POLICY = "/usr/sbin/policy-rc.d"


@dataclass(frozen=True, slots=True)
class Task:
    """What is done on one node in one go; `after` names the tasks (`node/step`) that must have succeeded."""

    node: str
    step: str
    items: tuple[Item, ...]
    after: tuple[str, ...] = ()

    @property
    def id(self) -> str:
        """Unique in a plan."""
        return f"{self.node}/{self.step}"


def tasks(design: Design) -> tuple[Task, ...]:
    """Every task of a deployment, each after those it depends on."""
    return tuple(task for cluster in design.clusters for task in _cluster(design, cluster))


def _cluster(design: Design, cluster: ClusterDesign) -> Iterator[Task]:
    members = cluster.cluster.members
    for node in members:
        yield Task(node.name, "packages", tuple(_packages(cluster)))
        yield Task(node.name, "configuration", tuple(_files(design, cluster, node)), (f"{node.name}/packages",))
        yield Task(node.name, "membership", tuple(_membership(cluster)), (f"{node.name}/configuration",))
    first = members[0].name
    everywhere = tuple(f"{node.name}/membership" for node in members)
    late = _late(design)
    later = tuple(
        resource.id
        for component in cluster.components
        for resource in component.resources
        if component.name in late and resource.id not in component.early
    )
    xml = cib.configuration(cluster.configuration)
    yield Task(first, "cluster", (Cib(xml, later),), everywhere)
    for component in cluster.components:
        if component.name not in late:
            yield from _component(design, cluster, component, f"{first}/cluster")
    if later:
        preparing = tuple(_preparations(design, cluster, late))
        yield from preparing
        yield Task(first, "services", (Cib(xml),), (f"{first}/cluster", *(task.id for task in preparing)))
    for component in cluster.components:
        if component.name in late:
            yield from _component(design, cluster, component, f"{first}/services")


def _late(design: Design) -> frozenset[str]:
    """The components that are prepared before they start, and those that require one of them."""
    late: set[str] = set()
    for component in design.components():
        required = {needed.component for needed in component.requires}
        if catalog.preparations(component.name, design) or required & late:
            late.add(component.name)
    return frozenset(late)


def _preparations(design: Design, cluster: ClusterDesign, late: frozenset[str]) -> Iterator[Task]:
    """What is done before components start: with what is there already of what they require."""
    first = cluster.cluster.members[0].name
    for component in cluster.components:
        items = catalog.preparations(component.name, design)
        there = [needed.component for needed in component.requires if needed.component not in late]
        if items:
            after = (f"{first}/cluster", *(last for name in there for last in _last_task(design, name)))
            yield Task(first, f"{component.name}: prepared", items, after)


def _packages(cluster: ClusterDesign) -> Iterator[Item]:
    """Packages come in without starting anything: what Pacemaker owns must not start, now or at boot."""
    owned = [unit for component in cluster.components for unit in component.owned_units]
    masked = [unit for component in cluster.components for unit in component.masked_units]
    yield File(POLICY, _policy([*owned, *masked]), mode=0o755)
    yield from (Unit(unit, masked=True) for unit in masked)
    yield Packages(tuple(sorted({name for component in cluster.components for name in component.packages})))
    yield from (Unit(unit, enabled=False) for unit in owned)


def _policy(units: list[str]) -> str:
    """What package scripts ask before they start a unit (invoke-rc.d): no for those that Pacemaker owns."""
    names = "|".join(unit.removesuffix(".service") for unit in units)
    comment = "# Written by Quorate: package scripts leave these to Pacemaker."
    return f"#!/bin/sh\n{comment}\ncase $1 in {names}) exit 101 ;; esac\n"


def _files(design: Design, cluster: ClusterDesign, node: Node) -> Iterator[Item]:
    for component in cluster.components:
        yield from component.prepare
    yield from design.files[node.name]
    yield Command(
        "kernel settings",
        ("sysctl", "--quiet", "--load", "/etc/sysctl.d/90-quorate.conf"),
        unless=("sh", "-c", _SYSCTL_HELD),
    )
    units = [unit for component in cluster.components for unit in component.owned_units]
    reread = 'test "$(systemctl show --property NeedDaemonReload --value "$@" | sort -u | tr -d "\\n")" = no'
    yield Command(
        "unit files are read again", ("systemctl", "daemon-reload"), unless=("sh", "-c", reread, "sh", *units)
    )


# Every `key = value` of the file is what the kernel has.
_SYSCTL_HELD = r"""
sed -n 's/^\([a-z0-9_.]*\) = \(.*\)/\1 \2/p' /etc/sysctl.d/90-quorate.conf | while read -r key value; do
    [ "$(sysctl -n "$key")" = "$value" ] || exit 1
done
"""


def _membership(cluster: ClusterDesign) -> Iterator[Item]:
    names = sorted(node.name for node in cluster.cluster.members)
    yield Unit("corosync.service", enabled=True, active=True)
    yield Unit("pacemaker.service", enabled=True, active=True)
    # Pacemaker's word, not Corosync's: a member it has not heard of yet is unclean, and nothing can be configured.
    online = r"crm_mon --one-shot --exclude=all --include=nodes | sed -n 's/.*Online: \[ \(.*\) \]/\1/p'"
    seen = f'seen=$({online}); echo "online: $seen"; [ "$seen" = "$1" ]'
    yield Until("every member has joined", ("sh", "-c", seen, "sh", " ".join(names)), within_s=120)


def _component(design: Design, cluster: ClusterDesign, component: Component, configured: str) -> Iterator[Task]:
    """Ready on each member, one member after the other where a restart may be due; then the steps done once."""
    members = cluster.cluster.members
    needed = tuple(last for required in component.requires for last in _last_task(design, required.component))
    before = (configured, *needed)
    ready = []
    for node in members:
        renewals = tuple(_renewals(component, design.files[node.name]))
        if renewals or component.ready:
            task = Task(node.name, f"{component.name}: serves", (*renewals, *component.ready), before)
            ready.append(task.id)
            # A renewal waits for the member before it: never two of a component down at once.
            before = (*before, task.id) if renewals else before
            yield task
    previous = tuple(ready) or before
    for step in catalog.bootstrap(component.name, design):
        task = Task(members[0].name, f"{component.name}: {step.name}", step.items, previous)
        previous = (task.id,)
        yield task


def _last_task(design: Design, name: str) -> Iterator[str]:
    """The last thing done for a component, on whichever cluster it is."""
    steps = catalog.bootstrap(name, design)
    if steps:
        first, *_ = design.cloud.topology.members_of(name)
        yield f"{first.name}/{name}: {steps[-1].name}"


def _renewals(component: Component, files: tuple[File, ...]) -> Iterator[Renewed]:
    for resource in component.resources:
        for primitive in resource.primitives:
            read = tuple(file.path for file in files if primitive.id in file.read_by)
            if read:
                reload = primitive.id in component.reloadable
                yield Renewed(
                    resource.id,
                    _process(primitive),
                    read,
                    Renewal.RELOAD if reload else Renewal.RESTART,
                    timeout_s=_patience_s(resource),
                )


def _process(primitive: Primitive) -> str:
    """How the agent finds when the daemon started: its systemd unit, or `ocf:` and its pid file."""
    if primitive.agent.startswith("systemd:"):
        return primitive.agent.removeprefix("systemd:") + ".service"
    return "ocf:" + primitive.parameters["pid"]


def _patience_s(resource: Resource) -> float:
    """As long as Pacemaker itself would wait for a stop and a start (and a promote)."""
    child = resource.child if isinstance(resource, Clone) else resource
    return sum(op.timeout_s for primitive in child.primitives for op in primitive.ops if not op.interval_s)
