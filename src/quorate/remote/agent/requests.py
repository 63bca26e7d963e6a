"""What the controller can ask for: apply a stage of items, run probes, take the host's lock."""

from __future__ import annotations

import fcntl
import itertools
import json
import os
import queue
import threading
import time
from typing import Any, Callable, Iterable, Iterator

from quorate.remote.agent.channel import Agent, Json, unexpected
from quorate.remote.agent.cib import cib
from quorate.remote.agent.commands import command, until
from quorate.remote.agent.files import directory, file, key_repository
from quorate.remote.agent.jobs import Job, Result, Stopped
from quorate.remote.agent.packages import packages
from quorate.remote.agent.processes import Failed, Ran, run
from quorate.remote.agent.renewals import renewed
from quorate.remote.agent.units import units

PROBES_AT_ONCE = 16
NICENESS = 10  # whoever looks at many things at once yields to what the node is there for
CUT_OFF = '"cut_off": true'  # in the lock's file: its controller is gone, and the lock goes once the command ended
AT_WORK_S = 3.0  # who holds the lock so long without being cut off is at work, and not waited for

KINDS: dict[str, Callable[[Json, Job], Result]] = {
    "file": file,
    "directory": directory,
    "keyrepository": key_repository,
    "packages": packages,
    "command": command,
    "until": until,
    "cib": cib,
}
TOGETHER: dict[str, Callable[[list[Json], Job], list[Any]]] = {"unit": units, "renewed": renewed}


def serve(agent: Agent, request: Json, cancelled: threading.Event) -> None:
    job, begun = Job(agent, request, cancelled), time.monotonic()
    try:
        OPERATIONS[request["op"]](job)
    except Stopped:
        job.emit(done=True, stopped=True, seconds=elapsed(begun))
    except Exception as error:  # noqa: BLE001 - a broken request must not end the agent
        job.emit(done=True, error=unexpected(error), seconds=elapsed(begun))
    else:
        job.emit(done=True, seconds=elapsed(begun))


def elapsed(begun: float) -> float:
    return round(time.monotonic() - begun, 4)


# -- apply


def apply(job: Job) -> None:
    """A stage of items, in order; the first that fails ends it (in check mode all are looked at)."""
    at = 0
    for batch in batches(job.request["items"]):
        job.go_on()
        job.item, begun = at, time.monotonic()
        results, seconds = attempt(batch, job), elapsed(begun)
        failed = [conclude(job, at + offset, result, seconds) for offset, result in enumerate(results)]
        if any(failed) and not job.check:
            return
        at += len(batch)


def batches(items: Iterable[Json]) -> Iterator[list[Json]]:
    """Each item by itself, but those of a kind that is done together as they follow one another."""
    for kind, alike in itertools.groupby(items, key=lambda item: item["kind"]):
        if kind in TOGETHER:
            yield list(alike)
        else:
            yield from ([item] for item in alike)


def attempt(batch: list[Json], job: Job) -> list[Any]:
    """A result for each item; whatever goes wrong fails the first of them, and nothing is known of the others."""
    try:
        kind = batch[0]["kind"]
        return TOGETHER[kind](batch, job) if kind in TOGETHER else [KINDS[kind](batch[0], job)]
    except Failed as failure:
        first = failure
    except Stopped:
        raise
    except Exception as error:  # noqa: BLE001 - one item's surprise is that item's failure
        first = Failed(unexpected(error))
    return [first, *[None] * (len(batch) - 1)]


def conclude(job: Job, index: int, result: Any, seconds: float) -> bool:
    """Report an item's end unless it simply was as it should be; whether it failed."""
    if isinstance(result, Failed):
        job.emit(i=index, status="failed", seconds=seconds, detail=str(result), **result.more)
        return True
    if result is not None and result.status != "ok":
        more = {name: getattr(result, name) for name in ("diff", "actions") if getattr(result, name)}
        job.emit(i=index, status=result.status, seconds=seconds, detail=result.detail, **more)
    return False


# -- run


def run_probes(job: Job) -> None:
    """Programs whose results are judged by the controller, one after the other or many at once."""
    probes = list(enumerate(job.request["probes"]))
    if not job.request.get("at_once"):
        for index, each in probes:
            job.go_on()
            probe(job, index, each)
        return
    waiting: queue.Queue[tuple[int, Json]] = queue.Queue()
    for pair in probes:
        waiting.put(pair)

    def work() -> None:
        os.nice(NICENESS)  # on Linux this thread's alone, and of what it starts
        while not job.agent.gone.is_set():
            try:
                probe(job, *waiting.get_nowait())
            except queue.Empty:
                return

    threads = [threading.Thread(target=work) for _ in range(min(PROBES_AT_ONCE, len(probes)))]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()


def probe(job: Job, index: int, wanted: Json) -> None:
    begun = time.monotonic()
    try:
        ran = run(wanted["argv"], wanted.get("stdin", ""), wanted.get("timeout_s", 30.0))
    except OSError as error:
        ran = Ran(wanted["argv"], 127, "", "{}: {}".format(wanted["argv"][0], error.strerror))
    job.emit(i=index, rc=ran.rc, stdout=ran.stdout, stderr=ran.stderr, seconds=elapsed(begun))


# -- lock


def lock(job: Job) -> None:
    """Held until the agent ends, also when that is after its controller: only then it is waited for."""
    path, mine = job.request["path"], dict(job.request["holder"], agent_pid=os.getpid())
    begun, within_s = time.monotonic(), job.request["within_s"]
    fd = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC | os.O_NOFOLLOW, 0o644)
    while True:
        try:
            fcntl.flock(fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
            break
        except BlockingIOError:
            held = os.pread(fd, 65536, 0).decode("utf-8", "replace")
            patience_s = within_s if CUT_OFF in held else min(within_s, AT_WORK_S)
            if time.monotonic() - begun >= patience_s or job.agent.gone.wait(0.2):
                os.close(fd)
                job.emit(refused=held)
                return
    os.ftruncate(fd, 0)
    os.pwrite(fd, json.dumps(mine).encode(), 0)
    job.agent.locks.append(fd)


OPERATIONS: dict[str, Callable[[Job], None]] = {"apply": apply, "run": run_probes, "lock": lock}
