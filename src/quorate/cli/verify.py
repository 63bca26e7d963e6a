"""`quorate verify`: whether the running cloud is as designed, check by check."""

import argparse
import asyncio
import json
import sys
import textwrap
from collections.abc import Iterator
from difflib import get_close_matches
from fnmatch import fnmatchcase

from quorate.cli.cloud import Opened, add_file_option, add_output_option, opened, secrets_of, values
from quorate.cli.exit import CODES, YES, UsageError
from quorate.model.check import Result
from quorate.model.finding import Verdict
from quorate.remote.openssh_transport import OpensshTransport
from quorate.remote.session import open_all
from quorate.remote.shipping import Values
from quorate.verify import Outcome, Report, names, verify

_WIDTH = 80


def add_parser(subparsers: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    """Register the command."""
    parser = subparsers.add_parser("verify", help="check the running cloud; exits 0 yes, 1 no, 3 cannot tell")
    add_file_option(parser)
    add_output_option(parser)
    parser.add_argument("--only", nargs="+", metavar="NAME", default=[], help="ask only these (galera, token)")
    parser.add_argument("--list", action="store_true", help="name the checks and ask nothing")
    parser.add_argument("--openssh", action="store_true", help="connect with the ssh program")
    parser.set_defaults(run=run)


def run(args: argparse.Namespace) -> int:
    """Ask, print, and give the exit code."""
    cloud = opened(args)
    chosen = _chosen(names(cloud.design), args.only)
    if args.list:
        print("\n".join(chosen))
        return YES
    report = asyncio.run(_verify(cloud, values(secrets_of(cloud)), chosen, openssh=args.openssh))
    print(json.dumps(as_json(report), indent=2) if args.output == "json" else "\n".join(as_text(report)))
    return exit_code(report)


def exit_code(report: Report) -> int:
    """0 if all is as designed, 1 if something is not, 3 if something could not be looked at."""
    return CODES[report.verdict]


async def _verify(cloud: Opened, filled: Values, only: tuple[str, ...], *, openssh: bool) -> Report:
    topology, ssh = cloud.design.cloud.topology, cloud.design.cloud.ssh
    async with open_all(topology.nodes, ssh, transport=OpensshTransport() if openssh else None) as hosts:
        try:
            return await verify(cloud.design, filled, hosts.sessions, hosts.unreachable, only=only)
        except asyncio.CancelledError:
            print("quorate: interrupted; what it has made is being removed", file=sys.stderr)
            raise


def _chosen(known: tuple[str, ...], patterns: list[str]) -> tuple[str, ...]:
    """The checks that are meant: by name, by pattern, or by the first part of their names."""
    for pattern in patterns:
        if not any(_means(pattern, name) for name in known):
            near = get_close_matches(pattern, [*known, *(name.partition("-")[0] for name in known)], n=1)
            meant = f"did you mean {near[0]}?" if near else "name them all: quorate verify --list"
            raise UsageError(f"no check is called {pattern}; {meant}")
    return tuple(name for name in known if not patterns or any(_means(each, name) for each in patterns))


def _means(pattern: str, name: str) -> bool:
    return fnmatchcase(name, pattern) or name.startswith(f"{pattern}-")


def as_json(report: Report) -> dict[str, object]:
    """The report for programs."""
    return {
        "verdict": report.verdict.value,
        "seconds": round(report.seconds, 3),
        "checks": [
            {
                "name": outcome.name,
                "component": outcome.component,
                "about": outcome.about,
                "verdict": outcome.verdict.value,
                "results": [
                    {"verdict": result.verdict.value, "node": result.node, "seen": result.seen}
                    for result in outcome.results
                ],
            }
            for outcome in report.outcomes
        ],
    }


def from_json(text: str) -> Report:
    """The report that `as_json` made that of. Raises ValueError for what is no JSON."""
    said = json.loads(text)
    return Report(
        tuple(
            Outcome(
                check["name"],
                check["component"],
                check["about"],
                tuple(Result(Verdict(each["verdict"]), each["seen"], each["node"]) for each in check["results"]),
            )
            for check in said["checks"]
        ),
        said["seconds"],
    )


def as_text(report: Report) -> Iterator[str]:
    """The report for people: a line a check that holds, a line a node for what does not, and the sum."""
    width = max(len(outcome.name) for outcome in report.outcomes)
    for outcome in report.outcomes:
        yield from _told(outcome, width)
    counts = {verdict: sum(1 for each in report.outcomes if each.verdict is verdict) for verdict in Verdict}
    said = ", ".join(f"{count} {verdict.value}" for verdict, count in counts.items() if count)
    yield f"\n{len(report.outcomes)} checks in {report.seconds:.1f} s: {said}"


def _told(outcome: Outcome, width: int) -> Iterator[str]:
    """Of what does not hold only that: not what else does, and no doubt about a node that others refute."""
    head = f"{outcome.verdict.value:7}  {outcome.name:{width}}  "
    refuted = {result.node for result in outcome.results if result.verdict is Verdict.NO}
    shown = [result for result in outcome.results if result.verdict is outcome.verdict]
    if outcome.verdict is Verdict.NO:
        doubts = (result for result in outcome.results if result.verdict is Verdict.UNKNOWN)
        shown += [result for result in doubts if result.node not in refuted]
    for text in [_text(result, outcome.verdict) for result in shown] or ["nothing was seen"]:
        yield from textwrap.wrap(text, _WIDTH, initial_indent=head, subsequent_indent=" " * len(head))
        head = " " * len(head)


def _text(result: Result, verdict: Verdict) -> str:
    where = f"{result.node}: " if result.node else ""
    doubt = "" if result.verdict is verdict else f"{result.verdict.value}: "
    return f"{where}{doubt}{result.seen}"
