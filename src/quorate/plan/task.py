"""The graph over (node, step) that carries a design out."""

from collections.abc import Iterator, Mapping
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
    return tuple(
        task for cluster in design.clusters for task in _to_the_end(cluster, tuple(_cluster(design, cluster)))
    )


def _to_the_end(cluster: ClusterDesign, before: tuple[Task, ...]) -> Iterator[Task]:
    """With the last: what nobody waited for has been started, too."""
    yield from before
    # Not crm_resource --wait, which takes two seconds where nothing is to be waited for.
    idle = (
        'said=$(crmadmin --quiet --status "$(crmadmin --quiet --dc_lookup)"); echo "$said"; [ "$said" = S_IDLE ]'
    )
    rest = Until("the cluster is at rest", ("sh", "-c", idle), within_s=600)
    yield Task(cluster.cluster.members[0].name, "at rest", (rest,), tuple(task.id for task in before))


def _cluster(design: Design, cluster: ClusterDesign) -> Iterator[Task]:
    members = cluster.cluster.members
    for node in members:
        yield Task(node.name, "packages", tuple(_packages(cluster)))
        yield Task(node.name, "configuration", tuple(_files(design, cluster, node)), (f"{node.name}/packages",))
        yield Task(node.name, "membership", tuple(_membership(cluster)), (f"{node.name}/configuration",))
    stages = _stages(design)
    before = tuple(f"{node.name}/membership" for node in members)
    for stage in sorted({0, *(stages[component.name] for component in cluster.components)}):
        prepared = tuple(_preparations(design, cluster, stages, stage))
        configured = _configured(design, cluster, stages, stage, (*before, *(task.id for task in prepared)))
        served = tuple(
            task
            for component in cluster.components
            if stages[component.name] == stage
            for task in _component(design, cluster, component, configured.id)
        )
        yield from (*prepared, configured, *served)
        # A restart bans its resource for a moment, which no configuration may undo.
        restarting = (task.id for task in served if any(isinstance(item, Renewed) for item in task.items))
        before = (configured.id, *restarting)


def _stages(design: Design) -> Mapping[str, int]:
    """When each component's resources are added to its cluster, by its name.

    One that has to be prepared comes after those that can do without; one that requires what is done once such a
    one serves (the identity service's users) comes after that.
    """
    components = {component.name: component for component in design.components()}
    stages: dict[str, int] = {}

    def stage(name: str) -> int:
        if name not in stages:
            needed = [(each.component, stage(each.component)) for each in components[name].requires]
            after = (number + bool(number and catalog.bootstrap(other, design)) for other, number in needed)
            stages[name] = max(1 if catalog.preparations(name, design) else 0, *after, 0)
        return stages[name]

    return {name: stage(name) for name in components}


def _preparations(design: Design, cluster: ClusterDesign, stages: Mapping[str, int], stage: int) -> Iterator[Task]:
    """What is done before a stage's components start: with what is there from the first of what they require."""
    first = cluster.cluster.members[0].name
    for component in cluster.components:
        items = catalog.preparations(component.name, design)
        if items and stages[component.name] == stage:
            there = (each.component for each in component.requires if not stages[each.component])
            after = (f"{first}/cluster", *(last for name in there for last in _last_task(design, name)))
            yield Task(first, f"{component.name}: prepared", items, after)


def _configured(
    design: Design, cluster: ClusterDesign, stages: Mapping[str, int], stage: int, before: tuple[str, ...]
) -> Task:
    """A stage's resources added to the cluster, once what they require from earlier ones is done."""
    first = cluster.cluster.members[0].name
    added = [component for component in cluster.components if stages[component.name] == stage]
    required = {each.component for component in added for each in component.requires} if stage else set()
    lower = sorted(name for name in required if stages[name] < stage)
    later = tuple(
        resource.id
        for component in cluster.components
        for resource in component.resources
        if stages[component.name] > stage and resource.id not in component.early
    )
    step = f"cluster, stage {stage + 1}" if stage else "cluster"
    after = (*before, *(last for name in lower for last in _last_task(design, name)))
    return Task(first, step, (Cib(cib.configuration(cluster.configuration), later),), after)


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
                    once=not isinstance(resource, Clone),
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
