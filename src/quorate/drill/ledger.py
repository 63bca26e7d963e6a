"""What is broken now: on disk before it is broken, until it is healed, so that a killed drill can be healed."""

import fcntl
import json
import os
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path


class AnotherDrill(Exception):
    """Somebody else drills this cloud."""


class NotHealed(Exception):
    """An earlier drill was killed and has left its harm."""


@dataclass(frozen=True, slots=True)
class Harm:
    """A fault on a node; `hold_s` is how long it was to stay."""

    fault: str
    node: str
    hold_s: float


class Ledger:
    """The drill directory's record of what is broken."""

    def __init__(self, directory: Path) -> None:
        self.directory = directory
        self._file = directory / "harm.json"

    @contextmanager
    def alone(self) -> Iterator[None]:
        """One drill at a time on a cloud. Raises AnotherDrill."""
        self.directory.mkdir(mode=0o700, parents=True, exist_ok=True)
        lock = os.open(self.directory, os.O_RDONLY | os.O_DIRECTORY)
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
            yield
        except BlockingIOError as error:
            raise AnotherDrill(f"another drill of {self.directory} is under way; wait for it") from error
        finally:
            os.close(lock)

    def harm(self) -> Harm | None:
        """What is broken, if anything. Raises NotHealed if the record cannot be read."""
        try:
            return Harm(**json.loads(self._file.read_text(encoding="utf-8")))
        except FileNotFoundError:
            return None
        except (ValueError, TypeError) as error:
            raise NotHealed(f"{self._file} cannot be read ({error}): see to the hosts, then remove it") from error

    def write(self, harm: Harm) -> None:
        """Note, for good, what is about to be broken."""
        new = self._file.with_suffix(".new")
        with new.open("w", encoding="utf-8") as stream:
            json.dump(asdict(harm), stream)
            stream.flush()
            os.fsync(stream.fileno())
        new.replace(self._file)

    def clear(self) -> None:
        """It is healed."""
        self._file.unlink(missing_ok=True)
