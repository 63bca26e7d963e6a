"""What a fault has at hand."""

import random
import time
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from typing import Protocol

from quorate.drill.hosts import Hosts
from quorate.model.design import Design
from quorate.model.resource import Clone


class BackDoor(Protocol):
    """What is behind the hosts: their power, and their disks. Raises what the command line knows as an error."""

    async def power_off(self, node: str) -> None:
        """Cut its power at once, as if the plug were pulled."""

    async def power_on(self, node: str) -> None:
        """Restore it; a host that runs is left alone."""

    async def powered(self, node: str) -> bool:
        """Whether it has power."""
        ...

    async def wipe(self, node: str) -> None:
        """Give it an empty disk with nothing but the system on it, and boot it. Raises CannotWipe."""


class CannotWipe(Exception):
    """These hosts' disks are not ours to empty."""


Quorate = Callable[..., Awaitable[tuple[int, str]]]
"""Carries a command of this program out on the same cloud: its exit code and what it said."""


@dataclass(slots=True)
class Scene:
    """A cloud on which a fault is to act, and when it did.

    `hold_s` is how long it stays broken; `chance` is seeded, and the same seed makes the same choices.
    """

    design: Design
    hosts: Hosts
    door: BackDoor
    quorate: Quorate
    chance: random.Random
    hold_s: float
    say: Callable[[str], None]
    struck_s: float | None = None
    """Seconds on this machine's monotonic clock when the harm began."""
    struck_at: float = field(default=0.0)
    """The same moment by its wall clock, to be found in logs."""

    @property
    def nodes(self) -> tuple[str, ...]:
        """All nodes."""
        return tuple(self.hosts.nodes)

    def once(self) -> dict[str, tuple[str, ...]]:
        """What may be active once, and nowhere else meanwhile: each resource, and what it consists of."""
        return {
            resource.id: tuple(each.id for each in resource.primitives)
            for cluster in self.design.clusters
            for resource in cluster.configuration.resources
            if not isinstance(resource, Clone)
            and not any(each.agent.startswith("stonith:") for each in resource.primitives)
        }

    async def placed_once(self) -> dict[str, str]:
        """On which node each part of that is now; what is nowhere is left out."""
        parts = {part for whole in self.once().values() for part in whole}
        views = (await self.hosts.views()).values()
        return {
            each.resource: each.node
            for view in views
            for each in view.instances
            if each.resource in parts and each.node
        }

    def peers(self, node: str) -> tuple[str, ...]:
        """The other members of the node's cluster."""
        (cluster,) = self.design.cloud.topology.clusters_of_node(self.hosts.nodes[node])
        return tuple(member.name for member in cluster.members if member.name != node)

    def strike(self) -> None:
        """Note that the harm begins now: called by a fault when all else is ready. Only the first counts."""
        if self.struck_s is None:
            self.struck_s, self.struck_at = time.monotonic(), time.time()
