"""systemd units."""

from __future__ import annotations

from typing import Any, Sequence

from quorate.remote.agent.channel import Json
from quorate.remote.agent.jobs import Job, Result
from quorate.remote.agent.processes import TAIL, Ran, must, run

SYSTEMCTL_TIMEOUT_S = 300.0
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
