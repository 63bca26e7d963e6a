r"""The node agent: compares and changes one host. Sent over the channel to `python3 -IS`, leaves nothing behind.

One file, the standard library of Python >= 3.9 only, and of that only what Debian's python3-minimal has, except
where an item cannot exist without more (difflib and xml are imported where they are used).

In: frames `LENGTH\n` + zlib(JSON request); an empty frame says that the controller lives. Out: JSON lines.
When the controller goes away or falls silent, the command that runs is let finish, nothing further is begun, and
the agent ends: commands have guards that probe the real state, so a rerun goes on from there.
"""

from __future__ import annotations

import errno
import fcntl
import grp
import itertools
import json
import os
import pwd
import queue
import re
import signal
import stat
import subprocess
import sys
import tempfile
import threading
import time
import traceback
import zlib
from datetime import datetime, timezone
from typing import Any, Callable, Iterable, Sequence

SILENCE_S = 60.0  # the controller sends an empty frame every 10 s; so long without one means it is gone
TAIL = 4000  # characters of output kept of a command that failed
APT_TIMEOUT_S = 1800.0
SYSTEMCTL_TIMEOUT_S = 300.0
MTIME_MARGIN_NS = 20_000_000  # files are stamped by the tick, up to 10 ms late; /proc counts in ticks too
PROBES_AT_ONCE = 16
CUT_OFF = '"cut_off": true'  # in the lock's file: its controller is gone, and the lock goes once the command ended
AT_WORK_S = 3.0  # who holds the lock so long without being cut off is at work, and not waited for
SENSITIVE = re.compile(  # settings whose old values are not shown
    r"passw|passphrase|pass\b|secret|credential|cookie|(auth|admin|api|access|private)[_ -]?(token|key)"
    r"|://[^/\s]*:[^/\s]*@",
    re.IGNORECASE,
)

Json = dict[str, Any]


class Failed(Exception):
    """An item that could not be brought to its state; `more` joins the event (argv, rc, stdout, stderr)."""

    def __init__(self, message: str, **more: Any) -> None:
        super().__init__(message)
        self.more = more


class Stopped(Exception):
    """The controller went away or cancelled; begin nothing further."""


# ---------------------------------------------------------------------------------------------------------------
# Processes
# ---------------------------------------------------------------------------------------------------------------


class Ran:
    """How a process ended; rc is None when its time was over and its process group was killed."""

    def __init__(self, argv: Sequence[str], rc: int | None, stdout: str, stderr: str) -> None:
        self.argv, self.rc, self.stdout, self.stderr = list(argv), rc, stdout, stderr

    @property
    def last_line(self) -> str:
        lines = [line.strip() for text in (self.stdout, self.stderr) for line in text.splitlines()[-1:]]
        return next((line for line in lines if line), "no output")

    def failed(self, message: str = "") -> Failed:
        how = "was killed at its deadline" if self.rc is None else f"exited {self.rc}"
        return Failed(
            message or f"{self.argv[0]} {how}",
            argv=self.argv,
            rc=self.rc,
            stdout=self.stdout[-TAIL:],
            stderr=self.stderr[-TAIL:],
        )


def environment() -> dict[str, str]:
    path = os.environ.get("PATH", "/usr/bin:/bin")
    return dict(
        os.environ,
        PATH=path + ":/usr/local/sbin:/usr/sbin:/sbin:/usr/local/bin:/usr/bin:/bin",
        LC_ALL="C.UTF-8",
        DEBIAN_FRONTEND="noninteractive",
        NEEDRESTART_SUSPEND="1",  # what restarts, and when, is decided by the deployment
        SYSTEMD_COLORS="0",
        SYSTEMD_PAGER="",
        SYSTEMCTL_SKIP_SYSV="1",  # a leftover init script must not decide whether its unit can be enabled
    )


def memory_file(text: str = "") -> int:
    """An anonymous file. Not a pipe: a daemon that inherits a pipe would keep us waiting for its end."""
    fd = os.memfd_create("quorate")
    if text:
        with os.fdopen(os.dup(fd), "wb") as stream:
            stream.write(text.encode())
        os.lseek(fd, 0, os.SEEK_SET)
    return fd


def content_of(fd: int) -> str:
    os.lseek(fd, 0, os.SEEK_SET)
    with os.fdopen(os.dup(fd), "rb") as stream:
        return stream.read().decode("utf-8", "replace")


def run(argv: Sequence[str], stdin: str = "", timeout_s: float = 60.0) -> Ran:
    """Run a program in a process group of its own. OSError if it cannot be started."""
    fds = [memory_file(stdin), memory_file(), memory_file()]
    try:
        process = subprocess.Popen(
            list(argv),
            stdin=fds[0],
            stdout=fds[1],
            stderr=fds[2],
            env=environment(),
            cwd="/",
            start_new_session=True,
        )
        try:
            rc: int | None = process.wait(timeout_s)
        except subprocess.TimeoutExpired:
            os.killpg(process.pid, signal.SIGKILL)
            process.wait()
            rc = None
        return Ran(argv, rc, content_of(fds[1]), content_of(fds[2]))
    finally:
        for fd in fds:
            os.close(fd)


def must(argv: Sequence[str], stdin: str = "", timeout_s: float = 60.0) -> Ran:
    """Run a program that has to exit 0."""
    try:
        ran = run(argv, stdin, timeout_s)
    except OSError as error:
        raise Failed(f"{argv[0]} cannot be started: {error.strerror}", argv=list(argv)) from error
    if ran.rc != 0:
        raise ran.failed()
    return ran


# ---------------------------------------------------------------------------------------------------------------
# One request
# ---------------------------------------------------------------------------------------------------------------


class Result:
    """What became of an item: status is ok, changed (in check mode: would change) or pending."""

    def __init__(
        self, status: str = "ok", detail: str = "", diff: Iterable[str] = (), actions: Iterable[str] = ()
    ) -> None:
        self.status, self.detail, self.diff, self.actions = status, detail, list(diff), list(actions)


class Job:
    """A request being served, in a thread of its own."""

    def __init__(self, agent: Agent, request: Json) -> None:
        self.agent, self.request = agent, request
        self.check: bool = bool(request.get("check"))
        self.node: str = request.get("node", "")
        self.cancelled = False
        self.item = 0
        self.dpkg: dict[str, list[str]] | None = None
        self.secrets = redactions(request.get("secrets", {}))

    def redact(self, value: Any) -> Any:
        """The value with every secret in any of its strings replaced by its reference."""
        if isinstance(value, str):
            for secret, reference in self.secrets:
                value = value.replace(secret, reference)
            return value
        if isinstance(value, list):
            return [self.redact(element) for element in value]
        if isinstance(value, dict):
            return {key: self.redact(element) for key, element in value.items()}
        return value

    def emit(self, **event: Any) -> None:
        self.agent.send(dict(self.redact(event), id=self.request["id"]))

    def tell(self, status: str, detail: str) -> None:
        """Report on the item that is being worked on: `running` or `waiting`."""
        self.emit(i=self.item, status=status, detail=detail)

    def go_on(self) -> None:
        if self.cancelled or self.agent.gone.is_set():
            raise Stopped

    def serve(self) -> None:
        begun = time.monotonic()
        try:
            getattr(self, "op_" + self.request["op"])()
        except Stopped:
            self.emit(done=True, stopped=True, seconds=elapsed(begun))
        except Exception as error:  # noqa: BLE001 - a broken request must not end the agent
            self.emit(done=True, error=unexpected(error), seconds=elapsed(begun))
        else:
            self.emit(done=True, seconds=elapsed(begun))

    # -- apply: a stage of items, in order; the first that fails ends it (in check mode all are looked at)

    def op_apply(self) -> None:
        items: list[Json] = self.request["items"]
        at = 0
        while at < len(items):
            self.go_on()
            upto = at + 1
            while items[at]["kind"] == "unit" and upto < len(items) and items[upto]["kind"] == "unit":
                upto += 1
            self.item = at
            begun = time.monotonic()
            work: Callable[[], list[Any]] = (
                (lambda batch=items[at:upto]: units(batch, self))  # type: ignore[misc]
                if items[at]["kind"] == "unit"
                else (lambda item=items[at]: [KINDS[item["kind"]](item, self)])  # type: ignore[misc]
            )
            results = attempt(work, upto - at)
            failed = False
            for offset, result in enumerate(results):
                failed = self.conclude(at + offset, result, elapsed(begun)) or failed
            if failed and not self.check:
                return
            at = upto

    def conclude(self, index: int, result: Any, seconds: float) -> bool:
        """Report an item's end unless it simply was as it should be; whether it failed."""
        if isinstance(result, Failed):
            self.emit(i=index, status="failed", seconds=seconds, detail=str(result), **result.more)
            return True
        if result is not None and result.status != "ok":
            more = {name: getattr(result, name) for name in ("diff", "actions") if getattr(result, name)}
            self.emit(i=index, status=result.status, seconds=seconds, detail=result.detail, **more)
        return False

    # -- run: programs whose results are judged by the controller

    def op_run(self) -> None:
        probes = list(enumerate(self.request["probes"]))
        if not self.request.get("at_once"):
            for index, probe in probes:
                self.go_on()
                self.probe(index, probe)
            return
        waiting: queue.Queue[tuple[int, Json]] = queue.Queue()
        for each in probes:
            waiting.put(each)

        def work() -> None:
            while not self.agent.gone.is_set():
                try:
                    self.probe(*waiting.get_nowait())
                except queue.Empty:
                    return

        threads = [threading.Thread(target=work) for _ in range(min(PROBES_AT_ONCE, len(probes)))]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()

    def probe(self, index: int, probe: Json) -> None:
        begun = time.monotonic()
        try:
            ran = run(probe["argv"], probe.get("stdin", ""), probe.get("timeout_s", 30.0))
        except OSError as error:
            ran = Ran(probe["argv"], 127, "", "{}: {}".format(probe["argv"][0], error.strerror))
        self.emit(i=index, rc=ran.rc, stdout=ran.stdout, stderr=ran.stderr, seconds=elapsed(begun))

    # -- lock: held until the agent ends, also when that is after its controller: only then it is waited for

    def op_lock(self) -> None:
        path, mine = self.request["path"], dict(self.request["holder"], agent_pid=os.getpid())
        begun, within_s = time.monotonic(), self.request["within_s"]
        fd = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC | os.O_NOFOLLOW, 0o644)
        while True:
            try:
                fcntl.flock(fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
                break
            except BlockingIOError:
                held = os.pread(fd, 65536, 0).decode("utf-8", "replace")
                patience_s = within_s if CUT_OFF in held else min(within_s, AT_WORK_S)
                if time.monotonic() - begun >= patience_s or self.agent.gone.wait(0.2):
                    os.close(fd)
                    self.emit(refused=held)
                    return
        os.ftruncate(fd, 0)
        os.pwrite(fd, json.dumps(mine).encode(), 0)
        self.agent.locks.append(fd)


def redactions(secrets: dict[str, str]) -> list[tuple[str, str]]:
    """What to replace by what: each value and each of its lines, the longest first, as one may hold another."""
    found = {
        line: name for name, value in secrets.items() for line in [*value.splitlines(), value] if line.strip()
    }
    return sorted(found.items(), key=lambda pair: -len(pair[0]))


def elapsed(begun: float) -> float:
    return round(time.monotonic() - begun, 4)


def unexpected(error: BaseException) -> str:
    frame = traceback.extract_tb(error.__traceback__)[-1]
    return f"{type(error).__name__}: {error} (in {frame.name}, line {frame.lineno} of the agent)"


def attempt(work: Callable[[], list[Any]], size: int) -> list[Any]:
    """The results of one item or of a batch of units; whatever goes wrong fails the first of them."""
    try:
        return work()
    except Failed as failure:
        return [failure, *[None] * (size - 1)]
    except Stopped:
        raise
    except Exception as error:  # noqa: BLE001 - one item's surprise is that item's failure
        return [Failed(unexpected(error)), *[None] * (size - 1)]


# ---------------------------------------------------------------------------------------------------------------
# Files
# ---------------------------------------------------------------------------------------------------------------


def owner_ids(item: Json, job: Job) -> tuple[int, int] | None:
    """The ids of an item's owner and group; None in check mode when they do not exist yet."""
    try:
        return pwd.getpwnam(item["owner"]).pw_uid, grp.getgrnam(item["group"]).gr_gid
    except KeyError as error:
        if job.check:
            return None
        raise Failed("{}: no such user or group on this host: {}".format(item["path"], error.args[0])) from error


def owner_name(uid: int, gid: int) -> str:
    try:
        user = pwd.getpwuid(uid).pw_name
    except KeyError:
        user = str(uid)
    try:
        return user + ":" + grp.getgrgid(gid).gr_name
    except KeyError:
        return f"{user}:{gid}"


def attribute_changes(have: os.stat_result, item: Json, mode: int, ids: tuple[int, int] | None) -> list[str]:
    changes = []
    if stat.S_IMODE(have.st_mode) != mode:
        changes.append(f"mode {stat.S_IMODE(have.st_mode):04o} -> {mode:04o}")
    if ids is not None and (have.st_uid, have.st_gid) != ids:
        changes.append(
            "owner {} -> {}:{}".format(owner_name(have.st_uid, have.st_gid), item["owner"], item["group"])
        )
    return changes


def set_attributes(path: str, mode: int, ids: tuple[int, int]) -> None:
    os.chown(path, ids[0], ids[1], follow_symlinks=False)  # first: it clears the setuid bits
    os.chmod(path, mode)


def write_whole(path: str, content: bytes, mode: int, ids: tuple[int, int]) -> None:
    """Replace a file so that every reader sees the old one or the new one, readable by nobody else on its way."""
    directory = os.path.dirname(path)
    fd, temporary = tempfile.mkstemp(dir=directory, prefix=".quorate-")
    try:
        with os.fdopen(fd, "wb") as stream:
            stream.write(content)
            stream.flush()
            os.fchown(fd, ids[0], ids[1])
            os.fchmod(fd, mode)
            os.fsync(fd)
        os.replace(temporary, path)
    except OSError as error:
        os.unlink(temporary)
        if error.errno == errno.EBUSY:
            raise Failed(
                f"{path} is a mount point (a bind mount?), so it cannot be replaced atomically; unmount it"
            ) from error
        raise
    sync_directory(directory)


def sync_directory(path: str) -> None:
    fd = os.open(path, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(fd)  # a name survives a power cut only with its directory
    finally:
        os.close(fd)


def read_regular(path: str) -> tuple[os.stat_result | None, bytes | None]:
    """A file's status and content; content is None for a symbolic link, both if nothing is there."""
    try:
        have = os.lstat(path)
    except (FileNotFoundError, NotADirectoryError):
        return None, None
    if stat.S_ISLNK(have.st_mode):
        return have, None
    if not stat.S_ISREG(have.st_mode):
        raise Failed(f"{path} exists and is not a regular file; move it away")
    with open(path, "rb") as stream:
        return have, stream.read()


def difference(path: str, have: bytes | None, want: str, job: Job) -> list[str]:
    """A unified diff. Old secrets cannot be known by value, so removed lines that may hold one are masked."""
    try:
        import difflib
    except ImportError:
        return [f"({path} differs; the host's python3-minimal cannot show how)"]
    old = [] if have is None else have.decode("utf-8", "replace").splitlines()
    before = "/dev/null" if have is None else path
    lines = list(difflib.unified_diff(old, want.splitlines(), before, path, lineterm=""))
    header, lines = lines[:2], lines[2:]
    shown: list[str] = []
    removed: list[int] = []  # where the lines removed in this block of changes stand
    for line in lines:
        redacted = job.redact(line)
        if line.startswith("-"):
            removed.append(len(shown))
            redacted = "-<redacted>" if SENSITIVE.search(line) else redacted
        elif not line.startswith("+"):
            removed = []
        elif redacted != line:
            for index in removed:
                shown[index] = "-<redacted>"
        shown.append(redacted)
    return header + shown


def file(item: Json, job: Job) -> Result:
    path, mode, want = item["path"], item["mode"], item["content"].encode()
    have, content = read_regular(path)
    ids = owner_ids(item, job)
    changes = [] if have is None or content is None else attribute_changes(have, item, mode, ids)
    if content == want and not changes:
        return Result()
    if content != want:
        changes.insert(0, "new" if have is None else "content" if content is not None else "was a symbolic link")
    diff = difference(path, content, item["content"], job) if content != want else []
    if job.check:
        job.agent.would_write.add(path)
    else:
        assert ids is not None
        os.makedirs(os.path.dirname(path), exist_ok=True)
        if content == want:
            set_attributes(path, mode, ids)
        else:
            write_whole(path, want, mode, ids)
    return Result("changed", ", ".join(changes), diff)


def directory(item: Json, job: Job) -> Result:
    path, mode = item["path"], item["mode"]
    ids = owner_ids(item, job)
    try:
        have = os.stat(path)
    except (FileNotFoundError, NotADirectoryError):
        changes = ["new"]
    else:
        if not stat.S_ISDIR(have.st_mode):
            raise Failed(f"{path} exists and is not a directory; move it away")
        changes = attribute_changes(have, item, mode, ids)
    if changes and not job.check:
        assert ids is not None
        os.makedirs(path, exist_ok=True)
        set_attributes(path, mode, ids)
    return Result("changed", ", ".join(changes)) if changes else Result()


def key_repository(item: Json, job: Job) -> Result:
    """Exactly these keys. The staged key, 0, comes last: until then it also holds what is the new primary."""
    path, keys = item["path"], item["keys"]
    changed = directory(dict(item, mode=0o700), job)
    ids = owner_ids(item, job)
    present = set(os.listdir(path)) if os.path.isdir(path) else set()
    changes = [changed.detail] if changed.status == "changed" else []
    for name in sorted(keys, key=int, reverse=True):
        have, content = read_regular(os.path.join(path, name))
        same = content == keys[name].encode()
        if have is None or not same:
            changes.append("{} key {}".format("writes" if have is None else "replaces", name))
        elif not attribute_changes(have, item, 0o600, ids):
            continue
        else:
            changes.append(f"owner or mode of key {name}")
        if not job.check:
            assert ids is not None
            write_whole(os.path.join(path, name), keys[name].encode(), 0o600, ids)
    for name in sorted(present - set(keys)):
        changes.append(f"removes {name}")
        if not job.check:
            os.unlink(os.path.join(path, name))
    if changes and job.check:
        job.agent.would_write.add(path)
    return Result("changed", ", ".join(changes)) if changes else Result()


# ---------------------------------------------------------------------------------------------------------------
# Packages
# ---------------------------------------------------------------------------------------------------------------


def dpkg_state() -> tuple[dict[str, list[str]], bool]:
    """The installed versions by package name, and whether dpkg was interrupted."""
    ran = must(["dpkg-query", "-W", "-f", "${Package}\\t${db:Status-Status}\\t${Version}\\n"])
    installed: dict[str, list[str]] = {}
    broken = False
    for line in ran.stdout.splitlines():
        name, status, version = line.split("\t")
        broken = broken or status in ("unpacked", "half-configured", "half-installed")
        if status in ("installed", "triggers-pending", "triggers-awaited"):
            installed.setdefault(name, []).append(version)
    return installed, broken


def missing_packages(names: Sequence[str], installed: dict[str, list[str]]) -> list[str]:
    missing = []
    for wanted in names:
        name, _, version = wanted.partition("=")
        if name not in installed or (version and version not in installed[name]):
            missing.append(wanted)
    return missing


APT = (
    "apt-get", "-y", "-q", "-o", "Dpkg::Options::=--force-confold", "-o", "DPkg::Lock::Timeout=300",
    "-o", "Acquire::Retries=2", "--no-install-recommends",
)  # fmt: skip
STALE_LISTS = re.compile(
    r"Unable to locate package|has no installation candidate|was not found|404 +Not Found|(Unable|Failed) to fetch"
)


def packages(item: Json, job: Job) -> Result:
    broken = False
    if job.dpkg is None:
        job.dpkg, broken = dpkg_state()
    missing = missing_packages(item["names"], job.dpkg)
    if not missing:
        return Result()
    diff = ["+" + name for name in missing]
    if job.check:
        return Result("changed", f"installs {len(missing)} packages", diff)
    if broken:  # the power went, or apt was killed, in the middle of an installation
        job.tell("running", "dpkg --configure -a")
        must(["dpkg", "--configure", "--force-confold", "-a"], timeout_s=APT_TIMEOUT_S)
    job.tell("running", "installing " + " ".join(missing))
    pinned = ["--allow-downgrades"] if any("=" in name for name in missing) else []
    argv = [*APT, *pinned, "install", "--", *missing]
    ran = run(argv, timeout_s=APT_TIMEOUT_S)
    if ran.rc != 0 and STALE_LISTS.search(ran.stderr + ran.stdout):
        job.tell("running", "apt-get update")
        must(["apt-get", "-q", "-o", "DPkg::Lock::Timeout=300", "update"], timeout_s=APT_TIMEOUT_S)
        ran = run(argv, timeout_s=APT_TIMEOUT_S)
    if ran.rc != 0:
        raise ran.failed()
    job.dpkg, _ = dpkg_state()
    absent = missing_packages(missing, job.dpkg)
    if absent:
        raise ran.failed("apt-get succeeded, yet not installed (virtual packages?): " + " ".join(absent))
    return Result("changed", f"installed {len(missing)} packages", diff)


# ---------------------------------------------------------------------------------------------------------------
# Units
# ---------------------------------------------------------------------------------------------------------------

RUNNING = ("active", "reloading", "refreshing")


def show_units(names: Sequence[str], properties: str, *options: str) -> list[dict[str, str]]:
    """The properties of each unit, in the order asked for, from one systemctl."""
    ran = must(["systemctl", "show", "--property=" + properties, *options, "--", *names])
    blocks = ran.stdout.strip("\n").split("\n\n")
    if len(blocks) != len(names):
        raise ran.failed(f"systemctl show answered for {len(blocks)} units of {len(names)}")
    return [dict(line.split("=", 1) for line in block.splitlines() if "=" in line) for block in blocks]


def unit_verbs(item: Json, state: dict[str, str]) -> list[str]:
    """What systemctl has to do to this unit, by verb."""
    enabled, active, masked = item.get("enabled"), item.get("active"), item.get("masked")
    file_state, verbs = state["UnitFileState"], []
    is_masked = file_state.startswith("masked") or state["LoadState"] == "masked"
    if masked is not None and masked != is_masked:
        verbs.append("mask" if masked else "unmask")
    is_enabled = file_state in ("enabled", "enabled-runtime")
    if enabled is True and not is_enabled and file_state not in ("static", "alias", "indirect", "generated"):
        verbs.append("enable")
    if enabled is False and is_enabled:
        verbs.append("disable")
    if active is True and state["ActiveState"] not in RUNNING:
        verbs.append("start")
    if active is False and state["ActiveState"] in (*RUNNING, "activating"):
        verbs.append("stop")
    return verbs


def units(items: list[Json], job: Job) -> list[Any]:
    """A run of Unit items: one systemctl a verb for all of them (each enable alone would reload systemd)."""
    names = [item["name"] for item in items]
    properties = "LoadState,ActiveState,UnitFileState,NeedDaemonReload"
    states = show_units(names, properties)
    verbs = [unit_verbs(item, state) for item, state in zip(items, states)]
    if not job.check and any(verbs):
        job.tell("running", "systemctl " + ", ".join(sorted({verb for each in verbs for verb in each})))
        if any(state.get("NeedDaemonReload") == "yes" for state in states):
            must(["systemctl", "daemon-reload"], timeout_s=SYSTEMCTL_TIMEOUT_S)
        ended: dict[str, Ran] = {}
        for verb in ("unmask", "disable", "enable", "stop", "mask", "start"):
            due = [name for name, each in zip(names, verbs) if verb in each]
            if due:
                job.go_on()
                ended[verb] = run(["systemctl", verb, "--", *due], timeout_s=SYSTEMCTL_TIMEOUT_S)
        states = show_units(names, properties)
        return [unit_result(*each, ended) for each in zip(items, verbs, states)]
    return [Result("changed", ", ".join(each)) if each else Result() for each in verbs]


def unit_result(item: Json, verbs: list[str], state: dict[str, str], ended: dict[str, Ran]) -> Any:
    if not verbs:
        return Result()
    left = [verb for verb in unit_verbs(item, state) if verb in verbs]
    if not left:
        return Result("changed", ", ".join(verbs))
    name, ran = item["name"], ended[left[0]]
    failure = ran.failed(
        "systemctl {} {}: the unit is {}/{} ({})".format(
            left[0], name, state["LoadState"], state["ActiveState"], state["UnitFileState"] or "no unit file"
        )
    )
    failure.more["argv"] = ["systemctl", left[0], name]
    if left[0] in ("start", "stop"):
        journal = run(["journalctl", "--unit=" + name, "--lines=20", "--no-pager", "--output=short-iso"])
        failure.more["stdout"] = journal.stdout[-TAIL:]
    return failure


# ---------------------------------------------------------------------------------------------------------------
# Commands and waits
# ---------------------------------------------------------------------------------------------------------------


def command(item: Json, job: Job) -> Result:
    if item["unless"]:
        try:
            guard = run(item["unless"], item["unless_stdin"], item["timeout_s"])
        except OSError:  # what it asks with is not installed, so what it asks for is not there
            pass
        else:
            if guard.rc == 0:
                return Result()
            if guard.rc is None:
                raise guard.failed("its guard gave no answer within {:g} s".format(item["timeout_s"]))
    if job.check:
        return Result("changed", "runs")
    job.go_on()
    job.tell("running", "")
    try:
        ran = run(item["argv"], item["stdin"], item["timeout_s"])
    except OSError as error:
        raise Failed(
            "{} cannot be started: {}".format(item["argv"][0], error.strerror), argv=item["argv"]
        ) from error
    if ran.rc is None:
        raise ran.failed("killed after {:g} s, its timeout".format(item["timeout_s"]))
    if ran.rc != 0:
        raise ran.failed(f"exit status {ran.rc}")
    return Result("changed", "ran")


def until(item: Json, job: Job) -> Result:
    begun = time.monotonic()
    end = begun + item["within_s"]
    seen = None
    while True:
        try:
            ran = run(item["argv"], item["stdin"], max(1.0, end - time.monotonic()))
        except OSError as error:
            if job.check:
                return Result("pending", "{} is not installed yet".format(item["argv"][0]))
            raise Failed(
                "{} cannot be started: {}".format(item["argv"][0], error.strerror), argv=item["argv"]
            ) from error
        if ran.rc == 0:
            return Result()
        last = "no answer in time" if ran.rc is None else ran.last_line
        if job.check:
            return Result("pending", last)
        if time.monotonic() + item["every_s"] > end:
            raise ran.failed("not so within {:g} s; last seen: {}".format(item["within_s"], last))
        if last != seen:
            job.tell("waiting", last)
            seen = last
        job.agent.gone.wait(item["every_s"])
        job.go_on()


# ---------------------------------------------------------------------------------------------------------------
# The cluster's configuration
# ---------------------------------------------------------------------------------------------------------------

OURS = ("resources", "constraints", "fencing-topology", "op_defaults", "rsc_defaults")


def xml() -> Any:
    """The module for it: python3-minimal, which hosts without a cluster may have, lacks it."""
    import xml.etree.ElementTree as ET

    return ET


def child(parent: Any, tag: str, before: Sequence[str] = ()) -> Any:
    """The child element of that tag, made if it is not there (in the place the schema wants: after these)."""
    found = parent.find(tag)
    if found is None:
        found = xml().Element(tag)
        places = [index for index, each in enumerate(parent) if each.tag in before]
        parent.insert(places[-1] + 1 if places else len(parent), found)
    return found


def temporary_move(constraint: Any, desired: Any) -> bool:
    """Made by an operator with `crm_resource --move` or `--ban`, or by a restart, for a resource that stays."""
    resource = constraint.get("rsc")
    stays = any(each.get("id") == resource for each in desired.iterfind("resources//*"))
    return str(constraint.get("id", "")).startswith("cli-") and stays


def merged(live: Any, desired: Any) -> Any:
    """The live CIB with our properties set and our sections in place of its own."""
    import copy

    new = copy.deepcopy(live)
    configuration = new.find("configuration")
    crm_config = child(configuration, "crm_config")
    properties = {each.get("name"): each for each in crm_config.iter("nvpair")}
    for pair in desired.iterfind("crm_config//nvpair"):
        if pair.get("name") in properties:
            properties[pair.get("name")].set("value", pair.get("value"))
        else:
            home = crm_config.find("cluster_property_set")
            if home is None:
                home = xml().SubElement(crm_config, "cluster_property_set", id="cib-bootstrap-options")
            home.append(copy.deepcopy(pair))
    order = ["crm_config", "nodes", "resources", "constraints"]
    for tag in OURS:
        want = desired.find(tag)
        if want is None and configuration.find(tag) is None:
            continue
        section = child(configuration, tag, before=order)
        kept = [each for each in section if tag == "constraints" and temporary_move(each, desired)]
        section[:] = [*([] if want is None else map(copy.deepcopy, want)), *kept]
        order.append(tag)
    return new


LABELS = {
    **dict.fromkeys(
        ("configuration", "crm_config", "resources", "constraints", "instance_attributes", "operations"), ""
    ),
    "cluster_property_set": "property",
    "meta_attributes": "meta",
}


def label(element: Any) -> str:
    """What a person calls this element; nothing for those that only hold others."""
    tag, name = element.tag, element.get("name")
    if tag == "nvpair":
        return str(name)
    if tag == "op":
        return " ".join(filter(None, ("op", name, element.get("role"))))
    if tag in LABELS:
        return LABELS[tag]
    kind = ":".join(element.get(part) for part in ("class", "provider", "type") if element.get(part))
    return " ".join(filter(None, (tag, element.get("id"), kind and f"({kind})")))


def significant(element: Any) -> Any:
    """The element as comparison sees it: without white space, order of constraints, or empty sections."""
    children = [significant(each) for each in element]
    children = [each for each in children if each[1] or each[2]]
    if element.tag == "constraints":
        children.sort(key=repr)
    return element.tag, tuple(sorted(element.attrib.items())), tuple(children)


def cib_changes(old: Any, new: Any, path: str = "") -> list[str]:
    """What differs between two elements, a line a difference, in a person's words."""
    here = f"{path} {label(new)}".rstrip() if label(new) else path
    lines = []
    for name in sorted(set(old.attrib) | set(new.attrib)):
        if old.get(name) != new.get(name):
            what = here if name == "value" else f"{here} {name}"
            lines.append(f"~{what}: {shown(here, old.get(name))} -> {shown(here, new.get(name))}")
    olds, news = keyed(old), keyed(new)
    for key in olds:
        if key not in news:
            lines += [f"-{line}" for line in contents(olds[key], here)]
    for key, each in news.items():
        lines += (
            cib_changes(olds[key], each, here) if key in olds else [f"+{line}" for line in contents(each, here)]
        )
    if new.tag != "constraints" and [key for key in olds if key in news] != [key for key in news if key in olds]:
        lines.append(f"~{here or ' ' + new.tag}: order")
    return lines


def keyed(parent: Any) -> dict[tuple[str, str], Any]:
    return {(each.tag, each.get("id") or each.get("name") or str(n)): each for n, each in enumerate(parent)}


def shown(label_: str, value: str | None) -> str | None:
    return "<redacted>" if value is not None and SENSITIVE.search(label_) else value


def contents(element: Any, path: str) -> list[str]:
    """An element that comes or goes: a line for itself and one for each thing it holds."""
    here = f"{path} {label(element)}".rstrip() if label(element) else path
    if element.tag == "nvpair":
        return [f"{here}={shown(here, element.get('value'))}"]
    said = [
        f"{name}={shown(name, value)}"
        for name, value in element.items()
        if name not in ("id", "class", "provider", "type")
        and not (element.tag == "op" and name in ("name", "role"))
    ]
    own = [" ".join([here, *said])] if said or element.tag not in (*LABELS, "op_defaults", "rsc_defaults") else []
    return own + [line for each in element for line in contents(each, here)]


def live_cib() -> tuple[str, str]:
    """The cluster's CIB, or why there is none."""
    try:
        query = run(["cibadmin", "--query"])
    except OSError:
        return "", "cibadmin is not installed"
    return (query.stdout, "") if query.rc == 0 else ("", query.last_line)


def cib(item: Json, job: Job) -> Result:
    desired = xml().fromstring(item["xml"])
    desired = desired if desired.tag == "configuration" else desired.find("configuration")
    text, reason = live_cib()
    if not text:
        if job.check:
            return not_up_yet(desired)
        raise Failed(f"the cluster gives no configuration to compare with: {reason}", argv=["cibadmin", "--query"])
    live = xml().fromstring(text)
    new = merged(live, desired)
    diff = cib_difference(live, new)
    if not diff:
        return Result()
    root = "/run" if os.access("/run", os.W_OK) else None
    with tempfile.TemporaryDirectory(prefix="quorate-", dir=root) as where:
        original, wanted = os.path.join(where, "original"), os.path.join(where, "new")
        write_text(original, text)
        write_text(wanted, xml().tostring(new, "unicode"))
        alone = os.path.join(where, "configuration")
        write_text(alone, xml().tostring(without_state(new), "unicode"))
        verified = run(["crm_verify", "-V", "--xml-file", alone])
        if verified.rc != 0:
            raise verified.failed("Pacemaker finds the new configuration invalid")
        simulated = run(["crm_simulate", "--simulate", "--xml-file", wanted], timeout_s=120)
        if simulated.rc != 0:
            raise simulated.failed(
                "Pacemaker foresees that it could not carry this out: do its orders form a loop?"
            )
        actions = transition(simulated.stdout)
        if job.check:
            return Result("changed", f"{len(diff)} changes", diff, actions)
        job.tell("running", f"{len(diff)} changes to the cluster's configuration")
        patch_cib(original, wanted, os.path.join(where, "patch"))
    after = xml().fromstring(must(["cibadmin", "--query"]).stdout)
    left = cib_difference(after, merged(after, desired))
    if left:
        seen = "; ".join(left[:5])
        raise Failed(f"the cluster took the configuration and differs still; does someone else change it? {seen}")
    return Result("changed", f"{len(diff)} changes", diff, actions)


def without_state(whole: Any) -> Any:
    """The CIB without what is known of nodes: one that has not joined yet must not count against it."""
    import copy

    alone = copy.deepcopy(whole)
    for parent, tag in ((alone.find("configuration"), "nodes"), (alone, "status")):
        for each in parent.findall(tag):
            each[:] = []
    return alone


def cib_difference(old: Any, new: Any) -> list[str]:
    old, new = old.find("configuration"), new.find("configuration")
    if significant(old) == significant(new):
        return []
    return cib_changes(old, new) or ["~ parts without an id"]


def patch_cib(original: str, wanted: str, patch: str) -> None:
    """Send only what differs, without versions: what others change elsewhere meanwhile stays."""
    made = run(["crm_diff", "--no-version", "--original", original, "--new", wanted])
    if made.rc not in (0, 1):  # 1 says that they differ
        raise made.failed()
    write_text(patch, made.stdout)
    must(["cibadmin", "--patch", "--xml-file", patch])


def write_text(path: str, text: str) -> None:
    with open(path, "w", encoding="utf-8") as stream:
        stream.write(text)


def not_up_yet(desired: Any) -> Result:
    resources = sum(1 for tag in ("primitive", "bundle") for _ in desired.iterfind("resources//" + tag))
    constraints = sum(len(each) for each in desired.iterfind("constraints"))
    return Result("changed", f"configures the cluster: {resources} resources, {constraints} constraints")


def transition(simulated: str) -> list[str]:
    """The actions of crm_simulate's "Transition Summary"."""
    lines = iter(simulated.partition("Transition Summary:\n")[2].splitlines())
    return [" ".join(line.split()).lstrip("* ") for line in itertools.takewhile(str.strip, lines)]


# ---------------------------------------------------------------------------------------------------------------
# Renewal: a daemon that has read its files as they are now
# ---------------------------------------------------------------------------------------------------------------


def newest(paths: Sequence[str], job: Job) -> tuple[int, str]:
    """When the newest of these files (or of the files in these directories) was written, ns, and its path."""
    best = (0, "")
    for path in paths:
        inside = [os.path.join(path, name) for name in os.listdir(path)] if os.path.isdir(path) else []
        for each in [path, *inside]:
            try:
                best = max(best, (os.stat(each).st_mtime_ns, each))
            except FileNotFoundError:
                continue
        if job.check and path in job.agent.would_write:
            return sys.maxsize, path  # it would be newer than anything that runs now
    return best


def pid_started_ns(pid_file: str) -> int | None:
    """When the process of a pid file started; None if there is none. CLOCK_BOOTTIME: lxcfs forges /proc/uptime."""
    try:
        with open(pid_file, encoding="ascii") as stream:
            pid = int(stream.read().split()[0])
        with open(f"/proc/{pid}/stat", encoding="utf-8", errors="replace") as stream:
            ticks = int(stream.read().rpartition(")")[2].split()[19])
    except (FileNotFoundError, ProcessLookupError, ValueError, IndexError):
        return None
    age_s = time.clock_gettime(time.CLOCK_BOOTTIME) - ticks / os.sysconf("SC_CLK_TCK")
    return int((time.time() - age_s) * 1e9)


def renewed_ns(item: Json) -> int | None:
    """When the daemon last began to read its files; None if it does not run (it will read them when it starts)."""
    unit = item["unit"]
    if unit.startswith("ocf:"):
        return pid_started_ns(unit[4:])
    # The beginning of the last activation, not its end: what was written between may not have been read.
    stamp = "StateChangeTimestamp" if item["renewal"] == "reload" else "InactiveExitTimestamp"
    state = show_units([unit], "ActiveState,ReloadResult," + stamp, "--timestamp=us+utc")[0]
    if state["ActiveState"] not in (*RUNNING, "activating"):
        return None
    if item["renewal"] == "reload" and state.get("ReloadResult", "success") != "success":
        return 0  # a reload that failed moved the stamp as well
    when = datetime.strptime(state[stamp], "%a %Y-%m-%d %H:%M:%S.%f UTC").replace(tzinfo=timezone.utc)
    since = when - datetime(1970, 1, 1, tzinfo=timezone.utc)
    return (since.days * 86_400 + since.seconds) * 1_000_000_000 + since.microseconds * 1000


def renewed(item: Json, job: Job) -> Result:
    written, path = newest(item["files"], job)
    if not path:
        return Result()
    started = renewed_ns(item)
    if started is None or written < started - MTIME_MARGIN_NS:
        return Result()
    why = "{}s {}: {} is newer".format(item["renewal"], item["resource"], path)
    if job.check:
        return Result("changed", why)
    job.go_on()
    job.tell("running", why)
    renew(item, job)
    again = renewed_ns(item)
    if again is not None and again <= started + MTIME_MARGIN_NS:
        raise Failed(
            "{} was asked to {} and has not: is it unmanaged, or the cluster in maintenance mode?".format(
                item["resource"], item["renewal"]
            )
        )
    return Result("changed", why)


def renew(item: Json, job: Job) -> None:
    resource, unit, timeout_s = item["resource"], item["unit"], item["timeout_s"]
    if item["renewal"] == "reload":
        must(["systemctl", "reload", "--", unit], timeout_s=timeout_s)
        return
    try:
        managed = run(["crm_resource", "--resource", resource, "--query-xml", "--quiet"]).rc == 0
    except FileNotFoundError:
        managed = False
    if not managed:
        if unit.startswith("ocf:"):
            raise Failed(f"{resource} is not a resource of this cluster, so nothing can restart it")
        must(["systemctl", "restart", "--", unit], timeout_s=timeout_s)
        return
    restart(resource, job.node, timeout_s)


def restart(resource: str, node: str, timeout_s: float) -> None:
    """Ban the resource from the node until it has stopped there, then let it back.

    As `crm_resource --restart` does, but with a ban whose id tells it from an operator's: one that a killed run or
    a lost node leaves behind is removed with the next configuration, since it is not part of the design.
    """
    ban = f"quorate-restart-{resource}-on-{node}"
    xml = f'<rsc_location id="{ban}" rsc="{resource}" node="{node}" score="-INFINITY"/>'
    wait = ["crm_resource", "--wait", "--timeout", f"{timeout_s:g}s"]
    must(["cibadmin", "--modify", "--allow-create", "--scope", "constraints", "--xml-text", xml])
    try:
        must(wait, timeout_s=timeout_s + 30)
    finally:
        run(["cibadmin", "--delete", "--xml-text", f'<rsc_location id="{ban}"/>'])
    must(wait, timeout_s=timeout_s + 30)


KINDS: dict[str, Callable[[Json, Job], Result]] = {
    "file": file,
    "directory": directory,
    "keyrepository": key_repository,
    "packages": packages,
    "command": command,
    "until": until,
    "cib": cib,
    "renewed": renewed,
}


# ---------------------------------------------------------------------------------------------------------------
# The channel
# ---------------------------------------------------------------------------------------------------------------


class Agent:
    """Reads requests, serves each in a thread of its own, and writes what they report."""

    def __init__(self, source: Any, sink: int) -> None:
        self.source, self.sink = source, sink
        self.gone = threading.Event()  # nobody listens any more
        self.heard = time.monotonic()
        self.out: queue.Queue[bytes | None] = queue.Queue()
        self.locks: list[int] = []
        self.would_write: set[str] = set()  # what check mode found, for the Renewed items that come later
        self.jobs: dict[int, Job] = {}
        self.threads: list[threading.Thread] = []

    def send(self, event: Json) -> None:
        self.out.put(json.dumps(event, separators=(",", ":")).encode() + b"\n")

    def write(self) -> None:
        """Write the queue out; only this thread ever blocks when the controller stops reading."""
        while True:
            data = self.out.get()
            if data is None:
                return
            view = memoryview(data)
            try:
                while view:
                    view = view[os.write(self.sink, view) :]
            except OSError:
                self.gone.set()
                return

    def frame(self) -> bytes | None:
        """The next frame; empty for a sign of life, None at the end of the channel."""
        header = self.source.readline()
        if not header.endswith(b"\n"):
            return None
        left, parts = int(header), []
        while left:
            part = self.source.read1(min(left, 65536))
            if not part:
                return None
            self.heard = time.monotonic()
            parts.append(part)
            left -= len(part)
        return b"".join(parts)

    def read(self) -> None:
        try:
            while True:
                data = self.frame()
                if data is None:
                    break
                self.heard = time.monotonic()
                if data:
                    self.begin(json.loads(zlib.decompress(data)))
        except (OSError, ValueError, zlib.error) as error:
            self.send({"error": unexpected(error)})
        self.gone.set()

    def begin(self, request: Json) -> None:
        if request["op"] == "cancel":
            if request["of"] in self.jobs:
                self.jobs[request["of"]].cancelled = True
            return
        job = self.jobs[request["id"]] = Job(self, request)

        def serve() -> None:
            job.serve()
            self.jobs.pop(request["id"], None)

        thread = threading.Thread(target=serve)
        self.threads = [each for each in self.threads if each.is_alive()]
        self.threads.append(thread)
        thread.start()

    def live(self) -> None:
        """Serve until the controller is gone and what had begun has ended."""
        writer = threading.Thread(target=self.write, daemon=True)
        writer.start()
        threading.Thread(target=self.read, daemon=True).start()
        while not self.gone.wait(1.0):
            if time.monotonic() - self.heard > SILENCE_S:
                self.gone.set()
        for lock in self.locks:
            holder = json.loads(os.pread(lock, 65536, 0))
            os.pwrite(lock, json.dumps(dict(holder, cut_off=True)).encode(), 0)
        for thread in list(self.threads):
            thread.join()
        self.out.put(None)
        writer.join(1.0)


def main() -> None:
    os.umask(0o022)
    os.chdir("/")
    for number in (signal.SIGHUP, signal.SIGINT):
        signal.signal(number, lambda *_: None)  # not SIG_IGN: children would inherit that
    sink = os.dup(1)
    os.dup2(2, 1)
    agent = Agent(sys.stdin.buffer, sink)
    agent.send({"hello": 1, "python": sys.version.split()[0], "uid": os.getuid(), "pid": os.getpid()})
    agent.live()
    os._exit(0)  # the reader may still be blocked on standard input


if __name__ == "__main__":
    main()
