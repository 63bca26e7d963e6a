"""Processes of this machine, found by what they are and not by a pid that was written down."""

import os
import signal
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

from quorate.lab import power
from quorate.lab.command import LabError

DEATH_S = 10.0
PASSES = 10
"""A process may have started another while it was killed; that often it does not."""


@dataclass(frozen=True, slots=True)
class Process:
    """A process; `command` is its argument vector as one text, separated by zero bytes."""

    pid: int
    command: str
    cgroup: str


def find(matches: Callable[[Process], bool]) -> tuple[Process, ...]:
    """Every process, but this one, that matches."""
    return tuple(process for process in _all() if process.pid != os.getpid() and matches(process))


def end(matches: Callable[[Process], bool]) -> bool:
    """Kill every process that matches, until there is none; whether there was any.

    LabError if one survives for DEATH_S, or new ones keep coming.
    """
    for passes in range(PASSES):
        found = find(matches)
        if not found:
            return passes > 0
        for process in found:
            _kill(process)
    raise LabError(f"something starts processes again as they are killed: {_shown(found[0])}")


def _kill(process: Process) -> None:
    try:
        watch = os.pidfd_open(process.pid)
    except ProcessLookupError:
        return
    try:
        signal.pidfd_send_signal(watch, signal.SIGKILL)
        if not power.ended(watch, within_s=DEATH_S):
            raise LabError(f"{_shown(process)} has not died of SIGKILL within {DEATH_S:.0f} s")
    except ProcessLookupError:
        return
    finally:
        os.close(watch)


def _shown(process: Process) -> str:
    command = process.command.replace("\0", " ").strip()
    return f"process {process.pid} (`{command}`)"


def _all() -> Iterator[Process]:
    for entry in Path("/proc").iterdir():
        if entry.name.isdigit():
            try:
                command = (entry / "cmdline").read_bytes().decode(errors="replace")
                cgroup = (entry / "cgroup").read_text(encoding="utf-8")
            except OSError:
                continue  # it has ended meanwhile
            if command:  # neither a zombie nor a thread of the kernel
                yield Process(int(entry.name), command, cgroup)
