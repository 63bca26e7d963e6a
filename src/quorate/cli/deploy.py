"""`quorate deploy`: make the hosts what the design says, or carry out a saved plan exactly."""

import argparse
import asyncio
import sys
from collections.abc import Iterator
from pathlib import Path

from quorate.cli.cloud import Opened, add_file_option, add_output_option, opened, secrets_of, values
from quorate.cli.exit import NO, YES, UsageError
from quorate.cli.hosts import sessions
from quorate.cli.plan import described, seen
from quorate.cli.progress import progress
from quorate.deploy.deployment import Progress, carry_out
from quorate.model.finding import Severity
from quorate.plan import plan as plans
from quorate.plan.plan import Plan
from quorate.plan.task import tasks
from quorate.remote.errors import AgentLost, CommandFailed
from quorate.remote.event import Status
from quorate.remote.session import lock_all
from quorate.remote.shipping import Values
from quorate.rules import judge

LOCK_WITHIN_S = 60


def add_parser(subparsers: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    """Register the command."""
    parser = subparsers.add_parser("deploy", help="make the hosts what the design says")
    parser.add_argument(
        "plan", nargs="?", type=Path, metavar="PLAN", help="a plan saved by: quorate plan --save PLAN"
    )
    add_file_option(parser)
    add_output_option(parser)
    parser.add_argument("--yes", action="store_true", help="do not ask before hosts are changed")
    parser.add_argument("--openssh", action="store_true", help="connect with the ssh program")
    parser.set_defaults(run=run)


def run(args: argparse.Namespace) -> int:
    """Look, ask, change; exit 1 if a task failed or a saved plan no longer fits."""
    cloud = opened(args)
    if not _sound(cloud):
        return NO
    saved = plans.read(args.plan) if args.plan else None
    if saved and saved.cloud != cloud.design.cloud.name:
        raise UsageError(f"{args.plan} is a plan for {saved.cloud}, the file describes {cloud.design.cloud.name}")
    return asyncio.run(_deploy(args, cloud, saved, values(secrets_of(cloud))))


def _sound(cloud: Opened) -> bool:
    """Whether no finding forbids deployment; those that do, and warnings, are printed."""
    findings = judge(cloud.design)
    for finding in findings:
        if finding.severity is not Severity.NOTE:
            print(f"{finding.severity.value} {finding.code}: {finding.message}; {finding.remedy}", file=sys.stderr)
    return all(finding.severity is not Severity.ERROR for finding in findings)


async def _deploy(args: argparse.Namespace, cloud: Opened, saved: Plan | None, filled: Values) -> int:
    wanted = saved.tasks if saved else tasks(cloud.design)
    nodes = cloud.design.cloud.topology.nodes
    async with sessions(nodes, cloud.design.cloud.ssh, openssh=args.openssh) as hosts:
        await lock_all(hosts.values(), "quorate deploy", within_s=LOCK_WITHIN_S)
        try:
            plan, looked = await seen(cloud.design.cloud.name, wanted, dict(hosts), filled)
        except (CommandFailed, AgentLost):
            print("nothing was changed on any host, for they could not be compared:", file=sys.stderr)
            raise
        if saved and plan.changes != saved.changes:
            print(_moved(saved, plan), file=sys.stderr)
            return NO
        if not plan.changes and not _pending(looked):
            print("nothing to change: the hosts are what the design says", file=sys.stderr)
            return YES
        if not args.yes and not _agreed(plan):
            print("nothing was changed", file=sys.stderr)
            return NO
        done = Progress()
        try:
            with progress(args.output, hosts) as report:
                await carry_out(wanted, dict(hosts), filled, done, report)
        finally:
            print("\n".join(_ended(done)), file=sys.stderr)
    return NO if done.failed else YES


def _pending(looked: Progress) -> bool:
    return any(event.status is Status.PENDING for outcome in looked.done.values() for event in outcome.events)


def _agreed(plan: Plan) -> bool:
    print("\n".join(described(plan.changes, diffs=False)))
    if not sys.stdin.isatty():
        raise UsageError("deploy asks before it changes hosts, and there is no terminal to ask on; give --yes")
    return input(f"\nMake these {len(plan.changes)} changes to {plan.cloud}? [y/N] ").strip().lower() in {
        "y",
        "yes",
    }


def _moved(saved: Plan, plan: Plan) -> str:
    gone = [change for change in saved.changes if change not in plan.changes]
    new = [change for change in plan.changes if change not in saved.changes]
    lines = ["the hosts are not what they were when the plan was made; nothing was changed. Make a new plan."]
    lines += [f"  planned, but not so now: {change.task}: {change.item}" for change in gone]
    lines += [f"  not planned: {change.task}: {change.item}" for change in new]
    return "\n".join(lines)


def _ended(done: Progress) -> Iterator[str]:
    """What was changed, or what failed and in what condition every node was left."""
    yield from (str(failure) for failure in done.failed.values())
    if not done.failed and not done.left:
        yield f"deployed: {len(done.changes)} changes, {len(done.done)} tasks; see: quorate verify"
        return
    yield f"{len(done.done)} tasks were done and hold; {len(done.left)} were not completed:"
    for node in dict.fromkeys(task.partition("/")[0] for task in done.left):
        steps = [task.partition("/")[2] for task in done.left if task.startswith(f"{node}/")]
        yield f"  {node}: {', '.join(steps)}"
    remedy = "mend what failed and " if done.failed else ""
    yield f"{remedy}run quorate deploy again: it goes on from there"
