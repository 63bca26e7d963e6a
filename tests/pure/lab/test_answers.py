import asyncio
import socket
import threading

from quorate.lab import answers


async def greeted_with(greeting: bytes) -> str:
    async def greet(_reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(greeting)
        await writer.drain()
        writer.close()

    server = await asyncio.start_server(greet, "127.0.0.1", 0)
    async with server:
        return await answers.sshd("127.0.0.1", server.sockets[0].getsockname()[1])


def test_an_ssh_greeting_is_an_answer():
    assert asyncio.run(greeted_with(b"SSH-2.0-OpenSSH_10.0\r\n")) == answers.OK


def test_another_servers_greeting_is_shown():
    assert "220 mail" in asyncio.run(greeted_with(b"220 mail\r\n"))


def test_a_closed_port_is_said():
    with socket.socket() as unused:
        unused.bind(("127.0.0.1", 0))
        assert "refused" in asyncio.run(answers.sshd("127.0.0.1", unused.getsockname()[1])).lower()


def answered_with(pong: bytes) -> str:
    with socket.socket(type=socket.SOCK_DGRAM) as wire:
        wire.bind(("127.0.0.1", 0))

        def serve() -> None:
            ping, peer = wire.recvfrom(64)
            assert ping[8] == 0x80
            wire.sendto(pong, peer)

        server = threading.Thread(target=serve)
        server.start()
        try:
            return answers.ping_bmc("127.0.0.1", wire.getsockname()[1])
        finally:
            server.join()


def test_a_presence_pong_is_an_answer():
    assert answered_with(bytes.fromhex("0600ff06000011be40000010000011be0000000081000000000000")) == answers.OK


def test_another_datagram_is_shown():
    assert "616263 instead of a presence pong" in answered_with(b"abc")


def test_a_port_where_no_bmc_listens_is_said():
    with socket.socket(type=socket.SOCK_DGRAM) as unused:
        unused.bind(("127.0.0.1", 0))
        port = unused.getsockname()[1]
    assert "refused" in answers.ping_bmc("127.0.0.1", port).lower()
