"""What is behind the hosts of a cloud: a lab of this machine, or real ones' management controllers."""

import asyncio
from collections.abc import Mapping
from pathlib import Path

from quorate.cli.cloud import Opened, secrets_of
from quorate.drill.bmc import Bmcs
from quorate.drill.scene import BackDoor
from quorate.lab.command import LabError
from quorate.lab.lab import MEMORY, Lab
from quorate.lab.recipe import OPERATORS_TOOLS


class LabDoor:
    """A lab's power switches and disks."""

    def __init__(self, lab: Lab, cloud: Opened) -> None:
        self._lab = lab
        self._cloud = cloud

    async def power_off(self, node: str) -> None:
        """Pull the plug."""
        await asyncio.to_thread(self._lab.power_off, node)

    async def power_on(self, node: str) -> None:
        """Put it back."""
        await asyncio.to_thread(self._lab.power_on, node)

    async def powered(self, node: str) -> bool:
        """Whether it runs."""
        return await asyncio.to_thread(self._lab.powered, node)

    async def wipe(self, node: str) -> None:
        """A new disk."""
        await asyncio.to_thread(self._lab.wipe, node)
        await asyncio.to_thread(boot, self._lab, self._cloud, secrets_of(self._cloud).values)


def boot(
    lab: Lab, cloud: Opened, secrets: Mapping[str, str], *, memory: str = MEMORY, nodes: int | None = None
) -> None:
    """Make and boot what is missing of a cloud's lab (`Lab.up`), with what the cloud's components need."""
    parts = tuple(cloud.design.components())
    packages = (*OPERATORS_TOOLS, *(name for part in parts for name in part.packages))
    data = tuple(path for part in parts for path in part.data)
    lab.up(packages, secrets, data=data, memory=memory, nodes=nodes)


def lab_of(cloud: Opened) -> Lab | None:
    """The lab that stands for a cloud on this machine, if there is one."""
    try:
        lab = Lab(cloud.design.cloud, Path(cloud.path).parent)
        return lab if lab.exists() else None
    except LabError:
        return None


def door(cloud: Opened, lab: Lab | None) -> BackDoor:
    """The way to the hosts' power."""
    return LabDoor(lab, cloud) if lab else Bmcs(cloud.design.cloud, secrets_of(cloud).values)
