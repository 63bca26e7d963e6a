"""The one place that waits by asking again."""

import asyncio
from collections.abc import Awaitable, Callable
from typing import TypeVar

Seen = TypeVar("Seen")


class Deadline(Exception):
    """What was waited for did not come about in time; `last` is what was seen last."""

    def __init__(self, what: str, within_s: float, last: object) -> None:
        seen = "nothing was seen" if last is None else f"last seen: {last}"
        super().__init__(f"{what}: not so within {within_s:g} s; {seen}")
        self.what, self.within_s, self.last = what, within_s, last


async def until(
    what: str,
    observe: Callable[[], Awaitable[Seen]],
    holds: Callable[[Seen], bool],
    *,
    within_s: float,
    every_s: float = 0.5,
    report: Callable[[Seen], None] | None = None,
) -> Seen:
    """Observe until it holds and return that observation; only changed observations are reported.

    An observation that takes longer than what is left of `within_s` is cancelled. Errors of `observe` pass
    through: what may fail for a while has to be an observation. Raises `Deadline`.
    """
    last: Seen | None = None
    try:
        async with asyncio.timeout(within_s):
            while True:
                seen = await observe()
                if holds(seen):
                    return seen
                if report and seen != last:
                    report(seen)
                last = seen
                await asyncio.sleep(every_s)
    except TimeoutError as error:
        raise Deadline(what, within_s, last) from error


async def rest(seconds: float) -> None:
    """Let time pass that is meant to pass: how long something stays broken, how far apart two things happen."""
    await asyncio.sleep(max(0.0, seconds))
