"""What is wrong with a file, where exactly, and what to write instead."""

from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True, slots=True, order=True)
class SpecError:
    """One mistake; line and column count from 1, as editors do. The message ends with the remedy."""

    file: str
    line: int
    column: int
    message: str

    def __str__(self) -> str:
        return f"{self.file}:{self.line}:{self.column}: {self.message}"


class SpecErrors(Exception):
    """A file that cannot be used; `errors` holds all its mistakes, sorted by position."""

    def __init__(self, errors: Iterable[SpecError]) -> None:
        self.errors = tuple(sorted(set(errors)))
        super().__init__("\n".join(str(error) for error in self.errors))


class SpecNotFoundError(Exception):
    """There is no file to read; the message says where it was looked for and how to get one."""

    def __init__(self, path: Path, named_by: str) -> None:
        self.path = path
        super().__init__(
            f"no cloud file {path} ({named_by}); name one with -f FILE or QUORATE_FILE, "
            f"or write a new one: quorate init -f {path}"
        )


class SpecUnreadableError(Exception):
    """The file is there but cannot be read; the message says why."""
