"""Volumes: the API answers at once, their one manager makes and removes them when it comes to it."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from quorate.catalog import cinder
from quorate.drill.api import Api
from quorate.drill.collection import GONE, Collection
from quorate.drill.judges.lifecycle import State
from quorate.drill.lifecycle import Found, LifeCycle
from quorate.model.design import Design

UNDER_WAY = 400
# Ten volumes are all that a project may have by Cinder's default.
KEEPS = 2


def workloads(design: Design, secrets: Mapping[str, str]) -> Iterator[LifeCycle]:
    """One, as the cloud's administrator."""
    api = Api.of(design, cinder.SERVICE, secrets)
    volumes = Collection(
        api,
        "/volumes",
        one="volume",
        many="volumes",
        body=lambda name: {"volume": {"name": name, "size": 1}},
        state=_state,
        listing="/detail",
    )
    yield LifeCycle("volumes", "cinder", Volumes(api, volumes), keeps=KEEPS)


def _state(said: Mapping[str, Any]) -> State:
    match said["status"]:
        case "available":
            return State.THERE
        case "deleting":
            return State.GOING
        case str(status) if status.startswith("error"):
            return State.FAILED
    return State.COMING


@dataclass(frozen=True, slots=True)
class Volumes:
    """Volumes of 1 GB, files with holes."""

    api: Api
    gently: Collection

    async def make(self, name: str) -> str:
        """Asked for; made later."""
        return await self.gently.make(name)

    async def look(self, name: str, key: str) -> State:
        """How far it is."""
        return await self.gently.look(name, key)

    async def remove(self, name: str, key: str) -> None:
        """As anybody would; by force if it is not at rest, which a volume whose manager died may never be."""
        place = self.gently.at(name, key)
        answer = await self.api.ask("DELETE", place, 202, GONE, UNDER_WAY)
        if answer.status == UNDER_WAY:
            await self.api.ask("POST", f"{place}/action", 202, GONE, json={"os-force_delete": {}})

    async def all(self) -> Sequence[Found]:
        """The project's."""
        return await self.gently.all()
