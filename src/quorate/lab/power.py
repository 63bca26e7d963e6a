"""The power switch of a lab host: what its BMC and `quorate lab power` both work.

The simulated BMC runs this once an IPMI request, five times for one fencing, and the whole cluster waits for it.
So it imports nothing of Quorate and little of Python (no dataclass, pathlib or json: they take longer to load
than the answer takes), and it asks /proc rather than podman. All it must know about the host was written to the
host's runtime directory by `lab up`.
"""

# pathlib is left out for the reason above.
# ruff: noqa: PTH100, PTH105, PTH110, PTH120, PTH123

import fcntl
import os
import select
import sys
import time

TIDY_S = 20.0
"""How long podman may take to tidy up behind a dead container before it is started again regardless."""

DEATH_S = 20.0
"""How long a host's processes may take to die of SIGKILL; 0.1 to 0.3 s is usual."""

INIT = "/sbin/init"

REBOOTED = "129"
"""The exit code of a container that rebooted itself: its init died of SIGHUP (kernel/pid_namespace.c)."""

FIELDS = ("node", "container", "id", "netns", "start", "exit_code", "unplug", "plug", "configure")


class PowerError(Exception):
    """The host's power could not be switched; names the host, the command and its output."""


class Switch:
    """What it takes to cut and restore one host's power.

    `runtime` is the directory with the host's pid files, lock and log. `fields` maps each of FIELDS to its lines:
    the node's name, its container's name and id, its network namespace, the commands that start the container and
    tell its exit code, the `ip -batch` scripts that disconnect and connect it, and the one that sets the addresses
    inside.
    """

    __slots__ = ("fields", "node", "runtime")

    def __init__(self, runtime: str, fields: dict[str, tuple[str, ...]]) -> None:
        self.runtime = runtime
        self.fields = fields
        self.node = fields["node"][0]

    @classmethod
    def load(cls, runtime: str) -> "Switch":
        """The switch in that runtime directory (FileNotFoundError if there is none)."""
        with open(f"{runtime}/switch", encoding="utf-8") as file:
            lines = [line.rstrip("\n").split("\t") for line in file]
        return cls(runtime, {name: tuple(values) for name, *values in lines})

    def save(self) -> None:
        """Write it where `load` finds it, in one step."""
        with open(f"{self.runtime}/switch.new", "w", encoding="utf-8") as file:
            file.writelines("\t".join((name, *self.fields[name])) + "\n" for name in FIELDS)
        os.replace(f"{self.runtime}/switch.new", f"{self.runtime}/switch")

    def init_pid(self) -> int | None:
        """The host's PID 1 as seen from this machine, if it is alive."""
        return self._alive("init.pid")

    def has_booted(self) -> bool:
        """Whether its PID 1 is its own init, not a container runtime that was killed before it came to that."""
        pid = self.init_pid()
        try:
            return pid is not None and _contents(f"/proc/{pid}/cmdline").startswith(INIT)
        except OSError:
            return False

    def is_on(self) -> bool:
        """Whether it has power: its PID 1 is alive, or it is just being started."""
        return self.init_pid() is not None or (self._read("wanted") == "on" and self._lock().is_taken())

    def off(self) -> None:
        """Cut the power: the links go first, then every process at once; returns when all of them are dead."""
        with self._lock():
            self._write("wanted", "off")
            self._ip("unplug", tolerate="Cannot find device")
            init = self.init_pid()
            if init is not None:
                self._kill(init)

    def on(self) -> None:
        """Boot it, with new memory and network; a running host is left alone."""
        with self._lock():
            self._write("wanted", "on")
            self._boot()

    def on_soon(self) -> None:
        """Begin to boot it and return at once, as a real BMC does; what goes wrong stands in power.log."""
        with self._lock():
            self._write("wanted", "on")
            if os.fork() == 0:  # the child has the lock as well, and keeps it until it exits
                self._boot_and_exit()

    def _boot_and_exit(self) -> None:
        """Leave the parent's session and output, which its caller waits for; boot; never return."""
        code = 1
        try:
            os.setsid()
            null, log = os.open(os.devnull, os.O_RDONLY), self._open_log()
            for source, target in ((null, 0), (log, 1), (log, 2)):
                os.dup2(source, target)
            self._boot()
            code = 0
        except (PowerError, OSError) as error:
            os.write(2, f"{time.strftime('%FT%T')} {self.node}: power on: {error}\n".encode())
        finally:
            os._exit(code)

    def stay(self) -> None:
        """Boot it again if it reboots itself; returns once it is dead, by that or for good."""
        init = self.init_pid()
        if init is not None:
            _await_end(init)
        with self._lock():
            if self._read("wanted") == "on" and self.init_pid() is None and self._has_rebooted():
                self._boot()

    def _has_rebooted(self) -> bool:
        self._await_tidied()
        return self._run(*self.fields["exit_code"]).strip() == REBOOTED

    def _boot(self) -> None:
        if self.has_booted():
            return
        init = self.init_pid()
        if init is not None:
            self._kill(init)
        self._await_tidied()
        self._ip("unplug", tolerate="Cannot find device")
        netns = self.fields["netns"][0]
        if os.path.exists(f"/run/netns/{netns}"):
            self._run("ip", "netns", "delete", netns)
        self._run("ip", "netns", "add", netns)
        self._ip("plug")
        self._ip("configure", "-n", netns)
        self._run(*self.fields["start"])
        if self.init_pid() is None:
            raise PowerError(
                f"{self.node}: `{' '.join(self.fields['start'])}` succeeded, yet its container does not run; "
                f"look at `podman inspect {self.fields['container'][0]}`"
            )
        self._leave_watch()

    def _leave_watch(self) -> None:
        """Leave a process behind that lives as long as the host does, and sees to its reboots."""
        argv = program(self.runtime, "stay")
        null, log = os.open(os.devnull, os.O_RDONLY), self._open_log()
        try:
            streams = [(os.POSIX_SPAWN_DUP2, source, target) for source, target in ((null, 0), (log, 1), (log, 2))]
            os.posix_spawn(argv[0], argv, os.environ, file_actions=streams, setsid=True)
        finally:
            os.close(null)
            os.close(log)

    def _open_log(self) -> int:
        return os.open(f"{self.runtime}/power.log", os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)

    def _kill(self, init: int) -> None:
        """SIGKILL the host's PID 1: the kernel ends the rest of its PID namespace before it is gone itself."""
        try:
            watch = os.pidfd_open(init)
        except ProcessLookupError:
            return
        try:
            os.kill(init, 9)
            _thaw(init)
            if not ended(watch, within_s=DEATH_S):
                raise PowerError(f"{self.node}: process {init} has not died of SIGKILL within {DEATH_S:.0f} s")
        finally:
            os.close(watch)

    def _await_tidied(self) -> None:
        """Wait until podman's monitor, which stays for that, has tidied up behind a container that just died."""
        monitor = self._alive("conmon.pid")
        if monitor is not None:
            _await_end(monitor, within_s=TIDY_S)

    def _alive(self, pid_file: str) -> int | None:
        """The process a pid file names, if it lives and is this container's, not another with its number."""
        try:
            pid = int(self._read(pid_file))
            state = _contents(f"/proc/{pid}/stat").rpartition(")")[2].split()[0]
            marks = _contents(f"/proc/{pid}/cmdline") + _contents(f"/proc/{pid}/cgroup")
        except (OSError, ValueError):
            return None
        return pid if state not in "ZX" and self.fields["id"][0] in marks else None

    def _lock(self) -> "Lock":
        return Lock(f"{self.runtime}/lock")

    def _read(self, name: str) -> str:
        """A small file of the runtime directory; empty if it is not there."""
        try:
            return _contents(f"{self.runtime}/{name}")
        except FileNotFoundError:
            return ""

    def _write(self, name: str, text: str) -> None:
        with open(f"{self.runtime}/{name}", "w", encoding="utf-8") as file:
            file.write(text)

    def _ip(self, script: str, *options: str, tolerate: str | None = None) -> None:
        force = ("-force",) if tolerate else ()
        lines = "\n".join(self.fields[script]) + "\n"
        self._run("ip", *options, *force, "-batch", "-", stdin=lines, tolerate=tolerate)

    def _run(self, *argv: str, stdin: str = "", tolerate: str | None = None) -> str:
        import subprocess  # noqa: PLC0415 (takes 15 ms, and asking for the state needs none)

        done = subprocess.run(argv, input=stdin, capture_output=True, text=True, check=False)
        if done.returncode != 0 and not (tolerate and tolerate in done.stderr):
            message = f"`{' '.join(argv)}` ended with {done.returncode}: {done.stderr.strip()}"
            raise PowerError(f"{self.node}: {message}")
        return done.stdout


class Lock:
    """One switching at a time (flock(2)); children forked while it is held keep holding it until they exit."""

    __slots__ = ("descriptor", "path")

    def __init__(self, path: str) -> None:
        self.path = path
        self.descriptor = -1

    def __enter__(self) -> None:
        self.descriptor = os.open(self.path, os.O_RDWR | os.O_CREAT, 0o600)
        fcntl.flock(self.descriptor, fcntl.LOCK_EX)

    def __exit__(self, *_: object) -> None:
        os.close(self.descriptor)

    def is_taken(self) -> bool:
        """Whether somebody holds it now."""
        descriptor = os.open(self.path, os.O_RDWR | os.O_CREAT, 0o600)
        try:
            fcntl.flock(descriptor, fcntl.LOCK_SH | fcntl.LOCK_NB)
        except BlockingIOError:
            return True
        else:
            return False
        finally:
            os.close(descriptor)


def ended(watch: int, *, within_s: float | None = None) -> bool:
    """Wait for the process behind a pidfd to end, however long if no time is given; whether it did."""
    poll = select.poll()
    poll.register(watch, select.POLLIN)
    return bool(poll.poll(None if within_s is None else within_s * 1000))


def _await_end(pid: int, *, within_s: float | None = None) -> None:
    try:
        watch = os.pidfd_open(pid)
    except ProcessLookupError:
        return
    ended(watch, within_s=within_s)
    os.close(watch)


def _contents(path: str) -> str:
    with open(path, encoding="utf-8", errors="replace") as file:
        return file.read()


def _thaw(pid: int) -> None:
    """Let a paused host die: a process in a frozen cgroup of version 1 does not act even on SIGKILL."""
    try:
        groups = _contents(f"/proc/{pid}/cgroup").splitlines()
    except OSError:
        return
    for line in groups:
        _, controllers, path = line.split(":", 2)
        state = f"/sys/fs/cgroup/freezer{path}/freezer.state"
        if controllers == "freezer" and os.path.exists(state):
            with open(state, "w", encoding="ascii") as file:
                file.write("THAWED")


def program(runtime: str, *request: str) -> list[str]:
    """The command that runs `main` for a host."""
    # imported rather than run, so that Python has it compiled already: the cluster waits for it
    text = "import sys; sys.path.append(sys.argv.pop(1)); import power; sys.exit(power.main())"
    return [sys.executable, "-I", "-S", "-c", text, os.path.dirname(os.path.abspath(__file__)), runtime, *request]


def answer(switch: Switch, request: list[str]) -> str:
    """Carry out what ipmi_sim asks of its `chassis_control` program; what is to be printed.

    Requests are `get NAME...`, `set NAME VALUE` and `check NAME VALUE`, after lanserv/extcmd.c of OpenIPMI.
    """
    match request:
        case ["get", *names]:
            return "".join(f"{name}:{int(name == 'power' and switch.is_on())}\n" for name in names)
        case ["set", "power", "0"] | ["set", "shutdown", _]:
            switch.off()
        case ["set", "power", "1"]:
            switch.on_soon()
        case ["set", "reset", _]:
            switch.off()
            switch.on_soon()
        case ["set" | "check", *_]:
            pass  # the boot device, the identifying light: a lab host has none
        case _:
            raise PowerError(f"{switch.node}: its BMC asked for `{' '.join(request)}`, which is unknown")
    return ""


def main() -> int:
    """`RUNTIME_DIRECTORY get|set ...`, as the BMC calls it, and `RUNTIME_DIRECTORY stay`, as each boot does."""
    _, runtime, *request = sys.argv
    try:
        switch = Switch.load(runtime)
        if request == ["stay"]:
            switch.stay()
        else:
            sys.stdout.write(answer(switch, request))
    except (PowerError, OSError) as error:
        sys.stderr.write(f"{time.strftime('%FT%T')} {error}\n")
        return 1
    return 0
