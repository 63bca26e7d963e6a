"""A quorum queue over the list of brokers: published to with confirms, consumed with acknowledgements.

A client whose broker does not answer goes on to the next of the list, as oslo.messaging does.
"""

import asyncio
import logging
from collections.abc import AsyncIterator, Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from itertools import count, repeat
from typing import Any

import aio_pika
from aio_pika.connection import make_url

from quorate.catalog import rabbitmq
from quorate.drill.judges import Judgement, messages
from quorate.drill.operation import Operation
from quorate.drill.outage import SLOW_S
from quorate.drill.workload import Client
from quorate.model.design import Design

# What breaks is written down as it breaks: it need not be told twice.
for name in ("aio_pika", "aiormq"):
    logging.getLogger(name).setLevel(logging.CRITICAL + 1)

QUEUE = "quorate-drill"
PUBLISHERS = 3
# More than publish, so that they catch up with what an outage has left.
CONSUMERS = 4
CONNECT_S = 1.0


def workloads(design: Design, secrets: Mapping[str, str]) -> "Iterator[Messages]":
    """One queue, as the user whom the services share."""
    nodes = design.cloud.topology.members_of("rabbitmq")
    yield Messages(tuple(node.address for node in nodes), secrets[rabbitmq.PASSWORD.name])


class QueueClient:
    """One connection at a time; the first of publisher number N is to the Nth broker."""

    def __init__(self, work: "Messages", number: int) -> None:
        self._work = work
        self._number = number
        self._broker = number
        self._connection: aio_pika.abc.AbstractConnection | None = None
        self._channel: aio_pika.abc.AbstractChannel | None = None
        self._messages: AsyncIterator[aio_pika.abc.AbstractIncomingMessage] | None = None
        self._dropping: set[asyncio.Task[None]] = set()

    def operations(self) -> Iterator[tuple[str, Any]]:
        """The first clients publish, the others consume."""
        if self._number < PUBLISHERS:
            return (("publish", number * PUBLISHERS + self._number) for number in count())
        return repeat(("deliver", None))

    async def call(self, does: str, value: Any) -> Any:
        """One message, or (`drain`) all there are; on whatever broker answers."""
        try:
            channel = await self._open()
            match does:
                case "publish":
                    message = aio_pika.Message(str(value).encode(), delivery_mode=aio_pika.DeliveryMode.PERSISTENT)
                    await channel.default_exchange.publish(message, QUEUE, mandatory=True)
                    return None
                case "deliver":
                    return await self._next(channel)
                case _:
                    return await self._drain(channel)
        except BaseException:
            self._drop()
            self._broker += 1
            raise

    async def _open(self) -> aio_pika.abc.AbstractChannel:
        if self._channel is None:
            self._connection = await self._work.connection(self._broker)
            # what no queue took is confirmed all the same, and returned before
            self._channel = await self._connection.channel(publisher_confirms=True, on_return_raises=True)
            await self._channel.set_qos(prefetch_count=10)
        return self._channel

    async def _next(self, channel: aio_pika.abc.AbstractChannel) -> int:
        if self._messages is None:
            queue = await channel.get_queue(QUEUE)
            self._messages = aiter(queue.iterator())
        message = await anext(self._messages)
        await message.ack()
        return int(message.body)

    async def _drain(self, channel: aio_pika.abc.AbstractChannel) -> list[int]:
        """What is left; acknowledged at once at the end, so that an interrupted one has taken nothing."""
        queue = await channel.get_queue(QUEUE)
        found = []
        last = None
        while message := await queue.get(fail=False):
            found.append(int(message.body))
            last = message
        if last:
            await last.ack(multiple=True)
        return found

    def _drop(self) -> None:
        """Leave the connection; a broker that is dead keeps its goodbye waiting, and nobody waits for that."""
        connection, self._connection, self._channel, self._messages = self._connection, None, None, None
        if connection is not None:
            self._dropping.add(asyncio.create_task(_closed(connection)))

    async def close(self) -> None:
        """Drop the connection, and see all dropped ones go."""
        self._drop()
        await asyncio.gather(*self._dropping)


async def _closed(connection: aio_pika.abc.AbstractConnection) -> None:
    with suppress(TimeoutError, OSError, aio_pika.exceptions.AMQPError):
        async with asyncio.timeout(CONNECT_S):
            await connection.close()


@dataclass(frozen=True, slots=True)
class Messages:
    """A queue of the brokers at these addresses, by seven clients."""

    brokers: tuple[str, ...]
    password: str = field(repr=False)
    name: str = "messages"
    component: str = "rabbitmq"
    every_s: float = 0.2
    patience_s: float = 2.0
    slow_s: float = SLOW_S
    asks: frozenset[str] = frozenset({"publish"})

    async def connection(self, broker: int) -> aio_pika.abc.AbstractConnection:
        """A connection to a broker by its number, from the first again after the last."""
        host = self.brokers[broker % len(self.brokers)]
        url = make_url(host=host, port=rabbitmq.PORT, login=rabbitmq.USER, password=self.password)
        connection = aio_pika.Connection(url)
        try:
            await connection.connect(timeout=CONNECT_S)
        except BaseException:
            await _closed(connection)
            raise
        return connection

    async def prepare(self) -> None:
        """Declare the queue."""
        connection = await self.connection(0)
        try:
            channel = await connection.channel()
            await channel.declare_queue(QUEUE, durable=True, arguments={"x-queue-type": "quorum"})
        finally:
            await connection.close()

    def clients(self) -> Sequence[Client]:
        """Publishers, then consumers."""
        return tuple(QueueClient(self, number) for number in range(PUBLISHERS + CONSUMERS))

    def last(self) -> Sequence[tuple[str, Any]]:
        """What is still in the queue."""
        return (("drain", None),)

    def judge(self, operations: Sequence[Operation]) -> Judgement:
        """Whether a confirmed message was lost."""
        return messages.judge(operations)

    async def remove(self) -> None:
        """Delete the queue."""
        connection = await self.connection(0)
        try:
            channel = await connection.channel()
            await channel.queue_delete(QUEUE)
        finally:
            await connection.close()
