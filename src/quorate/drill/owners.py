"""Who says that it has a virtual IP: ARP requests from here, and all that is answered or announced.

Needs root and an interface in the address's network, as a neighbour or a client there has.
"""

import asyncio
import json
import socket
import struct
import subprocess
import time
from collections.abc import AsyncIterator, Iterable, Iterator
from contextlib import asynccontextmanager, suppress

from quorate.drill.judges.owners import Claim

EVERY_S = 0.2
_ETHER_ARP = 0x0806
_FRAME = struct.Struct("!6s6sHHHBBH6s4s6s4s")
_BROADCAST = b"\xff" * 6


class CannotWatch(Exception):
    """From here nobody can be seen to own an address; the message says why."""


def interface(address: str) -> str:
    """The interface whose neighbours include the owner of an address. Raises CannotWatch."""
    try:
        said = subprocess.run(
            ("ip", "-json", "route", "get", address), capture_output=True, text=True, check=False
        )
    except FileNotFoundError as error:
        raise CannotWatch("there is no `ip` here; apt-get install iproute2") from error
    route = json.loads(said.stdout or "[{}]")[0]
    if said.returncode != 0 or "gateway" in route or "dev" not in route:
        raise CannotWatch(f"this machine is not in the network of {address}")
    return str(route["dev"])


@asynccontextmanager
async def watching(addresses: Iterable[str], origin_s: float) -> AsyncIterator[list[Claim]]:
    """Every claim to one of these IPv4 addresses as long as the block runs. Raises CannotWatch.

    `origin_s` is the history's origin on the monotonic clock.
    """
    wanted = [address for address in addresses if ":" not in address]
    claims: list[Claim] = []
    sockets = {address: _socket(interface(address)) for address in wanted}
    loop = asyncio.get_running_loop()

    def heard(one: socket.socket) -> None:
        with suppress(BlockingIOError):
            for address, mac in _claimed(one.recv(128)):
                if address in sockets:
                    claims.append(Claim(time.monotonic() - origin_s, address, mac))

    for one in sockets.values():
        loop.add_reader(one, heard, one)
    stop = asyncio.Event()
    asking = asyncio.create_task(_ask(sockets, stop))
    try:
        yield claims
    finally:
        stop.set()
        await asking
        for one in sockets.values():
            loop.remove_reader(one)
            one.close()


def _socket(device: str) -> socket.socket:
    try:
        one = socket.socket(socket.AF_PACKET, socket.SOCK_RAW, socket.htons(_ETHER_ARP))
    except PermissionError as error:
        raise CannotWatch("only root may send and hear ARP") from error
    one.bind((device, _ETHER_ARP))
    one.setblocking(False)
    return one


async def _ask(sockets: dict[str, socket.socket], stop: asyncio.Event) -> None:
    while not stop.is_set():
        for address, one in sockets.items():
            with suppress(OSError):  # the interface is down: nobody is heard either
                one.send(_request(one.getsockname()[4], address))
        with suppress(TimeoutError):
            await asyncio.wait_for(stop.wait(), EVERY_S)


def _request(mac: bytes, address: str) -> bytes:
    """Who has it? From no address, as one that looks for a conflict (RFC 5227): nobody's table is changed."""
    target = socket.inet_aton(address)
    return _FRAME.pack(_BROADCAST, mac, _ETHER_ARP, 1, 0x0800, 6, 4, 1, mac, bytes(4), bytes(6), target)


def _claimed(frame: bytes) -> Iterator[tuple[str, str]]:
    if len(frame) >= _FRAME.size:
        _, _, kind, _, _, _, _, _, sender, claimed, _, _ = _FRAME.unpack_from(frame)
        if kind == _ETHER_ARP and any(claimed):
            yield socket.inet_ntoa(claimed), sender.hex(":")
