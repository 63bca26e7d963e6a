"""Fencing: that a node which is lost to the others is certain to be off."""

from collections.abc import Iterator

from quorate.model.cloud import Cloud, FencingDevice
from quorate.rules.rule import Breach

# fence_ipmilan gives a power operation 20 s (fence-agents: power_timeout) and a login 5.
LEAST_FENCING_TIMEOUT_S = 25


def no_fencing(cloud: Cloud) -> Iterator[Breach]:
    """There is fencing, or a reason why there is none.

    A node that does not answer may still write. Only one whose power is cut is known not to, and only then may
    its resources start elsewhere.
    """
    if not cloud.fencing.levels and cloud.fencing.disabled_because is None:
        yield Breach(
            "fencing",
            "there is no fencing: a node that is lost to the others goes on writing, and data is damaged",
            'add fencing: {levels: [{agent: fence_ipmilan}]}, or write {none: "the reason"}',
        )


def fencing_off(cloud: Cloud) -> Iterator[Breach]:
    """Fencing is on.

    What no_fencing says holds whatever the reason; this finding is there to be seen every time.
    """
    if cloud.fencing.disabled_because is not None:
        yield Breach(
            "fencing.none",
            f"FENCING IS OFF ({cloud.fencing.disabled_because}): a lost node is taken for dead without proof, "
            "and may damage data",
            "give every node a BMC and name fencing.levels",
        )


def node_without_bmc(cloud: Cloud) -> Iterator[Breach]:
    """Every member can be fenced.

    One that cannot be stops the recovery of everything it ran until a person has confirmed that it is off.
    """
    if not any(_needs_bmc(level) for level in cloud.fencing.levels):
        return
    for cluster in cloud.topology.clusters:
        for member in cluster.members:
            if member.bmc is None:
                agents = ", ".join(level.agent for level in cloud.fencing.levels if _needs_bmc(level))
                yield Breach(
                    f"nodes.{member.name}",
                    f"{member.name} has no bmc, so {agents} cannot fence it",
                    f"add bmc: {{address: ..., username: ...}} to {member.name}",
                )


def own_bmc_address(cloud: Cloud) -> Iterator[Breach]:
    """Each node's fencing goes to its own BMC.

    An address among the agent's parameters is the same for every node: fencing one would cut another's power.
    """
    for index, level in enumerate(cloud.fencing.levels):
        for key in ("ip", "ipaddr"):
            if key in level.parameters and len(cloud.topology.nodes) > 1:
                yield Breach(
                    f"fencing.levels[{index}].parameters.{key}",
                    f"{key}: {level.parameters[key]} is used for every node, whichever is to be fenced",
                    "remove it; the address of each node's bmc is filled in",
                )


def old_ipmi(cloud: Cloud) -> Iterator[Breach]:
    """IPMI is spoken in version 2 (lanplus).

    Version 1.5 does not encrypt, and many BMCs no longer answer it.
    """
    for index, level in enumerate(cloud.fencing.levels):
        lanplus = level.parameters.get("lanplus", "0").lower()
        if level.agent == "fence_ipmilan" and lanplus not in {"1", "true", "yes", "on"}:
            yield Breach(
                f"fencing.levels[{index}].parameters",
                "fence_ipmilan without lanplus speaks IPMI 1.5, unencrypted",
                "add lanplus: 1",
            )


def short_fencing(cloud: Cloud) -> Iterator[Breach]:
    """A fencing device has the time that it needs.

    One that is given up too early is tried again and again while nothing recovers; a BMC may take 20 s.
    """
    if cloud.fencing.levels and cloud.timers.fencing_timeout_s < LEAST_FENCING_TIMEOUT_S:
        yield Breach(
            "failover.fencing_timeout_s",
            f"fencing is given up after {cloud.timers.fencing_timeout_s} s, while a BMC may take 20 s",
            f"write {LEAST_FENCING_TIMEOUT_S} or more, or leave it out",
        )


def _needs_bmc(device: FencingDevice) -> bool:
    return not {"ip", "ipaddr"} & set(device.parameters)
