"""Waiting until sshd and the BMC of every host answer."""

import asyncio
import os
import socket
from collections.abc import Sequence
from pathlib import Path

from quorate.lab.command import LabError
from quorate.lab.layout import Host
from quorate.model.topology import Bmc
from quorate.remote.until import Deadline, until

READY_S = 60.0
ANSWER_S = 2.0
EVERY_S = 0.05
OK = "answers"

_PRESENCE_PING = bytes.fromhex("06 00 ff 06 00 00 11 be 80 00 00 00")
"""ASF 2.0, section 3.2.4.2: what `ipmitool` and management software find BMCs with."""


def wait(hosts: Sequence[Host], *, within_s: float = READY_S) -> None:
    """Wait for all of them at once (LabError says which did not answer, what was seen and where to look)."""
    try:
        asyncio.run(_wait(hosts, within_s))
    except Deadline as error:
        raise LabError(str(error)) from error


async def _wait(hosts: Sequence[Host], within_s: float) -> None:
    waits = [_wait_sshd(host, within_s) for host in hosts]
    waits += [_wait_bmc(host, host.bmc, within_s) for host in hosts if host.bmc]
    await asyncio.gather(*waits)


async def _wait_sshd(host: Host, within_s: float) -> None:
    async def observe() -> str:
        return await sshd(host.address)

    what = f"{host.node}: sshd at {host.address} (look with `quorate lab exec {host.node} -- systemctl status`)"
    await until(what, observe, lambda seen: seen == OK, within_s=within_s, every_s=EVERY_S)


async def _wait_bmc(host: Host, bmc: Bmc, within_s: float) -> None:
    async def observe() -> str:
        seen = await asyncio.to_thread(ping_bmc, bmc.address, bmc.port)
        return seen if seen == OK else f"{seen}; its log ends: {_last_line(host.runtime / 'bmc.log')}"

    what = f"{host.node}: BMC at {bmc.address} port {bmc.port}"
    await until(what, observe, lambda seen: seen == OK, within_s=within_s, every_s=EVERY_S)


async def sshd(address: str, port: int = 22) -> str:
    """Whether a server introduces itself as SSH there, or what was seen instead."""
    try:
        async with asyncio.timeout(ANSWER_S):
            reader, writer = await asyncio.open_connection(address, port)
            try:
                banner = await reader.readline()
            finally:
                writer.close()
    except TimeoutError:
        return f"no answer within {ANSWER_S:.0f} s"
    except OSError as error:
        return _reason(error)
    return OK if banner.startswith(b"SSH-2.0") else f"{banner!r} instead of a greeting"


def ping_bmc(address: str, port: int) -> str:
    """Whether a BMC answers a presence ping there, or what was seen instead."""
    family = socket.getaddrinfo(address, port, type=socket.SOCK_DGRAM)[0][0]
    with socket.socket(family, socket.SOCK_DGRAM) as wire:
        wire.settimeout(ANSWER_S)
        try:
            wire.connect((address, port))
            wire.send(_PRESENCE_PING)
            pong = wire.recv(64)
        except TimeoutError:
            return f"no answer within {ANSWER_S:.0f} s"
        except OSError as error:
            return _reason(error)
    return OK if pong[8:9] == b"\x40" else f"{pong.hex()} instead of a presence pong"


def _reason(error: OSError) -> str:
    """The kernel's word; asyncio's own text says only that it failed."""
    return os.strerror(error.errno) if error.errno else str(error)


def _last_line(log: Path) -> str:
    try:
        lines = log.read_text(encoding="utf-8", errors="replace").splitlines()
    except FileNotFoundError:
        return "(there is none)"
    return lines[-1] if lines else "(it is empty)"
