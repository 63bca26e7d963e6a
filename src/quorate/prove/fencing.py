"""Which fencing devices can fence which node, which Pacemaker's scheduler does not ask.

The fencer does: a node can use a device that no location keeps from it, by however little, whether or not the
device's monitor runs there (register_if_fencing_device in daemons/fenced/fenced_scheduler.c); a device names its
targets by `pcmk_host_list` or `pcmk_host_map`, or asks its agent (can_fence_host_with_device in
daemons/fenced/fenced_commands.c).
"""

import itertools
import re
from collections.abc import Collection, Iterator

from quorate.prove.configuration import Configuration, Primitive
from quorate.prove.state import State

ONE_MACHINE = frozenset(
    {
        "fence_ipmilan",
        "fence_ilo",
        "fence_ilo2",
        "fence_ilo3",
        "fence_ilo4",
        "fence_ilo5",
        "fence_idrac",
        "fence_imm",
    }
    | {"fence_drac5", "fence_redfish", "fence_rsb", "fence_amt_ws"}
)
"""Agents that talk to the BMC of one machine (fence-agents: those without a `plug`)."""


def devices(configuration: Configuration) -> tuple[Primitive, ...]:
    """Every fencing device."""
    return tuple(each for each in configuration.primitives.values() if each.fencing)


def targets(device: Primitive) -> frozenset[str] | None:
    """The nodes that a device says it can fence; None if it asks its agent, which may answer any."""
    parameters = device.parameters
    named = [parameters[name] for name in ("pcmk_host_list", "pcmk_host_map") if name in parameters]
    check = parameters.get("pcmk_host_check", "static-list" if named else "dynamic-list")
    if check != "static-list":
        return None
    names = re.split(r"[,; \t\n]+", parameters.get("pcmk_host_list", ""))
    # what a node is called by the device counts as its name, too (build_port_aliases)
    pairs = (re.split("[:=]", pair) for pair in re.split(r"[; \t]+", parameters.get("pcmk_host_map", "")))
    return frozenset(name.lower() for name in (*names, *itertools.chain(*pairs)) if name)


def levels(configuration: Configuration, node: str) -> tuple[tuple[str, ...], ...]:
    """The sets of devices that fence a node, all of a set together, in the order in which they are tried.

    Without a topology, each device that can is tried alone.
    """
    found = configuration.levels_for(node)
    if found is not None:
        return found
    return tuple((each.id,) for each in devices(configuration) if _covers(each, node))


def usable(configuration: Configuration, device: str, by: Collection[str], target: str) -> bool:
    """Whether one of the members `by` can use a device against a node."""
    primitive = configuration.primitives.get(device)
    if primitive is None or not primitive.fencing or not _covers(primitive, target):
        return False
    if primitive.meta.get("target-role", "Started").lower() == "stopped":
        return False
    return any(configuration.preference(device, member) >= 0 for member in by)


def fencible(configuration: Configuration, node: str, by: Collection[str], broken: Collection[str] = ()) -> bool:
    """Whether the members `by` can fence a node without the broken devices."""
    return any(
        level and all(device not in broken and usable(configuration, device, by, node) for device in level)
        for level in levels(configuration, node)
    )


def unfencible(state: State, broken: Collection[str] = ()) -> tuple[str, ...]:
    """The nodes that the members which take part could not fence, each by those other than itself."""
    conf = state.configuration
    return tuple(
        node
        for node in conf.nodes
        if not fencible(conf, node, [member for member in state.members if member != node], broken)
    )


def overreaching(configuration: Configuration) -> Iterator[tuple[str, frozenset[str]]]:
    """Devices that say they fence several nodes though they reach one BMC: they would cut off the wrong one."""
    for device in devices(configuration):
        claimed = frozenset(node for node in configuration.nodes if _covers(device, node))
        if len(claimed) > 1 and device.agent.rpartition(":")[2] in ONE_MACHINE:
            yield device.id, claimed


def _covers(device: Primitive, node: str) -> bool:
    named = targets(device)
    return named is None or node.lower() in named
