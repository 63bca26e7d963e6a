"""Judgements as values: what is wrong, where, how bad, and what to do."""

from dataclasses import dataclass
from enum import Enum


class Severity(Enum):
    """An error is not deployed; a warning is; a note informs."""

    ERROR = "error"
    WARNING = "warning"
    NOTE = "note"


@dataclass(frozen=True, slots=True)
class Finding:
    """One judgement about the design; `place` is a dotted path into the file, `clusters.control.nodes`."""

    code: str
    severity: Severity
    place: str
    message: str
    remedy: str


class Verdict(Enum):
    """The answer of a check; UNKNOWN when it could not be looked at."""

    YES = "yes"
    NO = "no"
    UNKNOWN = "unknown"
