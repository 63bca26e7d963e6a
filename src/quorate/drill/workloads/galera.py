"""SQL through the virtual IP: bank transfers, a set that only grows, and lists that are appended to.

Each client has one session and opens another when it broke, as a service's connection pool does.
"""

import asyncio
import random
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from functools import partial
from itertools import count
from typing import Any

import aiomysql
import pymysql

from quorate.catalog import galera
from quorate.drill.judges import Judgement, bank, elements, lists
from quorate.drill.operation import Operation
from quorate.drill.outage import SLOW_S
from quorate.drill.workload import Client, Refused
from quorate.model.design import Design

CLIENTS = 2
ACCOUNTS = 8
BALANCE = 100
KEYS = ("a", "b", "c", "d", "e")
# A transaction that met another one is tried again, as oslo.db does (ER_LOCK_DEADLOCK, also Galera's word for a
# certification that failed).
DEADLOCK = 1213
ATTEMPTS = 5
READ_EVERY = 50


def workloads(design: Design, secrets: Mapping[str, str]) -> "Iterator[Sql]":
    """All three, each in a table of its own in the database that `verify` writes to."""
    at = Server(
        design.cloud.topology.virtual_ip("galera").address,
        galera.PORT,
        galera.DATABASE.name,
        secrets[galera.DATABASE.secret.name],
        design.cloud.timers.database_connect_s,
    )
    yield from (Sql(at, use) for use in (BANK, SET, LISTS))


@dataclass(frozen=True, slots=True)
class Server:
    """Where sessions are opened, and as whom; the database has its user's name."""

    host: str
    port: int
    user: str
    password: str = field(repr=False)
    connect_s: int

    async def session(self) -> Any:
        """A session without autocommit."""
        return await aiomysql.connect(
            host=self.host,
            port=self.port,
            user=self.user,
            password=self.password,
            db=self.user,
            connect_timeout=self.connect_s,
            # A table to be dropped that is not there is nothing to be told of.
            init_command="SET sql_notes = 0",
        )

    @asynccontextmanager
    async def _once(self) -> AsyncIterator[Any]:
        session = await self.session()
        try:
            async with session.cursor() as cursor:
                yield cursor
            await session.commit()
        finally:
            session.close()

    async def does(self, *statements: str) -> None:
        """Carry out statements in a session of their own."""
        async with self._once() as cursor:
            for statement in statements:
                await cursor.execute(statement)


class Session:
    """One client's session; opened when it is needed, dropped when anything went wrong in it."""

    def __init__(self, server: Server) -> None:
        self._server = server
        self._session: Any = None

    @asynccontextmanager
    async def transaction(self) -> AsyncIterator[Any]:
        """A cursor in a transaction that is committed at the block's end.

        Raises Refused if it surely was not: whatever went wrong before the commit was sent.
        """
        try:
            try:
                if self._session is None:
                    self._session = await self._server.session()
                async with self._session.cursor() as cursor:
                    yield cursor
            except (pymysql.MySQLError, OSError, asyncio.IncompleteReadError) as error:
                raise Refused(_told(error)) from error
            await self._committed()
        except BaseException:
            await self.close()
            raise

    async def _committed(self) -> None:
        try:
            await self._session.commit()
        except pymysql.MySQLError as error:
            if error.args[:1] == (DEADLOCK,):
                raise Refused(_told(error)) from error
            raise

    async def close(self) -> None:
        """Drop the session, if there is one."""
        if self._session is not None:
            self._session.close()
        self._session = None


def _told(error: BaseException) -> str:
    return f"{type(error).__name__}: {', '.join(map(str, error.args)) or 'no reason'}"


def _deadlocked(refused: Refused) -> bool:
    cause = refused.__cause__
    return isinstance(cause, pymysql.MySQLError) and cause.args[:1] == (DEADLOCK,)


@dataclass(frozen=True, slots=True)
class Use:
    """A way to use the database: its table, what is done in one transaction, and who judges it.

    `operations` gives what one client does, by its number; `rows` fill the new table.
    """

    name: str
    columns: str
    operations: Callable[[int], Iterator[tuple[str, Any]]]
    transact: Callable[[Any, str, Any], Awaitable[Any]]
    last: tuple[tuple[str, Any], ...]
    judge: Callable[[Sequence[Operation]], Judgement]
    every_s: float
    rows: str = ""

    @property
    def table(self) -> str:
        """The table's name."""
        return f"drill_{self.name}"


@dataclass(frozen=True, slots=True)
class SqlClient:
    """A client whose operations are transactions."""

    session: Session
    use: Use
    number: int

    def operations(self) -> Iterator[tuple[str, Any]]:
        """As its use has it."""
        return self.use.operations(self.number)

    async def call(self, does: str, value: Any) -> Any:
        """One transaction, tried again where it met another."""
        for _ in range(ATTEMPTS - 1):
            try:
                return await self._once(does, value)
            except Refused as refused:
                if not _deadlocked(refused):
                    raise
        return await self._once(does, value)

    async def _once(self, does: str, value: Any) -> Any:
        async with self.session.transaction() as cursor:
            return await self.use.transact(cursor, does, value)

    async def close(self) -> None:
        """Drop the session."""
        await self.session.close()


@dataclass(frozen=True, slots=True)
class Sql:
    """A use of the database by two clients."""

    server: Server
    use: Use
    component: str = "galera"
    patience_s: float = 2.0
    slow_s: float = SLOW_S
    asks: frozenset[str] = frozenset({"transfer", "add", "append", "read"})

    @property
    def name(self) -> str:
        """As its use."""
        return self.use.name

    @property
    def every_s(self) -> float:
        """As its use."""
        return self.use.every_s

    async def prepare(self) -> None:
        """Make the table, and its rows."""
        make = f"CREATE TABLE {self.use.table} ({self.use.columns})"
        fill = f"INSERT INTO {self.use.table} VALUES {self.use.rows}"
        await self.server.does(make, *([fill] if self.use.rows else []))

    def clients(self) -> Sequence[Client]:
        """Two, so that transactions meet."""
        return tuple(SqlClient(Session(self.server), self.use, number) for number in range(CLIENTS))

    def last(self) -> Sequence[tuple[str, Any]]:
        """The reads that decide."""
        return self.use.last

    def judge(self, operations: Sequence[Operation]) -> Judgement:
        """As its use has it."""
        return self.use.judge(operations)

    async def remove(self) -> None:
        """Drop the table."""
        await self.server.does(f"DROP TABLE IF EXISTS {self.use.table}")


def _transfers(client: int) -> Iterator[tuple[str, Any]]:
    chance = random.Random(client)  # noqa: S311 - which accounts is no secret
    for number in count():
        if number % 2:
            yield "read", None
        else:
            giver, taker = chance.sample(range(ACCOUNTS), 2)
            yield "transfer", [giver, taker, chance.randint(1, BALANCE // 4)]


async def _transfer(cursor: Any, does: str, value: Any) -> Any:
    if does == "read":
        await cursor.execute(f"SELECT balance FROM {BANK.table} ORDER BY id")
        return [balance for (balance,) in await cursor.fetchall()]
    giver, taker, amount = value
    await cursor.execute(f"SELECT balance FROM {BANK.table} WHERE id = %s FOR UPDATE", (giver,))
    ((balance,),) = await cursor.fetchall()
    moved = min(balance, amount)
    await cursor.execute(f"UPDATE {BANK.table} SET balance = balance - %s WHERE id = %s", (moved, giver))
    await cursor.execute(f"UPDATE {BANK.table} SET balance = balance + %s WHERE id = %s", (moved, taker))
    return moved


def _additions(client: int) -> Iterator[tuple[str, Any]]:
    for number in count(1):
        yield ("read", None) if number % READ_EVERY == 0 else ("add", number * CLIENTS + client)


async def _add(cursor: Any, does: str, value: Any) -> Any:
    if does == "read":
        await cursor.execute(f"SELECT element FROM {SET.table} ORDER BY element")
        return [element for (element,) in await cursor.fetchall()]
    return await cursor.execute(f"INSERT INTO {SET.table} VALUES (%s)", (value,))


def _appends(client: int) -> Iterator[tuple[str, Any]]:
    for number in count(1):
        key = KEYS[number % len(KEYS)]
        yield "append", [key, number * CLIENTS + client]
        yield "read", key


async def _append(cursor: Any, does: str, value: Any) -> Any:
    if does == "read":
        await cursor.execute(f"SELECT numbers FROM {LISTS.table} WHERE name = %s", (value,))
        ((numbers,),) = await cursor.fetchall()
        return [int(number) for number in numbers.split()]
    key, number = value
    append = f"UPDATE {LISTS.table} SET numbers = CONCAT(numbers, ' ', %s) WHERE name = %s"
    return await cursor.execute(append, (number, key))


BANK = Use(
    "bank",
    "id INT PRIMARY KEY, balance INT NOT NULL",
    _transfers,
    _transfer,
    (("read", None),),
    partial(bank.judge, total=ACCOUNTS * BALANCE),
    every_s=0.2,
    rows=", ".join(f"({account}, {BALANCE})" for account in range(ACCOUNTS)),
)
SET = Use("set", "element INT PRIMARY KEY", _additions, _add, (("read", None),), elements.judge, every_s=0.2)
LISTS = Use(
    "lists",
    "name CHAR(1) PRIMARY KEY, numbers MEDIUMTEXT NOT NULL",
    _appends,
    _append,
    tuple(("read", key) for key in KEYS),
    lists.judge,
    every_s=0.2,
    rows=", ".join(f"('{key}', '')" for key in KEYS),
)
