"""`quorate deploy`: make the hosts what the design says, or carry out a saved plan exactly."""

import argparse
import asyncio
import sys
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

from quorate.cli import may, prove, proved
from quorate.cli.cloud import Opened, add_file_option, add_output_option, opened, secrets_of, values
from quorate.cli.exit import NO, UNKNOWN, YES, UsageError
from quorate.cli.hosts import sessions
from quorate.cli.places import NoPlace
from quorate.cli.plan import described, seen
from quorate.cli.progress import progress
from quorate.cli.subject import Subject, designed, of_live, with_configuration
from quorate.cli.table import table
from quorate.deploy.deployment import Progress, carry_out
from quorate.formats import cib
from quorate.model.finding import Severity, Verdict
from quorate.model.item import Cib
from quorate.plan import plan as plans
from quorate.plan.plan import Plan
from quorate.plan.task import Task, tasks
from quorate.prove.live import Asked, NotRunning, read
from quorate.prove.may import Answer, changed
from quorate.prove.proof import schedule_at
from quorate.prove.scheduler import ScheduleFailed
from quorate.remote.errors import AgentLost, CommandFailed
from quorate.remote.event import Outcome, Status
from quorate.remote.session import lock_all
from quorate.remote.shipping import Values, name_of
from quorate.rules import judge

LOCK_WITHIN_S = 60
LONGEST = 8
"""How many of the longest steps are told in the end."""
_UNPROVEN = "to deploy it unproven all the same: quorate deploy --unproven"


def add_parser(subparsers: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    """Register the command."""
    parser = subparsers.add_parser("deploy", help="make the hosts what the design says")
    parser.add_argument(
        "plan", nargs="?", type=Path, metavar="PLAN", help="a plan saved by: quorate plan --save PLAN"
    )
    add_file_option(parser)
    add_output_option(parser)
    parser.add_argument("--yes", action="store_true", help="do not ask before hosts are changed")
    parser.add_argument(
        "--unproven", action="store_true", help="deploy without a proof, whatever failures do to it"
    )
    parser.add_argument("--openssh", action="store_true", help="connect with the ssh program")
    parser.set_defaults(run=run)


def run(args: argparse.Namespace) -> int:
    """Prove, look, ask, change; exit 1 if a task failed, the design is refuted or a saved plan no longer fits."""
    cloud = opened(args)
    if not _sound(cloud):
        return NO
    saved = plans.read(args.plan) if args.plan else None
    if saved and saved.cloud != cloud.design.cloud.name:
        raise UsageError(f"{args.plan} is a plan for {saved.cloud}, the file describes {cloud.design.cloud.name}")
    filled = values(secrets_of(cloud))
    wanted = saved.tasks if saved else tasks(cloud.design)
    if args.unproven:
        print("WARNING: deployed without a proof: what a failure would do to it is unknown", file=sys.stderr)
    elif (ending := _proved(cloud, wanted)) != YES:
        print(f"nothing was changed on any host; {_UNPROVEN}", file=sys.stderr)
        return ending
    return asyncio.run(_deploy(args, cloud, saved, wanted, filled))


def _sound(cloud: Opened) -> bool:
    """Whether no finding forbids deployment; those that do, and warnings, are printed."""
    findings = judge(cloud.design)
    for finding in findings:
        if finding.severity is not Severity.NOTE:
            print(f"{finding.severity.value} {finding.code}: {finding.message}; {finding.remedy}", file=sys.stderr)
    return all(finding.severity is not Severity.ERROR for finding in findings)


def _proved(cloud: Opened, wanted: Sequence[Task]) -> int:
    """YES if every cluster's configuration is proved, now or before; otherwise the reason is printed."""
    for subject in designed(cloud):
        loaded = _loaded(subject, wanted)
        before = proved.recall(loaded)
        if before:
            print(f"proved before, with the same design: {loaded.name}: {before}", file=sys.stderr)
            continue
        try:
            with prove.Estimate(sys.stderr) as report:
                result = prove.prove(loaded, prove.Limits(), report)
        except (NoPlace, ScheduleFailed) as error:
            print(error, file=sys.stderr)
            return UNKNOWN
        if result.proof.verdict is not Verdict.YES:
            print("\n".join(prove.as_text(result)), file=sys.stderr)
            return prove.CODES[result.proof.verdict]
        told = f"{prove.summary(result.proof)}, in {result.proof.coverage.seconds:.1f} s"
        print(f"proved: {loaded.name}: {told}", file=sys.stderr)
    return YES


def _loaded(subject: Subject, wanted: Sequence[Task]) -> Subject:
    """The cluster with the configuration that the tasks load, which a saved plan may have from another design."""
    xml = _configuration(subject, wanted)
    assert subject.design
    same = xml is None or xml == cib.configuration(subject.design.configuration)
    return subject if same or xml is None else with_configuration(subject, xml)


def _configuration(subject: Subject, wanted: Sequence[Task]) -> str | None:
    """What a cluster is told by the tasks."""
    members = {node.name for node in subject.members}
    return next(
        (item.xml for task in wanted if task.node in members for item in task.items if isinstance(item, Cib)), None
    )


async def _foreseen(cloud: Opened, hosts: Mapping[str, Asked], wanted: Sequence[Task], plan: Plan) -> int:
    """YES if no running cluster comes to harm by what the plan changes in its configuration; says what moves."""
    named = name_of(Cib(""))
    for subject in designed(cloud):
        members = {node.name: hosts[node.name] for node in subject.members}
        touched = any(change.item == named and change.task.partition("/")[0] in members for change in plan.changes)
        xml = _configuration(subject, wanted)
        if not touched or xml is None:
            continue
        try:
            live = of_live(subject, await read(members))
        except NotRunning:
            continue  # where nothing runs nothing moves
        try:
            answer = await asyncio.to_thread(_changed, live, xml)
        except NoPlace as error:
            print(error, file=sys.stderr)
            return UNKNOWN
        print("\n".join(may.foreseen(answer, live)), file=sys.stderr)
        if answer.verdict is not Verdict.YES:
            return prove.CODES[answer.verdict]
    return YES


def _changed(live: Subject, xml: str) -> Answer:
    to = with_configuration(live, xml)
    return changed(live.state, to.state.configuration, to.intent, schedule_at(live.place()))


async def _deploy(
    args: argparse.Namespace, cloud: Opened, saved: Plan | None, wanted: tuple[Task, ...], filled: Values
) -> int:
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
        if not args.unproven and (ending := await _foreseen(cloud, hosts, wanted, plan)) != YES:
            print(f"nothing was changed on any host; {_UNPROVEN}", file=sys.stderr)
            return ending
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


def _longest(done: Progress) -> Iterator[str]:
    """Where the time went: the longest steps, each on the node where it took longest."""
    steps: dict[str, Outcome] = {}
    for outcome in done.done.values():
        if outcome.stage not in steps or outcome.seconds > steps[outcome.stage].seconds:
            steps[outcome.stage] = outcome
    longest = sorted(steps.values(), key=lambda outcome: outcome.seconds, reverse=True)[:LONGEST]
    rows = [(f"{each.seconds:5.1f} s", each.host, each.stage) for each in longest if each.seconds > 1]
    if rows:
        yield table(("LONGEST", "NODE", "STEP"), rows)


def _ended(done: Progress) -> Iterator[str]:
    """What was changed, or what failed and in what condition every node was left."""
    yield from (str(failure) for failure in done.failed.values())
    if not done.failed and not done.left:
        yield from _longest(done)
        yield f"deployed: {len(done.changes)} changes, {len(done.done)} tasks; see: quorate verify"
        return
    yield f"{len(done.done)} tasks were done and hold; {len(done.left)} were not completed:"
    for node in dict.fromkeys(task.partition("/")[0] for task in done.left):
        steps = [task.partition("/")[2] for task in done.left if task.startswith(f"{node}/")]
        yield f"  {node}: {', '.join(steps)}"
    remedy = "mend what failed and " if done.failed else ""
    yield f"{remedy}run quorate deploy again: it goes on from there"
