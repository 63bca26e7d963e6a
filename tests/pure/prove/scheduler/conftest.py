"""Places without Pacemaker: the true worker with programs that stand in, and workers that misbehave."""

import os
import shlex
import sys
from pathlib import Path

import pytest

from quorate.prove.scheduler import Place, process

# Keeps what it is given, and gives the graph that stands in its input.
CRM_SIMULATE = """#!/bin/sh
for word; do
    case $word in
        --version) echo "Pacemaker {version}"; echo "Written by nobody"; exit ;;
        --save-output=*) after=${word#*=} ;;
        --save-graph=*) graph=${word#*=} ;;
    esac
    given=$word
done
echo "$*" >> {log}
if grep -q refuse "$given"; then echo "crm_simulate: it is bad" >&2; exit 65; fi
if grep -q hang "$given"; then exec sleep 60; fi
if [ -n "$graph" ]; then sed 's/cib/transition_graph/g' "$given" > "$graph"; fi
sed 's/cib/after/g' "$given" > "$after"
case $* in *--output-as=xml*) echo "<cluster_status/>" ;; esac
"""

CRM_VERIFY = """#!/bin/sh
echo "error: one" >&2
echo "" >&2
echo "Configuration invalid"
exit 78
"""

# Answers as the worker does, and does what the CIB's text says.
STRAY = """
import json, os, sys, time, zlib
read = sys.stdin.buffer.read
read({size})
def answer(ok, said, size=None):
    said = zlib.compress(said)
    os.write(1, json.dumps({{"ok": ok, "size": len(said) if size is None else size}}).encode() + b"\\n" + said)
for line in sys.stdin.buffer:
    asked = json.loads(line)
    body = zlib.decompress(read(asked["size"]))
    if asked["ask"] == "hello":
        with open({pids!r}, "a") as file:
            file.write(f"{{os.getpid()}}\\n")
        answer(True, b'{{"pacemaker": "3.0.0", "engine": "library", "why": ""}}')
    elif body == b"abort":
        os.write(2, b"Triggered fatal assertion\\n")
        os.abort()
    elif body == b"exit":
        os._exit(3)
    elif body == b"hang":
        time.sleep(60)
    elif body == b"garbage":
        os.write(1, b"Last login: yesterday\\n")
    elif body == b"short":
        answer(True, b"<transi", 1000)
        os._exit(0)
    else:
        os.write(2, b"noise\\n")
        answer(True, body)
"""


class Host:
    """A place with the worker itself, where `crm_simulate` is a shell script."""

    def __init__(self, directory: Path, version: str | None = "9.9.9") -> None:
        self.directory = directory
        self._log = directory / "log"
        self._log.write_text("")
        programs = {"crm_verify": CRM_VERIFY}
        if version:
            told = CRM_SIMULATE.replace("{version}", version).replace("{log}", shlex.quote(str(self._log)))
            programs["crm_simulate"] = told
        for name, text in programs.items():
            (directory / name).write_text(text)
            (directory / name).chmod(0o755)
        (directory / "python3").symlink_to(sys.executable)

    @property
    def place(self) -> Place:
        return Place(self.directory.name, ("env", f"PATH={self.directory}{os.pathsep}{os.environ['PATH']}"))

    @property
    def commands(self) -> list[str]:
        """What `crm_simulate` was called with, but for its version."""
        return self._log.read_text().splitlines()


@pytest.fixture
def host(tmp_path: Path) -> Host:
    return host_at(tmp_path / "host")


def host_at(directory: Path, version: str | None = "9.9.9") -> Host:
    directory.mkdir()
    return Host(directory, version)


class Stray:
    """A place whose worker does what it is told by the CIB: abort, exit, hang, garbage, short."""

    def __init__(self, directory: Path) -> None:
        self._pids = directory / "pids"
        program = directory / "stray.py"
        program.write_text(STRAY.format(size=len(process._WORKER), pids=str(self._pids)))
        self.place = Place("stray", (sys.executable, str(program)))

    @property
    def started(self) -> list[int]:
        """The process ids of the workers that were started."""
        return [int(line) for line in self._pids.read_text().splitlines()]


@pytest.fixture
def stray(tmp_path: Path) -> Stray:
    return Stray(tmp_path)
