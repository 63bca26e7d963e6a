"""A refutation as something that a person can follow: what happens, what went where, and what is responsible."""

import textwrap
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace

from quorate.prove import proof
from quorate.prove.apparent import Cause
from quorate.prove.cause import STEADY, find, replayed
from quorate.prove.graph import Action, Kind
from quorate.prove.journey import NAMED, accused, decided, hit_nodes, table
from quorate.prove.masking import without_secrets
from quorate.prove.proof import Question, Refutation
from quorate.prove.properties import ALL
from quorate.prove.scheduler import ScheduleFailed, scheduler_at
from quorate.prove.settle import Episode, Trace, Transition
from quorate.prove.words import listed

ACTIONS = 14
"""How many actions are shown at most; a picture of all is elsewhere."""

_TASKS = ("stop", "demote", "start", "promote", "migrate_to", "migrate_from")
_VERBS = {"migrate_to": "migrate away", "migrate_from": "migrate here"}


@dataclass(frozen=True, slots=True)
class Counterexample:
    """A refutation with its trace up to the breach, and the cause if one was found.

    `secret` says that the trace holds the cluster's secrets: without them the scheduler would decide otherwise.
    """

    refutation: Refutation
    trace: Trace
    cause: Cause | None
    pacemaker: str
    secret: bool = False

    @property
    def about(self) -> str:
        """The property, in words."""
        return ALL[self.refutation.breach.property].about


def counterexample(question: Question, refutation: Refutation) -> Counterexample:
    """Play a refutation again, and look for its cause.

    Raises SchedulerUnavailable.
    """
    cause = find(question, refutation)
    version = scheduler_at(question.place, question.engine).version
    bare = replace(question, state=without_secrets(question.state))
    trace, masked = _trace(question, refutation), _trace(bare, refutation)
    secret = not _equal(trace, masked)
    return Counterexample(refutation, _cut(trace if secret else masked, refutation), cause, version, secret)


def _trace(question: Question, refutation: Refutation) -> Trace:
    schedule = proof.schedule_at(question.place, question.engine)
    try:
        return replayed(question, refutation.situation, schedule)
    except ScheduleFailed:  # it is refused as it is
        return Trace(refutation.situation, question.state, ())


def _equal(one: Trace, other: Trace) -> bool:
    """Whether in both the same was decided."""
    return [_decisions(each) for each in one.episodes] == [_decisions(each) for each in other.episodes]


def _decisions(episode: Episode) -> list[list[str]]:
    return [[str(action) for action in decided(each)] for each in episode.transitions]


def _cut(trace: Trace, refutation: Refutation) -> Trace:
    """A trace up to the breach."""
    breach = refutation.breach
    if breach.episode < 0:
        return replace(trace, episodes=())
    *before, last = trace.episodes[: breach.episode + 1]
    last = replace(last, transitions=last.transitions[: breach.transition + 1])
    return replace(trace, episodes=(*before, last))


def steps(found: Counterexample) -> tuple[str, ...]:
    """What happens, one thing after the other, and last what is wrong then."""
    trace, breach = found.trace, found.refutation.breach
    about = {*accused(trace, breach)}
    told = []
    if trace.situation.kind != "start":
        told.append(_at_first(found))
    for episode in trace.episodes:
        lost = episode.before.quorate and not episode.at.quorate
        told.append(f"{episode.event}" + (": quorum is lost" if lost else ""))
        told += [f"Pacemaker: {_summary(each, about)}" for each in episode.transitions]
    return (*told, f"BREACH: {breach.message}")


def _at_first(found: Counterexample) -> str:
    if found.refutation.situation.kind == STEADY and not any(found.trace.start.roles.values()):
        return "The configuration as it is"
    members = found.trace.start.members
    return f"Steady state, {len(members)} of {len(found.trace.start.configuration.members)} members up"


def _summary(transition: Transition, about: set[str]) -> str:
    """A transition in a sentence: fencings, what is done with what matters, and how much else."""
    conf = transition.before.configuration
    said, others = [], 0
    fenced = tuple(each.node or "" for each in transition.graph.fencings())
    if fenced:
        said.append(f"fence {listed(fenced, NAMED)}")
    did: dict[tuple[str, str], list[str]] = {}
    for action in decided(transition):
        if action.kind is Kind.RESOURCE and action.task in _TASKS and action.resource and action.node:
            resource = conf.primitive_id(action.resource)
            if resource in about:
                did.setdefault((_VERBS.get(action.task, action.task), resource), []).append(action.node)
            else:
                others += 1
    said += [f"{task} {resource} on {listed(nodes, NAMED)}" for (task, resource), nodes in did.items()]
    failed = [str(transition.graph.actions[number]) for number in transition.carried.failed]
    if others:
        said.append(f"{others} actions of other resources" if others > 1 else "an action of another resource")
    if not said:
        said.append("only probes and monitors")
    return "; ".join(said) + (f" ({', '.join(failed)} FAILED)" if failed else "")


def actions(found: Counterexample) -> tuple[str, ...]:
    """The actions of what followed the last event, as far as they matter, each with what it waits for."""
    if not found.trace.episodes:
        return ()
    transitions = found.trace.episodes[-1].transitions
    shown = [(each, _that_matter(each, found)) for each in transitions]
    count = sum(len(actions) for _, actions in shown)
    if count > ACTIONS:
        near = {*found.refutation.breach.nodes, *hit_nodes(found.trace)}
        shown = [(each, [one for one in actions if not near or one.node in near]) for each, actions in shown]
    lines: list[str] = []
    for number, (transition, kept) in enumerate(shown, 1):
        lines += _listed(transition, kept, len(lines), f"transition {number}: " if len(transitions) > 1 else "")
    left = count - len(lines) + max(0, len(lines) - ACTIONS)
    return (*lines[:ACTIONS], *([f"... and {left} more like these"] if left else []))


def _that_matter(transition: Transition, found: Counterexample) -> list[Action]:
    conf, about = transition.before.configuration, accused(found.trace, found.refutation.breach)
    return [
        each
        for each in decided(transition)
        if each.kind is Kind.FENCING
        or (each.kind is Kind.RESOURCE and each.task in _TASKS and conf.primitive_id(each.resource or "") in about)
    ]


def _listed(transition: Transition, kept: Sequence[Action], before: int, prefix: str) -> Iterator[str]:
    graph, numbers = transition.graph, {action.id: number for number, action in enumerate(kept, before + 1)}
    for action in kept:
        behind = [each for each in kept if each is not action and graph.waits_for(action.id, each.id)]
        nearest = [
            numbers[each.id]
            for each in behind
            if not any(other is not each and graph.waits_for(other.id, each.id) for other in behind)
        ]
        begins = f"after {', '.join(map(str, sorted(nearest)))}" if nearest else "at once"
        if action.id in transition.carried.left:
            begins = "never begun"
        failed = "  FAILED" if action.id in transition.carried.failed else ""
        yield f"{numbers[action.id]:>2}  {prefix}{action}  {begins}{failed}"


def as_text(found: Counterexample, width: int = 80) -> Iterator[str]:
    """All of it, line by line: what is wrong, why, what happens, where everything was and went, in which order."""
    breach = found.refutation.breach
    yield from _paragraph(f"{breach.property}: {found.about}", "NO  ", width)
    yield from _paragraph(breach.message, "    ", width)
    if found.cause is None:
        yield from _paragraph("no single edit that was tried mends it", "Cause:   ", width)
    else:
        yield from _paragraph(found.cause.text, "Cause:   ", width)
        yield from _paragraph(found.cause.remedy, "Remedy:  ", width)
    if others := found.refutation.others:
        more = (
            f"{others} other situations show it as well." if others > 1 else "Another situation shows it as well."
        )
        yield from _paragraph(more, "         ", width)
    if found.trace.episodes:
        yield ""
        yield f"What happens ({found.refutation.situation.name})"
        for number, step in enumerate(steps(found), 1):
            yield from _paragraph(step, f"{number:>4}  ", width)
    yield from _section("Where everything was and went", table(found.trace, breach, width - 2))
    yield from _section("What Pacemaker does, in which order", actions(found))


def _section(title: str, lines: Sequence[str]) -> Iterator[str]:
    if lines:
        yield ""
        yield title
        yield from (f"  {line}" for line in lines)


def _paragraph(text: str, head: str, width: int) -> Iterator[str]:
    yield from textwrap.wrap(
        text, width, initial_indent=head, subsequent_indent=" " * len(head), break_on_hyphens=False
    )
