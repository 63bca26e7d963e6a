"""What a session needs of a transport: a command on a host, with its streams."""

from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from quorate.model.cloud import Ssh
from quorate.model.topology import Node

KEEPALIVE_S = 2.0
KEEPALIVES_MISSED = 3  # a frozen host is noticed within 8 s


@dataclass(frozen=True, slots=True)
class Ending:
    """How a remote command ended; `status` is None when it was by a signal or the connection was lost."""

    status: int | None
    stderr: str


def config_file(ssh: Ssh) -> str | None:
    """The OpenSSH client configuration to use, if the spec names one."""
    return None if ssh.config is None else str(Path(ssh.config).expanduser())


class Channel(Protocol):
    """A running remote command."""

    async def read(self) -> bytes:
        """Some bytes of its standard output; empty at the end, also when the connection is lost."""

    async def write(self, data: bytes) -> None:
        """Send to its standard input (ConnectionError if it is gone)."""

    async def ending(self) -> Ending:
        """Wait for its end (after `read` came to its end)."""

    async def close(self) -> None:
        """End its standard input and close the connection without waiting for the command."""


class Transport(Protocol):
    """A way to run a command on a node. Stateless: one connection a channel."""

    async def open(self, node: Node, ssh: Ssh, command: str, timeout_s: float) -> Channel:
        """Connect, verify the host's key, and start the command (`Unreachable` if that cannot be done)."""
