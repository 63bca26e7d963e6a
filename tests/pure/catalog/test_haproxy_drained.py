"""The program waits for proxies that give requests, and for no others; proxies here say what they are told to."""

import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, HTTPServer
from types import ModuleType

import pytest

import programs

PATH = "/ctl1/keystone"
FIRST, SECOND, SILENT = "127.0.0.1", "127.0.0.2", "127.0.0.3"


@contextmanager
def proxy(address: str, port: int, *statuses: int) -> Iterator[list[str]]:
    """Answers with one status after the other, the last for ever; what it was asked."""
    asked: list[str] = []

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            asked.append(self.path)
            self.send_response(statuses[min(len(asked), len(statuses)) - 1])
            self.end_headers()

        def log_message(self, *words: object) -> None:
            pass

    with HTTPServer((address, port), Handler) as server:
        thread = threading.Thread(target=server.serve_forever, args=(0.01,))
        thread.start()
        try:
            yield asked
        finally:
            server.shutdown()
            thread.join()


@pytest.fixture
def port() -> int:
    with socket.create_server((FIRST, 0)) as free:
        return int(free.getsockname()[1])


@pytest.fixture
def program(monkeypatch: pytest.MonkeyPatch, port: int) -> ModuleType:
    module = programs.load("haproxy_drained")
    monkeypatch.setattr("sys.argv", ["haproxy-drained", PATH, str(port), FIRST, SECOND, SILENT])
    return module


def test_it_ends_once_none_gives_requests(program: ModuleType, port: int) -> None:
    with proxy(FIRST, port, 503) as at_once, proxy(SECOND, port, 200, 200, 503) as later:
        program.main()
    assert (at_once, later) == ([PATH], [PATH] * 3)


def test_it_names_who_still_does_when_it_has_waited_long_enough(program: ModuleType, port: int) -> None:
    program.WITHIN_S = 0.2
    with (
        proxy(FIRST, port, 503),
        proxy(SECOND, port, 200),
        pytest.raises(SystemExit, match=r"^127\.0\.0\.2: requests"),
    ):
        program.main()
