"""Which node a fault hits: by its name, or by what it is at that moment."""

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass

from quorate.catalog import haproxy, program
from quorate.drill.scene import Scene
from quorate.model.topology import VirtualIp
from quorate.remote.shipping import Probe
from quorate.remote.until import until

GATHERED_WITHIN_S = 120.0
RUNNER = "runner-of-"


class NoAim(Exception):
    """No node is at present what was asked for."""


@dataclass(frozen=True, slots=True)
class Roles:
    """What nodes are now; None where nobody is, or nobody could say."""

    holder: str | None
    writer: str | None
    dc: str | None


def runner(resource: str) -> str:
    """The node on which that resource runs, if it runs once."""
    return f"{RUNNER}{resource}"


async def roles(scene: Scene) -> Roles:
    """Ask the nodes that can be reached."""
    topology = scene.design.cloud.topology
    address = haproxy.address_id(_vip(scene))
    views = (await scene.hosts.views()).values()
    stat = Probe((*program("haproxy_say"), haproxy.ADMIN_SOCKET, "show stat"))
    said = (await scene.hosts.ask([stat])).values() if topology.has("galera") else ()
    return Roles(
        holder=next((node for view in views for node in view.active(address)), None),
        writer=next(filter(None, (haproxy.chosen_server(each.stdout, "galera") for (each,) in said)), None),
        dc=next((view.dc for view in views if view.dc), None),
    )


def _vip(scene: Scene) -> VirtualIp:
    return scene.design.cloud.topology.virtual_ip("keystone")


async def node(scene: Scene, aim: str) -> str:
    """The node that an aim means now. Raises NoAim."""
    if aim in scene.nodes:
        return aim
    if aim.startswith(RUNNER):
        found = (await scene.placed_once()).get(aim.removeprefix(RUNNER))
    elif aim in AIMS:
        _, find = AIMS[aim]
        found = await find(scene)
    else:
        raise NoAim(f"no node is called {aim}, and it is none of {', '.join(AIMS)}, {RUNNER}RESOURCE")
    if found is None:
        raise NoAim(f"no node is {aim} now; see: quorate verify")
    return found


async def _holder(scene: Scene) -> str | None:
    return (await roles(scene)).holder


async def _writer(scene: Scene) -> str | None:
    return (await roles(scene)).writer


async def _dc(scene: Scene) -> str | None:
    return (await roles(scene)).dc


async def _random(scene: Scene) -> str | None:
    return scene.chance.choice(scene.nodes)


async def _bystander(scene: Scene) -> str | None:
    now = await roles(scene)
    others = [name for name in scene.nodes if name not in {now.holder, now.writer, now.dc}]
    return scene.chance.choice(others or [name for name in scene.nodes if name != now.holder])


async def _broker(scene: Scene) -> str | None:
    """Where most quorum queues have their leader."""
    listed = "rabbitmqctl --silent --timeout 15 list_queues leader"
    leaders = (await scene.hosts.sh(scene.nodes[0], listed)).split()
    names = [leader.partition("@")[2] for leader in leaders if "@" in leader]
    return max(sorted(set(names)), key=names.count) if names else None


async def _fullest(scene: Scene) -> str | None:
    """The database's writer, once it is also the DC and has all that runs once, the addresses among it."""
    now = await roles(scene)
    writer = now.writer
    if writer is None:
        return None
    once, places = scene.once(), await scene.placed_once()
    elsewhere = [whole for whole, parts in once.items() if any(places.get(part) != writer for part in parts)]
    wanted = {part: writer for parts in once.values() for part in parts}
    try:
        if now.dc != writer:
            await _become_dc(scene, writer)
        for resource in elsewhere:
            await scene.hosts.sh(writer, f"crm_resource --move --resource {resource} --node {writer}")
        await until(
            f"{writer} is writer and DC, and has all that runs once",
            lambda: _gathered(scene),
            lambda seen: seen == (Roles(writer, writer, writer), wanted),
            within_s=GATHERED_WITHIN_S,
            every_s=1,
        )
    finally:
        for resource in elsewhere:
            await scene.hosts.sh(writer, f"crm_resource --clear --resource {resource}")
    return writer


async def _gathered(scene: Scene) -> tuple[Roles, dict[str, str]]:
    return await roles(scene), await scene.placed_once()


async def _become_dc(scene: Scene, node: str) -> None:
    """Restart the others' controllers while nothing is managed: the one that has run longest is the DC."""
    await scene.hosts.sh(node, "crm_attribute --name maintenance-mode --update true")
    try:
        for peer in scene.peers(node):
            await scene.hosts.sh(peer, "systemctl restart pacemaker", timeout_s=60)
    finally:
        await scene.hosts.sh(node, "crm_attribute --name maintenance-mode --delete")


Find = Callable[[Scene], Awaitable[str | None]]
AIMS: Mapping[str, tuple[str, Find]] = {
    "vip-holder": ("holds the virtual IP", _holder),
    "writer": ("is the database's writer", _writer),
    "dc": ("is Pacemaker's designated controller", _dc),
    "queue-leader": ("leads most of RabbitMQ's quorum queues", _broker),
    "fullest": ("is made all of that before, and has all that runs once", _fullest),
    "bystander": ("is none of them, or at least not the holder", _bystander),
    "random": ("any, by the seed", _random),
}
