"""`quorate plan`: what a deployment would change on which node, without changing anything."""

import argparse
import asyncio
import json
from collections.abc import AsyncIterator, Iterable, Mapping
from dataclasses import asdict
from pathlib import Path

from quorate import catalog
from quorate.cli.cloud import Opened, add_file_option, add_output_option, opened, secrets_of, values
from quorate.cli.exit import YES, UsageError
from quorate.cli.hosts import sessions
from quorate.deploy.deployment import Host, Progress, look
from quorate.model.design import Design
from quorate.model.item import Cib
from quorate.plan import plan as plans
from quorate.plan.plan import Change, Plan
from quorate.plan.task import Task, tasks
from quorate.remote import shipping
from quorate.remote.shipping import Values
from quorate.verify.verification import Asked

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
    plan, left = asyncio.run(_plan(cloud, values(secrets_of(cloud)), openssh=args.openssh))
    if args.save:
        plans.save(plan, args.save)
    if args.output == "json":
        print(json.dumps([asdict(change) for change in plan.changes], indent=2))
    else:
        print("\n".join(described(plan.changes)) if plan.changes else "nothing would change")
        if left:
            print("\n".join(["\nleft behind, and never removed by a deployment:", *left]))
        if args.save:
            print(f"\nsaved; carry it out with: quorate deploy {args.save}")
    return YES


async def _plan(cloud: Opened, filled: Values, *, openssh: bool) -> tuple[Plan, list[str]]:
    nodes = cloud.design.cloud.topology.nodes
    async with sessions(nodes, cloud.design.cloud.ssh, openssh=openssh) as hosts:
        plan, _ = await seen(cloud.design.cloud.name, tasks(cloud.design), dict(hosts), filled)
        new = {change.task.partition("/")[0] for change in plan.changes if change.task.endswith("/packages")}
        asked = {name: host for name, host in hosts.items() if name not in new}
        return plan, [line async for line in left_behind(cloud.design, asked, filled)]


async def left_behind(design: Design, hosts: Mapping[str, Asked], filled: Values) -> AsyncIterator[str]:
    """What is there of components that are no more, and how to remove it; by each one's first member."""
    for component in design.components():
        probe = catalog.leftovers(component.name, design)
        node = design.cloud.topology.members_of(component.name)[0].name if probe else ""
        if probe is None or node not in hosts:
            continue
        (output,) = await hosts[node].run(
            [shipping.Probe(probe.argv, probe.stdin, probe.timeout_s)], values=filled
        )
        if output.rc == 0:
            for what, how in json.loads(output.stdout):
                yield f"  {what}; to remove it, on {node}: {how}"
        else:
            said = (output.stderr.strip().splitlines() or ["no answer in time"])[-1]
            yield f"  of {component.name} nobody knows: {node} says {said}"


async def seen(
    name: str, wanted: tuple[Task, ...], hosts: dict[str, Host], filled: Values
) -> tuple[Plan, Progress]:
    """What the tasks would change on the hosts as they are; raises the first failure to look."""
    progress = await look(wanted, hosts, filled)
    for failure in progress.failed.values():
        raise failure
    changes = plans.told_once(progress.changes, shipping.name_of(Cib("")))
    return Plan(name, wanted, tuple(changes)), progress


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
