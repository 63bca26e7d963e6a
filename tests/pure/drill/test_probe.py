"""The client against a server that answers, stalls, hangs up and is away on cue."""

import asyncio
import json
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager

import pytest

from quorate.drill import probe as probes
from quorate.drill.history import Attempt
from quorate.drill.probe import Probe, Target

TOKEN = b"HTTP/1.1 201 Created\r\nX-Subject-Token: gAAA\r\nContent-Length: 2\r\n\r\n{}"
EVERY_S = 0.02

Answer = Callable[[asyncio.StreamWriter], Awaitable[None]]


@asynccontextmanager
async def served(answer: Answer, requests: list[bytes] | None = None) -> AsyncIterator[int]:
    """A server on loopback; its port. Each connection gets one answer."""

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        head = await reader.readuntil(b"\r\n\r\n")
        (length,) = (int(line[15:]) for line in head.split(b"\r\n") if line.startswith(b"Content-Length:"))
        body = await reader.readexactly(length)
        if requests is not None:
            requests.append(head + body)
        try:
            await answer(writer)
        finally:
            writer.close()

    server = await asyncio.start_server(serve, "127.0.0.1", 0)
    async with server:
        yield server.sockets[0].getsockname()[1]


def saying(data: bytes) -> Answer:
    async def answer(writer: asyncio.StreamWriter) -> None:
        writer.write(data)

    return answer


async def probed(port: int, seconds: float = 0.1) -> tuple[Attempt, ...]:
    probe = Probe(Target("127.0.0.1", port, "pass"), EVERY_S)
    async with probe.running():
        await asyncio.sleep(seconds)
    return probe.attempts


def errors(answer: Answer) -> set[str]:
    async def ask() -> set[str]:
        async with served(answer) as port:
            return {attempt.error for attempt in await probed(port)}

    return asyncio.run(ask())


@pytest.mark.parametrize(
    ("data", "error"),
    [
        (TOKEN, ""),
        (TOKEN.replace(b"X-Subject-Token", b"x-subject-token"), ""),
        (b"HTTP/1.1 503 Service Unavailable\r\n\r\n", "HTTP 503"),
        (b"HTTP/1.1 201 Created\r\n\r\n{}", "HTTP 201 without a token"),
        (b"", "the connection was closed without an answer"),
        (b"\x00\n", "the connection was closed without an answer"),
    ],
)
def test_what_is_an_answer(data: bytes, error: str) -> None:
    assert errors(saying(data)) == {error}


def test_it_asks_for_a_token_of_the_administrators_on_a_connection_of_its_own() -> None:
    requests: list[bytes] = []

    async def ask() -> int:
        async with served(saying(TOKEN), requests) as port:
            return len(await probed(port))

    count = asyncio.run(ask())
    assert len(requests) == count > 1
    head, _, body = requests[0].partition(b"\r\n\r\n")
    assert head.startswith(b"POST /v3/auth/tokens HTTP/1.1\r\nHost: 127.0.0.1:")
    assert b"\r\nConnection: close" in head
    user = json.loads(body)["auth"]["identity"]["password"]["user"]
    assert (user["name"], user["password"]) == ("admin", "pass")


def test_nobody_listening_is_said_in_the_systems_words() -> None:
    async def ask() -> set[str]:
        async with served(saying(TOKEN)) as port:
            pass
        return {attempt.error for attempt in await probed(port)}

    (error,) = asyncio.run(ask())
    assert "refused" in error or "Connect call failed" in error


def test_the_pace_is_kept_while_answers_stall_and_patience_ends() -> None:
    """Attempts overlap: a probe that waited for each answer would see one failure where clients see many."""

    async def stall(_: asyncio.StreamWriter) -> None:
        await asyncio.sleep(probes.TIMEOUT_S + 1)

    async def ask() -> tuple[Attempt, ...]:
        async with served(stall) as port:
            return await probed(port, 0.2)

    attempts = asyncio.run(ask())
    assert len(attempts) >= 5
    assert {attempt.error for attempt in attempts} == {"no answer within 2 s"}
    assert attempts[-1].began_s < attempts[0].ended_s
    assert all(2 <= attempt.ended_s - attempt.began_s < 3 for attempt in attempts)


def test_a_lack_of_service_is_seen_with_its_begin_and_end() -> None:
    async def ask() -> tuple[Attempt, ...]:
        well = asyncio.Event()
        well.set()

        async def answer(writer: asyncio.StreamWriter) -> None:
            writer.write(TOKEN if well.is_set() else b"HTTP/1.1 503 x\r\n\r\n")

        async with served(answer) as port:
            probe = Probe(Target("127.0.0.1", port, "pass"), EVERY_S)
            async with probe.running():
                for change in (well.clear, well.set, lambda: None):
                    await asyncio.sleep(0.15)
                    change()
            return probe.attempts

    answered = [not attempt.error for attempt in asyncio.run(ask())]
    assert answered[0]
    assert answered[-1]
    first, last = answered.index(False), len(answered) - answered[::-1].index(False)
    assert answered[first:last] == [False] * (last - first)
    assert last - first > 2


def test_a_password_is_not_shown() -> None:
    assert "pass" not in repr(Target("127.0.0.1", 5000, "pass")).replace("password", "")
