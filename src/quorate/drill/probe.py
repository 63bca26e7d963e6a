"""A client that asks for a token again and again, at a steady pace whatever the answers do."""

import asyncio
import json
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field

from quorate.drill.history import Attempt

# What an impatient but real client allows one request: longer ones are answered by a retry.
TIMEOUT_S = 2.0


@dataclass(frozen=True, slots=True)
class Target:
    """Where tokens are asked for: host and port of the identity API, and the project's administrator."""

    host: str
    port: int
    password: str = field(repr=False)

    def request(self) -> bytes:
        """The request as it goes over the wire, on a connection of its own."""
        user = {"name": "admin", "domain": {"id": "default"}, "password": self.password}
        scope = {"project": {"name": "admin", "domain": {"id": "default"}}}
        identity = {"methods": ["password"], "password": {"user": user}}
        body = json.dumps({"auth": {"identity": identity, "scope": scope}}).encode()
        head = (
            f"POST /v3/auth/tokens HTTP/1.1\r\nHost: {self.host}:{self.port}\r\nContent-Type: application/json\r\n"
            f"Content-Length: {len(body)}\r\nConnection: close\r\n\r\n"
        )
        return head.encode() + body


class Probe:
    """Attempts begin every `every_s` seconds, also while earlier ones are still waiting."""

    def __init__(self, target: Target, every_s: float) -> None:
        self._target = target
        self._request = target.request()
        self._every_s = every_s
        self._attempts: list[Attempt] = []
        self.origin = time.monotonic()

    @property
    def attempts(self) -> tuple[Attempt, ...]:
        """All ended attempts, by the time they began."""
        return tuple(sorted(self._attempts, key=lambda attempt: attempt.began_s))

    def now_s(self) -> float:
        """Seconds since the probe was made: the time base of its attempts."""
        return time.monotonic() - self.origin

    @asynccontextmanager
    async def running(self) -> AsyncIterator[None]:
        """Probe as long as the block runs; attempts under way at its end are awaited."""
        stop = asyncio.Event()
        pace = asyncio.create_task(self._pace(stop))
        try:
            yield
        finally:
            stop.set()
            await pace

    async def _pace(self, stop: asyncio.Event) -> None:
        begin = self.now_s()
        async with asyncio.TaskGroup() as group:
            for number in range(1, 1_000_000):
                group.create_task(self._attempt())
                try:
                    await asyncio.wait_for(stop.wait(), max(0.0, begin + number * self._every_s - self.now_s()))
                except TimeoutError:
                    continue
                return

    async def _attempt(self) -> None:
        began_s = self.now_s()
        try:
            async with asyncio.timeout(TIMEOUT_S):
                error = await self._ask()
        except TimeoutError:
            error = f"no answer within {TIMEOUT_S:g} s"
        except OSError as failure:
            error = failure.strerror or str(failure)
        self._attempts.append(Attempt(began_s, self.now_s(), error))

    async def _ask(self) -> str:
        """What is wrong with the answer; empty if a token was issued."""
        reader, writer = await asyncio.open_connection(self._target.host, self._target.port)
        try:
            writer.write(self._request)
            status = (await reader.readline()).split(b" ")
            headers = await reader.read()
        finally:
            writer.close()
        if len(status) < 2:  # noqa: PLR2004 - "HTTP/1.1 201"
            return "the connection was closed without an answer"
        if status[1] != b"201":
            return f"HTTP {status[1].decode(errors='replace')}"
        return "" if b"x-subject-token:" in headers.lower() else "HTTP 201 without a token"
