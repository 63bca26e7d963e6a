"""Files with which Pacemaker's scheduler can be seen to decide the same: the CIB before each of its decisions."""

import re
import textwrap
from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from quorate.prove.counterexample import Counterexample
from quorate.prove.journey import decided
from quorate.prove.properties import ACCEPTED
from quorate.prove.settle import Transition
from quorate.prove.state import State
from quorate.prove.words import listed

README = "README.txt"

_HELD = "These files HOLD THE CLUSTER'S SECRETS: without them the scheduler would decide otherwise."
_MASKED = "Passwords and other secret parameters are masked, which changes nothing of what is decided."

_WIDTH = 80
_NAME = 40
_ACTIONS = 24

_OUTPUT = "--save-output after.xml"
"""Without that crm_simulate needs the right to write where a cluster keeps its CIB."""


@dataclass(frozen=True, slots=True)
class _Step:
    """A CIB to look at: its file's name, what it is, and what is decided then (None: nothing to show)."""

    name: str
    about: str
    state: State
    transition: Transition | None


def files(found: Counterexample) -> Mapping[str, str]:
    """The files by their names; what they are, and how to use them, is in README.txt.

    They hold the cluster's secrets if `found.secret`: to be written for their owner alone.
    """
    steps = list(_steps(found))
    return {**{step.name: step.state.xml for step in steps}, README: "\n".join(_readme(found, steps)) + "\n"}


def _steps(found: Counterexample) -> Iterator[_Step]:
    trace = found.trace
    number = 1
    if trace.situation.kind != "start":
        yield _Step("01-steady.xml", "before anything happens", trace.start, None)
        number += 1
    for episode in trace.episodes:
        event = str(episode.event)
        if not episode.transitions:
            yield _Step(_name(number, event), event, episode.at, None)
            number += 1
        for index, each in enumerate(episode.transitions):
            what = event if index == 0 else f"{event}, after {index} transition{'s' * (index > 1)}"
            yield _Step(_name(number, event if index == 0 else f"then-{index}"), what, each.before, each)
            number += 1
    if trace.episodes and trace.episodes[-1].transitions:
        yield _Step(f"{number:02}-breach.xml", "how it ends: the breach", trace.end, None)


def _name(number: int, words: str) -> str:
    slug = re.sub(r"[^A-Za-z0-9]+", "-", words).strip("-")
    return f"{number:02}-{slug[:_NAME].strip('-')}.xml"


def _readme(found: Counterexample, steps: list[_Step]) -> Iterator[str]:
    breach, situation = found.refutation.breach, found.trace.situation.name
    yield from _paragraph(f"{breach.property}: {found.about}. {breach.message}.")
    yield ""
    yield from _paragraph(
        f"Each file is the CIB at one moment of the situation {situation}. What is said below is what Pacemaker"
        f" {found.pacemaker} decides; to see it, run the commands in this directory, on any host that has"
        " crm_simulate of that version. No cluster is touched."
    )
    yield ""
    yield from _paragraph(_HELD if found.secret else _MASKED)
    for step in steps:
        yield ""
        yield from _paragraph(f"{step.name}: {step.about}")
        if breach.property == ACCEPTED:
            yield f"    crm_verify -VV --xml-file {step.name}"
        elif step.transition is None:
            yield f"    crm_simulate --xml-file {step.name} {_OUTPUT}"
        else:
            yield f"    crm_simulate --simulate --xml-file {step.name} {_OUTPUT}"
            yield from _decision(step.transition)


def _decision(transition: Transition) -> Iterator[str]:
    shown = [str(action) for action in decided(transition) if action.kind.real and action.task != "monitor"]
    said = listed(shown, _ACTIONS) or "only probes and monitors"
    yield from _paragraph(f"decides: {said}", indent=4)
    failed = ", ".join(str(transition.graph.actions[number]) for number in transition.carried.failed)
    if failed:
        text = f"here failed: {failed}; crm_simulate lets it succeed, the next file is how it really goes on"
        yield from _paragraph(text, indent=4)


def _paragraph(text: str, indent: int = 0) -> list[str]:
    further = " " * (indent + 2 * bool(indent))
    return textwrap.wrap(
        text, _WIDTH, initial_indent=" " * indent, subsequent_indent=further, break_on_hyphens=False
    )
