"""Sessions of the dashboard: logged in once by its form, and logged in still whichever member answers."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import count

from quorate.catalog import horizon, keystone
from quorate.drill.judges.lifecycle import State
from quorate.drill.lifecycle import Found, LifeCycle
from quorate.drill.request import Answer, request
from quorate.formats.markup import hidden
from quorate.model.design import Design

LOGIN = "/auth/login/"
FOUND = 302
PAGE_EVERY = 6
"""Of so many looks one is at a page, for which the dashboard asks the identity service; the others are where it
sends somebody who comes to its front page."""
PAGE = "/identity/"


def workloads(design: Design, secrets: Mapping[str, str]) -> Iterator[LifeCycle]:
    """One, as the cloud's administrator; the sessions are never left."""
    address = design.cloud.topology.virtual_ip("horizon").address
    sessions = Sessions(f"http://{address}{horizon.ROOT}", secrets[keystone.ADMIN.name])
    yield LifeCycle("sessions", "horizon", sessions, keeps=1, renews=False)


@dataclass(frozen=True, slots=True)
class Sessions:
    """Each is some cookies, by its name."""

    root: str
    password: str = field(repr=False)
    cookies: dict[str, dict[str, str]] = field(default_factory=dict, repr=False)
    looks: Iterator[int] = field(default_factory=lambda: count(1), repr=False)

    async def make(self, name: str) -> str:
        """Log in as a person does."""
        cookies: dict[str, str] = {}
        form = hidden((await self._ask(cookies, "GET", LOGIN)).one_of(200).body.decode())
        said = {**form, "username": "admin", "password": self.password}
        (await self._ask(cookies, "POST", LOGIN, data=said)).one_of(FOUND)
        self.cookies[name] = cookies
        return name

    async def look(self, name: str, key: str) -> State:
        """Gone, if one is sent to log in."""
        del key
        cookies = self.cookies[name]
        path, expected = (PAGE, 200) if next(self.looks) % PAGE_EVERY == 0 else ("/", FOUND)
        answer = (await self._ask(cookies, "GET", path)).one_of(expected, FOUND)
        return State.GONE if LOGIN in answer.headers.get("Location", "") else State.THERE

    async def remove(self, name: str, key: str) -> None:
        """Forget it: nothing of it is on a server."""
        del key
        self.cookies.pop(name, None)

    async def all(self) -> Sequence[Found]:
        """Each looked at; without any, where it sends somebody who has none."""
        if not self.cookies:
            (await self._ask({}, "GET", "/")).one_of(FOUND)
        return [Found(name, name, await self.look(name, name)) for name in tuple(self.cookies)]

    async def _ask(self, cookies: dict[str, str], method: str, path: str, **body: Mapping[str, str]) -> Answer:
        """One request as a browser with these cookies, which it keeps."""
        headers = {"Cookie": "; ".join(f"{name}={value}" for name, value in cookies.items() if value)}
        answer = await request(method, self.root + path, headers=headers, **body)
        cookies |= answer.cookies
        return answer
