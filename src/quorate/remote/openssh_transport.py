"""The other transport: the installed `ssh`, for what only it can do (GSSAPI, hardware keys, FIPS builds)."""

import asyncio
import os
import tempfile
from asyncio.subprocess import PIPE, Process
from contextlib import ExitStack
from typing import IO, Self

from quorate.model.cloud import Ssh
from quorate.model.topology import Node
from quorate.remote.channel import KEEPALIVE_S, KEEPALIVES_MISSED, Ending, config_file
from quorate.remote.errors import Unreachable

_STDERR_BYTES = 8000
_READ_BYTES = 65536


class ProcessChannel:
    """A command at the other end of a local process's pipes."""

    def __init__(self, process: Process, stderr: IO[bytes]) -> None:
        assert process.stdin
        assert process.stdout
        self._process, self._stdin, self._stdout, self._stderr = process, process.stdin, process.stdout, stderr
        self._last_words = ""

    @classmethod
    async def start(cls, *argv: str) -> Self:
        """Start a program. Its stderr goes to a file: ssh's own master process would keep a pipe open for long."""
        with ExitStack() as stack:
            stderr = stack.enter_context(tempfile.TemporaryFile())
            process = await asyncio.create_subprocess_exec(*argv, stdin=PIPE, stdout=PIPE, stderr=stderr)
            stack.pop_all()
        return cls(process, stderr)

    async def read(self) -> bytes:
        """Some bytes of its standard output; empty at the end, also when the connection is lost."""
        return await self._stdout.read(_READ_BYTES)

    async def write(self, data: bytes) -> None:
        """Send to its standard input (ConnectionError if it is gone)."""
        self._stdin.write(data)
        await self._stdin.drain()

    async def ending(self) -> Ending:
        """Wait for its end; ssh itself exits 255 when the connection fails."""
        status = await self._process.wait()
        return Ending(None if status < 0 else status, self._said())

    async def close(self) -> None:
        """End its standard input and the connection without waiting for the command."""
        self._stdin.close()
        if self._process.returncode is None:
            self._process.terminate()
        await self._process.wait()
        self._said()
        self._stderr.close()

    def _said(self) -> str:
        """The end of its stderr, also after that was closed."""
        if not self._stderr.closed:
            self._stderr.seek(max(0, self._stderr.seek(0, os.SEEK_END) - _STDERR_BYTES))
            self._last_words = self._stderr.read().decode("utf-8", "replace").strip()
        return self._last_words


class OpensshTransport:
    """One `ssh` a channel; a connection that cannot be made shows in the channel's ending."""

    async def open(self, node: Node, ssh: Ssh, command: str, timeout_s: float) -> ProcessChannel:
        """Start `ssh`; strict host keys, and no questions asked (`Unreachable` if it is not installed)."""
        argv = await ssh_command(node, ssh, timeout_s)
        try:
            return await ProcessChannel.start(*argv, command)
        except FileNotFoundError as error:
            raise _no_ssh(node) from error


async def ssh_command(node: Node, ssh: Ssh, timeout_s: float) -> tuple[str, ...]:
    """How `ssh` is called to run a command on a node, given as one more argument, for a shell there.

    Raises `Unreachable` if it is not installed. `timeout_s` is for connecting.
    """
    options = {
        "BatchMode": "yes",
        "StrictHostKeyChecking": "yes",
        "ConnectTimeout": f"{timeout_s:.0f}",
        "ServerAliveInterval": f"{KEEPALIVE_S:.0f}",
        "ServerAliveCountMax": str(KEEPALIVES_MISSED),
        "User": ssh.user,
    }
    file = config_file(ssh)
    config = [] if file is None else ["-F", file]
    host = node.address
    if config:
        host = node.name
        try:
            if await _host_name(config, host) == host:  # their ssh_config gives it no address
                options["HostName"] = node.address
        except FileNotFoundError as error:
            raise _no_ssh(node) from error
    settings = [word for pair in options.items() for word in ("-o", "=".join(pair))]
    return ("ssh", "-T", *config, *settings, "--", host)


def _no_ssh(node: Node) -> Unreachable:
    remedy = "install it (apt-get install openssh-client) or use the asyncssh transport"
    return Unreachable(node.name, "there is no `ssh` on this machine", remedy)


async def _host_name(config: list[str], host: str) -> str:
    """The HostName that the ssh_config gives a host; its own name if none."""
    process = await asyncio.create_subprocess_exec("ssh", "-T", "-G", *config, "--", host, stdout=PIPE)
    stdout, _ = await process.communicate()
    settings = dict(line.split(" ", 1) for line in stdout.decode().splitlines() if " " in line)
    return settings.get("hostname", host)
