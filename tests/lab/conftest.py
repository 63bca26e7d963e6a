"""One real cluster for the whole tier, a person at its command line, and that person's instruments.

Tests leave the cluster as designed; after one that failed it is repaired. With QUORATE_LAB_FILE the tests use the
deployed lab of that file, and leave it up.
"""

import asyncio
import io
import json
import os
import re
import signal
import subprocess
import sys
import threading
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, TypeVar

import pytest
from ruamel.yaml import YAML

from quorate import design, secrets, spec
from quorate.drill.operation import Operation, Recorder, read
from quorate.drill.workload import Workload, at_work
from quorate.drill.workloads import workloads
from quorate.lab.lab import Lab
from quorate.model.design import Design
from quorate.remote.until import until

NAME = "tests"
FULL = "tests-full"
PATIENCE_S = 10.0
# The hosts alone, then the cluster from nothing, then what is cheap before what is dear.
ORDER = (
    "test_lab_hosts",
    "test_first_deployment",
    "test_deploy",
    "test_refusals",
    "test_keys",
    "test_clients",
    "test_verify",
    "test_prove",
    "test_restarts",
    "test_interrupted",
    "test_secrecy",
    "test_drills",
    "test_full_logs",
    "test_full_control_plane",
    "test_full_tempest",
    "test_full_loss",
)
FAILED = pytest.StashKey[bool]()
PROGRESS = re.compile(r"^\d\d:\d\d:\d\d ", re.MULTILINE)
Seen = TypeVar("Seen")

_STARTED = """
import json, pathlib, subprocess
units = ["corosync", "pacemaker", "haproxy", "quorate-galera-check", "rabbitmq-server", "memcached", "keystone"]
command = ["systemctl", "show", "--property=MainPID", "--value", *units]
pids = dict(zip(units, subprocess.run(command, capture_output=True, text=True).stdout.split(), strict=True))
pids["galera"] = pathlib.Path("/run/mysqld/mysqld.pid").read_text().strip()
stats = {name: pathlib.Path("/proc", pid, "stat").read_text() for name, pid in pids.items()}
print(json.dumps({name: int(stat.rpartition(")")[2].split()[19]) for name, stat in stats.items()}))
"""


# A job in the background has SIGINT ignored, and so would have all it starts: as on a terminal again.
signal.signal(signal.SIGINT, signal.default_int_handler)


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    def place(item: pytest.Item) -> int:
        return ORDER.index(item.path.stem) + 1 if item.path.stem in ORDER else 0

    items.sort(key=place)


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(item: pytest.Item) -> Iterator[None]:
    report = yield
    item.stash[FAILED] = item.stash.get(FAILED, False) or report.failed
    return report


@dataclass(frozen=True, slots=True)
class Operator:
    """Someone who works on one cloud; `said` is all that the commands have printed."""

    file: Path
    lab: Lab
    said: list[str] = field(default_factory=list)

    # -- commands, as a user gives them

    @contextmanager
    def deploying(self) -> Iterator["subprocess.Popen[str]"]:
        """A deployment that has begun to change something; what it says to its end joins `said`."""
        with self.start("deploy", "--yes") as process:
            told = progressed(process, 1)
            yield process
            self.said.append(told + rest(process))

    def start(self, *args: object) -> "subprocess.Popen[str]":
        return subprocess.Popen(
            [sys.executable, "-m", "quorate", *map(str, args)],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            env={**os.environ, "QUORATE_FILE": str(self.file)},
        )

    def quorate(self, *args: object, within_s: float = 900) -> "subprocess.CompletedProcess[str]":
        with self.start(*args) as process:
            try:
                stdout, stderr = process.communicate(timeout=within_s)
            except BaseException:
                process.kill()
                raise
        self.said.append(stdout + stderr)
        return subprocess.CompletedProcess(process.args, process.returncode, stdout, stderr)

    def deployed(self, *args: object) -> "subprocess.CompletedProcess[str]":
        done = self.quorate("deploy", "--yes", *args)
        assert done.returncode == 0, done.stderr
        return done

    def unchanged(self) -> None:
        """The hosts are what the file says, and `deploy` says so."""
        done = self.quorate("deploy", "--yes")
        assert (done.returncode, done.stdout) == (0, ""), done.stdout + done.stderr
        assert done.stderr.endswith("nothing to change: the hosts are what the design says\n"), done.stderr

    def killed(self, lines: int, after_s: float) -> bool:
        """Kill a deployment `after_s` after so many lines of progress; False if it ended before, as it should."""
        with self.start("deploy", "--yes") as process:
            told = progressed(process, lines)
            try:
                process.wait(after_s)
            except subprocess.TimeoutExpired:
                process.kill()
            told += rest(process)
        self.said.append(told)
        assert process.returncode in {0, -9}, told
        return process.returncode == -9

    # -- the file

    @property
    def design(self) -> Design:
        return design.build(spec.load(self.file))

    @property
    def nodes(self) -> tuple[str, ...]:
        return tuple(node.name for node in self.design.cloud.topology.nodes)

    @property
    def vip(self) -> str:
        return self.design.cloud.topology.virtual_ip("keystone").address

    def address(self, node: str) -> str:
        return self.lab.layout.host(node).address

    def change(self, file: str, section: str, key: str, *values: str) -> tuple[str | None, str]:
        """Give a setting in `extra` the first of these values that it does not have; what it was and is."""
        yaml = YAML()
        text = yaml.load(self.file.read_text())
        keys = text["extra"].setdefault(file, {}).setdefault(section, {})
        was = keys.get(key)
        keys[key] = next(value for value in values if value != was)
        with self.file.open("w") as stream:
            yaml.dump(text, stream)
        return was, keys[key]

    def secret_values(self) -> dict[str, str]:
        held = secrets.read(self.file)
        keys = {f"{name}/{key.number}": key.value for name, state in held.key_sets.items() for key in state.keys}
        return {**held.values, **keys}

    # -- the hosts, behind Quorate's back

    def on(self, node: str, script: str, *, stdin: str = "", check: bool = True) -> str:
        """What a shell script prints on a node."""
        argv = self.lab.exec_command(node, ("sh", "-c", script), terminal=False)
        done = subprocess.run(argv, input=stdin, capture_output=True, text=True, check=False, timeout=120)
        assert not check or done.returncode == 0, f"{node}: {script}: {done.stdout}{done.stderr}"
        return done.stdout

    def python(self, node: str, program: str, stdin: str = "") -> Any:
        """What a Python program prints on a node, as JSON."""
        argv = self.lab.exec_command(node, ("python3", "-c", program), terminal=False)
        done = subprocess.run(argv, input=stdin, capture_output=True, text=True, check=False, timeout=120)
        assert done.returncode == 0, f"{node}: {done.stderr}"
        return json.loads(done.stdout)

    def started(self) -> dict[tuple[str, str], int]:
        """When each daemon of each node started, in ticks of the one kernel all hosts share."""
        return {(node, name): ticks for node in self.nodes for name, ticks in self.python(node, _STARTED).items()}

    def holder(self) -> str:
        (holder,) = [node for node in self.nodes if self.on(node, f"ip -brief address show to {self.vip}")]
        return holder

    # -- seeing

    def verify(self, *only: str) -> dict[str, dict[str, Any]]:
        """Each check that was asked, by name."""
        done = self.quorate("verify", "-o", "json", *(("--only", *only) if only else ()))
        assert done.returncode in {0, 1, 3}, done.stderr
        report = json.loads(done.stdout)
        assert done.returncode == {"yes": 0, "no": 1, "unknown": 3}[report["verdict"]]
        return {check["name"]: check for check in report["checks"]}

    def verified(self, *only: str, within_s: float = 120) -> None:
        """Wait until everything is as designed."""
        self.until("everything is as designed", lambda: troubles(self.verify(*only)), lambda it: not it, within_s)

    def until(
        self, what: str, observe: Callable[[], Seen], holds: Callable[[Seen], bool], within_s: float
    ) -> Seen:
        async def observed() -> Seen:
            return await asyncio.to_thread(observe)

        return asyncio.run(until(what, observed, holds, within_s=within_s))

    @contextmanager
    def asking(self) -> Iterator[list[Operation]]:
        """Clients ask for tokens through the virtual IP meanwhile; what they did, once the block has ended.

        They wait longer than a drill's: what is slow on a busy machine is told from what is not answered.
        """
        workload = replace(self.workload("tokens"), patience_s=PATIENCE_S)
        asked: list[Operation] = []
        history, ended = io.StringIO(), threading.Event()

        async def ask() -> None:
            async with at_work(workload, Recorder(history), time.monotonic()):
                await asyncio.to_thread(ended.wait)

        thread = threading.Thread(target=asyncio.run, args=(ask(),))
        thread.start()
        try:
            yield asked
        finally:
            ended.set()
            thread.join()
            asked += read(history.getvalue().splitlines(keepends=True))

    def workload(self, name: str) -> Workload:
        (found,) = [each for each in workloads(self.design, self.secret_values()) if each.name == name]
        return found

    def drilled(self, *args: object) -> list[dict[str, Any]]:
        """What came of drills that all held."""
        done = self.quorate("drill", *args, "-o", "json", within_s=900)
        assert done.returncode == 0, done.stdout + done.stderr
        return list(json.loads(done.stdout)["drills"])

    @contextmanager
    def watching(self, observe: Callable[[], Seen], every_s: float) -> Iterator[list[Seen]]:
        """Everything that is observed meanwhile."""
        seen, ended = [observe()], threading.Event()

        def watch() -> None:
            while not ended.wait(every_s):
                seen.append(observe())

        thread = threading.Thread(target=watch)
        thread.start()
        try:
            yield seen
        finally:
            ended.set()
            thread.join()

    def token(self, address: str | None = None) -> str:
        """A new token, through the virtual IP or from one backend."""
        user = {"name": "admin", "domain": {"id": "default"}, "password": self.secret_values()["keystone/admin"]}
        body = {"auth": {"identity": {"methods": ["password"], "password": {"user": user}}}}
        request = urllib.request.Request(
            f"http://{address or self.vip}:5000/v3/auth/tokens",
            json.dumps(body).encode(),
            {"Content-Type": "application/json"},
        )
        with urllib.request.urlopen(request, timeout=10) as answer:
            return str(answer.headers["X-Subject-Token"])

    def refused_by(self, token: str) -> list[str]:
        """The nodes whose own API does not take the token."""
        return [node for node in self.nodes if not self._takes(node, token)]

    def _takes(self, node: str, token: str) -> bool:
        headers = {"X-Auth-Token": token, "X-Subject-Token": token}
        url = f"http://{self.address(node)}:5000/v3/auth/tokens"
        try:
            with urllib.request.urlopen(urllib.request.Request(url, headers=headers), timeout=10) as answer:
                return bool(answer.status == 200)
        except urllib.error.HTTPError as error:
            error.close()
            return False

    # -- putting things right

    def repair(self) -> None:
        for host in self.lab.status():
            if host.paused:
                self.lab.resume(host.node)
            if host.cut:
                self.lab.mend(host.node)
        up = self.quorate("lab", "up")
        assert up.returncode == 0, up.stderr
        for node in self.nodes:
            self.on(node, "systemctl start ssh; umount --quiet --all-targets /etc/memcached.conf", check=False)
            self.on(node, "pkill -CONT 'mariadbd|uwsgi|memcached|beam.smp'", check=False)
        self.on(
            self.nodes[0], "crm_attribute --name maintenance-mode --delete; crm_resource --cleanup", check=False
        )
        self.deployed()
        self.verified(within_s=240)


def progressed(process: "subprocess.Popen[str]", lines: int) -> str:
    """What a deployment has told once it made so many lines of progress, or ended before."""
    assert process.stderr is not None
    told = ""
    while len(PROGRESS.findall(told)) < lines and (line := process.stderr.readline()):
        told += line
    return told


def rest(process: "subprocess.Popen[str]") -> str:
    """What it tells until it has ended (through the same buffer as its first lines, unlike `communicate`)."""
    assert process.stderr is not None
    told = process.stderr.read()
    process.wait()
    return told


def troubles(checks: dict[str, dict[str, Any]]) -> list[str]:
    return [
        f"{name}: {result['node'] or ''} {result['seen']}"
        for name, check in checks.items()
        if check["verdict"] != "yes"
        for result in check["results"]
        if result["verdict"] != "yes"
    ]


@pytest.fixture(scope="session")
def hosts(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Operator]:
    """Hosts that are up, with nothing deployed (unless QUORATE_LAB_FILE is given)."""
    with standing(NAME, tmp_path_factory, "QUORATE_LAB_FILE") as operator:
        yield operator


@contextmanager
def standing(name: str, directories: pytest.TempPathFactory, variable: str, *options: str) -> Iterator[Operator]:
    """A lab of that name from nothing, taken down in the end; that of the file in a variable is left up."""
    given = os.environ.get(variable)
    if given:
        path = Path(given).absolute()
        yield Operator(path, Lab(spec.load(path), path.parent))
        return
    path = directories.mktemp(name) / "quorate.yaml"
    must("lab", "down", "--name", name)
    must("init", "--lab", *options, "--name", name, "-f", path)
    try:
        must("lab", "up", "-f", path)
        yield Operator(path, Lab(spec.load(path), path.parent))
    finally:
        must("lab", "down", "--name", name)


def must(*args: object) -> None:
    command: Sequence[str] = [sys.executable, "-m", "quorate", *map(str, args)]
    done = subprocess.run(command, capture_output=True, text=True, check=False, stdin=subprocess.DEVNULL)
    assert done.returncode == 0, done.stderr


@pytest.fixture(scope="session")
def deployed(hosts: Operator) -> Operator:
    hosts.deployed()
    hosts.verified()
    return hosts


@pytest.fixture(scope="session")
def everything(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Operator]:
    """The full lab, deployed; that of QUORATE_FULL_LAB_FILE if it is given."""
    # one large lab at a time
    must("lab", "down", "--name", NAME)
    with standing(FULL, tmp_path_factory, "QUORATE_FULL_LAB_FILE", "--full") as operator:
        operator.deployed()
        yield operator


@pytest.fixture
def cluster(deployed: Operator, request: pytest.FixtureRequest) -> Iterator[Operator]:
    """The cluster, as designed; repaired if the test failed."""
    yield deployed
    if request.node.stash.get(FAILED, False):
        deployed.repair()
