"""One HTTP request, on a connection of its own: what a new client meets, not what an old one still holds."""

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import aiohttp


class Unserved(Exception):
    """An answer that says that the service is not in order."""


@dataclass(frozen=True, slots=True)
class Answer:
    """What came back; `cookies` are as they were set, by name, empty ones to be forgotten."""

    status: int
    headers: Mapping[str, str] = field(repr=False)
    body: bytes = field(repr=False)
    cookies: Mapping[str, str] = field(default_factory=dict, repr=False)

    def one_of(self, *expected: int) -> "Answer":
        """Itself. Raises Unserved if its status is another."""
        if self.status not in expected:
            raise Unserved(f"HTTP {self.status}")
        return self

    def said(self) -> Any:
        """Its JSON. Raises Unserved if there is none."""
        try:
            return json.loads(self.body)
        except ValueError as error:
            raise Unserved(f"HTTP {self.status} without JSON") from error


async def request(method: str, url: str, *, headers: Mapping[str, str] | None = None, **body: Any) -> Answer:
    """Ask, with a body of `json` or `data` if any; redirections are answers. Raises what the client raises."""
    async with (
        aiohttp.ClientSession(connector=aiohttp.TCPConnector(force_close=True)) as http,
        http.request(method, url, headers=headers, allow_redirects=False, **body) as answer,
    ):
        cookies = {
            name: "" if morsel["max-age"] == "0" else morsel.coded_value for name, morsel in answer.cookies.items()
        }
        return Answer(answer.status, answer.headers, await answer.read(), cookies)
