"""Asks Pacemaker where Pacemaker is: answers requests on standard input until that ends.

Sent to `python3 -I -c` as it is: the standard library of Python >= 3.9 only, and nothing of the rest of Quorate.

A request is a line of JSON with `ask`, `size` and `within_s`, and a body of so many bytes; an answer is one with
`ok` and `size`, and a body: what was asked for, or why it cannot be had. Bodies are compressed by zlib, for podman
or ssh carries them. The first request is `hello`, whose body names the engine wanted. Pacemaker may abort on an
input, or never end: then this process ends.

The engine `library` calls libpacemaker in this process. It does what crm_simulate of 3.0.0 does (`setup_input` in
tools/crm_simulate.c, `pcmk__simulate` in lib/pacemaker/pcmk_simulate.c), and takes the graph from memory.
Structures and functions are not of the public interface, so it is used with versions that it was compared with.
"""

from __future__ import annotations

import ctypes
import json
import locale
import os
import signal
import subprocess
import sys
import tempfile
import zlib
from collections.abc import Callable
from pathlib import Path
from typing import IO, Any

LIBRARY, COMMAND = "library", "crm_simulate"

KNOWN = ("3.0.0",)
"""Versions whose structures are those below. 3.0.1 has the same names but `pcmk__schedule_actions(scheduler)`."""

COMMON, STATUS, SCHEDULER, XML = "libcrmcommon.so.68", "libpe_status.so.56", "libpacemaker.so.30", "libxml2.so.2"

GRACE_S = 1.0
"""How much longer than its caller this waits: the caller says that it was too long."""

SANITIZED = 1 << 21
NO_COUNTS = 1 << 23
"""`enum pcmk__scheduler_flags`: parameters are masked, as crm_simulate has them; instances need not be counted."""

os.environ.update(
    PCMK_logfacility="none",
    PCMK_logpriority="none",
    PCMK_logfile="none",
    LC_ALL="C.UTF-8",
    PATH=os.environ.get("PATH", os.defpath) + ":/usr/sbin:/sbin",  # an ordinary user's has no crm_simulate
)

Pointer = ctypes.c_void_p


class Refused(Exception):
    """What was asked cannot be had; the message says why."""


class Private(ctypes.Structure):
    """`struct pcmk__scheduler_private` (include/crm/common/scheduler_internal.h)."""

    _fields_ = [
        ("local_node_name", Pointer),
        ("now", Pointer),
        ("out", Pointer),
        ("options", Pointer),
        ("fence_action", Pointer),
        ("fence_timeout_ms", ctypes.c_uint),
        ("priority_fencing_ms", ctypes.c_uint),
        ("shutdown_lock_ms", ctypes.c_uint),
        ("node_pending_ms", ctypes.c_uint),
        ("placement_strategy", Pointer),
        ("rsc_defaults", Pointer),
        ("op_defaults", Pointer),
        ("resources", Pointer),
        ("templates", Pointer),
        ("tags", Pointer),
        ("actions", Pointer),
        ("singletons", Pointer),
        ("next_action_id", ctypes.c_int),
        ("failed", Pointer),
        ("param_check", Pointer),
        ("stop_needed", Pointer),
        ("location_constraints", Pointer),
        ("colocation_constraints", Pointer),
        ("ordering_constraints", Pointer),
        ("ticket_constraints", Pointer),
        ("next_ordering_id", ctypes.c_int),
        ("ninstances", ctypes.c_int),
        ("blocked_resources", ctypes.c_int),
        ("disabled_resources", ctypes.c_int),
        ("recheck_by", ctypes.c_long),
        ("graph", Pointer),
        ("synapse_count", ctypes.c_int),
    ]


class Scheduler(ctypes.Structure):
    """`struct pcmk__scheduler` (include/crm/common/scheduler.h)."""

    _fields_ = [
        ("input", Pointer),
        ("dc_node", Pointer),
        ("flags", ctypes.c_uint64),
        ("no_quorum_policy", ctypes.c_int),
        ("nodes", Pointer),
        ("priv", ctypes.POINTER(Private)),
    ]


class Library:
    """Pacemaker's scheduler in this process."""

    def __init__(self, version: str) -> None:
        if version not in KNOWN:
            raise Refused(f"the structures in memory of Pacemaker {version} are not known")
        try:
            xml, common, status, scheduler = (
                ctypes.CDLL(name, mode=ctypes.RTLD_GLOBAL) for name in (XML, COMMON, STATUS, SCHEDULER)
            )
        except OSError as error:
            raise Refused(str(error)) from error
        a_scheduler = ctypes.POINTER(Scheduler)
        self._parse = _function(common, "pcmk__xml_parse", Pointer, ctypes.c_char_p)
        self._free_xml = _function(common, "pcmk__xml_free", None, Pointer)
        self._child = _function(common, "pcmk_find_cib_element", Pointer, Pointer, ctypes.c_char_p)
        self._add_child = _function(common, "pcmk__xe_create", Pointer, Pointer, ctypes.c_char_p)
        self._update = _function(
            common, "pcmk__update_configured_schema", ctypes.c_int, ctypes.POINTER(Pointer), ctypes.c_bool
        )
        self._validate = _function(common, "pcmk__validate_xml", ctypes.c_bool, Pointer, Pointer, Pointer, Pointer)
        self._epoch = _function(
            common,
            "crm_element_value_epoch",
            ctypes.c_int,
            Pointer,
            ctypes.c_char_p,
            ctypes.POINTER(ctypes.c_long),
        )
        self._time = _function(common, "pcmk__copy_timet", Pointer, ctypes.c_long)
        self._new = _function(status, "pe_new_working_set", a_scheduler)
        self._free = _function(status, "pe_free_working_set", None, a_scheduler)
        self._read_status = _function(status, "cluster_status", ctypes.c_bool, a_scheduler)
        self._schedule = _function(
            scheduler, "pcmk__schedule_actions", None, Pointer, ctypes.c_ulonglong, a_scheduler
        )
        self._new_buffer = _function(xml, "xmlBufferCreate", Pointer)
        self._dump = _function(
            xml, "xmlNodeDump", ctypes.c_int, Pointer, Pointer, Pointer, ctypes.c_int, ctypes.c_int
        )
        self._content = _function(xml, "xmlBufferContent", ctypes.c_char_p, Pointer)
        self._free_buffer = _function(xml, "xmlBufferFree", None, Pointer)
        _function(common, "pcmk__cli_init_logging", None, ctypes.c_char_p, ctypes.c_uint)(COMMAND.encode(), 0)
        self._valid = b""
        self._out = Pointer()
        if _function(common, "pcmk__log_output_new", ctypes.c_int, ctypes.POINTER(Pointer))(
            ctypes.byref(self._out)
        ):
            raise Refused("libcrmcommon gave no log output")
        _function(status, "pe__register_messages", None, Pointer)(self._out)
        _function(scheduler, "pcmk__register_lib_messages", None, Pointer)(self._out)

    def schedule(self, cib: bytes, within_s: float) -> bytes:
        """The transition graph of a CIB."""
        # most of the time goes to compiling patterns for fail counts, which takes half as long without UTF-8
        locale.setlocale(locale.LC_CTYPE, "C" if cib.isascii() else "C.UTF-8")
        signal.setitimer(signal.ITIMER_REAL, within_s)  # ends this process, which may be deep in C
        try:
            configuration = self._configuration(cib)
            working = self._new()
            try:
                return self._graph(working, configuration)
            finally:
                working.contents.priv.contents.out = None  # shared by all
                self._free(working)  # the CIB and the graph with it
        finally:
            signal.setitimer(signal.ITIMER_REAL, 0)

    def _configuration(self, cib: bytes) -> Pointer:
        """The CIB in memory, in the scheduler's schema, and valid (of one configuration the first)."""
        parsed = Pointer(self._parse(cib))
        if not parsed:
            raise Refused("not XML")
        if not self._child(parsed, b"status"):
            self._add_child(parsed, b"status")
        configuration = cib.partition(b"<status")[0]
        if self._update(ctypes.byref(parsed), False) or not (
            configuration == self._valid or self._validate(parsed, None, None, None)
        ):
            self._free_xml(parsed)
            raise Refused("not valid by its schema")
        self._valid = configuration
        return parsed

    def _graph(self, working: Any, configuration: Pointer) -> bytes:
        private = working.contents.priv.contents
        working.contents.input = configuration
        working.contents.flags |= SANITIZED | NO_COUNTS
        private.out = self._out
        date = ctypes.c_long()
        self._epoch(configuration, b"execution-date", ctypes.byref(date))
        if date.value:
            private.now = self._time(date)
        # the date lasts only if status is read first
        self._read_status(working)
        self._schedule(configuration, 0, working)
        buffer = self._new_buffer()
        try:
            self._dump(buffer, None, private.graph, 0, 0)
            content: bytes = self._content(buffer)
        finally:
            self._free_buffer(buffer)
        return content


def _function(library: ctypes.CDLL, name: str, result: Any, *arguments: Any) -> Callable[..., Any]:
    try:
        found = library[name]
    except AttributeError as error:
        raise Refused(str(error)) from error
    found.restype, found.argtypes = result, arguments
    return found


class Commands:
    """Pacemaker's own programs, one process for each question."""

    def __init__(self, directory: Path) -> None:
        self._before, self._after, self._made = (
            directory / name for name in ("before.xml", "after.xml", "graph.xml")
        )

    def version(self) -> str:
        """Pacemaker's, such as 3.0.0."""
        words = _run([COMMAND, "--version"], 60.0).stdout.split()
        if words[:1] != ["Pacemaker"]:
            raise Refused(f"`{COMMAND} --version` said {' '.join(words) or 'nothing'}")
        return words[1]

    def schedule(self, cib: bytes, within_s: float) -> bytes:
        """The transition graph of a CIB."""
        self._simulate(cib, within_s, "--run", f"--save-graph={self._made}")
        return self._made.read_bytes()

    def simulate(self, cib: bytes, within_s: float) -> bytes:
        """The CIB after one transition, in which everything succeeds."""
        self._simulate(cib, within_s, "--simulate")
        return self._after.read_bytes()

    def status(self, cib: bytes, within_s: float) -> bytes:
        """What runs where by a CIB's status section, at its execution date, in crm_mon's XML."""
        said = self._ask(cib, within_s, COMMAND, "--output-as=xml", f"--save-output={self._after}", "--xml-file")
        if said.returncode:
            raise Refused(_words(said))
        return said.stdout.encode()

    def verify(self, cib: bytes, within_s: float) -> bytes:
        """The code with which `crm_verify -VV` ends, and the lines it writes."""
        said = self._ask(cib, within_s, "crm_verify", "-VV", "--xml-file")
        lines = [line for line in (said.stderr + said.stdout).splitlines() if line]
        return json.dumps({"code": said.returncode, "lines": lines}).encode()

    def _simulate(self, cib: bytes, within_s: float, *options: str) -> None:
        # without --save-output it would leave a copy of the CIB in a directory of its own
        output = f"--save-output={self._after}"
        said = self._ask(cib, within_s, COMMAND, "--quiet", *options, output, "--xml-file")
        if said.returncode:
            raise Refused(_words(said))

    def _ask(self, cib: bytes, within_s: float, *command: str) -> subprocess.CompletedProcess[str]:
        self._before.write_bytes(cib)
        for old in (self._after, self._made):
            old.unlink(missing_ok=True)
        return _run([*command, str(self._before)], within_s)


def _run(command: list[str], within_s: float) -> subprocess.CompletedProcess[str]:
    try:
        return subprocess.run(
            command,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            encoding="utf-8",
            errors="replace",
            timeout=within_s,
            check=False,
        )
    except FileNotFoundError as error:
        raise Refused(f"{command[0]} is not installed") from error
    except subprocess.TimeoutExpired as error:
        raise Refused(f"{command[0]} did not end within {within_s:.0f} s") from error


def _words(said: subprocess.CompletedProcess[str]) -> str:
    words = " ".join((said.stderr + said.stdout).split())
    return f"{said.args[0]} ended with {said.returncode}: {words or 'no output'}"


class Worker:
    """What answers: Pacemaker's programs, and its library where that can be used."""

    def __init__(self, directory: Path) -> None:
        self._commands = Commands(directory)
        self._schedule: Callable[[bytes, float], bytes] = self._commands.schedule

    def answer(self, ask: str, body: bytes, within_s: float) -> bytes:
        """The answer's body (Refused if there is none)."""
        if ask == "hello":
            return json.dumps(self._hello(body.decode())).encode()
        if ask == "schedule":
            return self._schedule(body, within_s)
        asked: Callable[[bytes, float], bytes] = getattr(self._commands, ask)
        return asked(body, within_s)

    def _hello(self, engine: str) -> dict[str, str]:
        """Pacemaker's version, the engine, and why that is not the library if it was not asked for."""
        version = self._commands.version()
        if engine == COMMAND:
            return {"pacemaker": version, "engine": COMMAND, "why": ""}
        try:
            self._schedule = Library(version).schedule
        except Refused as refused:
            if engine == LIBRARY:
                raise
            return {"pacemaker": version, "engine": COMMAND, "why": str(refused)}
        return {"pacemaker": version, "engine": LIBRARY, "why": ""}


def serve(requests: IO[bytes], answers: IO[bytes], worker: Worker) -> None:
    """Answer until there are no more requests."""
    while line := requests.readline():
        request = json.loads(line)
        body = zlib.decompress(requests.read(request["size"]))
        try:
            ok, said = True, worker.answer(request["ask"], body, request["within_s"] + GRACE_S)
        except Refused as refused:
            ok, said = False, str(refused).encode()
        packed = zlib.compress(said, zlib.Z_BEST_SPEED)
        answers.write(json.dumps({"ok": ok, "size": len(packed)}).encode() + b"\n" + packed)
        answers.flush()


def main() -> None:
    """Serve standard input. What Pacemaker prints goes to standard error."""
    answers = os.fdopen(os.dup(1), "wb")
    os.dup2(2, 1)
    memory = Path("/dev/shm")  # noqa: S108 - what is made there is its maker's alone
    with tempfile.TemporaryDirectory(prefix="quorate-", dir=memory if os.access(memory, os.W_OK) else None) as own:
        serve(sys.stdin.buffer, answers, Worker(Path(own)))


if __name__ == "__main__":
    # a container's first process is deaf to signals that it does not handle, such as the timer's
    if os.getpid() == 1 and (child := os.fork()):
        os._exit(os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) & 0xFF)
    main()
