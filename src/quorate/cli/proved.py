"""Proofs that are remembered, so that the same design is not proved again."""

import hashlib
import json
import os
from collections.abc import Iterator, Mapping
from dataclasses import asdict, dataclass, fields
from datetime import datetime
from importlib.metadata import version
from importlib.resources import files
from importlib.resources.abc import Traversable
from pathlib import Path

from quorate.cli.subject import Subject


@dataclass(frozen=True, slots=True)
class Remembered:
    """What was proved of a cluster, and when."""

    said: str
    when: str

    def __str__(self) -> str:
        return f"{self.said} ({self.when})"


def remember(subject: Subject, said: str) -> None:
    """Keep that everything was proved of a cluster, for whoever proves the same with the same program."""
    directory = _directory()
    directory.mkdir(mode=0o700, parents=True, exist_ok=True)
    when = datetime.now().astimezone().isoformat(sep=" ", timespec="minutes")
    part = directory / f"{_digest(subject)}.{os.getpid()}"
    part.write_text(json.dumps(asdict(Remembered(said, when))), encoding="utf-8")
    part.rename(directory / _digest(subject))


def recall(subject: Subject) -> Remembered | None:
    """What was proved before of the same configuration, meant the same, for the same version of Pacemaker."""
    try:
        return Remembered(**json.loads((_directory() / _digest(subject)).read_text(encoding="utf-8")))
    except (FileNotFoundError, ValueError, TypeError):
        return None


def _digest(subject: Subject) -> str:
    told = hashlib.blake2b(digest_size=16)
    for text in (version("quorate"), subject.version, subject.state.xml, _meant(subject), *_program()):
        told.update(f"{len(text)} {text}".encode())
    return told.hexdigest()


def _meant(subject: Subject) -> str:
    told = (getattr(subject.intent, each.name) for each in fields(subject.intent))
    return repr([sorted(each.items() if isinstance(each, Mapping) else each) for each in told])


def _program() -> Iterator[str]:
    """What proves: another judge may judge otherwise."""

    def sources(directory: Traversable) -> Iterator[Traversable]:
        for each in sorted(directory.iterdir(), key=lambda it: it.name):
            if each.is_dir():
                yield from sources(each)
            elif each.name.endswith(".py"):
                yield each

    for source in sources(files("quorate.prove")):
        yield source.read_text(encoding="utf-8")


def _directory() -> Path:
    return Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "quorate" / "proofs"
