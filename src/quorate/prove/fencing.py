"""Which fencing devices can fence which node, which Pacemaker's scheduler does not ask.

The fencer does (daemons/fenced): a node can use a device that no location bans from it, whether or not the
device's monitor runs there; a device names its targets by `pcmk_host_list` or `pcmk_host_map`, or asks its agent.
"""

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
    check = parameters.get("pcmk_host_check", "")
    named = re.split(r"[,; \t]+", parameters.get("pcmk_host_list", "").strip())
    mapped = [each.split(":")[0] for each in re.split(r"[; \t]+", parameters.get("pcmk_host_map", "").strip())]
    found = frozenset(name for name in (*named, *mapped) if name)
    if check == "none" or (not found and check in {"", "dynamic-list", "status"}):
        return None
    return found


def levels(configuration: Configuration, node: str) -> tuple[tuple[str, ...], ...]:
    """The sets of devices that fence a node, all of a set together, in the order in which they are tried.

    Without a topology, each device that can is tried alone.
    """
    found = configuration.fencing_levels.get(node)
    if found is None:
        patterns = (each for each in configuration.fencing_levels if _matches(each, node))
        found = next((configuration.fencing_levels[each] for each in patterns), None)
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
    return any(
        not configuration.banned(device, member) and _allowed(configuration, device, member) for member in by
    )


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


def _allowed(configuration: Configuration, device: str, member: str) -> bool:
    """In an opt-in cluster a device works only where a location lets it."""
    if configuration.enabled("symmetric-cluster", default=True):
        return True
    return any(
        each.resource == device and each.node == member and each.score >= 0 for each in configuration.locations
    )


def overreaching(configuration: Configuration) -> Iterator[tuple[str, frozenset[str]]]:
    """Devices that say they fence several nodes though they reach one BMC: they would cut off the wrong one."""
    for device in devices(configuration):
        named = targets(device)
        claimed = frozenset(configuration.nodes) if named is None else named
        if len(claimed) > 1 and device.agent.rpartition(":")[2] in ONE_MACHINE:
            yield device.id, claimed


def _covers(device: Primitive, node: str) -> bool:
    named = targets(device)
    return named is None or node in named


def _matches(pattern: str, node: str) -> bool:
    try:
        return re.fullmatch(pattern, node) is not None
    except re.error:
        return False
