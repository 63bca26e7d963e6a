"""Tokens through the virtual IP, each request on a connection of its own: issued, validated, revoked."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import count
from typing import Any

from quorate.catalog.keystone import ADMIN, SERVICE
from quorate.drill.api import token
from quorate.drill.judges import Judgement, tokens
from quorate.drill.operation import Operation
from quorate.drill.outage import SLOW_S
from quorate.drill.request import request
from quorate.drill.workload import Client
from quorate.model.design import Design

CLIENTS = 10
AMONG_OTHERS = 4
"""So many clients where other services have some: a small machine bears few."""
KEEP_EVERY = 4
"""Of so many tokens one is not revoked, but validated again and again to the end."""
VALID, INVALID, REVOKED = 200, (401, 404), 204


def workloads(design: Design, secrets: Mapping[str, str]) -> "Iterator[Tokens]":
    """One, as the cloud's administrator."""
    alone = len(list(design.services())) == 1
    yield Tokens(design.url(SERVICE), secrets[ADMIN.name], number=CLIENTS if alone else AMONG_OTHERS)


class TokenClient:
    """One client. Histories hold labels; the tokens themselves stay here."""

    def __init__(self, work: "Tokens", number: int) -> None:
        self._work = work
        self._number = number

    def operations(self) -> Iterator[tuple[str, Any]]:
        """A token at a time: issued, validated, mostly revoked, and validated again."""
        held = self._work.held
        kept: list[str] = []
        for number in count():
            label = f"{self._number}-{number}"
            yield "issue", label
            if label in held:
                yield "validate", label
                if number % KEEP_EVERY == 0:
                    kept.append(label)
                else:
                    yield "revoke", label
                yield "validate", label
            # To issue one costs a server most: who is not served does not ask for nothing else.
            yield from (("validate", each) for each in kept[-1:])

    async def call(self, does: str, value: Any) -> Any:
        """One request. Raises Unserved for an answer that is none."""
        held = self._work.held
        if does == "issue":
            held[value] = (await token(self._work.url, self._work.password)).headers["X-Subject-Token"]
            return value
        url, headers = (
            f"{self._work.url}/auth/tokens",
            {"X-Auth-Token": held[value], "X-Subject-Token": held[value]},
        )
        if does == "revoke":
            (await request("DELETE", url, headers=headers)).one_of(REVOKED)
            return None
        return (await request("GET", url, headers=headers)).one_of(VALID, *INVALID).status == VALID

    async def close(self) -> None:
        """Every request has a connection of its own."""


@dataclass(frozen=True, slots=True)
class Tokens:
    """The identity service at `url` and a number of clients; `held` are the tokens by label."""

    url: str
    password: str = field(repr=False)
    number: int = CLIENTS
    held: dict[str, str] = field(default_factory=dict, repr=False)
    name: str = "tokens"
    component: str = "keystone"
    every_s: float = 1.0
    patience_s: float = 2.0
    slow_s: float = SLOW_S
    asks: frozenset[str] = frozenset({"issue", "validate", "revoke"})

    async def prepare(self) -> None:
        """The administrator is there."""

    def clients(self) -> Sequence[Client]:
        """Several, so that one that waits does not keep the others from asking."""
        return tuple(TokenClient(self, number) for number in range(self.number))

    def last(self) -> Sequence[tuple[str, Any]]:
        """Every token once more."""
        return tuple(("validate", label) for label in self.held)

    def judge(self, operations: Sequence[Operation]) -> Judgement:
        """Whether one was forgotten or came back."""
        return tokens.judge(operations)

    async def remove(self) -> None:
        """Tokens expire by themselves."""
