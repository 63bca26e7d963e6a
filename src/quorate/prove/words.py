"""Names in a sentence."""

from collections.abc import Sequence


def listed(names: Sequence[str], most: int | None = None) -> str:
    """`a`, `a and b`, `a, b and c`; of more than `most` the first ones, and how many more there are."""
    if most is not None and len(names) > most:
        names = (*names[:most], f"{len(names) - most} more")
    return " and ".join(each for each in (", ".join(names[:-1]), *names[-1:]) if each)
