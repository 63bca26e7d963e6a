"""Programs run to their end or their deadline, without a pipe that a daemon could hold open."""

from __future__ import annotations

import os
import signal
import subprocess
from typing import Any, Sequence

TAIL = 4000  # characters of output kept of a command that failed


class Failed(Exception):
    """An item that could not be brought to its state; `more` joins the event (argv, rc, stdout, stderr)."""

    def __init__(self, message: str, **more: Any) -> None:
        super().__init__(message)
        self.more = more


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
