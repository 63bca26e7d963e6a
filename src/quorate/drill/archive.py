"""The drills that were run, kept beside the cloud's file: a directory a run, in it one a drill."""

import json
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from quorate.drill.operation import Operation, read
from quorate.drill.result import Drilled

RESULT = "result.json"


@dataclass(frozen=True, slots=True)
class Kept:
    """One run; its name is when it began, in UTC."""

    name: str
    drills: tuple[Drilled, ...]


def directory(beside: Path) -> Path:
    """Where the drills of a cloud are kept, whose file is in that directory."""
    return beside.absolute() / ".quorate" / "drill"


def new(kept_in: Path) -> Path:
    """The directory of a run that begins now."""
    return kept_in / datetime.now(UTC).strftime("%Y%m%dT%H%M%SZ")


def keep(drilled: Drilled) -> None:
    """Write what came of a drill into its directory."""
    said = json.dumps(drilled.as_json(), indent=1)
    Path(drilled.directory, RESULT).write_text(said, encoding="utf-8")


def runs(kept_in: Path) -> Iterator[Kept]:
    """All that were kept, the oldest first; a drill that was killed has no result and is left out."""
    for path in sorted(kept_in.glob("*/")):
        drills = tuple(_read(each / RESULT) for each in sorted(path.glob("*/")) if (each / RESULT).exists())
        if drills:
            yield Kept(path.name, drills)


def _read(path: Path) -> Drilled:
    """Raises ValueError, naming the file, for one that is no result."""
    try:
        return Drilled.of_json(json.loads(path.read_text(encoding="utf-8")))
    except (ValueError, KeyError, TypeError) as error:
        raise ValueError(f"{path} is no result of a drill: {error!r}") from error


def histories(drilled: Drilled) -> dict[str, tuple[Operation, ...]]:
    """What each workload's clients wrote down, by the workload's name, in seconds after the harm."""
    found = {}
    for path in sorted(Path(drilled.directory).glob("*.jsonl")):
        with path.open(encoding="utf-8") as stream:
            found[path.stem] = tuple(each.since(drilled.struck_s) for each in read(stream))
    return found
