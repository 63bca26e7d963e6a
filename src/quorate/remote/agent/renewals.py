"""Renewal: a daemon that has read its files as they are now."""

from __future__ import annotations

import os
import sys
import time
from datetime import datetime, timezone
from typing import Callable, Sequence

from quorate.remote.agent.channel import Json
from quorate.remote.agent.jobs import Job, Result
from quorate.remote.agent.processes import Failed, must, run
from quorate.remote.agent.units import RUNNING, show_units

MTIME_MARGIN_NS = 20_000_000  # files are stamped by the tick, up to 10 ms late; /proc counts in ticks too


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
            fields = stream.read().rpartition(")")[2].split()
        if fields[0] == "Z":
            return None
        ticks = int(fields[19])
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
    return Result("changed", why)


def renew(item: Json, job: Job) -> None:
    resource, unit, timeout_s = item["resource"], item["unit"], item["timeout_s"]
    started = renewed_ns(item)
    if item["renewal"] == "reload":
        must(["systemctl", "reload", "--", unit], timeout_s=timeout_s)
    elif managed(resource):
        restart(item, job)
        return
    elif unit.startswith("ocf:"):
        raise Failed(f"{resource} is not a resource of this cluster, so nothing can restart it")
    else:
        must(["systemctl", "restart", "--", unit], timeout_s=timeout_s)
    again = renewed_ns(item)
    if started is not None and again is not None and again <= started + MTIME_MARGIN_NS:
        raise Failed("{} was asked to {} and has not".format(unit, item["renewal"]))


def managed(resource: str) -> bool:
    """Whether the cluster knows it."""
    try:
        return run(["crm_resource", "--resource", resource, "--query-xml", "--quiet"]).rc == 0
    except FileNotFoundError:
        return False


def located(resource: str) -> bool:
    """Whether it runs on some node."""
    found = run(["crm_resource", "--resource", resource, "--locate"])
    return found.rc == 0 and "is running on: " in found.stdout


def restart(item: Json, job: Job) -> None:
    """Ban the resource from the node until it has stopped there, then let it back.

    As `crm_resource --restart` does, but waiting for this resource alone, not for all that the cluster does; and
    with a ban whose id tells it from an operator's: one that a killed run or a lost node leaves behind is removed
    with the next configuration, since it is not part of the design.
    """
    resource = item["resource"]
    ban = f"quorate-restart-{resource}-on-{job.node}"
    xml = f'<rsc_location id="{ban}" rsc="{resource}" node="{job.node}" score="-INFINITY"/>'
    must(["cibadmin", "--modify", "--allow-create", "--scope", "constraints", "--xml-text", xml])
    try:
        wait(item, job, "stopped", lambda: renewed_ns(item) is None)
    finally:
        run(["cibadmin", "--delete", "--xml-text", f'<rsc_location id="{ban}"/>'])
    # One that runs once may be at home elsewhere now.
    wait(item, job, "started again", lambda: located(resource) if item["once"] else renewed_ns(item) is not None)


def wait(item: Json, job: Job, what: str, holds: Callable[[], bool]) -> None:
    """Until it holds, as long as Pacemaker itself would wait."""
    end = time.monotonic() + item["timeout_s"]
    while not holds():
        if time.monotonic() > end:
            raise Failed(
                "{} was asked to restart and has not {} within {:g} s: is it unmanaged, or the cluster in "
                "maintenance mode?".format(item["resource"], what, item["timeout_s"])
            )
        job.agent.gone.wait(0.3)
        job.go_on()
