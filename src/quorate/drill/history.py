"""What a probe saw, and the outages in it; pure."""

from collections.abc import Iterable
from dataclasses import dataclass

AFTERSHOCK_S = 1.0


@dataclass(frozen=True, slots=True)
class Attempt:
    """One request: when it began and ended (seconds since the probe's origin), and its error (empty: answered)."""

    began_s: float
    ended_s: float
    error: str = ""


@dataclass(frozen=True, slots=True)
class Outage:
    """A time without steady service.

    It begins with the first request that failed or was answered late, and ends with the beginning of the first
    answered one after which all was well for a while.
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


def outages(
    attempts: Iterable[Attempt], *, slow_s: float = AFTERSHOCK_S, quiet_s: float = AFTERSHOCK_S
) -> tuple[Outage, ...]:
    """Every outage, in order.

    A request answered after more than `slow_s` counts as not answered; failures with less than `quiet_s` of good
    service between them belong to one outage, so that flickering is not counted as recovery.
    """
    found: list[Outage] = []
    bad: list[Attempt] = []
    ended_s: float | None = None
    for attempt in sorted(attempts, key=lambda attempt: attempt.began_s):
        good = not attempt.error and attempt.ended_s - attempt.began_s <= slow_s
        if not good:
            if ended_s is not None and attempt.began_s - ended_s >= quiet_s:
                found.append(_outage(bad, ended_s))
                bad = []
            bad.append(attempt)
            ended_s = None
        elif bad and ended_s is None:
            ended_s = attempt.began_s
    if bad:
        found.append(_outage(bad, bad[-1].ended_s if ended_s is None else ended_s))
    return tuple(found)


def _outage(bad: list[Attempt], ended_s: float) -> Outage:
    errors = tuple(dict.fromkeys(attempt.error for attempt in bad if attempt.error))
    failed = sum(bool(attempt.error) for attempt in bad)
    return Outage(bad[0].began_s, ended_s, failed, len(bad) - failed, errors)
