"""`quorate drill`: break the cloud on purpose, heal it, and say what was lost and for how long."""

import argparse
import asyncio
import json
import random
import signal
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from difflib import get_close_matches
from functools import partial
from pathlib import Path

from quorate.cli import drill_text
from quorate.cli.cloud import Opened, add_file_option, add_output_option, opened, secrets_of
from quorate.cli.doors import door, lab_of
from quorate.cli.exit import CODES, YES, UsageError
from quorate.cli.verify import from_json
from quorate.drill import archive, summary
from quorate.drill.aims import AIMS, RUNNER
from quorate.drill.drill import Pace, all_removed, drill, heal
from quorate.drill.fault import Fault
from quorate.drill.faults import faults
from quorate.drill.hosts import Hosts
from quorate.drill.ledger import Ledger, NotHealed
from quorate.drill.page import page
from quorate.drill.result import Drilled
from quorate.drill.scene import Quorate, Scene
from quorate.drill.workload import Workload
from quorate.drill.workloads import workloads
from quorate.model.check import unknown
from quorate.verify import Outcome, Report

SUITES = ("standard", "random")
COMMAND_WITHIN_S = 1800.0
ENDS_WITHIN_S = 120.0


@dataclass(frozen=True, slots=True)
class Planned:
    """One drill to come."""

    fault: Fault
    aim: str
    hold_s: float


def add_parser(subparsers: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    """Register the command."""
    parser = subparsers.add_parser("drill", help="break the cloud on purpose and judge what came of it")
    parser.add_argument("faults", nargs="*", metavar="FAULT", help="what is broken, in this order (--list)")
    add_file_option(parser)
    add_output_option(parser)
    parser.add_argument(
        "--on", metavar="NODE", help=f"a node, or {', '.join(AIMS)}, {RUNNER}RESOURCE (default: the fault's own)"
    )
    parser.add_argument("--for", type=float, metavar="SECONDS", dest="hold_s", help="how long it stays broken")
    parser.add_argument(
        "--repeat", type=int, default=1, metavar="N", help="so many times (random: so many drills)"
    )
    parser.add_argument("--seed", type=int, default=0, metavar="N", help="the same seed makes the same choices")
    parser.add_argument("--suite", choices=SUITES, help="all faults in a seeded order, or any at random")
    parser.add_argument(
        "--clients",
        nargs="+",
        default=(),
        metavar="COMPONENT",
        help="only clients of these are at work (default: all)",
    )
    parser.add_argument("--html", metavar="FILE", type=Path, help="write a page with every drill's timeline")
    parser.add_argument("--yes-break", metavar="NAME", help="break the cloud of this name, which is no lab")
    parser.add_argument(
        "--list", action="store_true", help="each fault: what it does, how it heals, what to expect"
    )
    parser.add_argument("--heal", action="store_true", help="put right what a drill that was killed has left")
    parser.add_argument(
        "--history", nargs="*", metavar="RUN", help="the runs that were kept; one of them, or two compared"
    )
    parser.set_defaults(run=run)


def run(args: argparse.Namespace) -> int:
    """Drill, or tell about drills."""
    cloud = opened(args)
    known = faults(cloud.design)
    kept_in = archive.directory(Path(cloud.path).parent)
    if args.list:
        print("\n".join(drill_text.listing(known.values(), args.output)))
        return YES
    if args.history is not None:
        return _history(args, cloud.design.cloud.name, kept_in)
    _allow(cloud, args)
    ledger = Ledger(kept_in)
    with ledger.alone():
        if args.heal:
            return asyncio.run(_heal(cloud, known, ledger))
        left = ledger.harm()
        if left:
            raise NotHealed(f"{left.fault} on {left.node} was not healed; first: quorate drill --heal")
        drills: list[Drilled] = []
        try:
            asyncio.run(_drills(cloud, planned(args, known), args, ledger, drills))
        except BaseException:
            if drills:
                _tell(args, cloud.design.cloud.name, drills)
            raise
    return _tell(args, cloud.design.cloud.name, drills)


def planned(args: argparse.Namespace, known: dict[str, Fault]) -> tuple[Planned, ...]:
    """The drills that were asked for, in their order. Raises UsageError."""
    for name in args.faults:
        if name not in known:
            near = get_close_matches(name, known, n=1)
            raise UsageError(f"no fault is called {name}; {f'did you mean {near[0]}?' if near else 'see --list'}")
    if bool(args.faults) == bool(args.suite):
        raise UsageError("name faults, or --suite; quorate drill --list tells what there is")
    if args.repeat < 1:
        raise UsageError(f"--repeat {args.repeat}: at least 1")
    chance = _chance(args.seed)
    names = list(args.faults) * args.repeat
    if args.suite == "standard":
        names = list(known) * args.repeat
        chance.shuffle(names)
    elif args.suite == "random":
        names = chance.choices(list(known), k=args.repeat)
    return tuple(_planned(known[name], args) for name in names)


def _chance(seed: int) -> random.Random:
    return random.Random(seed)  # noqa: S311 - the same seed is to make the same choices


def _planned(fault: Fault, args: argparse.Namespace) -> Planned:
    anywhere = args.suite == "random" and not fault.aim.startswith(RUNNER)
    aim = args.on or ("random" if anywhere else fault.aim)
    return Planned(fault, aim, fault.hold_s if args.hold_s is None else args.hold_s)


def _allow(cloud: Opened, args: argparse.Namespace) -> None:
    """Whether this cloud may be broken. Raises UsageError."""
    if lab_of(cloud):
        return
    name = cloud.design.cloud.name
    if not cloud.design.cloud.drills_allowed:
        raise UsageError(
            f"{name} is no lab of this machine, and {cloud.path} does not allow drills; if its users may notice "
            "it, add to the file: drills: allowed"
        )
    typed = args.yes_break
    if typed is None and sys.stdin.isatty():
        typed = input(f"This breaks {name} on purpose. Type its name to go on: ")
    if typed != name:
        raise UsageError(f"{name} is no lab: say that it may be broken with --yes-break {name}")


async def _drills(
    cloud: Opened, plan: Sequence[Planned], args: argparse.Namespace, ledger: Ledger, done: list[Drilled]
) -> None:
    """One after the other; each joins those that are done, which are told also if a later one is interrupted."""
    chance = _chance(args.seed)
    run_path = archive.new(ledger.directory)
    back_door, program = door(cloud, lab_of(cloud)), _program(cloud)
    for number, each in enumerate(plan, 1):
        _say(f"drill {number} of {len(plan)}")
        scene = Scene(cloud.design, Hosts(cloud.design.cloud), back_door, program, chance, each.hold_s, _say)
        used = chosen(workloads(cloud.design, secrets_of(cloud).values), args.clients)
        path = run_path / f"{number:02}-{each.fault.name}"
        done.append(
            await drill(each.fault, each.aim, scene, used, partial(_verified, program), ledger=ledger, path=path)
        )
        _say(drill_text.headline(done[-1]))


def chosen(every: Sequence[Workload], components: Sequence[str]) -> tuple[Workload, ...]:
    """The workloads of these components, or all if none is named. Raises UsageError."""
    known = dict.fromkeys(each.component for each in every)
    for name in components:
        if name not in known:
            raise UsageError(f"no clients use {name}; there are some of {', '.join(known)}")
    return tuple(each for each in every if not components or each.component in components)


async def _verified(quorate: Quorate, only: Sequence[str]) -> Report:
    """Not here, where clients measure how long they wait."""
    status, said = await quorate("verify", "--output", "json", "--only", *only)
    try:
        return from_json(said)
    except ValueError:
        trouble = unknown(f"exit status {status}: {said.strip()}")
        return Report((Outcome("verify", "hosts", "says what it sees", (trouble,)),), 0.0)


def _program(cloud: Opened) -> Quorate:
    async def quorate(*command: str) -> tuple[int, str]:
        """What a user would type, carried out by a process of its own."""
        return await carried_out(
            (sys.executable, "-m", "quorate", command[0], "-f", str(cloud.path), *command[1:])
        )

    return quorate


async def carried_out(argv: Sequence[str]) -> tuple[int, str]:
    """A program's exit status and what it printed. Interrupted, it gets the time to remove what it has made.

    Raises TimeoutError if it takes longer than COMMAND_WITHIN_S.
    """
    pipe = asyncio.subprocess.PIPE
    process = await asyncio.create_subprocess_exec(
        *argv,
        stdin=asyncio.subprocess.DEVNULL,
        stdout=pipe,
        stderr=asyncio.subprocess.STDOUT,
        # A terminal's Ctrl-C is for us alone: a second one would end what it still has to do.
        start_new_session=True,
    )
    try:
        async with asyncio.timeout(COMMAND_WITHIN_S):
            said, _ = await process.communicate()
    finally:
        if process.returncode is None:
            await _interrupted(process)
    return process.returncode or 0, said.decode(errors="replace")


async def _interrupted(process: asyncio.subprocess.Process) -> None:
    process.send_signal(signal.SIGINT)
    try:
        async with asyncio.timeout(ENDS_WITHIN_S):
            await process.communicate()
    finally:
        if process.returncode is None:
            process.kill()


async def _heal(cloud: Opened, known: dict[str, Fault], ledger: Ledger) -> int:
    left = ledger.harm()
    scene = Scene(
        cloud.design,
        Hosts(cloud.design.cloud),
        door(cloud, lab_of(cloud)),
        _program(cloud),
        _chance(0),
        left.hold_s if left else 0,
        _say,
    )
    if left:
        _say(f"{left.fault} on {left.node} was left")
        if left.fault not in known:
            raise NotHealed(f"this design has no fault called {left.fault}: heal it with the file as it was")
        await heal(known[left.fault], left.node, scene, ledger)
    await all_removed(workloads(cloud.design, secrets_of(cloud).values), Pace().last_within_s)
    _say("healed; see: quorate verify" if left else "nothing was left broken")
    return YES


def _tell(args: argparse.Namespace, name: str, drills: Sequence[Drilled]) -> int:
    if args.html:
        args.html.write_text(page(name, drills, archive.histories), encoding="utf-8")
    if args.output == "json":
        print(json.dumps(drill_text.as_json(drills), indent=2))
    else:
        print("\n".join(drill_text.as_text(drills)))
    return CODES[summary.verdict(drills)]


def _history(args: argparse.Namespace, name: str, kept_in: Path) -> int:
    runs = {each.name: each for each in archive.runs(kept_in)}
    for run_name in args.history:
        if run_name not in runs:
            raise UsageError(f"no run is called {run_name}; see: quorate drill --history")
    chosen = [runs[run_name] for run_name in args.history]
    match chosen:
        case []:
            print("\n".join(drill_text.runs(runs.values(), args.output)))
            return YES
        case [one]:
            return _tell(args, name, one.drills)
        case [before, after]:
            print("\n".join(drill_text.compared(before, after, args.output)))
            return YES
    raise UsageError("--history compares two runs, not more")


def _say(line: str) -> None:
    now = datetime.now().astimezone().strftime("%H:%M:%S")
    print(f"{now} {line}", file=sys.stderr, flush=True)
