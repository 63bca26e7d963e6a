"""Words on a shell's command line."""

import itertools
import shlex
from collections.abc import Iterable

WIDTH = 100


def quote(word: str) -> str:
    """`word` as the shell must read it to get it back unchanged."""
    return shlex.quote(word)


def join(words: Iterable[str]) -> str:
    """A command on one line."""
    return shlex.join(words)


def fold(words: Iterable[str], breaks: Iterable[str] = ()) -> str:
    """A command over as many lines as it needs, continued with backslashes.

    Once it is too long for one line, each of the words in `breaks` begins a new one, two in a row the same.
    """
    quoted = [quote(word) for word in words]
    if len(" ".join(quoted)) <= WIDTH:
        return " ".join(quoted)
    starts = frozenset(breaks)
    lines = [quoted[0]]
    for before, word in itertools.pairwise(quoted):
        begins = word in starts and before not in starts
        if begins or len(lines[-1]) + len(word) > WIDTH:
            lines.append(f"    {word}")
        else:
            lines[-1] += f" {word}"
    return " \\\n".join(lines)
