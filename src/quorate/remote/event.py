"""What a host reports: from these values progress is shown and `-o json` is made."""

from dataclasses import dataclass
from enum import Enum


class Status(Enum):
    """Where an item stands. In check mode CHANGED says that it would be, PENDING that it is not so yet."""

    OK = "ok"
    CHANGED = "changed"
    FAILED = "failed"
    RUNNING = "running"
    WAITING = "waiting"
    PENDING = "pending"


@dataclass(frozen=True, slots=True)
class Failure:
    """The command a failed item ran, its exit status (None: killed at its deadline), the ends of its outputs."""

    argv: tuple[str, ...]
    rc: int | None
    stdout: str
    stderr: str


@dataclass(frozen=True, slots=True)
class Event:
    """What happened to one item; `diff` and `actions` (Pacemaker's, foreseen) are lines without secrets."""

    host: str
    stage: str
    item: str
    status: Status
    seconds: float = 0.0
    detail: str = ""
    diff: tuple[str, ...] = ()
    actions: tuple[str, ...] = ()
    failure: Failure | None = None


@dataclass(frozen=True, slots=True)
class Outcome:
    """How a stage ended on a host: the last event of each item that was not simply as it should be."""

    host: str
    stage: str
    events: tuple[Event, ...]
    seconds: float

    @property
    def changed(self) -> bool:
        """Whether anything was (in check mode: would be) changed."""
        return any(event.status is Status.CHANGED for event in self.events)

    @property
    def failed(self) -> tuple[Event, ...]:
        """The items that failed: at most one, except in check mode."""
        return tuple(event for event in self.events if event.status is Status.FAILED)
