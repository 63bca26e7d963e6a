"""Quoting for the shell: the one place that does it."""

import shlex
from collections.abc import Sequence


def quote(word: str) -> str:
    """The word as the shell reads it back unchanged."""
    return shlex.quote(word)


def join(argv: Sequence[str]) -> str:
    """A command line that the shell splits into exactly these words."""
    return shlex.join(argv)
