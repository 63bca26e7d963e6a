"""The agent on this machine: a transport that starts python3 here, everything else is the real thing."""

import asyncio
import os
import shlex
import shutil
import subprocess
import sys
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import asyncssh
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


@dataclass(frozen=True)
class Server:
    """An SSH server in a process that can be killed and frozen."""

    directory: Path
    port: int
    process: subprocess.Popen

    def trust(self, key: str = "host.pub") -> None:
        line = (self.directory / key).read_text()
        (self.directory / "known_hosts").write_text(f"[127.0.0.1]:{self.port} {line}")

    @property
    def ssh(self) -> Ssh:
        config = self.directory / "config"
        config.write_text(
            f"Host controller*\n  Port {self.port}\n  IdentityFile {self.directory}/id\n"
            f"  UserKnownHostsFile {self.directory}/known_hosts\n"
        )
        return Ssh(config=str(config))


def make_key(path: Path) -> None:
    key = asyncssh.generate_private_key("ssh-ed25519")
    key.write_private_key(path)
    path.chmod(0o600)  # ssh refuses a key that others may read
    key.write_public_key(path.with_suffix(".pub"))


@pytest.fixture
def sshd(tmp_path):
    make_key(tmp_path / "host")
    make_key(tmp_path / "other")
    make_key(tmp_path / "id")
    shutil.copy(tmp_path / "id.pub", tmp_path / "authorized")
    program = Path(__file__).with_name("sshd.py")
    with subprocess.Popen([sys.executable, program, tmp_path], stdout=subprocess.PIPE, text=True) as process:
        yield Server(tmp_path, int(process.stdout.readline()), process)
        process.kill()
