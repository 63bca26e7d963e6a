"""Asking Pacemaker's scheduler."""

import atexit
import json
import os
from dataclasses import dataclass
from functools import cache
from types import TracebackType
from typing import Self

from quorate.prove.scheduler.errors import ScheduleFailed, SchedulerUnavailable
from quorate.prove.scheduler.place import Place
from quorate.prove.scheduler.process import Lost, Process, Refused

LIBRARY = "library"
COMMAND = "crm_simulate"
"""The engines: libpacemaker in the worker's process, or a process of crm_simulate for each schedule."""

START_S = 60.0
ANSWER_S = 120.0


@dataclass(frozen=True, slots=True)
class Verified:
    """What `crm_verify -VV` says of a CIB: the code it ends with, 0 for none but warnings, and its lines."""

    code: int
    lines: tuple[str, ...]


class Scheduler:
    """A running scheduler at a place: for one question at a time, and not to be handed to another process.

    `version` is Pacemaker's, such as 3.0.0; `engine` is LIBRARY or COMMAND; `why` is why it is not LIBRARY where
    no engine was asked for. CIBs are read as of their `execution-date`, or now if they have none. Every question
    raises ScheduleFailed if Pacemaker refuses the CIB, aborts, or does not answer within `within_s`; the next one
    then starts a new worker.

    Raises SchedulerUnavailable if nothing can be run at the place, Pacemaker is not there, or the engine is not.
    """

    def __init__(self, place: Place, engine: str | None = None, within_s: float = ANSWER_S) -> None:
        self.place = place
        self._wanted, self._within_s = engine, within_s
        self._process = self._started()

    def schedule(self, cib: bytes | str) -> bytes:
        """The transition that Pacemaker would make: a `<transition_graph>`."""
        return self._ask("schedule", cib)

    def simulate(self, cib: bytes | str) -> bytes:
        """The CIB after that transition as crm_simulate carries it out: everything in it succeeds."""
        return self._ask("simulate", cib)

    def status(self, cib: bytes | str) -> bytes:
        """What runs where by the status section: crm_mon's `<nodes>` and `<resources>` in a `<cluster_status>`."""
        return self._ask("status", cib)

    def verify(self, cib: bytes | str) -> Verified:
        """What crm_verify says: errors of the schema, constraints on what is not there, bad values."""
        said = json.loads(self._ask("verify", cib))
        return Verified(said["code"], tuple(said["lines"]))

    def close(self) -> None:
        """End the worker, and with it its container."""
        self._process.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def _ask(self, ask: str, cib: bytes | str) -> bytes:
        if self._process.ended:
            self._process.close()
            self._process = self._started()
        try:
            return self._process.ask(ask, cib.encode() if isinstance(cib, str) else cib, self._within_s)
        except (Lost, Refused) as error:
            raise ScheduleFailed(f"{ask} at {self.place.name}: {error}") from error

    def _started(self) -> Process:
        try:
            process = Process(self.place)
        except OSError as error:
            raise SchedulerUnavailable({self.place.name: str(error)}) from error
        try:
            said = json.loads(process.ask("hello", (self._wanted or "").encode(), START_S))
            self.version, self.engine, self.why = str(said["pacemaker"]), str(said["engine"]), str(said["why"])
        except (Lost, Refused) as error:
            process.close()
            raise SchedulerUnavailable({self.place.name: str(error)}) from error
        except BaseException:
            process.close()
            raise
        return process


def scheduler_at(place: Place, engine: str | None = None) -> Scheduler:
    """The calling process's scheduler at a place, started when first asked for; it ends with that process.

    For the workers of a pool, to which a place can be sent and a scheduler cannot.
    """
    return _scheduler_of(os.getpid(), place, engine)


@cache
def _scheduler_of(process: int, place: Place, engine: str | None) -> Scheduler:
    """The process is part of the key: one that was forked must not use its parent's."""
    scheduler = Scheduler(place, engine)

    def end() -> None:
        if os.getpid() == process:
            scheduler.close()

    atexit.register(end)
    return scheduler
