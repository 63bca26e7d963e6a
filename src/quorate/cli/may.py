"""`quorate may-stop` and `quorate may-lose`: whether nodes can be spared now, and what would follow."""

import argparse
import asyncio
import json
import textwrap
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace

from quorate import catalog
from quorate.catalog import pacemaker
from quorate.cli.cloud import Opened, add_file_option, add_output_option, opened
from quorate.cli.exit import CODES, UsageError
from quorate.cli.subject import Subject, add_intent_options, did_you_mean, running, saved
from quorate.design.budget import Term, budget
from quorate.model.check import Result
from quorate.model.finding import Verdict
from quorate.prove.history import Role
from quorate.prove.may import Answer, Moved, Reason, Trouble, Votes, may_lose, may_stop
from quorate.prove.proof import schedule_at
from quorate.prove.scheduler import scheduler_at
from quorate.prove.words import listed
from quorate.remote.openssh_transport import OpensshTransport
from quorate.remote.session import open_all
from quorate.remote.shipping import Values
from quorate.verify import Outcome, ask

_WIDTH = 80
_PARTICIPLE = {"stop": "stopped", "lose": "lost"}
_ASK = {"stop": may_stop, "lose": may_lose}
_BEFORE_START = ("detect", "agree", "fence")


@dataclass(frozen=True, slots=True)
class Question:
    """What was asked (`stop` or `lose`), of whom, who decided, and the predicted times if a design says them."""

    what: str
    nodes: tuple[str, ...]
    subject: Subject
    by: str
    terms: tuple[Term, ...] = ()


def add_parser(subparsers: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    """Register the two commands."""
    for what, about in (
        ("stop", "whether nodes may be stopped now, one after the other; exits 0 yes, 1 no, 3 cannot tell"),
        ("lose", "whether nodes may be lost now, all at once; exits 0 yes, 1 no, 3 cannot tell"),
    ):
        parser = subparsers.add_parser(f"may-{what}", help=about)
        parser.add_argument("nodes", nargs="+", metavar="NODE")
        add_file_option(parser)
        parser.add_argument(
            "--cib", metavar="CIB", help="judge by a saved CIB with its status, not the running cluster"
        )
        add_intent_options(parser)
        add_output_option(parser)
        parser.add_argument("--openssh", action="store_true", help="connect with the ssh program")
        parser.set_defaults(run=run, what=what)


def run(args: argparse.Namespace) -> int:
    """Read the state, play it, print, and give the exit code."""
    nodes = tuple(dict.fromkeys(args.nodes))
    terms: tuple[Term, ...] = ()
    if args.cib:
        subject = saved(args.cib, args)
    else:
        cloud = opened(args)
        (subject,) = running(cloud, args, nodes)
        terms = _terms(cloud, subject)
    known = subject.state.configuration.nodes
    for node in nodes:
        if node not in known:
            raise UsageError(f"no node is called {node}{did_you_mean(node, known)}")
    place = subject.place()
    answer = _ASK[args.what](subject.state, nodes, subject.intent, schedule_at(place))
    if answer.verdict is Verdict.YES and not args.cib:
        answer = spared(answer, asyncio.run(_spares(cloud, nodes, openssh=args.openssh)))
    question = Question(
        args.what, nodes, subject, f"Pacemaker {scheduler_at(place).version} at {place.name}", terms
    )
    if args.output == "json":
        print(json.dumps(as_json(question, answer), indent=2))
    else:
        print("\n".join(as_text(question, answer)))
    return CODES[answer.verdict]


async def _spares(cloud: Opened, nodes: Sequence[str], *, openssh: bool) -> tuple[Outcome, ...]:
    """What components say to it that know more than Pacemaker."""
    design = cloud.design
    asked = [check for each in design.components() for check in catalog.spares(each.name, design, nodes)]
    if not asked:
        return ()
    names = {name for check in asked for names in check.probes.values() for name in names}
    tellers = [node for node in design.cloud.topology.nodes if node.name in names]
    transport = OpensshTransport() if openssh else None
    async with open_all(tellers, design.cloud.ssh, transport=transport) as hosts:
        return await ask(asked, Values(), hosts.sessions)


def spared(answer: Answer, outcomes: Sequence[Outcome]) -> Answer:
    """The answer, or what a component says against it."""
    for verdict in (Verdict.NO, Verdict.UNKNOWN):
        said = [(each, result) for each in outcomes for result in each.results if result.verdict is verdict]
        if said:
            return replace(answer, verdict=verdict, reasons=tuple(_reason(*each) for each in said))
    return answer


def _reason(outcome: Outcome, result: Result) -> Reason:
    remedy = f"wait for it: quorate verify --only {outcome.component}"
    return Reason(result.seen, (Trouble(result.seen, remedy),))


def _terms(cloud: Opened, subject: Subject) -> tuple[Term, ...]:
    rest_s = pacemaker.rest_s(cloud.design.cloud.fencing)
    return budget(cloud.design.cloud.timers, len(subject.members), rest_s)


def headline(question: Question, answer: Answer) -> str:
    """The answer in one sentence."""
    names = listed(question.nodes)
    done = _PARTICIPLE[question.what]
    there = [node for node in question.nodes if question.subject.state.takes_part(node)]
    match answer.verdict:
        case Verdict.YES if not there:
            return f"yes: {names} may be {done} now: the cluster does without already"
        case Verdict.YES:
            return f"yes: {names} may be {done} now"
        case Verdict.UNKNOWN:
            return f"unknown: whether {names} may be {done} now: {answer.reasons[0].message}"
    first = answer.reasons[0]
    waits = "; ".join(each.remedy if each.what == first.message else _told(each) for each in first.wait_for)
    return f"no: {names} may not be {done} now: {first.message}{f' ({waits})' if waits else ''}"


def _told(trouble: Trouble) -> str:
    return f"{trouble.what}; {trouble.remedy}"


def as_text(question: Question, answer: Answer) -> Iterator[str]:
    """The answer on its first line, then why and what would follow, a line a thing."""
    yield from textwrap.wrap(headline(question, answer), _WIDTH, break_on_hyphens=False)
    yield from _lines("wrong already", [_told(each) for each in answer.present])
    yield from _lines("also against it", [each.message for each in answer.reasons[1:]])
    if answer.before is None or answer.after is None:
        return
    yield from _follows(answer, question.terms)
    yield from _lines("quorum", [_quorum(answer.before, answer.after)])
    played = f"{_count(answer.transitions, 'transition')}, {_count(answer.actions, 'action')}"
    yield from _lines(
        "judged", [f"{played}, from the state that {question.subject.told_by} tells, by {question.by}"]
    )


def foreseen(answer: Answer, subject: Subject) -> Iterator[str]:
    """What a change of a running cluster's configuration would do: whether all holds, and what moves."""
    said = {
        Verdict.YES: "proved: the running cluster takes no harm from its new configuration",
        Verdict.NO: "refuted: the running cluster takes harm from its new configuration",
        Verdict.UNKNOWN: "not decided: whether the running cluster takes harm from its new configuration",
    }[answer.verdict]
    yield from textwrap.wrap(f"{said} ({subject})", _WIDTH, break_on_hyphens=False)
    yield from _lines("because", [each.message for each in answer.reasons])
    yield from _lines("wrong already", [_told(each) for each in answer.present])
    yield from _follows(answer, ())
    if answer.verdict is Verdict.YES and not answer.moved:
        yield from _lines("would move", ["nothing"])


def _follows(answer: Answer, terms: Sequence[Term]) -> Iterator[str]:
    """What moves, for how long it is away, what stops, who is fenced."""
    moved = [each for each in answer.moved if _moves(answer, each)]
    yield from _lines("would move", [_moved(each) for each in moved if each.after])
    yield from _lines("away for", _away(answer, terms))
    stopped = [each.resource for each in moved if not each.after]
    yield from _lines("no longer run", [", ".join(stopped)] if stopped else [])
    yield from _lines("would stop", _stops(answer))
    devices = [_moved(each) for each in answer.moved if _device(answer, each)]
    yield from _lines("fencing devices", ["; ".join(devices)] if devices else [])
    yield from _lines("fenced", [listed(answer.fenced)] if answer.fenced else [])


def _count(number: int, what: str) -> str:
    return f"{number} {what}{'' if number == 1 else 's'}"


def _lines(head: str, texts: Sequence[str]) -> Iterator[str]:
    indent = f"  {head:15}  "
    for text in texts:
        yield from textwrap.wrap(
            text, _WIDTH, initial_indent=indent, subsequent_indent=" " * len(indent), break_on_hyphens=False
        )
        indent = " " * len(indent)


def _device(answer: Answer, moved: Moved) -> bool:
    assert answer.trace
    primitive = answer.trace.start.configuration.primitives.get(moved.resource)
    return primitive is not None and primitive.fencing


def _moves(answer: Answer, moved: Moved) -> bool:
    """Whether something of it starts somewhere, takes another role, or ends nowhere."""
    new = any(moved.before.get(node) != role for node, role in moved.after.items())
    return (new or moved.interrupted or bool(moved.restarted)) and not _device(answer, moved)


def _moved(moved: Moved) -> str:
    gone, new = (
        [node for node in one if node not in other]
        for one, other in ((moved.before, moved.after), (moved.after, moved.before))
    )
    said = []
    if gone or new:
        said.append(f"{', '.join(gone) or 'nowhere'} -> {', '.join(new) or _elsewhere(moved)}")
    said += [
        f"{role.name.lower()} on {node}"
        for node, role in moved.after.items()
        if node in moved.before and moved.before[node] is not role
    ]
    said += [f"restarted on {node}" for node in moved.restarted]
    return f"{moved.resource}: {'; '.join(said)}"


def _elsewhere(moved: Moved) -> str:
    return "nowhere" if not moved.after else f"nowhere else; stays on {', '.join(moved.after)}"


def _stops(answer: Answer) -> list[str]:
    """The services that only lose an instance, in one line for all that lose the same."""
    alike: dict[tuple[tuple[str, ...], tuple[str, ...]], list[str]] = {}
    for each in answer.moved:
        if not _device(answer, each) and not _moves(answer, each):
            gone = tuple(node for node in each.before if node not in each.after)
            alike.setdefault((gone, tuple(sorted(each.after))), []).append(each.resource)
    return [
        f"{', '.join(names)} on {listed(gone)}; goes on, on {listed(stay)}"
        for (gone, stay), names in alike.items()
    ]


def _away(answer: Answer, terms: Sequence[Term]) -> list[str]:
    """How long what moves is away: predicted where the timers say it, and at most, by the timeouts."""
    said = []
    bounds = {
        each.resource: each.away_s
        for each in answer.moved
        if each.away_s is not None and not _device(answer, each)
    }
    if bounds and answer.fenced and terms:
        parts = [term for term in terms if term.name in _BEFORE_START]
        total = sum(term.seconds for term in parts)
        each = ", ".join(f"{term.name} {term.seconds:.1f} s" for term in parts)
        start = next((term.seconds for term in terms if term.name == "start"), 0.0)
        said.append(
            f"{total:.1f} s and its start ({start:.1f} s for an address), predicted: {each} (quorate show timers)"
        )
    for resource, bound_s in bounds.items():
        since = "from the fencing on, " if answer.fenced else ""
        said.append(f"{resource}: {since}at most {bound_s:.0f} s, by the timeouts of its actions")
    return said


def _quorum(before: Votes, after: Votes) -> str:
    then = "kept" if after.quorate else "lost: everything stops" if before.quorate else "still none"
    return f"{before.up} of {before.of} votes now, {after.up} of {after.of} then: {then}"


def as_json(question: Question, answer: Answer) -> dict[str, object]:
    """The answer for programs."""

    def votes(votes: Votes | None) -> dict[str, object] | None:
        return None if votes is None else {"up": votes.up, "of": votes.of, "quorate": votes.quorate}

    def roles(instances: Mapping[str, Role]) -> dict[str, str]:
        return {node: role.name.lower() for node, role in instances.items()}

    return {
        "verdict": answer.verdict.value,
        "question": f"may-{question.what}",
        "nodes": list(question.nodes),
        "says": headline(question, answer),
        "reasons": [
            {"message": each.message, "wait_for": [{"what": it.what, "remedy": it.remedy} for it in each.wait_for]}
            for each in answer.reasons
        ],
        "present": [{"what": it.what, "remedy": it.remedy} for it in answer.present],
        "moved": [
            {
                "resource": each.resource,
                "before": roles(each.before),
                "after": roles(each.after),
                "restarted": list(each.restarted),
                "interrupted": each.interrupted,
                "away_at_most_s": each.away_s,
            }
            for each in answer.moved
        ],
        "fenced": list(answer.fenced),
        "votes": {"before": votes(answer.before), "after": votes(answer.after)},
        "judged": {
            "told_by": question.subject.told_by,
            "by": question.by,
            "transitions": answer.transitions,
            "actions": answer.actions,
        },
    }
