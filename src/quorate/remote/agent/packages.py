"""Debian packages."""

from __future__ import annotations

import re
from typing import Sequence

from quorate.remote.agent.channel import Json
from quorate.remote.agent.jobs import Job, Result
from quorate.remote.agent.processes import must, run

APT_TIMEOUT_S = 1800.0
APT = (
    "apt-get", "-y", "-q", "-o", "Dpkg::Options::=--force-confold", "-o", "DPkg::Lock::Timeout=300",
    "-o", "Acquire::Retries=2", "--no-install-recommends",
)  # fmt: skip
STALE_LISTS = re.compile(
    r"Unable to locate package|has no installation candidate|was not found|404 +Not Found|(Unable|Failed) to fetch"
)


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
