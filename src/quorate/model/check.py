"""A question about the running cloud: what is asked where, and how the answers are judged."""

from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from quorate.model.finding import Verdict


@dataclass(frozen=True, slots=True)
class Probe:
    """A program run on nodes: `argv` with `stdin` (may hold secret references), its answer JSON on stdout.

    It exits 0 also when what it looked at is broken, and says so in its answer: any other end makes the answer
    unknown. With `json` False the answer is `{"rc": int, "stdout": str, "stderr": str}` whatever the rc.
    With `once` the first of its nodes that can be reached answers for all.
    """

    argv: tuple[str, ...]
    stdin: str = ""
    timeout_s: float = 20
    json: bool = True
    once: bool = False


Answers = Mapping[Probe, Mapping[str, Any]]
"""What each probe brought back, by node; one that gave no answer is missing: who asks adds that it is unknown."""


@dataclass(frozen=True, slots=True)
class Result:
    """A verdict about one node or (None) about the whole, with what was seen."""

    verdict: Verdict
    seen: str
    node: str | None = None


@dataclass(frozen=True, slots=True)
class Check:
    """A named question: each probe is asked on its nodes, once a run also if several checks share it.

    `judge` is pure. It gets every probe of the check as a key, and yields at least one result if a node answered.
    """

    name: str
    component: str
    about: str
    probes: Mapping[Probe, tuple[str, ...]]
    judge: Callable[[Answers], Iterable[Result]] = field(compare=False)


def yes(seen: str, node: str | None = None) -> Result:
    """It is so."""
    return Result(Verdict.YES, seen, node)


def no(seen: str, node: str | None = None) -> Result:
    """It is not so."""
    return Result(Verdict.NO, seen, node)


def unknown(seen: str, node: str | None = None) -> Result:
    """It could not be looked at."""
    return Result(Verdict.UNKNOWN, seen, node)


def verdict(results: Iterable[Result]) -> Verdict:
    """One no makes it no; otherwise one unknown (or nothing seen at all) makes it unknown."""
    verdicts = {result.verdict for result in results}
    if Verdict.NO in verdicts:
        return Verdict.NO
    return Verdict.YES if verdicts == {Verdict.YES} else Verdict.UNKNOWN


Views = Mapping[str, Mapping[str, str | None]]
"""What is wrong (None: nothing) with each of several things, as seen from each node that was asked."""


def troubles(views: Views) -> Iterator[Result]:
    """A no for each trouble that nodes see with each other, about the node that has it, naming who saw it."""
    for (target, trouble), askers in _seers(views).items():
        yield no(f"{trouble} (seen from {listing(askers)})", target)


def dead_ends(views: Views) -> Iterator[Result]:
    """A no for each trouble that nodes see with addresses: about the node if one alone sees it."""
    for (address, trouble), askers in _seers(views).items():
        if len(askers) == 1:
            yield no(f"{address}: {trouble}", askers[0])
        else:
            yield no(f"{address}: {trouble} (seen from {listing(askers)})")


def _seers(views: Views) -> dict[tuple[str, str], list[str]]:
    seers: dict[tuple[str, str], list[str]] = defaultdict(list)
    for asker, view in views.items():
        for target, trouble in view.items():
            if trouble:
                seers[target, trouble].append(asker)
    return seers


def listing(names: Iterable[str]) -> str:
    """Names in their order, for a sentence; `none` if there are none."""
    return ", ".join(names) or "none"
