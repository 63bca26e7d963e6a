"""All nodes are restarted one after the other, by the book."""

from collections.abc import Iterator

from quorate.drill.fault import Fault
from quorate.drill.rebooting import reboot
from quorate.drill.scene import Scene
from quorate.model.design import Design
from quorate.remote.until import until

MAY_WITHIN_S = 300.0
LEFT_WITHIN_S = 180.0


def faults(design: Design) -> Iterator[Fault]:
    """One."""
    del design
    yield Fault(
        name="rolling-restart",
        does="restarts all nodes one by one: may-stop, standby, reboot, back, verified, the next",
        heals="takes every node out of standby",
        expects="clients notice no more than addresses that move",
        aim="random",
        hold_s=0,
        harm=_harm,
        heal=_heal,
    )


async def _harm(scene: Scene, node: str) -> None:
    """Beginning with the node that is aimed at."""
    for each in (node, *(name for name in scene.nodes if name != node)):
        await _may_stop(scene, each)
        scene.say(f"{each}: standby, reboot")
        scene.strike()
        await scene.hosts.sh(each, f"crm_standby --node {each} --update on")
        await scene.hosts.sh(each, f"crm_resource --wait --timeout={LEFT_WITHIN_S:.0f}s", timeout_s=LEFT_WITHIN_S)
        await reboot(scene, each)
        await _return(scene, each)


async def _may_stop(scene: Scene, node: str) -> None:
    async def asked() -> str:
        _, said = await scene.quorate("may-stop", node)
        return said.strip().partition("\n")[0]

    await until(
        f"{node} may be stopped", asked, lambda said: said.startswith("yes"), within_s=MAY_WITHIN_S, every_s=2
    )


async def _return(scene: Scene, node: str) -> None:
    """By another member: what one that is just starting changes is overwritten when it joins."""
    peer, *_ = scene.peers(node)
    await scene.hosts.insist(peer, f"crm_standby --node {node} --delete", within_s=MAY_WITHIN_S)


async def _heal(scene: Scene, _node: str) -> None:
    for each in scene.nodes:
        await scene.door.power_on(each)
    for each in scene.nodes:
        await _return(scene, each)
