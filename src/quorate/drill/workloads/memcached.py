"""The caches, used as services use them: the full list of servers, a dead one set aside by the client itself."""

import asyncio
from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from itertools import count
from secrets import token_hex
from typing import Any

import memcache

from quorate.catalog import memcached
from quorate.drill.judges import Judgement, cache
from quorate.drill.operation import Operation
from quorate.drill.outage import SLOW_S
from quorate.drill.workload import Client
from quorate.model.design import Design

CLIENTS = 2
KEYS = 12
KEPT_S = 600


def workloads(design: Design, secrets: Mapping[str, str]) -> "Iterator[Cache]":
    """One, with the timers of the services' own clients."""
    del secrets
    timers = design.cloud.timers
    servers = tuple(memcached.servers(design.cloud.topology).split(","))
    yield Cache(servers, timers.memcached_timeout_ms / 1000, timers.memcached_dead_retry_s)


class CacheClient:
    """One client with connections of its own, in a thread of its own: its library waits."""

    def __init__(self, work: "Cache", number: int) -> None:
        self._memcache = memcache.Client(work.servers, socket_timeout=work.timeout_s, dead_retry=work.dead_retry_s)
        self._thread = ThreadPoolExecutor(1)
        self._keys = f"drill-{work.mark}-{number}"

    def operations(self) -> Iterator[tuple[str, Any]]:
        """Set and get, key by key; no client uses another's keys."""
        for number in count(1):
            key = f"{self._keys}-{number % KEYS}"
            yield "set", [key, number]
            yield "get", key

    async def call(self, does: str, value: Any) -> Any:
        """What the cache says; a dead server is a miss."""
        loop = asyncio.get_running_loop()
        if does == "get":
            return await loop.run_in_executor(self._thread, self._memcache.get, value)
        key, number = value
        kept = await loop.run_in_executor(self._thread, self._memcache.set, key, number, KEPT_S)
        return bool(kept)

    async def close(self) -> None:
        """Close the connections."""
        await asyncio.get_running_loop().run_in_executor(self._thread, self._memcache.disconnect_all)
        self._thread.shutdown(wait=False)


@dataclass(frozen=True, slots=True)
class Cache:
    """The caches by clients of the library that oslo.cache uses; keys go by themselves after KEPT_S seconds."""

    servers: tuple[str, ...]
    timeout_s: float
    dead_retry_s: int
    mark: str = field(default_factory=lambda: token_hex(4))
    """Tells its keys from those that an earlier drill left in the caches."""
    name: str = "cache"
    component: str = "memcached"
    every_s: float = 0.2
    patience_s: float = 2.0
    slow_s: float = SLOW_S
    asks: frozenset[str] = frozenset({"set", "get"})

    async def prepare(self) -> None:
        """Nothing is to be made."""

    def clients(self) -> Sequence[Client]:
        """Each with keys of its own."""
        return tuple(CacheClient(self, number) for number in range(CLIENTS))

    def last(self) -> Sequence[tuple[str, Any]]:
        """Nothing decides: a cache may forget."""
        return ()

    def judge(self, operations: Sequence[Operation]) -> Judgement:
        """Whether a value appeared from nowhere."""
        return cache.judge(operations)

    async def remove(self) -> None:
        """Nothing is left for long."""
