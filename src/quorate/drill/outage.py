"""The times without service in what a client lived through; pure."""

from collections.abc import Iterable
from dataclasses import dataclass

from quorate.drill.operation import Operation

AFTERSHOCK_S = 1.0
"""A later time without service is an aftershock if it is longer."""
SLOW_S = 1.0
"""An answer that takes longer is none to a client that has others to answer itself."""
STEADY = 3
"""So many operations in a row have to be answered before it is said that service is back."""


@dataclass(frozen=True, slots=True)
class Outage:
    """A time without steady service, in seconds of the history.

    It begins with the first operation that failed or was answered late, and ends with the beginning of the first
    of STEADY that were answered one after the other.
    """

    began_s: float
    ended_s: float
    failed: int
    late: int
    errors: tuple[str, ...]

    @property
    def seconds(self) -> float:
        """How long it was."""
        return self.ended_s - self.began_s


def good(operation: Operation, slow_s: float = SLOW_S) -> bool:
    """Whether it was answered, and in time."""
    return operation.ok and operation.ended_s is not None and operation.ended_s - operation.began_s <= slow_s


def after_harm(operations: Iterable[Operation]) -> list[Operation]:
    """Those that the harm, at second 0, may have met."""
    return [each for each in operations if each.ended_s is None or each.ended_s >= 0]


def outages(
    operations: Iterable[Operation], *, slow_s: float = SLOW_S, steady: int = STEADY
) -> tuple[Outage, ...]:
    """Every one, in order; one that has not ended lasts until its last failure was known."""
    found: list[Outage] = []
    bad: list[Operation] = []
    since: list[Operation] = []
    for each in sorted(operations, key=lambda operation: operation.began_s):
        if not good(each, slow_s):
            bad.append(each)
            since = []
        elif bad:
            since.append(each)
            if len(since) == steady:
                found.append(_outage(bad, since[0].began_s))
                bad, since = [], []
    if bad:
        last_s = max(each.began_s if each.ended_s is None else each.ended_s for each in bad)
        found.append(_outage(bad, last_s))
    return tuple(found)


def _outage(bad: list[Operation], ended_s: float) -> Outage:
    failed = [each for each in bad if not each.ok]
    errors = tuple(dict.fromkeys(each.error for each in failed if each.error))
    return Outage(bad[0].began_s, ended_s, len(failed), len(bad) - len(failed), errors)
