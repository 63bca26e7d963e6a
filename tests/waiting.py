"""A wait for what a program under test does in its own time."""

import time
from collections.abc import Callable


def until(holds: Callable[[], bool], what: str, within_s: float = 20) -> None:
    """Return once it holds; AssertionError that names it if that takes longer."""
    end = time.monotonic() + within_s
    while not holds():
        assert time.monotonic() < end, f"not within {within_s} s: {what}"
        time.sleep(0.01)  # between two looks; `end` is their deadline
