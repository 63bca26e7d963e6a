"""What Pacemaker is told: resources as declared, constraints as derived from what requires what."""

from collections.abc import Iterator

from quorate.formats import settings
from quorate.model.cloud import Cloud
from quorate.model.component import Component
from quorate.model.resource import (
    INFINITY,
    Clone,
    Colocation,
    Configuration,
    Constraint,
    FencingLevel,
    Kind,
    Location,
    Order,
    Primitive,
    Resource,
)
from quorate.model.topology import Cluster

VIRTUAL_IP_AGENT = "ocf:heartbeat:IPaddr2"
FENCING_CLASS = "stonith:"


def configuration(cloud: Cloud, cluster: Cluster, components: tuple[Component, ...]) -> Configuration:
    """One cluster's configuration."""
    resources = tuple(resource for component in components for resource in component.resources)
    decided = settings.merged(
        {
            "properties": _properties(cloud, cluster),
            # A resource stays where it is: every move is a disturbance, and the returning node may fail again.
            "resource-defaults": {
                "resource-stickiness": "100",
                "migration-threshold": "3",
                # What was mended is forgotten, so that the next person sees what is wrong now.
                "failure-timeout": "60s",
            },
            "op-defaults": {"timeout": "60s"},
        },
        cloud.extra.get("cib"),
    )
    return Configuration(
        properties=decided["properties"],
        resources=resources,
        constraints=(
            *_fencing_locations(cluster, resources),
            *_virtual_ips(resources),
            *_needs(components),
            *(constraint for component in components for constraint in component.constraints),
        ),
        fencing_levels=tuple(_levels(cloud, cluster, resources)) if len(cloud.fencing.levels) > 1 else (),
        resource_defaults=decided["resource-defaults"],
        op_defaults=decided["op-defaults"],
    )


def _properties(cloud: Cloud, cluster: Cluster) -> dict[str, str]:
    timers = cloud.timers
    return {
        "stonith-enabled": "false" if cloud.fencing.disabled_because else "true",
        "stonith-timeout": f"{timers.fencing_timeout_s}s",
        "no-quorum-policy": "stop",
        "concurrent-fencing": "true",
        # A member that hears of its own fencing while it lives reboots; by default its Pacemaker stops for good,
        # also where it booted faster than the agent told of its success (docs/adr/0013).
        "fence-reaction": "panic",
        "cluster-recheck-interval": "120s",
        # Without it the controller asks the scheduler while its own updates of a lost member's state are under
        # way, finds them pending, and sleeps a second, twice (controld_schedulerd.c; docs/adr/0006).
        "transition-delay": "150ms",
        # How long a starting node waits for others before it begins alone (20 s by default).
        "dc-deadtime": f"{max(3, timers.token_ms(len(cluster.members)) * 3 // 1000)}s",
    }


def _fencing_devices(resources: tuple[Resource, ...]) -> Iterator[Primitive]:
    for resource in resources:
        if isinstance(resource, Primitive) and resource.agent.startswith(FENCING_CLASS):
            yield resource


def _fencing_locations(cluster: Cluster, resources: tuple[Resource, ...]) -> Iterator[Constraint]:
    """A device never runs on the node it fences: that node's word on its own death is worth nothing."""
    members = {member.name for member in cluster.members}
    for device in _fencing_devices(resources):
        target = device.parameters["pcmk_host_list"]
        if target in members:
            yield Location(device.id, target, f"-{INFINITY}")


def _levels(cloud: Cloud, cluster: Cluster, resources: tuple[Resource, ...]) -> Iterator[FencingLevel]:
    by_target: dict[str, list[str]] = {member.name: [] for member in cluster.members}
    for device in _fencing_devices(resources):
        by_target[device.parameters["pcmk_host_list"]].append(device.id)
    for target, devices in by_target.items():
        for index, device_id in enumerate(devices[: len(cloud.fencing.levels)], 1):
            yield FencingLevel(target, index, (device_id,))


def _virtual_ips(resources: tuple[Resource, ...]) -> Iterator[Constraint]:
    """An address only where the proxy runs; Optional, so that a proxy restarted in place keeps its address."""
    for resource in resources:
        if isinstance(resource, Primitive) and resource.agent == VIRTUAL_IP_AGENT:
            yield Colocation(resource.id, "haproxy-clone")
            yield Order(
                "haproxy-clone",
                resource.id,
                Kind.OPTIONAL,
                why="a proxy restarted in place keeps the address",
            )


def _needs(components: tuple[Component, ...]) -> Iterator[Constraint]:
    """Each edge of `requires` between components of this cluster: the one's main resource, all the other's."""
    main = {component.name: component.resources[0] for component in components if component.resources}
    for component in components:
        for needed in component.requires:
            if needed.order is None or needed.component not in main:
                continue
            first = main[needed.component]
            action = "promote" if isinstance(first, Clone) and first.promotable else "start"
            for resource in component.resources:
                yield Order(first.id, resource.id, needed.order, action, needed.why)
                if needed.same_node:
                    yield Colocation(resource.id, first.id)
