"""How a running deployment is shown: a live line a node on a terminal, timestamped lines elsewhere, or JSON."""

import json
import shutil
import sys
import time
from collections.abc import Iterable
from dataclasses import asdict
from datetime import datetime
from types import TracebackType
from typing import Protocol, Self, TextIO

from quorate.remote.event import Event, Status

_WORDS = {
    Status.OK: "as it should be",
    Status.CHANGED: "changed",
    Status.FAILED: "FAILED",
    Status.RUNNING: "…",
    Status.WAITING: "waiting",
    Status.PENDING: "not yet",
}


class Progress(Protocol):
    """Takes events; is entered before the first and left after the last."""

    def __enter__(self) -> Self:
        """Begin to show."""
        ...

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Leave the last state on the screen."""
        ...

    def __call__(self, event: Event) -> None:
        """Show one event."""
        ...


def progress(output: str, nodes: Iterable[str]) -> Progress:
    """The way that suits where the output goes."""
    if output == "json":
        return JsonLines()
    return Live(sys.stderr, tuple(nodes)) if sys.stderr.isatty() else Lines(sys.stderr)


class JsonLines:
    """One JSON object an event, on standard output."""

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        """Nothing is left open."""

    def __call__(self, event: Event) -> None:
        """Print the event as it is."""
        print(json.dumps(asdict(event) | {"status": event.status.value}), flush=True)


class Lines:
    """A timestamped line for everything that changes, fails or is waited for."""

    def __init__(self, stream: TextIO) -> None:
        self._stream = stream

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        """Nothing is left open."""

    def __call__(self, event: Event) -> None:
        """Print the event, unless it says only that something has begun."""
        if event.status is not Status.RUNNING:
            now = datetime.now().astimezone().strftime("%H:%M:%S")
            print(f"{now} {event.host}: {said(event)}", file=self._stream, flush=True)


class Live:
    """A line for every node that always says what it is at; drawn again in place."""

    def __init__(self, stream: TextIO, nodes: tuple[str, ...]) -> None:
        self._stream = stream
        self._lines = dict.fromkeys(nodes, "")
        self._counts = dict.fromkeys(nodes, 0)
        self._begun = time.monotonic()
        self._drawn = False

    def __enter__(self) -> Self:
        self._draw()
        return self

    def __exit__(self, *_: object) -> None:
        """The lines stay as they are."""

    def __call__(self, event: Event) -> None:
        """Put the event on its node's line."""
        self._counts[event.host] += event.status is Status.CHANGED
        self._lines[event.host] = said(event)
        self._draw()

    def _draw(self) -> None:
        width = shutil.get_terminal_size().columns
        name_width = max(map(len, self._lines), default=0)
        if self._drawn:
            self._stream.write(f"\x1b[{len(self._lines)}A")
        for name, line in self._lines.items():
            elapsed = time.monotonic() - self._begun
            text = f"{name:<{name_width}} {elapsed:4.0f} s {self._counts[name]:3} changed  {line}"
            self._stream.write(f"\r\x1b[K{text[: width - 1]}\n")
        self._stream.flush()
        self._drawn = True


def said(event: Event) -> str:
    """One event in a line: stage, item, what became of it."""
    detail = f": {event.detail}" if event.detail else ""
    took = f" ({event.seconds:.1f} s)" if event.seconds >= 1 else ""
    item = "" if event.item == event.stage else f"{event.item} "
    return f"{event.stage}: {item}{_WORDS[event.status]}{detail}{took}"
