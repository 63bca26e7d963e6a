"""How Pacemaker spells truth, scores and times."""

import re

INFINITY = 1_000_000
"""The score that cannot be outweighed (Pacemaker Explained, scores)."""

_UNITS_MS = {
    "": 1000,
    "s": 1000,
    "sec": 1000,
    "ms": 1,
    "msec": 1,
    "us": 0.001,
    "usec": 0.001,
    "m": 60_000,
    "min": 60_000,
    "h": 3_600_000,
    "hr": 3_600_000,
}


def true(value: str | None) -> bool:
    """Whether a value is one of Pacemaker's words for true."""
    return (value or "").lower() in {"true", "on", "yes", "y", "1"}


def score(value: str) -> int:
    """A score as a number (a wrong one is 0, as Pacemaker takes it)."""
    if re.fullmatch(r"([+-]?)inf(inity)?", value, re.IGNORECASE):
        return -INFINITY if value.startswith("-") else INFINITY
    number = int(value) if re.fullmatch(r"[+-]?\d+", value) else 0
    return max(-INFINITY, min(INFINITY, number))


def milliseconds(value: str) -> int:
    """A time in any of Pacemaker's spellings (pcmk_parse_interval_spec); 0 for one that it would not read.

    Of those of ISO 8601 the ones up to days.
    """
    if value.startswith("P"):
        parts = re.fullmatch(r"P(?:(\d+)D)?(?:T(?:(\d+)H)?(?:(\d+)M)?(?:(\d+)S)?)?", value)
        days, hours, minutes, seconds = (int(part or 0) for part in parts.groups()) if parts else (0, 0, 0, 0)
        return (((days * 24 + hours) * 60 + minutes) * 60 + seconds) * 1000
    time = re.fullmatch(r"\s*(\d+)[\d.]*\s*([a-z]*)\s*", value, re.IGNORECASE)
    return int(int(time[1]) * _UNITS_MS.get(time[2].lower(), 0)) if time else 0
