"""Tempest, as a person runs it, and what it tells of each test."""

import os
import re
import signal
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from secrets import token_bytes
from typing import Any

ROOT = Path(__file__).parents[1]
PROGRAMS = ROOT / ".venv-tempest" / "bin"
DOCS = ROOT / "docs" / "tempest.md"
# A test without its tags, or a class that was skipped (or broke) before its tests were asked.
_TEST, _CLASS = r"(?P<test>[\w.]+)", r"(?:setUp|tearDown)Class \((?P<of>[\w.]+)\)"
_TOLD = re.compile(
    rf"^\{{\d+\}} (?:{_CLASS}|{_TEST})(?: \[[^\]]*\])? \.\.\. (?P<ending>\w+)(?:: (?P<why>.*))?$", re.MULTILINE
)
_LISTED = re.compile(r"^(tempest\.[\w.]+)", re.MULTILINE)


@dataclass(frozen=True, slots=True)
class Told:
    """How a test ended, or all tests of a class: ok, SKIPPED with a reason, FAILED."""

    name: str
    ending: str
    why: str = ""


def told(said: str) -> Iterator[Told]:
    """What `tempest run` has printed."""
    for match in _TOLD.finditer(said):
        yield Told(match["test"] or match["of"], match["ending"], match["why"] or "")


def documented() -> tuple[str, ...]:
    """The reasons for which a test may be skipped or left out."""
    rows = [line.strip("|").split("|") for line in DOCS.read_text().splitlines() if line.startswith("| ")]
    return tuple(cells[1].strip() for cells in rows[1:])


@dataclass(frozen=True, slots=True)
class Suite:
    """Tempest, set up by these files; it keeps what it has seen in the directory."""

    directory: Path
    conf: Path
    exclude: Path | None = None

    def run(self, *args: object, within_s: float = 60) -> "subprocess.CompletedProcess[str]":
        """`tempest run`, of the smoke set."""
        excluding = ("--exclude-list", self.exclude) if self.exclude else ()
        return self.program(
            "tempest", "run", "--smoke", "--config-file", self.conf, *excluding, *args, within_s=within_s
        )

    def tests(self) -> frozenset[str]:
        """The tests that it would run, without their tags."""
        # A list wants the directory to be set up; a run sets it up itself.
        self.program("stestr", "init")
        done = self.run("--list-tests")
        assert done.returncode == 0, done.stdout + done.stderr
        return frozenset(_LISTED.findall(done.stdout))

    def program(self, name: str, *args: object, within_s: float = 60) -> "subprocess.CompletedProcess[str]":
        """One of its programs; no proxy has a business on the way to a lab."""
        assert (PROGRAMS / name).exists(), f"there is no {PROGRAMS / name}; make it: make tempest"
        kept = {each: value for each, value in os.environ.items() if not each.startswith("PYTHON")}
        with subprocess.Popen(
            [str(PROGRAMS / name), *map(str, args)],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            cwd=self.directory,
            env={**kept, "no_proxy": "*"},
            start_new_session=True,
        ) as process:
            try:
                stdout, stderr = process.communicate(timeout=within_s)
            except BaseException:
                # The tests are in processes of its own.
                os.killpg(process.pid, signal.SIGKILL)
                raise
        return subprocess.CompletedProcess(process.args, process.returncode, stdout, stderr)


@contextmanager
def provided(cloud: Any) -> Iterator[tuple[str, ...]]:
    """What tests use and none of them makes, as `quorate tempest-conf` is told of it."""
    name = "quorate-tempest"
    image = cloud.image.create_image(
        name=name,
        data=token_bytes(64 * 1024),
        container_format="bare",
        disk_format="raw",
        visibility="public",
    )
    flavor = cloud.compute.create_flavor(name=name, ram=64, vcpus=1, disk=1)
    network = cloud.network.create_network(name=name, is_router_external=True)
    try:
        cloud.network.create_subnet(
            name=name, network_id=network.id, ip_version=4, cidr="203.0.113.0/24", is_dhcp_enabled=False
        )
        yield ("--image", image.id, "--flavor", flavor.id, "--public-network", network.id)
    finally:
        cloud.network.delete_network(network)
        cloud.compute.delete_flavor(flavor)
        cloud.image.delete_image(image)


_IDENTITY = (
    *("projects", "users", "groups", "roles", "domains", "regions", "services", "endpoints"),
    *("credentials", "policies", "trusts"),
)
_NETWORK = ("networks", "subnets", "ports", "routers", "ips", "security_groups", "subnet_pools")


def present(cloud: Any) -> set[tuple[str, str]]:
    """All that anybody has in the cloud, by kind and id."""
    found = {
        **{kind: getattr(cloud.identity, kind)() for kind in _IDENTITY},
        **{kind: getattr(cloud.network, kind)() for kind in _NETWORK},
        "images": cloud.image.images(),
        "volumes": cloud.block_storage.volumes(details=False, all_projects=True),
        "flavors": cloud.compute.flavors(is_public=None),
    }
    return {(kind, each.id) for kind, things in found.items() for each in things}
