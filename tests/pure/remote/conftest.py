"""The agent on this machine: a transport that starts python3 here, everything else is the real thing."""

import asyncio
import os
import shlex
import sys
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from quorate.model.cloud import Ssh
from quorate.model.topology import MANAGEMENT, Node
from quorate.remote.openssh_transport import ProcessChannel
from quorate.remote.session import Session
from quorate.remote.until import until

NODE = Node("n1", {MANAGEMENT: "127.0.0.1"})


@dataclass(frozen=True)
class LocalTransport:
    """Runs the agent in a process of this machine; `path` comes before PATH, for programs that act a part."""

    path: str = ""
    python: str = sys.executable

    async def open(self, node: Node, ssh: Ssh, command: str, timeout_s: float) -> ProcessChannel:
        del node, ssh, timeout_s
        words = shlex.split(command)
        words[words.index("python3")] = self.python
        environment = ("env", f"PATH={self.path}:{os.environ['PATH']}") if self.path else ()
        return await ProcessChannel.start(*environment, *words)


async def appears(path: Path) -> None:
    """Wait for what a command makes."""

    async def exists() -> bool:
        return path.exists()  # noqa: ASYNC240 - the file is local

    await until(str(path), exists, bool, within_s=10, every_s=0.02)


@asynccontextmanager
async def session(transport: LocalTransport | None = None) -> AsyncIterator[Session]:
    async with Session.open(NODE, Ssh(), transport=transport or LocalTransport()) as opened:
        yield opened


@pytest.fixture
def with_agent() -> Callable[..., Any]:
    """Run a coroutine function with a session."""

    def run(use: Callable[[Session], Awaitable[Any]], transport: LocalTransport | None = None) -> Any:
        async def main() -> Any:
            async with session(transport) as opened:
                return await use(opened)

        return asyncio.run(main())

    return run


@dataclass(frozen=True)
class Programs:
    """A directory of small shell programs that stand in for systemctl and the like, noting how they are called."""

    directory: Path

    def add(self, name: str, script: str) -> None:
        file = self.directory / name
        note = f"printf '%s\\n' \"{name} $*\" >> {self.directory}/calls"
        file.write_text(f"#!/bin/sh\n{note}\n{script}\n")
        file.chmod(0o755)

    def calls(self) -> list[str]:
        file = self.directory / "calls"
        return file.read_text().splitlines() if file.exists() else []

    @property
    def transport(self) -> LocalTransport:
        return LocalTransport(path=str(self.directory))


@pytest.fixture
def programs(tmp_path: Path) -> Programs:
    directory = tmp_path / "bin"
    directory.mkdir()
    return Programs(directory)
