"""What a client did, written down as it does it: one line when it begins an operation, one when that ends.

A line is JSON: `id` of the operation in its history, `at_s` (seconds since the history's origin), and when it
begins `client`, `does` and `value`, when it ends `ending`, `result` and `error`. An operation without an end
was under way when the client ended: nobody knows whether it took effect.
"""

import json
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
from enum import Enum
from typing import Any, Self, TextIO


class Ending(Enum):
    """What the client may rely on."""

    OK = "ok"
    """It took effect, and the client was told so."""
    FAIL = "fail"
    """It did not take effect, and never will."""
    UNKNOWN = "unknown"
    """It may have taken effect, or may yet: the connection broke, or the answer was late."""


@dataclass(frozen=True, slots=True)
class Operation:
    """One operation of one client; `began_s` and `ended_s` are seconds since the history's origin.

    `ended_s` is None where it was never told how it ended.
    """

    id: int
    client: int
    does: str
    value: Any
    began_s: float
    ended_s: float | None = None
    ending: Ending = Ending.UNKNOWN
    result: Any = None
    error: str = ""

    @property
    def ok(self) -> bool:
        """Whether the client was told that it took effect."""
        return self.ending is Ending.OK

    def since(self, at_s: float) -> Self:
        """The same, in seconds since that second of its history."""
        ended_s = None if self.ended_s is None else self.ended_s - at_s
        return replace(self, began_s=self.began_s - at_s, ended_s=ended_s)

    def __str__(self) -> str:
        return f"{self.does} {json.dumps(self.value)} by client {self.client} at {self.began_s:.3f} s"


class Recorder:
    """Writes a history, line by line: what was begun is on disk before it is tried."""

    def __init__(self, stream: TextIO) -> None:
        self._stream = stream
        self._next = 0

    def began(self, client: int, does: str, value: Any, at_s: float) -> int:
        """Write that an operation begins; its id."""
        self._next += 1
        self._write({"id": self._next, "client": client, "does": does, "value": value, "at_s": at_s})
        return self._next

    def ended(self, operation: int, ending: Ending, at_s: float, *, result: Any = None, error: str = "") -> None:
        """Write how it ended."""
        said = {"id": operation, "ending": ending.value, "at_s": at_s}
        self._write(said | ({"error": error} if error else {}) | ({} if result is None else {"result": result}))

    def _write(self, line: dict[str, Any]) -> None:
        self._stream.write(json.dumps(line) + "\n")
        self._stream.flush()


def read(lines: Iterable[str]) -> tuple[Operation, ...]:
    """The operations of a history, in the order in which they began.

    A last line that was cut short is left out: its writer was killed. Raises ValueError, with the line's number,
    for anything else that is no history.
    """
    found: dict[int, dict[str, Any]] = {}
    for number, line in enumerate(_whole(lines), 1):
        try:
            said = json.loads(line)
            if "does" in said:
                found[said["id"]] = {each: said[each] for each in ("id", "client", "does", "value")}
                found[said["id"]]["began_s"] = said["at_s"]
            else:
                found[said["id"]] |= {
                    "ended_s": said["at_s"],
                    "ending": Ending(said["ending"]),
                    "result": said.get("result"),
                    "error": said.get("error", ""),
                }
        except (ValueError, KeyError, TypeError) as error:
            raise ValueError(f"line {number}: {error!r}: {line.strip()}") from error
    return tuple(Operation(**each) for each in found.values())


def _whole(lines: Iterable[str]) -> Iterator[str]:
    return (line for line in lines if line.endswith("\n"))
