"""Commands on this machine, on which the lab's containers run."""

import subprocess
from collections.abc import Sequence

COMMAND_S = 60.0


class LabError(Exception):
    """The lab could not do what was asked; the message says why and what to do."""


class CommandFailed(LabError):
    """A command on this machine ended with an error; carries what it wrote to stderr."""

    def __init__(self, argv: Sequence[str], code: int, stderr: str) -> None:
        super().__init__(f"`{' '.join(argv)}` ended with {code}: {stderr.strip() or 'no output'}")
        self.code = code
        self.stderr = stderr


def run(*argv: str, stdin: str = "", within_s: float = COMMAND_S) -> str:
    """Run a command and return what it wrote to stdout.

    Raises CommandFailed with its stderr, LabError when it is not there or takes longer than `within_s`.
    """
    try:
        done = subprocess.run(argv, input=stdin, capture_output=True, text=True, timeout=within_s, check=False)
    except FileNotFoundError as error:
        raise LabError(f"`{argv[0]}` is not installed on this machine") from error
    except subprocess.TimeoutExpired as error:
        raise LabError(f"`{' '.join(argv)}` did not end within {within_s:.0f} s") from error
    if done.returncode != 0:
        raise CommandFailed(argv, done.returncode, done.stderr)
    return done.stdout
