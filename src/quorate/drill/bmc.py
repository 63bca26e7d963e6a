"""Real hosts' power, switched by the fencing agents of the design, run on this machine."""

import asyncio
import shutil
from collections.abc import Mapping

from quorate.catalog import pacemaker
from quorate.drill.scene import CannotWipe
from quorate.model.cloud import Cloud

WITHIN_S = 60.0
# Its exit code for `status` says that the power is off (fence-agents' FenceAgentAPI).
_OFF = 2


class NoPower(Exception):
    """A node's power could not be switched or asked for from here."""


class Bmcs:
    """The first level's agent, told by its standard input what Pacemaker tells it by its parameters."""

    def __init__(self, cloud: Cloud, secrets: Mapping[str, str]) -> None:
        self._nodes = {node.name: node for node in cloud.topology.nodes}
        self._levels = cloud.fencing.levels
        self._secrets = secrets

    async def power_off(self, node: str) -> None:
        """Cut it. Raises NoPower."""
        await self._done(node, "off")

    async def power_on(self, node: str) -> None:
        """Restore it. Raises NoPower."""
        await self._done(node, "on")

    async def powered(self, node: str) -> bool:
        """By the agent's word. Raises NoPower."""
        code, said = await self._agent(node, "status")
        if code not in {0, _OFF}:
            raise NoPower(f"{node}: its power state could not be asked for: {said}")
        return code == 0

    async def wipe(self, node: str) -> None:
        """Never: real disks hold what nobody can bring back."""
        raise CannotWipe(f"{node} is a real host: drills reinstall only hosts of a lab")

    async def _done(self, node: str, action: str) -> None:
        code, said = await self._agent(node, action)
        if code != 0:
            raise NoPower(f"{node}: power {action} ended with {code}: {said}")

    async def _agent(self, node: str, action: str) -> tuple[int | None, str]:
        host = self._nodes[node]
        if not self._levels or host.bmc is None:
            raise NoPower(f"{node} has no fencing device, so nobody here can switch its power")
        level = self._levels[0]
        if shutil.which(level.agent) is None:
            package = pacemaker.agent_package(level.agent)
            raise NoPower(f"{level.agent} is not installed here; apt-get install {package}")
        options = {
            **pacemaker.bmc_parameters(host.bmc),
            "password": self._secrets[f"bmc/{node}"],
            **level.parameters,
            "action": action,
        }
        pipe = asyncio.subprocess.PIPE
        process = await asyncio.create_subprocess_exec(level.agent, stdin=pipe, stdout=pipe, stderr=pipe)
        told = "".join(f"{name}={value}\n" for name, value in options.items()).encode()
        try:
            async with asyncio.timeout(WITHIN_S):
                stdout, stderr = await process.communicate(told)
        except TimeoutError as error:
            raise NoPower(f"{node}: {level.agent} gave no answer within {WITHIN_S:g} s") from error
        finally:
            if process.returncode is None:
                process.kill()
        lines = (stderr or stdout).decode(errors="replace").strip().splitlines()
        return process.returncode, lines[-1] if lines else "it said nothing"
