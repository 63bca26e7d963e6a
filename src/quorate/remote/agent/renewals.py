"""Renewal: a daemon that has read its files as they are now."""

from __future__ import annotations

import os
import sys
import time
from datetime import datetime, timezone
from typing import Any, Callable, Sequence

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


def renewed(items: list[Json], job: Job) -> list[Any]:
    """A run of Renewed items, a result or Failed for each; what the cluster restarts it restarts together."""
    whys = [outdated(item, job) for item in items]
    results: list[Any] = [Result("changed", why) if why else Result() for why in whys]
    if job.check or not any(whys):
        return results
    job.go_on()
    job.tell("running", "; ".join(why for why in whys if why))
    due = [index for index, why in enumerate(whys) if why]
    clustered = [index for index in due if restarted_by_cluster(items[index])]
    for index in due:
        if index not in clustered:
            try:
                renew(items[index])
            except Failed as failure:
                results[index] = failure
    if clustered and in_maintenance():
        why = "{} would be restarted, and the cluster is in maintenance mode; end that, then deploy again"
        failures = [Failed(why.format(items[index]["resource"])) for index in clustered]
    else:
        failures = restart([items[index] for index in clustered], job) if clustered else []
    for index, failed in zip(clustered, failures):
        results[index] = failed or results[index]
    return results


def outdated(item: Json, job: Job) -> str:
    """Why it is to be renewed; empty if it has read its files, or reads them when it starts."""
    written, path = newest(item["files"], job)
    started = renewed_ns(item) if path else None
    if started is None or written < started - MTIME_MARGIN_NS:
        return ""
    return "{}s {}: {} is newer".format(item["renewal"], item["resource"], path)


def renew(item: Json) -> None:
    """Without the cluster."""
    unit = item["unit"]
    if item["renewal"] != "reload" and unit.startswith("ocf:"):
        raise Failed("{} is not a resource of this cluster, so nothing can restart it".format(item["resource"]))
    started = renewed_ns(item)
    must(["systemctl", item["renewal"], "--", unit], timeout_s=item["timeout_s"])
    again = renewed_ns(item)
    if started is not None and again is not None and again <= started + MTIME_MARGIN_NS:
        raise Failed("{} was asked to {} and has not".format(unit, item["renewal"]))


def restarted_by_cluster(item: Json) -> bool:
    """Whether it is to be restarted, and the cluster knows it."""
    if item["renewal"] == "reload":
        return False
    try:
        return run(["crm_resource", "--resource", item["resource"], "--query-xml", "--quiet"]).rc == 0
    except FileNotFoundError:
        return False


def in_maintenance() -> bool:
    """Whether the cluster leaves everything as it is, at an operator's word."""
    asked = ["crm_attribute", "--query", "--quiet", "--name", "maintenance-mode", "--default", "false"]
    return must(asked).stdout.strip().lower() in ("true", "on", "yes", "y", "1")


def located(resource: str) -> bool:
    """Whether it runs on some node."""
    found = run(["crm_resource", "--resource", resource, "--locate"])
    return found.rc == 0 and "is running on: " in found.stdout


def restart(items: list[Json], job: Job) -> list[Any]:
    """Ban the resources from the node until they have stopped there, then let them back; None or Failed for each.

    As `crm_resource --restart` does, but waiting for these resources alone, not for all that the cluster does; and
    with bans whose ids tell them from an operator's: those that a killed run or a lost node leaves behind are
    removed with the next configuration, since they are not part of the design.
    """
    # One for a group of which several have to read anew.
    names = {item["resource"]: "quorate-restart-{}-on-{}".format(item["resource"], job.node) for item in items}
    bans = "".join(
        f'<rsc_location id="{name}" rsc="{resource}" node="{job.node}" score="-INFINITY"/>'
        for resource, name in names.items()
    )
    modify = ["cibadmin", "--modify", "--allow-create", "--scope", "constraints", "--xml-text"]
    must([*modify, f"<constraints>{bans}</constraints>"])
    try:
        stopped = wait(items, job, "stopped", lambda item: renewed_ns(item) is None)
    finally:
        for name in names.values():
            run(["cibadmin", "--delete", "--xml-text", f'<rsc_location id="{name}"/>'])
    started = wait(items, job, "started again", back)
    return [one or other for one, other in zip(stopped, started)]


def back(item: Json) -> bool:
    """Whether it runs again: one that runs once may be at home elsewhere now."""
    return located(item["resource"]) if item["once"] else renewed_ns(item) is not None


def wait(items: list[Json], job: Job, what: str, holds: Callable[[Json], bool]) -> list[Any]:
    """Until it holds of all, as long as Pacemaker itself would wait; None or Failed for each."""
    within_s = max(item["timeout_s"] for item in items)
    end = time.monotonic() + within_s
    left = list(items)
    while left:
        left = [item for item in left if not holds(item)]
        if not left or time.monotonic() > end:
            break
        job.agent.gone.wait(0.3)
        job.go_on()
    why = "was asked to restart and has not {} within {:g} s: is it unmanaged, or its node in maintenance mode?"
    return [
        Failed(f"{item['resource']} " + why.format(what, within_s)) if item in left else None for item in items
    ]
