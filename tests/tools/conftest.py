"""One container with the real tools of a host, without network and without systemd, for all of this tier."""

import ast
import fcntl
import io
import itertools
import os
import re
import subprocess
import tarfile
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import cached_property
from pathlib import Path
from xml.etree import ElementTree as ET

import pytest

from quorate import design
from quorate.lab import image, recipe
from quorate.lab.machine import Machine, this_machine
from quorate.model.design import Design
from quorate.prove.scheduler import Place
from quorate.spec import file as spec
from quorate.spec import template

PREFIX = "quorate-tools-"
COMMAND_S = 60.0
LIFE_S = 3600
"""A container that a killed session left behind ends by itself after this."""
DOWNLOAD_S = 300.0


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
        privileged: bool = False,
    ) -> subprocess.CompletedProcess[str]:
        """Put `files` (absolute path to content) in place, run a command as root, and return how it ended.

        `privileged` is with every capability that the caller can give.
        """
        if files:
            self._write(files)
        options = ("--interactive", "--privileged") if privileged else ("--interactive",)
        return subprocess.run(
            (*self.podman, "exec", *options, self.name, *argv),
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
def lab_design() -> Design:
    """The design of the file that `quorate init --lab` writes."""
    return design.build(
        spec.read(template.lab("lab", template.LAB_NETWORKS[0], 3), "quorate.yaml", Path("/cloud"))
    )


@pytest.fixture(scope="session")
def full_design() -> Design:
    """The same with every component."""
    text = template.lab("lab", template.LAB_NETWORKS[0], 3, full=True)
    return design.build(spec.read(text, "quorate.yaml", Path("/cloud")))


@pytest.fixture(scope="session")
def machine() -> Machine:
    """This machine; says what is missing and the command that installs it."""
    return this_machine()


@pytest.fixture(scope="session")
def host_image(machine: Machine, lab_design: Design, kept: Path) -> str:
    """An image with what a host of that design has, and both dialects' shells; built if need be.

    `QUORATE_TOOLS_IMAGE` names one that is there already.
    """
    if named := os.environ.get("QUORATE_TOOLS_IMAGE"):
        return named
    return _image(machine, lab_design, kept)


@pytest.fixture(scope="session")
def full_image(machine: Machine, host_image: str, full_design: Design, kept: Path) -> str:
    """The same with every component's packages, a layer on the other."""
    assert host_image
    return _image(machine, full_design, kept)


@pytest.fixture(scope="session")
def kept(request: pytest.FixtureRequest) -> Path:
    """Where a later session finds what this one has downloaded."""
    assert request.config.cache
    return request.config.cache.mkdir("tools")


@contextmanager
def _alone(kept: Path) -> Iterator[None]:
    """Whichever process of this tier comes first makes what the others then find."""
    with (kept / "lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield


def _image(machine: Machine, of: Design, kept: Path) -> str:
    packages = {package for component in of.components() for package in component.packages}
    with _alone(kept):
        return image.ensure(machine.podman, sorted({*packages, *recipe.OPERATORS_TOOLS}), print)


@pytest.fixture(scope="session")
def tools(machine: Machine, host_image: str) -> Iterator[Tools]:
    """The running container; removed at the end, and those of sessions that are no more at the start."""
    _remove_leftovers(machine.podman)
    with _running(machine, host_image, f"{PREFIX}{os.getpid()}") as started:
        yield started


@pytest.fixture(scope="session")
def full_tools(machine: Machine, full_image: str) -> Iterator[Tools]:
    """Another, with every component's packages."""
    with _running(machine, full_image, f"{PREFIX}{os.getpid()}-full") as started:
        yield started


@contextmanager
def _running(machine: Machine, host_image: str, name: str) -> Iterator[Tools]:
    _podman(
        machine.podman,
        "run",
        "--detach",
        "--rm",
        f"--name={name}",
        "--network=none",
        *machine.create_options(),
        host_image,
        # a shell that waits reaps what daemons leave behind, as a host's init does
        *("sh", "-c", f"sleep {LIFE_S} & wait"),
    )
    try:
        yield Tools(machine.podman, name, itertools.count(1))
    finally:
        _podman(machine.podman, "rm", "--force", "--time=0", name)


@pytest.fixture(scope="session")
def place(tools: Tools) -> Place:
    """Where Pacemaker is: the running container."""
    return Place("the tools' container", (*tools.podman, "exec", "--interactive", tools.name))


@dataclass(frozen=True)
class Case:
    """A test of Pacemaker's own scheduler: a CIB, and the graph that it makes of it.

    `options` are for crm_simulate, and never more than the date that it is to be.
    """

    name: str
    options: tuple[str, ...]
    text: bytes
    expected: bytes

    @cached_property
    def cib(self) -> bytes:
        """The CIB, with the date in it."""
        if not self.options:
            return self.text
        option, date = self.options
        assert option == "-t", self.options
        root = ET.fromstring(self.text)
        root.set("execution-date", str(int(_date(date).timestamp())))
        return ET.tostring(root)


def _date(text: str) -> datetime:
    for form in ("%Y-%j", "%Y-%jT%H:%M", "%Y-%m-%d %H:%M:%S"):
        with suppress(ValueError):
            return datetime.strptime(text, form).replace(tzinfo=UTC)
    raise ValueError(f"no known form of a date: {text}")


DOWNLOAD = """
exec 3>&1 >&2
cd "$(mktemp -d)"
options="-qq -o APT::Sandbox::User=root -o Acquire::Retries=3"
apt-get $options update
apt-get $options download {packages}
for package in *.deb; do dpkg-deb --extract "$package" .; done
exec tar --create --gzip {files} >&3
"""
# What no host needs, and is not in its image: 42 MB,
CORPUS = DOWNLOAD.format(
    packages="pacemaker-cts",
    files="--directory usr/share/pacemaker/tests cts-scheduler scheduler/xml scheduler/exp",
)
# and 36 MB: Linux as a program, with NFS, which the kernel of this machine may lack.
LINUX = DOWNLOAD.format(packages="user-mode-linux nfs-kernel-server", files="usr/bin usr/sbin usr/lib/uml")


def _archive(kept: Path, what: str, machine: Machine, host_image: str, script: str) -> Path:
    """The archive that a script prints in a container of that image; one for each image."""
    packed = kept / f"{what}-{re.sub(r'[^0-9A-Za-z]', '-', host_image)}.tar.gz"
    with _alone(kept):
        if not packed.exists():
            part = packed.with_suffix(".part")
            part.write_bytes(_downloaded(machine, host_image, script))
            part.replace(packed)
    return packed


@pytest.fixture(scope="session")
def corpus(machine: Machine, host_image: str, kept: Path) -> tuple[Case, ...]:
    """All cases that Pacemaker registers in its `cts-scheduler`, in order.

    They come from Debian's package pacemaker-cts by the image's own apt, once for each image.
    """
    with tarfile.open(_archive(kept, "corpus", machine, host_image, CORPUS)) as tar:
        files = {member.name: tar.extractfile(member) for member in tar if member.isfile()}
        texts = {name: file.read() for name, file in files.items() if file}
    return tuple(
        Case(name, options, texts[f"scheduler/xml/{name}.xml"], texts[f"scheduler/exp/{name}.exp"])
        for name, options in _registered(texts["cts-scheduler"].decode())
    )


@pytest.fixture(scope="session")
def linux(machine: Machine, full_image: str, full_tools: Tools, kept: Path) -> Iterator[str]:
    """Where Debian's user-mode-linux and nfs-kernel-server are unpacked in the container with every package."""
    place = full_tools.directory()
    with _archive(kept, "linux", machine, full_image, LINUX).open("rb") as packed:
        unpack = (
            *full_tools.podman,
            "exec",
            "--interactive",
            full_tools.name,
            "tar",
            "-xz",
            f"--directory={place}",
        )
        subprocess.run(unpack, stdin=packed, capture_output=True, timeout=COMMAND_S, check=True)
    return place


def _registered(program: str) -> Iterator[tuple[str, tuple[str, ...]]]:
    """Names and options in each `SchedulerTest("name", "subject", ["option", ...])`; most have no options."""
    for node in ast.walk(ast.parse(program)):
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id == "SchedulerTest":
            name, _, *options = node.args
            yield ast.literal_eval(name), tuple(ast.literal_eval(options[0])) if options else ()


def _downloaded(machine: Machine, host_image: str, script: str) -> bytes:
    done = subprocess.run(
        (
            *machine.podman,
            *("run", "--rm", "--network=host", "--log-driver=none", *machine.create_options()),
            *(host_image, "sh", "-ec", script),
        ),
        capture_output=True,
        timeout=DOWNLOAD_S,
        check=False,
        stdin=subprocess.DEVNULL,
    )
    assert done.returncode == 0, f"packages could not be downloaded: {done.stderr.decode()}"
    return done.stdout


def _remove_leftovers(podman: Sequence[str]) -> None:
    listing = _podman(podman, "ps", "--all", "--format={{.Names}}", f"--filter=name=^{PREFIX}")
    for name in listing.split():
        session = re.fullmatch(rf"{PREFIX}(\d+)(-full)?", name)
        if session and not Path(f"/proc/{session[1]}").exists():
            _podman(podman, "rm", "--force", "--time=0", name)


def _podman(podman: Sequence[str], *argv: str) -> str:
    done = subprocess.run(
        (*podman, *argv), capture_output=True, text=True, timeout=COMMAND_S, check=False, stdin=subprocess.DEVNULL
    )
    assert done.returncode == 0, f"podman {' '.join(argv)}: {done.stderr}"
    return done.stdout
