"""One container with the real tools of a host, without network and without systemd, for all of this tier."""

import io
import itertools
import os
import re
import subprocess
import tarfile
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import pytest

from quorate import design
from quorate.lab import image
from quorate.lab.machine import Machine, this_machine
from quorate.model.design import Design
from quorate.spec import file as spec
from quorate.spec import template

PREFIX = "quorate-tools-"
COMMAND_S = 60.0
LIFE_S = 3600
"""A container that a killed session left behind ends by itself after this."""


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Count a test's own time only: the session's first one may wait for the image to be built."""
    here = Path(__file__).parent
    for item in items:
        if item.path.is_relative_to(here) and item.get_closest_marker("timeout") is None:
            item.add_marker(pytest.mark.timeout(COMMAND_S * 2, func_only=True))


@dataclass(frozen=True, slots=True)
class Tools:
    """The container; every program in it is the one that Debian ships."""

    podman: tuple[str, ...]
    name: str
    numbers: Iterator[int]

    def run(
        self,
        *argv: str,
        files: Mapping[str, str] | None = None,
        stdin: str = "",
        within_s: float = COMMAND_S,
    ) -> subprocess.CompletedProcess[str]:
        """Put `files` (absolute path to content) in place, run a command as root, and return how it ended."""
        if files:
            self._write(files)
        return subprocess.run(
            (*self.podman, "exec", "--interactive", self.name, *argv),
            input=stdin,
            capture_output=True,
            text=True,
            timeout=within_s,
            check=False,
        )

    def read(self, path: str) -> str:
        """A file's content."""
        done = self.run("cat", path)
        assert done.returncode == 0, done.stderr
        return done.stdout

    def directory(self) -> str:
        """A new directory for one test's files."""
        path = f"/var/tmp/quorate/{next(self.numbers)}"
        done = self.run("mkdir", "-p", path)
        assert done.returncode == 0, done.stderr
        return path

    def _write(self, files: Mapping[str, str]) -> None:
        archive = io.BytesIO()
        with tarfile.open(fileobj=archive, mode="w") as tar:
            for path, text in files.items():
                member = tarfile.TarInfo(path.lstrip("/"))
                content = text.encode()
                member.size, member.mode = len(content), 0o755 if text.startswith("#!") else 0o644
                tar.addfile(member, io.BytesIO(content))
        unpack = ("tar", "--extract", "--no-same-owner", "--directory=/")
        subprocess.run(
            (*self.podman, "exec", "--interactive", self.name, *unpack),
            input=archive.getvalue(),
            capture_output=True,
            timeout=COMMAND_S,
            check=True,
        )


@pytest.fixture(scope="session")
def lab_design(tmp_path_factory: pytest.TempPathFactory) -> Design:
    """The design of the file that `quorate init --lab` writes."""
    path = tmp_path_factory.mktemp("cloud") / "quorate.yaml"
    template.write(path, template.lab("lab", template.LAB_NETWORKS[0], 3))
    return design.build(spec.load(path))


@pytest.fixture(scope="session")
def machine() -> Machine:
    """This machine; says what is missing and the command that installs it."""
    return this_machine()


@pytest.fixture(scope="session")
def host_image(machine: Machine, lab_design: Design) -> str:
    """An image with what a host of that design has, and both dialects' shells; built if need be.

    `QUORATE_TOOLS_IMAGE` names one that is there already.
    """
    if named := os.environ.get("QUORATE_TOOLS_IMAGE"):
        return named
    packages = {package for component in lab_design.components() for package in component.packages}
    return image.ensure(machine.podman, sorted({*packages, *image.OPERATORS_TOOLS}), print)


@pytest.fixture(scope="session")
def tools(machine: Machine, host_image: str) -> Iterator[Tools]:
    """The running container; removed at the end, and those of sessions that are no more at the start."""
    _remove_leftovers(machine.podman)
    name = f"{PREFIX}{os.getpid()}"
    _podman(
        machine.podman,
        "run",
        "--detach",
        "--rm",
        f"--name={name}",
        "--network=none",
        *machine.create_options(),
        host_image,
        "sleep",
        str(LIFE_S),
    )
    try:
        yield Tools(machine.podman, name, itertools.count(1))
    finally:
        _podman(machine.podman, "rm", "--force", "--time=0", name)


def _remove_leftovers(podman: Sequence[str]) -> None:
    listing = _podman(podman, "ps", "--all", "--format={{.Names}}", f"--filter=name=^{PREFIX}")
    for name in listing.split():
        session = re.fullmatch(rf"{PREFIX}(\d+)", name)
        if session and not Path(f"/proc/{session[1]}").exists():
            _podman(podman, "rm", "--force", "--time=0", name)


def _podman(podman: Sequence[str], *argv: str) -> str:
    done = subprocess.run(
        (*podman, *argv), capture_output=True, text=True, timeout=COMMAND_S, check=False, stdin=subprocess.DEVNULL
    )
    assert done.returncode == 0, f"podman {' '.join(argv)}: {done.stderr}"
    return done.stdout
