"""The transport in use unless another is asked for: asyncssh, hundreds of hosts from one process."""

import asyncio
import os
import tempfile

import asyncssh

from quorate.model.cloud import Ssh
from quorate.model.topology import Node
from quorate.remote.channel import KEEPALIVE_S, KEEPALIVES_MISSED, Ending, config_file
from quorate.remote.errors import Unreachable

_STDERR_BYTES = 8000
_READ_BYTES = 65536


class AsyncsshChannel:
    """A remote command over a connection of its own."""

    def __init__(
        self, connection: asyncssh.SSHClientConnection, process: asyncssh.SSHClientProcess[bytes]
    ) -> None:
        self._connection, self._process = connection, process
        self._stderr = b""
        self._loss = ""
        self._errors = asyncio.create_task(self._collect())

    async def _collect(self) -> None:
        while data := await self._some_of(self._process.stderr):
            self._stderr = (self._stderr + data)[-_STDERR_BYTES:]

    async def _some_of(self, stream: asyncssh.SSHReader[bytes]) -> bytes:
        try:
            return await stream.read(_READ_BYTES)
        except (OSError, asyncssh.Error) as error:  # the first read after a loss raises, later ones give the end
            self._loss = str(error) or type(error).__name__
            return b""

    async def read(self) -> bytes:
        """Some bytes of its standard output; empty at the end, also when the connection is lost."""
        return await self._some_of(self._process.stdout)

    async def write(self, data: bytes) -> None:
        """Send to its standard input (ConnectionError if it is gone)."""
        try:
            self._process.stdin.write(data)
            await self._process.stdin.drain()
        except asyncssh.Error as error:
            raise ConnectionError(str(error)) from error

    async def ending(self) -> Ending:
        """Wait for its end. A dead peer gives no status and no exception."""
        await self._process.wait_closed()
        await self._errors
        status = self._process.exit_status
        stderr = self._stderr.decode("utf-8", "replace").strip()
        return Ending(
            None if status is None or status < 0 else status, "\n".join(filter(None, (stderr, self._loss)))
        )

    async def close(self) -> None:
        """End its standard input and close the connection without waiting for the command."""
        if not self._process.is_closing():
            self._process.stdin.write_eof()
        self._connection.close()
        await self._connection.wait_closed()
        await self._errors


class AsyncsshTransport:
    """Strict host keys, keys from the agent or the usual files, ssh_config with its jump hosts."""

    async def open(self, node: Node, ssh: Ssh, command: str, timeout_s: float) -> AsyncsshChannel:
        """Connect, verify the host's key, and start the command (`Unreachable` if that cannot be done)."""
        try:
            async with asyncio.timeout(timeout_s):
                connection = await _connect(node, ssh, timeout_s)
                try:
                    process = await connection.create_process(command, encoding=None)
                except BaseException:
                    connection.abort()
                    raise
        except (
            OSError,
            TimeoutError,
            asyncssh.Error,
            asyncssh.ConfigParseError,
            asyncssh.KeyImportError,
        ) as error:
            raise _unreachable(node, ssh, error, timeout_s) from error
        return AsyncsshChannel(connection, process)


async def _connect(node: Node, ssh: Ssh, timeout_s: float) -> asyncssh.SSHClientConnection:
    """By name through the ssh_config the file names, where the node's address stands in for a missing HostName."""
    options = {
        "username": ssh.user,
        "connect_timeout": timeout_s,
        "login_timeout": timeout_s,
        "keepalive_interval": KEEPALIVE_S,
        "keepalive_count_max": KEEPALIVES_MISSED,
        "password_auth": False,
        "kbdint_auth": False,
    }
    config = config_file(ssh)
    if config is None:
        return await asyncssh.connect(node.address, **options)
    with tempfile.NamedTemporaryFile("w", prefix="quorate-ssh-", suffix=".config") as fallback:
        fallback.write(f"Host {node.name}\n  HostName {node.address}\n")
        fallback.flush()
        # The first value found counts, so ours is used only where theirs gives none. Jump hosts read both, too.
        return await asyncssh.connect(node.name, config=[config, fallback.name], **options)


def _unreachable(node: Node, ssh: Ssh, error: Exception, timeout_s: float) -> Unreachable:
    where = f"{ssh.user}@{node.address}"
    reason = str(error) or type(error).__name__
    match error:
        case asyncssh.HostKeyNotVerifiable():
            remedy = (
                "if the host is new, compare its key with what its console shows and add it: "
                f"ssh-keyscan -H {node.address} >> ~/.ssh/known_hosts; "
                "if it is not, find out why its key has changed"
            )
        case asyncssh.PermissionDenied():
            remedy = (
                f"add your public key to authorized_keys of {ssh.user} on the host (ssh-copy-id {where}), "
                "or load its private key into the ssh agent"
            )
        case FileNotFoundError() | PermissionError() if error.filename:
            reason = f"{error.filename}: {os.strerror(error.errno or 0)}"
            remedy = (
                "if it is the known_hosts file, make it and add the host's key, compared with its console: "
                f"ssh-keyscan -H {node.address} >> {error.filename}"
            )
        case TimeoutError():
            reason = f"no answer within {timeout_s:g} s"
            remedy = f"check its power and the network (ssh {where})"
        case asyncssh.ConfigParseError() | asyncssh.KeyImportError():
            remedy = f"correct the ssh configuration ({ssh.config or '~/.ssh/config'}) or the key it names"
        case _:
            remedy = f"check that sshd runs there and that `ssh {where}` works"
    return Unreachable(node.name, reason, remedy)
