"""Which error ends with which exit code."""

from quorate.cli.places import NoPlace
from quorate.drill.aims import NoAim
from quorate.drill.bmc import NoPower
from quorate.drill.faults.reinstall import NotDeployed
from quorate.drill.hosts import ScriptFailed
from quorate.drill.ledger import AnotherDrill, NotHealed
from quorate.drill.scene import CannotWipe
from quorate.lab.command import LabError
from quorate.model.finding import Verdict
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
CODES = {Verdict.YES: YES, Verdict.NO: NO, Verdict.UNKNOWN: UNKNOWN}


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
    AnotherDrill: NO,
    NotHealed: NO,
    CannotWipe: USAGE,
    NoAim: UNKNOWN,
    NoPower: UNKNOWN,
    NotDeployed: UNKNOWN,
    ScriptFailed: UNKNOWN,
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
