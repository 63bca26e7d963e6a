"""Rebooting a host in good order."""

from quorate.drill.hosts import PUNCTUAL, ScriptFailed
from quorate.drill.scene import Scene
from quorate.remote.errors import AgentLost, Unreachable
from quorate.remote.until import until

# Containers share their machine's boot id, and real hosts the moment at which their first process starts.
_BOOTED = "cat /proc/sys/kernel/random/boot_id; cut -d' ' -f22 /proc/1/stat"
BACK_WITHIN_S = 400.0
_SILENT = "silent"


async def reboot(scene: Scene, node: str) -> None:
    """Reboot a node and wait until it takes sessions again (Deadline)."""
    before = await scene.hosts.sh(node, _BOOTED)
    scene.strike()
    # In a moment, so that the session with it has ended before.
    await scene.hosts.sh(node, f"systemd-run --quiet --collect --on-active=1 {PUNCTUAL} systemctl reboot")

    async def booted() -> str:
        try:
            return await scene.hosts.sh(node, _BOOTED)
        except (Unreachable, AgentLost, ScriptFailed):
            return _SILENT

    await until(f"{node} is back", booted, lambda seen: seen not in {before, _SILENT}, within_s=BACK_WITHIN_S)
