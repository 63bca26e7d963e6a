"""Which error ends with which exit code."""

from quorate.cli.places import NoPlace
from quorate.drill.power_cut import NoHolder
from quorate.lab.command import LabError
from quorate.plan.plan import UnreadablePlan
from quorate.prove.live import NotRunning
from quorate.prove.scheduler import ScheduleFailed, SchedulerUnavailable
from quorate.remote.errors import AgentLost, CommandFailed, Locked, Unreachable
from quorate.remote.until import Deadline
from quorate.secrets import NotPushedError, SecretsError
from quorate.spec import SpecErrors, SpecNotFoundError, SpecUnreadableError

YES = 0
NO = 1
USAGE = 2
UNKNOWN = 3
INTERRUPTED = 130


class UsageError(Exception):
    """What was asked for makes no sense as asked; the message says what does."""


_CODES: dict[type[Exception], int] = {
    UsageError: USAGE,
    SpecErrors: USAGE,
    SpecNotFoundError: USAGE,
    SpecUnreadableError: USAGE,
    UnreadablePlan: USAGE,
    SecretsError: USAGE,
    FileNotFoundError: USAGE,
    FileExistsError: USAGE,
    PermissionError: USAGE,
    NotADirectoryError: USAGE,
    IsADirectoryError: USAGE,
    NotPushedError: NO,
    CommandFailed: NO,
    Locked: NO,
    NoHolder: NO,
    LabError: UNKNOWN,
    Unreachable: UNKNOWN,
    AgentLost: UNKNOWN,
    Deadline: UNKNOWN,
    NoPlace: UNKNOWN,
    NotRunning: UNKNOWN,
    ScheduleFailed: UNKNOWN,
    SchedulerUnavailable: UNKNOWN,
}
ERRORS = tuple(_CODES)


def code(error: Exception) -> int:
    """The exit code of an expected error."""
    return next(value for kind, value in _CODES.items() if isinstance(error, kind))
