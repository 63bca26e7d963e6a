"""Things of an API in OpenStack's usual manner: made by a POST to their collection, each with a path below it."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from quorate.drill.api import Api
from quorate.drill.judges.lifecycle import State
from quorate.drill.lifecycle import Found

GONE = 404
Said = Mapping[str, Any]


def there(said: Said) -> State:
    """The state of what knows none."""
    del said
    return State.THERE


@dataclass(frozen=True, slots=True)
class Collection:
    """Those at `path`; `body` is what is sent to make one of that name, `state` what an answer says of it.

    Answers have one as `one` (themselves, if empty) and those of the `listing` as `many`, each with its identifier
    and its name under those keys. `place` is where one is below the path.
    """

    api: Api
    path: str
    one: str
    many: str
    body: Callable[[str], Said]
    state: Callable[[Said], State] = there
    listing: str = ""
    identifier: str = "id"
    named: str = "name"
    place: str = "{key}"

    def at(self, name: str, key: str) -> str:
        """The path of one."""
        return f"{self.path}/{self.place.format(name=name, key=key)}"

    async def make(self, name: str) -> str:
        """Make one; its identifier."""
        answer = await self.api.ask("POST", self.path, 200, 201, 202, json=self.body(name))
        return str(self._one(answer.said())[self.identifier])

    async def look(self, name: str, key: str) -> State:
        """What its service says of it."""
        answer = await self.api.ask("GET", self.at(name, key), 200, GONE)
        if answer.status == GONE:
            return State.GONE
        said = self._one(answer.said())
        return self.state(said) if said[self.named] == name else State.CHANGED

    async def remove(self, name: str, key: str) -> None:
        """Remove it."""
        await self.api.ask("DELETE", self.at(name, key), 202, 204, GONE)

    async def all(self) -> Sequence[Found]:
        """All that are listed."""
        said = (await self.api.ask("GET", self.path + self.listing, 200)).said()[self.many]
        return [Found(each[self.named], each[self.identifier], self.state(each)) for each in said]

    def _one(self, said: Said) -> Said:
        return said[self.one] if self.one else said
