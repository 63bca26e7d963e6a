"""A network with a router: made, its name spaces on the nodes, its gateway answering from them, and deleted."""

from contextlib import suppress
from importlib import import_module
from typing import Any

from quorate.catalog import neutron
from quorate.verify.uses import At, Wrong

NAME = "network"
ABOUT = "a network with a router made and deleted, its gateway answering in its name space, every agent alive"
CIDR, GATEWAY = "192.0.2.0/24", "192.0.2.1"
WITHIN_S = 60
AGENTS = (neutron.SWITCH_AGENT, *neutron.AGENTS)


def use(at: At) -> str:
    """As a user's first steps are, up to the point where a server would be plugged in."""
    networks = at.cloud.network
    agents = list(networks.agents())
    dead = [f"{each.binary} on {each.host}" for each in agents if not each.is_alive]
    if dead:
        raise Wrong(f"not alive: {', '.join(sorted(dead))}")
    missing = {agent.name for agent in AGENTS} - {each.binary for each in agents}
    if missing:
        raise Wrong(f"nowhere: {', '.join(sorted(missing))}")
    network, router = _made(at)
    if network.id not in {each.id for each in networks.networks(name=at.name)}:
        raise Wrong(f"network {network.id} was created and is not in the list")
    seen = _answering(at, network, router)
    quota = networks.get_quota(at.cloud.current_project_id)
    return f"{len(agents)} agents alive; {seen}; {quota.networks} networks are allowed"


def _made(at: At) -> tuple[Any, Any]:
    networks = at.cloud.network
    network = networks.create_network(name=at.name)
    at.remove(networks.delete_network, network.id, ignore_missing=True)
    subnet = networks.create_subnet(
        name=at.name, network_id=network.id, ip_version=4, cidr=CIDR, gateway_ip=GATEWAY
    )
    router = networks.create_router(name=at.name)
    at.remove(networks.delete_router, router.id, ignore_missing=True)
    networks.add_interface_to_router(router, subnet_id=subnet.id)
    at.remove(networks.remove_interface_from_router, router, subnet_id=subnet.id)
    return network, router


def _answering(at: At, network: Any, router: Any) -> str:
    """Where the network's name space is, and that its gateway answers there."""
    members = [node.name for node in at.design.cloud.topology.members_of("neutron")]
    reached: dict[str, str] = {}
    with suppress(import_module("openstack.exceptions").ResourceTimeout):
        for _ in import_module("openstack.utils").iterate_timeout(WITHIN_S, "not yet", wait=1):
            for name in members:
                reached[name] = at.on(name, ("sh", "-c", _PING, "sh", network.id, router.id, GATEWAY))
            there = [name for name, said in reached.items() if said == "answers"]
            if there and "silent" not in reached.values():
                return f"{GATEWAY} answers on {', '.join(there)}"
    seen = ", ".join(f"{name}: {said}" for name, said in reached.items())
    raise Wrong(f"{GATEWAY} does not answer in the name space of network {network.id}: {seen}")


# Whether the gateway answers where the network's DHCP is; and whether the router is there.
_PING = """
ip netns list | grep -q "^qrouter-$2" || { echo "no router"; exit; }
ip netns list | grep -q "^qdhcp-$1" || { echo "none"; exit; }
ip netns exec "qdhcp-$1" ping -c 1 -W 1 "$3" >/dev/null && echo answers || echo silent
"""
