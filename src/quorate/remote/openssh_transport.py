"""The other transport: the installed `ssh`, for what only it can do (GSSAPI, hardware keys, FIPS builds)."""

import asyncio
from asyncio.subprocess import PIPE, Process

from quorate.model.cloud import Ssh
from quorate.model.topology import Node
from quorate.remote.channel import KEEPALIVE_S, KEEPALIVES_MISSED, Ending, config_file
from quorate.remote.errors import Unreachable

_STDERR_BYTES = 8000
_READ_BYTES = 65536


class ProcessChannel:
    """A command at the other end of a local process's pipes."""

    def __init__(self, process: Process) -> None:
        assert process.stdin
        assert process.stdout
        assert process.stderr
        self._process = process
        self._stdin, self._stdout, stderr = process.stdin, process.stdout, process.stderr
        self._stderr = b""
        self._errors = asyncio.create_task(self._collect(stderr))

    async def _collect(self, stderr: asyncio.StreamReader) -> None:
        while data := await stderr.read(_READ_BYTES):
            self._stderr = (self._stderr + data)[-_STDERR_BYTES:]

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
        await self._errors
        stderr = self._stderr.decode("utf-8", "replace").strip()
        return Ending(None if status < 0 else status, stderr)

    async def close(self) -> None:
        """End its standard input and the connection without waiting for the command."""
        self._stdin.close()
        if self._process.returncode is None:
            self._process.terminate()
        await self._process.wait()
        self._errors.cancel()


class OpensshTransport:
    """One `ssh` a channel; a connection that cannot be made shows in the channel's ending."""

    async def open(self, node: Node, ssh: Ssh, command: str, timeout_s: float) -> ProcessChannel:
        """Start `ssh`; strict host keys, and no questions asked (`Unreachable` if it is not installed)."""
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
        try:
            if config:
                host = node.name
                if await _host_name(config, host) == host:  # their ssh_config gives it no address
                    options["HostName"] = node.address
            settings = [word for pair in options.items() for word in ("-o", "=".join(pair))]
            process = await asyncio.create_subprocess_exec(
                "ssh", "-T", *config, *settings, "--", host, command, stdin=PIPE, stdout=PIPE, stderr=PIPE
            )
        except FileNotFoundError as error:
            remedy = "install it (apt-get install openssh-client) or use the asyncssh transport"
            raise Unreachable(node.name, "there is no `ssh` on this machine", remedy) from error
        return ProcessChannel(process)


async def _host_name(config: list[str], host: str) -> str:
    """The HostName that the ssh_config gives a host; its own name if none."""
    process = await asyncio.create_subprocess_exec("ssh", "-G", *config, "--", host, stdout=PIPE)
    stdout, _ = await process.communicate()
    settings = dict(line.split(" ", 1) for line in stdout.decode().splitlines() if " " in line)
    return settings.get("hostname", host)
