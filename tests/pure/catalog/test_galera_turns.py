"""One member joins at a time: the real galera-check gives its turn, the real galera-server takes it."""

import socket
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from http.client import HTTPConnection
from importlib.resources import files
from pathlib import Path

import pytest

from quorate.catalog import galera
from waiting import until

PROGRAMS = str(files("quorate.catalog").joinpath("programs"))
FIRST, SECOND, GONE = "127.0.0.1", "127.0.0.2", "127.0.0.3"
START = """
import sys
sys.path.insert(0, {programs!r})
import galera_server
galera_server.SERVER, galera_server.CHECK_PORT, galera_server.WAIT_S = {server!r}, {port}, {wait_s}
galera_server.main()
"""


def answers(address: str, port: int) -> bool:
    with suppress(OSError), socket.create_connection((address, port), 1):
        return True
    return False


@contextmanager
def check(address: str, port: int, *members: str) -> Iterator[subprocess.Popen[bytes]]:
    """A galera-check whose server is not up."""
    argv = [sys.executable, f"{PROGRAMS}/galera_check.py", address, str(port), "/nowhere", "1500", *members]
    with subprocess.Popen(argv) as process:
        try:
            until(lambda: answers(address, port), "galera-check listens")
            yield process
        finally:
            process.kill()


@pytest.fixture
def port() -> int:
    with socket.create_server((FIRST, 0)) as free:
        return int(free.getsockname()[1])


@pytest.fixture
def both(port: int) -> Iterator[None]:
    with check(FIRST, port, FIRST), check(SECOND, port, FIRST):
        yield


class Member:
    """A galera-server whose mariadbd-safe writes down that it runs, with what, and ends when told to."""

    def __init__(self, path: Path, port: int, wait_s: float = 30) -> None:
        path.mkdir()
        self.path, self.port, self.wait_s = path, port, wait_s
        self.safe = path / "mariadbd-safe"
        self.safe.write_text(
            f'#!/bin/sh\necho "$@" > {path}/new && mv {path}/new {path}/started ; read end; exit 0\n'
        )
        self.safe.chmod(0o755)

    def start(self, *arguments: str) -> "Member":
        code = START.format(programs=PROGRAMS, server=str(self.safe), port=self.port, wait_s=self.wait_s)
        argv = [sys.executable, "-c", code, "--socket=/nowhere", *arguments]
        with (self.path / "said").open("w") as said:
            self.process = subprocess.Popen(argv, stdin=subprocess.PIPE, stderr=said, text=True)
        return self

    @property
    def arguments(self) -> str | None:
        file = self.path / "started"
        return file.read_text().strip() if file.exists() else None

    @property
    def said(self) -> str:
        return (self.path / "said").read_text()

    def end(self) -> int:
        assert self.process.stdin
        self.process.stdin.close()
        return self.process.wait(10)


@pytest.fixture
def member(tmp_path: Path, port: int) -> Iterator[Callable[..., Member]]:
    made: list[Member] = []

    def make(**options: float) -> Member:
        made.append(Member(tmp_path / str(len(made)), port, **options))
        return made[-1]

    yield make
    for each in made:
        with each.process:
            each.process.kill()


JOIN = f"--wsrep-cluster-address=gcomm://{FIRST},{SECOND},{GONE}"


@pytest.mark.usefixtures("both")
def test_one_that_joins_starts_with_the_agents_arguments_and_passes_over_who_does_not_answer(member) -> None:
    joiner = member().start("--port=3306", JOIN)
    until(lambda: joiner.arguments is not None, "the server starts")
    assert joiner.arguments == f"--socket=/nowhere --port=3306 {JOIN}"
    assert f"{GONE} cannot be asked for its turn: ConnectionRefusedError" in joiner.said
    assert "with the turn of 2 members" in joiner.said
    assert joiner.end() == 0


@pytest.mark.usefixtures("both")
def test_the_next_one_starts_when_the_one_before_it_has_ended(member) -> None:
    one = member().start(JOIN)
    until(lambda: one.arguments is not None, "the first server starts")
    other = member().start(JOIN)
    with pytest.raises(AssertionError, match="waits"):
        until(lambda: other.arguments is not None, "waits", within_s=2)
    assert one.end() == 0
    until(lambda: other.arguments is not None, "the second server starts")
    assert other.end() == 0


def test_the_turn_of_one_member_is_enough_to_keep_the_next_one_waiting(port: int, member) -> None:
    with check(FIRST, port, FIRST) as lost, check(SECOND, port, FIRST):
        one = member().start(JOIN)
        until(lambda: one.arguments is not None, "the first server starts")
        lost.kill()
        other = member(wait_s=2).start(JOIN)
        assert other.process.wait(10) == 1
        assert f"not started: after 2 s another member still has the turn of {SECOND}" in other.said
        assert other.arguments is None
        assert one.end() == 0


@pytest.mark.usefixtures("both")
def test_a_turn_given_to_one_that_was_killed_while_it_waited_is_not_lost(member) -> None:
    one = member().start(JOIN)
    until(lambda: one.arguments is not None, "the first server starts")
    killed = member().start(JOIN)
    killed.process.kill()
    killed.process.wait(10)
    one.end()
    other = member().start(JOIN)
    until(lambda: other.arguments is not None, "the third server starts")
    assert other.end() == 0


@pytest.mark.parametrize("arguments", [["--wsrep-cluster-address=gcomm://"], ["--wsrep-recover"], []])
@pytest.mark.usefixtures("both")
def test_one_that_does_not_join_waits_for_nobody(member, arguments: list[str]) -> None:
    one = member().start(JOIN)
    until(lambda: one.arguments is not None, "the first server starts")
    other = member().start(*arguments)
    until(lambda: other.arguments is not None, "the other server starts")
    assert "turn" not in other.said
    other.end()
    one.end()


def test_a_stranger_gets_no_turn(port: int) -> None:
    with check(FIRST, port, SECOND):
        connection = HTTPConnection(FIRST, port, timeout=5)
        connection.request("GET", "/turn")
        assert connection.getresponse().status == 403


@pytest.mark.usefixtures("both")
def test_its_health_is_said_while_another_has_the_turn(port: int, member) -> None:
    one = member().start(JOIN)
    until(lambda: one.arguments is not None, "the server starts")
    connection = HTTPConnection(FIRST, port, timeout=5)
    connection.request("GET", "/")
    answer = connection.getresponse()
    assert answer.status == 503
    assert b"the server does not answer" in answer.read()
    one.end()


def test_both_programs_speak_of_the_port_that_haproxy_asks() -> None:
    text = files("quorate.catalog").joinpath("programs", "galera_server.py").read_text()
    assert f"\nCHECK_PORT = {galera.CHECK_PORT}\n" in text
