"""Images: bytes that nobody else has go in, and have to come out."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from quorate.catalog import glance
from quorate.drill.api import Api
from quorate.drill.collection import GONE, Collection
from quorate.drill.judges.lifecycle import State
from quorate.drill.lifecycle import Found, LifeCycle
from quorate.model.design import Design

SIZE = 16 * 1024
EMPTY = 204
_STATES = {"active": State.THERE, "killed": State.FAILED, "pending_delete": State.GONE, "deleted": State.GONE}


def workloads(design: Design, secrets: Mapping[str, str]) -> Iterator[LifeCycle]:
    """One, as the cloud's administrator."""
    api = Api.of(design, glance.SERVICE, secrets)
    records = Collection(
        api,
        "/v2/images",
        one="",
        many="images",
        body=lambda name: {"name": name, "container_format": "bare", "disk_format": "raw"},
        state=_state,
        listing="?limit=1000",
    )
    yield LifeCycle("images", "glance", Images(api, records))


def _state(said: Mapping[str, Any]) -> State:
    return _STATES.get(said["status"], State.COMING)


def content(name: str) -> bytes:
    """What an image of that name has in it."""
    line = f"{name}\n".encode()
    return (line * (SIZE // len(line) + 1))[:SIZE]


@dataclass(frozen=True, slots=True)
class Images:
    """Images of some KiB."""

    api: Api
    records: Collection

    async def make(self, name: str) -> str:
        """A record, then its bytes: it is made when they are taken."""
        key = await self.records.make(name)
        await self.api.ask("PUT", f"{self.records.at(name, key)}/file", 204, data=content(name))
        return key

    async def look(self, name: str, key: str) -> State:
        """By all of its bytes."""
        answer = await self.api.ask("GET", f"{self.records.at(name, key)}/file", 200, EMPTY, GONE)
        if answer.status == GONE:
            return State.GONE
        return State.THERE if answer.body == content(name) else State.CHANGED

    async def remove(self, name: str, key: str) -> None:
        """At once."""
        await self.records.remove(name, key)

    async def all(self) -> Sequence[Found]:
        """All that the project sees."""
        return await self.records.all()
