"""The worker as a process on this machine, or the client of one elsewhere, and its protocol."""

import json
import os
import signal
import subprocess
import tempfile
import zlib
from contextlib import suppress
from pathlib import Path
from threading import Timer

from quorate.prove.scheduler.place import Place

END_S = 2.0
"""A worker ends with its input; podman sometimes waits longer for a container that is no more."""

_STDERR_BYTES = 4000
_LINE_BYTES = 4000

_TUNABLES = "GLIBC_TUNABLES=glibc.malloc.tcache_count=60000"
"""A schedule makes and frees many small things: with the usual cache, of 7 of each size, it takes 6 % longer."""

_WORKER = Path(__file__).with_name("worker.py").read_bytes()
# For `python3 -c`; reads the worker's source from standard input, which then serves what follows it.
_PROGRAM = (
    "import sys;"
    f"source=sys.stdin.buffer.read({len(_WORKER)});"
    "exec(compile(source,'worker.py','exec'),{'__name__':'__main__'})"
)


class Lost(Exception):
    """The process ended, said something else than an answer, or was too late."""


class Refused(Exception):
    """The worker says that it has no answer, and why."""


class Process:
    """A running worker, for one question at a time. OSError if the place's command cannot be run."""

    def __init__(self, place: Place) -> None:
        self._stderr = tempfile.TemporaryFile(buffering=0)  # noqa: SIM115 - closed in `close`
        try:
            self._process = subprocess.Popen(
                place.command("env", _TUNABLES, "python3", "-I", "-c", _PROGRAM),
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=self._stderr,
                start_new_session=True,  # a Ctrl-C is the caller's, and killing it takes its children with it
            )
        except OSError:
            self._stderr.close()
            raise
        assert self._process.stdin
        assert self._process.stdout
        self._requests, self._answers = self._process.stdin, self._process.stdout
        self._late = False
        with suppress(BrokenPipeError):
            self._requests.write(_WORKER)

    @property
    def ended(self) -> bool:
        """Whether it takes no more questions."""
        return self._process.poll() is not None

    def ask(self, ask: str, body: bytes, within_s: float) -> bytes:
        """An answer's body; Refused if there is none.

        Raises Lost, and the process is no more, if it ends or does not answer within `within_s`.
        """
        packed = zlib.compress(body, zlib.Z_BEST_SPEED)
        request = json.dumps({"ask": ask, "size": len(packed), "within_s": within_s}).encode() + b"\n" + packed
        deadline = Timer(within_s, self._kill_late)
        deadline.start()
        try:
            ok, said = self._exchange(request)
        except Lost as lost:
            self._kill()
            why = f"it did not end within {within_s:g} s" if self._late else str(lost)
            raise Lost(f"{why}{self._words()}") from lost
        finally:
            deadline.cancel()
            deadline.join()
        words = self._words()
        self._forget_words()
        if not ok:
            raise Refused(f"{said.decode(errors='replace')}{words}")
        return said

    def close(self) -> None:
        """End its input, wait for its end, and kill it if that does not come within `END_S`."""
        with suppress(BrokenPipeError):
            self._requests.close()
        try:
            self._process.wait(END_S)
        except subprocess.TimeoutExpired:
            self._kill()
        self._answers.close()
        self._stderr.close()

    def _exchange(self, request: bytes) -> tuple[bool, bytes]:
        with suppress(BrokenPipeError):  # what it said before it ended is still to be read
            self._requests.write(request)
            self._requests.flush()
        line = self._answers.readline(_LINE_BYTES)
        if not line:
            raise Lost(self._ending())
        try:
            answer = json.loads(line)
            ok, size = bool(answer["ok"]), int(answer["size"])
        except (ValueError, TypeError, KeyError) as error:
            raise Lost(f"it said {line.decode(errors='replace').strip()!r} instead of an answer") from error
        said = self._answers.read(size)
        if len(said) < size:
            raise Lost(self._ending())
        return ok, zlib.decompress(said)

    def _kill_late(self) -> None:
        self._late = True
        self._kill()

    def _kill(self) -> None:
        with suppress(ProcessLookupError):
            os.killpg(self._process.pid, signal.SIGKILL)
        self._process.wait()

    def _ending(self) -> str:
        try:
            code = self._process.wait(END_S)
        except subprocess.TimeoutExpired:
            return "it closed its output"
        return f"it was ended by {signal.Signals(-code).name}" if code < 0 else f"it ended with {code}"

    def _words(self) -> str:
        """The end of what it wrote to standard error since its last answer, to be appended to a message."""
        stderr = self._stderr.fileno()
        words = os.pread(stderr, _STDERR_BYTES, max(0, os.fstat(stderr).st_size - _STDERR_BYTES))
        said = words.decode(errors="replace").strip()
        return f":\n{said}" if said else ""

    def _forget_words(self) -> None:
        self._stderr.truncate(0)
        self._stderr.seek(0)  # for the process too: it shares the place where the next word goes
