"""`quorate demo`: a cloud in a lab, from nothing to the power cut of a controller and back."""

import argparse
import asyncio
import sys
import time
from collections.abc import Callable
from pathlib import Path

from quorate.catalog import keystone
from quorate.cli.cloud import Opened, opened, secrets_of, values
from quorate.cli.exit import NO, YES
from quorate.cli.hosts import sessions
from quorate.cli.verify import as_text
from quorate.drill.power_cut import PowerCut, power_cut
from quorate.drill.probe import Target
from quorate.lab.lab import Lab
from quorate.model.finding import Verdict
from quorate.remote.session import open_all
from quorate.remote.until import until
from quorate.verify import Report, verify

BACK_WITHIN_S = 300.0


def add_parser(subparsers: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    """Register the command."""
    parser = subparsers.add_parser("demo", help="a lab, a cloud in it, and the power cut of a controller")
    parser.add_argument("directory", type=Path, metavar="DIR", help="where the demo's files go")
    parser.set_defaults(run=run)


def run(args: argparse.Namespace) -> int:
    """Every stage through the command a user would type; stops at the first that does not end well."""
    path: Path = args.directory / "quorate.yaml"
    begun = time.monotonic()

    def stage(*command: str) -> bool:
        print(f"\n[{time.monotonic() - begun:4.0f} s] quorate {' '.join(command)}", file=sys.stderr, flush=True)
        return bool(args.main(command) == YES)

    args.directory.mkdir(parents=True, exist_ok=True)
    file = ("-f", str(path))
    if not path.exists() and not stage("init", "--lab", "--name", "demo", *file):
        return NO
    if not all(
        stage(*command, *file) for command in (("lab", "up"), ("prove",), ("deploy", "--yes"), ("verify",))
    ):
        return NO
    cloud = opened(argparse.Namespace(file=str(path)))
    lab = Lab(cloud.design.cloud, path.parent)
    print(f"\n[{time.monotonic() - begun:4.0f} s] the power cut", file=sys.stderr, flush=True)
    cut = asyncio.run(_cut(cloud, lab, _say))
    print(f"\n[{time.monotonic() - begun:4.0f} s] verify, with {cut.node} back", file=sys.stderr, flush=True)
    report = asyncio.run(_back(cloud, _say))
    print("\n".join(as_text(report)))
    _tell(cut, path)
    held = report.verdict is Verdict.YES
    return YES if held and cut.outage is not None else NO


async def _cut(cloud: Opened, lab: Lab, report: Callable[[str], None]) -> PowerCut:
    topology = cloud.design.cloud.topology
    vip = topology.virtual_ip("keystone")
    target = Target(vip.address, keystone.PORT, secrets_of(cloud).values[keystone.ADMIN.name])

    async def cut(node: str) -> None:
        await asyncio.to_thread(lab.power_off, node)

    async with sessions(topology.nodes, cloud.design.cloud.ssh) as hosts:
        return await power_cut(vip, target, hosts, cut, report)


async def _back(cloud: Opened, report: Callable[[str], None]) -> Report:
    """Verified again once everything holds, or as it was when the time was over."""
    filled, topology = values(secrets_of(cloud)), cloud.design.cloud.topology

    async def observe() -> Report:
        async with open_all(topology.nodes, cloud.design.cloud.ssh) as hosts:
            return await verify(cloud.design, filled, hosts.sessions, hosts.unreachable)

    def told(seen: Report) -> None:
        open_ = [outcome.name for outcome in seen.outcomes if outcome.verdict is not Verdict.YES]
        report(f"not yet: {', '.join(open_)}")

    return await until(
        "everything is as designed again",
        observe,
        lambda seen: seen.verdict is Verdict.YES,
        within_s=BACK_WITHIN_S,
        every_s=3,
        report=told,
    )


def _tell(cut: PowerCut, path: Path) -> None:
    """Where to look around, and the outage on the last line."""
    line = " | ".join(f"+{moment.seconds:.1f} s {moment.what}" for moment in cut.timeline)
    print(f"\npower cut of {cut.node} | {line}")
    for outage in cut.after:
        print(
            f"  afterwards: {outage.seconds:.1f} s without steady service ({', '.join(outage.errors) or 'slow'})"
        )
    print(f"  {cut.failed} of {cut.attempts} requests failed, one begun every 100 ms")
    file = f"-f {path}"
    print(
        f"\nThe lab is still up. Look around:\n  .venv/bin/quorate lab status {file}\n"
        f"  .venv/bin/quorate lab exec {file} ctl1 -- crm_mon -1r\n"
        f"  .venv/bin/quorate lab exec {file} ctl1 -- openstack --os-cloud admin catalog list\n"
        "Take it down: make clean\n"
    )
    print(f"outage {cut.outage_s:.1f} s, aftershocks {len(cut.aftershocks)}")


def _say(line: str) -> None:
    print(line, file=sys.stderr, flush=True)
