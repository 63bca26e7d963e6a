"""`quorate plan`: what a deployment would change on which node, without changing anything."""

import argparse
import asyncio
import json
from collections.abc import Iterable
from dataclasses import asdict
from pathlib import Path

from quorate.cli.cloud import Opened, add_file_option, add_output_option, opened, secrets_of, values
from quorate.cli.exit import YES, UsageError
from quorate.cli.hosts import sessions
from quorate.deploy.deployment import Host, Progress, look
from quorate.plan import plan as plans
from quorate.plan.plan import Change, Plan
from quorate.plan.task import Task, tasks
from quorate.remote.shipping import Values

# A package's own thousand lines of comments that go are not worth a screen each.
DIFF_LINES = 60


def add_parser(subparsers: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    """Register the command."""
    parser = subparsers.add_parser("plan", help="what a deployment would change; changes nothing")
    add_file_option(parser)
    add_output_option(parser)
    parser.add_argument("--save", metavar="PLAN", type=Path, help="write the plan, for: quorate deploy PLAN")
    parser.add_argument("--openssh", action="store_true", help="connect with the ssh program")
    parser.set_defaults(run=run)


def run(args: argparse.Namespace) -> int:
    """Look at every host and print what would change."""
    cloud = opened(args)
    if args.save and args.save.exists():
        raise UsageError(f"{args.save} exists; name another file to save the plan in")
    plan, _ = asyncio.run(_plan(cloud, values(secrets_of(cloud)), openssh=args.openssh))
    if args.save:
        plans.save(plan, args.save)
    if args.output == "json":
        print(json.dumps([asdict(change) for change in plan.changes], indent=2))
    else:
        print("\n".join(described(plan.changes)) if plan.changes else "nothing would change")
        if args.save:
            print(f"\nsaved; carry it out with: quorate deploy {args.save}")
    return YES


async def _plan(cloud: Opened, filled: Values, *, openssh: bool) -> tuple[Plan, Progress]:
    nodes = cloud.design.cloud.topology.nodes
    async with sessions(nodes, cloud.design.cloud.ssh, openssh=openssh) as hosts:
        return await seen(cloud.design.cloud.name, tasks(cloud.design), dict(hosts), filled)


async def seen(
    name: str, wanted: tuple[Task, ...], hosts: dict[str, Host], filled: Values
) -> tuple[Plan, Progress]:
    """What the tasks would change on the hosts as they are; raises the first failure to look."""
    progress = await look(wanted, hosts, filled)
    for failure in progress.failed.values():
        raise failure
    return Plan(name, wanted, progress.changes), progress


def described(changes: Iterable[Change], *, diffs: bool = True) -> Iterable[str]:
    """The changes as people read them: by task, with diffs, and the actions Pacemaker would take."""
    task = ""
    for change in changes:
        if change.task != task:
            task = change.task
            yield task
        yield f"  {change.item}: {change.detail}" if change.detail else f"  {change.item}"
        if diffs:
            yield from (f"    {line}" for line in change.diff[:DIFF_LINES])
            if len(change.diff) > DIFF_LINES:
                yield f"    … {len(change.diff) - DIFF_LINES} further lines; all of them with -o json"
            yield from (f"    Pacemaker: {line}" for line in change.actions)
