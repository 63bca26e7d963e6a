"""Networks, each with a subnet; without DHCP, for which every agent would start processes."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from quorate.catalog import neutron
from quorate.drill.api import Api
from quorate.drill.collection import Collection
from quorate.drill.judges.lifecycle import State
from quorate.drill.lifecycle import Found, LifeCycle
from quorate.model.design import Design

CIDR = "192.0.2.0/24"


def workloads(design: Design, secrets: Mapping[str, str]) -> Iterator[LifeCycle]:
    """One, as the cloud's administrator."""
    api = Api.of(design, neutron.SERVICE, secrets)
    networks = Collection(
        api,
        "/v2.0/networks",
        one="network",
        many="networks",
        body=lambda name: {"network": {"name": name}},
        state=_state,
    )
    yield LifeCycle("networks", "neutron", Networks(api, networks))


def _state(said: Mapping[str, Any]) -> State:
    return State.THERE if len(said["subnets"]) == 1 else State.CHANGED


@dataclass(frozen=True, slots=True)
class Networks:
    """Networks; a subnet goes with its network."""

    api: Api
    alone: Collection

    async def make(self, name: str) -> str:
        """A network, then its subnet: it is made when both are."""
        network = await self.alone.make(name)
        subnet = {"network_id": network, "ip_version": 4, "cidr": CIDR, "enable_dhcp": False}
        await self.api.ask("POST", "/v2.0/subnets", 201, json={"subnet": subnet})
        return network

    async def look(self, name: str, key: str) -> State:
        """There with its subnet."""
        return await self.alone.look(name, key)

    async def remove(self, name: str, key: str) -> None:
        """Both."""
        await self.alone.remove(name, key)

    async def all(self) -> Sequence[Found]:
        """All networks."""
        return await self.alone.all()
