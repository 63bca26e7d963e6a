"""Tokens through the virtual IP, each request on a connection of its own: issued, validated, revoked."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import count
from typing import Any

import aiohttp

from quorate.catalog.keystone import ADMIN, SERVICE
from quorate.drill.judges import Judgement, tokens
from quorate.drill.operation import Operation
from quorate.drill.workload import Client
from quorate.model.design import Design

CLIENTS = 10
KEEP_EVERY = 4
"""Of so many tokens one is not revoked, but validated again and again to the end."""

_USER = {"name": "admin", "domain": {"id": "default"}}
_SCOPE = {"project": {"name": "admin", "domain": {"id": "default"}}}


def workloads(design: Design, secrets: Mapping[str, str]) -> "Iterator[Tokens]":
    """One, as the cloud's administrator."""
    yield Tokens(design.url(SERVICE), secrets[ADMIN.name])


class TokenClient:
    """One client. Histories hold labels; the tokens themselves stay here."""

    def __init__(self, work: "Tokens", number: int) -> None:
        self._work = work
        self._number = number
        self._http: aiohttp.ClientSession | None = None

    def operations(self) -> Iterator[tuple[str, Any]]:
        """A token at a time: issued, validated, mostly revoked, and validated again."""
        held = self._work.held
        kept: list[str] = []
        for number in count():
            label = f"{self._number}-{number}"
            yield "issue", label
            if label not in held:
                continue
            yield "validate", label
            if number % KEEP_EVERY == 0:
                kept.append(label)
            else:
                yield "revoke", label
            yield "validate", label
            yield from (("validate", each) for each in kept[-1:])

    async def call(self, does: str, value: Any) -> Any:
        """One request. Raises Unserved for an answer that is none."""
        if self._http is None:
            # Each request on a new connection: what a new client meets, not what an old one still holds.
            self._http = aiohttp.ClientSession(connector=aiohttp.TCPConnector(force_close=True))
        if does == "issue":
            password = {"user": _USER | {"password": self._work.password}}
            body = {"auth": {"identity": {"methods": ["password"], "password": password}, "scope": _SCOPE}}
            status, token = await self._request("POST", {}, body)
            if status != 201 or token is None:  # noqa: PLR2004 - Created
                raise Unserved(f"HTTP {status}")
            self._work.held[value] = token
            return value
        token = self._work.held[value]
        status, _ = await self._request(
            "DELETE" if does == "revoke" else "GET", {"X-Auth-Token": token, "X-Subject-Token": token}
        )
        if does == "revoke" and status == 204:  # noqa: PLR2004 - No Content
            return None
        if does == "validate" and status in {200, 401, 404}:
            return status == 200  # noqa: PLR2004 - OK
        raise Unserved(f"HTTP {status}")

    async def _request(self, method: str, headers: Mapping[str, str], body: Any = None) -> tuple[int, str | None]:
        assert self._http is not None
        url = f"{self._work.url}/auth/tokens"
        async with self._http.request(method, url, headers=headers, json=body) as answer:
            await answer.read()
            return answer.status, answer.headers.get("X-Subject-Token")

    async def close(self) -> None:
        """Close what is open."""
        if self._http is not None:
            await self._http.close()


class Unserved(Exception):
    """An answer that says that the service is not in order."""


@dataclass(frozen=True, slots=True)
class Tokens:
    """The identity service at `url`; `held` are the tokens by label."""

    url: str
    password: str = field(repr=False)
    held: dict[str, str] = field(default_factory=dict, repr=False)
    name: str = "tokens"
    component: str = "keystone"
    every_s: float = 1.0
    patience_s: float = 2.0
    asks: frozenset[str] = frozenset({"issue", "validate", "revoke"})

    async def prepare(self) -> None:
        """The administrator is there."""

    def clients(self) -> Sequence[Client]:
        """Ten, so that one that waits does not keep the others from asking."""
        return tuple(TokenClient(self, number) for number in range(CLIENTS))

    def last(self) -> Sequence[tuple[str, Any]]:
        """Every token once more."""
        return tuple(("validate", label) for label in self.held)

    def judge(self, operations: Sequence[Operation]) -> Judgement:
        """Whether one was forgotten or came back."""
        return tokens.judge(operations)

    async def remove(self) -> None:
        """Tokens expire by themselves."""
