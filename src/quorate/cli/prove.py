"""`quorate prove`: what Pacemaker would do in every situation, and whether what must hold does."""

import argparse
import json
import os
import sys
import textwrap
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from fnmatch import fnmatchcase
from pathlib import Path
from types import TracebackType
from typing import Self, TextIO

from quorate.cli import proved
from quorate.cli.cloud import add_file_option, add_output_option, opened
from quorate.cli.exit import NO, UNKNOWN, YES, UsageError
from quorate.cli.subject import Subject, add_intent_options, designed, did_you_mean, running, saved
from quorate.model.finding import Verdict
from quorate.prove import proof as proofs
from quorate.prove import situations
from quorate.prove.counterexample import Counterexample, counterexample, steps
from quorate.prove.counterexample import as_text as counterexample_text
from quorate.prove.page import page
from quorate.prove.proof import Proof, PropertyOutcome, Question, schedule_at
from quorate.prove.properties import ALL
from quorate.prove.replay import README, files
from quorate.prove.settle import Situation
from quorate.prove.words import listed

_WIDTH = 80
CODES = {Verdict.YES: YES, Verdict.NO: NO, Verdict.UNKNOWN: UNKNOWN}
_WORDS = {Verdict.YES: "proved", Verdict.NO: "refuted", Verdict.UNKNOWN: "not decided"}
_PAIRS = {
    "second-fault": "depth 2: two faults one after the other, in every order",
    "interrupted": "depth 2: a member lost in the middle of what follows a first fault, after each action",
}
_NOT_SITUATIONS = ("start", "steady")
"""What is judged besides: how the cluster comes up, and the state in which all situations begin."""

_SPARSE_S = 10.0


def add_parser(subparsers: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    """Register the command."""
    parser = subparsers.add_parser(
        "prove", help="what Pacemaker would do in every failure; exits 0, 1 refuted, 3 open"
    )
    add_file_option(parser)
    of = parser.add_mutually_exclusive_group()
    of.add_argument("--cib", metavar="CIB", help="prove any cluster's CIB, not the design; - is standard input")
    of.add_argument("--live", action="store_true", help="prove the running cluster, from the state it is in")
    parser.add_argument(
        "--situation", nargs="+", metavar="NAME", default=[], help="only these (node-lost, 'ctl1-*')"
    )
    parser.add_argument("--property", nargs="+", metavar="NAME", default=[], help="only these (once, 'fenc*')")
    parser.add_argument("--depth", type=int, choices=(1, 2), default=1, help="2: also pairs of faults; takes long")
    parser.add_argument(
        "--budget", type=_seconds, metavar="SECONDS", help="stop after so long; the rest stays open"
    )
    parser.add_argument("--seed", type=int, default=0, metavar="N", help="which remotes are tried of those alike")
    add_intent_options(parser)
    add_output_option(parser)
    parser.add_argument("--html", type=Path, metavar="FILE", help="also write it as a page with pictures")
    parser.add_argument("--save", type=Path, metavar="DIR", help="write files that replay each counterexample")
    parser.add_argument("--list", action="store_true", help="name situations and properties, and prove nothing")
    parser.add_argument("--openssh", action="store_true", help="connect with the ssh program")
    parser.set_defaults(run=run)


def run(args: argparse.Namespace) -> int:
    """Prove each cluster, print, and give the exit code."""
    if args.list:
        print("\n".join(listing()))
        return YES
    limits = Limits.of(args)
    results = []
    for subject in subjects(args):
        with Estimate(sys.stderr, quiet=args.output == "json") as report:
            results.append(prove(subject, limits, report))
    if args.html:
        write_pages(results, args.html)
    if args.save:
        write_replays(results, args.save)
    if args.output == "json":
        print(json.dumps(as_json(results), indent=2))
    else:
        print("\n\n".join("\n".join(as_text(each)) for each in results))
    return CODES[worst(each.proof.verdict for each in results)]


def subjects(args: argparse.Namespace) -> Iterable[Subject]:
    """What the command line names: a file, the running clusters, or the design's."""
    if args.cib:
        return (saved(args.cib, args),)
    return running(opened(args), args) if args.live else designed(opened(args), args)


def _seconds(text: str) -> float:
    value = float(text)
    if value <= 0:
        raise argparse.ArgumentTypeError("must be more than 0")
    return value


@dataclass(frozen=True, slots=True)
class Limits:
    """What of all that could be proved is asked for; `until` is when the budget ends (time.monotonic)."""

    situations: tuple[str, ...] = ()
    properties: tuple[str, ...] = tuple(ALL)
    depth: int = 1
    budget_s: float | None = None
    until: float | None = None
    seed: int = 0

    @classmethod
    def of(cls, args: argparse.Namespace) -> Self:
        """From the command line. Raises UsageError for a property that is not there."""
        for pattern in args.property:
            if not any(fnmatchcase(name, pattern) for name in ALL):
                raise UsageError(f"no property is called {pattern}{did_you_mean(pattern, ALL)}")
        properties = tuple(
            name for name in ALL if not args.property or any(fnmatchcase(name, each) for each in args.property)
        )
        until = None if args.budget is None else time.monotonic() + args.budget
        return cls(tuple(args.situation), properties, args.depth, args.budget, until, args.seed)

    @property
    def everything(self) -> bool:
        """Whether all properties are judged in all situations of depth 1."""
        return not self.situations and len(self.properties) == len(ALL)

    def wants(self, situation: Situation) -> bool:
        """Whether a situation is asked for: by its name, its class, or a pattern of either."""
        names = (situation.name, situation.kind)
        return not self.situations or any(fnmatchcase(name, each) for each in self.situations for name in names)


@dataclass(frozen=True, slots=True)
class Result:
    """What came of one cluster's proof."""

    subject: Subject
    proof: Proof
    limits: Limits
    counterexamples: tuple[Counterexample, ...] = ()

    def word(self, outcome: PropertyOutcome) -> str:
        """What became of one property."""
        if outcome.refutation:
            return "no"
        if not outcome.applies:
            return "-"
        return "vacuous" if outcome.vacuous else "yes" if outcome.decided else "unknown"


def prove(subject: Subject, limits: Limits, report: proofs.Report) -> Result:
    """Prove one cluster where its Pacemaker can be asked; a proof of everything that holds is remembered.

    Raises NoPlace, SchedulerUnavailable, ScheduleFailed, UsageError.
    """
    place = subject.place()
    left_s = None if limits.until is None else max(0.0, limits.until - time.monotonic())
    question = Question(
        state=subject.state,
        intent=subject.intent,
        place=place,
        properties=limits.properties,
        wanted=limits.wants,
        depth=limits.depth,
        budget_s=left_s,
        seed=limits.seed,
    )
    _check_situations(limits, question)
    proof = proofs.prove(question, report=report)
    refutations = [each.refutation for each in proof.properties if each.refutation]
    result = Result(subject, proof, limits, tuple(counterexample(question, each) for each in refutations))
    if limits.everything and result.proof.verdict is Verdict.YES:
        proved.remember(subject, summary(result.proof))
    return result


def _check_situations(limits: Limits, question: Question) -> None:
    """Raises UsageError for a pattern that names no situation of this cluster."""
    known = {name: name for name in (*situations.CLASSES, *_PAIRS)}
    patterns = [each for each in limits.situations if not any(fnmatchcase(name, each) for name in known)]
    if not patterns:
        return
    steady = proofs.steady(question, schedule_at(question.place)).end
    scope = situations.scope(steady, sample=proofs.SAMPLE, seed=question.seed)
    names = {each.name for each in situations.singles(scope)}
    if question.depth > 1:
        names |= {each.name for each in situations.pairs(scope)}
    for pattern in patterns:
        if not any(fnmatchcase(name, pattern) for name in names):
            near = did_you_mean(pattern, [*known, *sorted(names)])
            end = near if "did you mean" in near else "; name the classes: quorate prove --list"
            raise UsageError(f"no situation is called {pattern}{end}")


def worst(verdicts: Iterable[Verdict]) -> Verdict:
    """No before unknown before yes."""
    found = set(verdicts)
    return next((each for each in (Verdict.NO, Verdict.UNKNOWN) if each in found), Verdict.YES)


def listing() -> Iterator[str]:
    """The classes of situations and the properties, each with what it is about."""
    width = max(map(len, (*situations.CLASSES, *_PAIRS, *ALL)))
    yield "SITUATIONS"
    classes = {name: _first(make) for name, make in situations.CLASSES.items()} | _PAIRS
    for name, about in classes.items():
        yield from _entry(name, about, width)
    yield "\nPROPERTIES"
    for each in ALL.values():
        yield from _entry(each.name, each.about, width)


def _entry(name: str, about: str, width: int) -> list[str]:
    indent = f"{name:{width}}  "
    return textwrap.wrap(about, _WIDTH, initial_indent=indent, subsequent_indent=" " * len(indent))


def _first(function: Callable[..., object]) -> str:
    """What a class of situations is about: its function's docstring, as the middle of a sentence."""
    text = " ".join((function.__doc__ or "").split("\n\n")[0].split()).removesuffix(".")
    return text[:1].lower() + text[1:]


# -- files


def write_pages(results: Sequence[Result], path: Path) -> None:
    """A page a cluster: of several each has its name in its file's. Raises OSError."""
    for each in results:
        file = path if len(results) == 1 else path.with_stem(f"{path.stem}-{each.subject.name}")
        file.write_text(page(str(each.subject), each.proof, each.counterexamples), encoding="utf-8")
        print(f"wrote {file}", file=sys.stderr)


def write_replays(results: Sequence[Result], directory: Path) -> None:
    """What replays each counterexample, in a directory a property; for the owner alone. Raises OSError."""
    for result in results:
        for found in result.counterexamples:
            home = directory / result.subject.name.strip("/").replace("/", "-") / found.refutation.breach.property
            home.mkdir(mode=0o700, parents=True, exist_ok=True)
            for name, text in files(found).items():
                with os.fdopen(os.open(home / name, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "w") as stream:
                    stream.write(text)
            print(f"wrote {home}; see its {README}", file=sys.stderr)


# -- for people


def as_text(result: Result) -> Iterator[str]:
    """The verdict, a line a property, each counterexample, and what is covered."""
    proof = result.proof
    yield f"{_WORDS[result.proof.verdict]}: {result.subject}"
    width = max(len(each.name) for each in proof.properties)
    for each in proof.properties:
        count = (
            f"{each.checked:6} checks" if each.applies else "       does not apply: nothing here that it is about"
        )
        yield f"{result.word(each):7}  {each.name:{width}}  {count}"
    for found in result.counterexamples:
        yield from ("", *counterexample_text(found, _WIDTH))
    yield ""
    for sentence in coverage(result):
        yield from textwrap.wrap(sentence, _WIDTH, break_on_hyphens=False)


NAMED = 5
"""So many situations are named, of more only their number."""


def coverage(result: Result) -> Iterator[str]:
    """What the proof covers, in sentences, and what it does not."""
    proof, limits = result.proof, result.limits
    covered = proof.coverage
    classes = {name: count for name, count in covered.classes.items() if name not in _NOT_SITUATIONS}
    each = ", ".join(f"{name} {count}" for name, count in classes.items()) or "none"
    sampled = "; ".join(f"of {name} {how}" for name, how in covered.sampled.items())
    how = f"every one of each class, except a sample: {sampled}" if sampled else "every one of each class"
    how = "those asked for" if limits.situations else "those that there was time for" if proof.undecided else how
    yield f"Covered: {sum(classes.values())} situations ({how}): {each}."
    yield (
        f"Decided by Pacemaker {covered.pacemaker} ({covered.engine}) at {covered.place}: "
        f"{covered.transitions} transitions, in {covered.seconds:.1f} s."
    )
    left_out = [f"{covered.left_out} situations that were not asked for"] if covered.left_out else []
    left_out += ["second faults (--depth 2)"] if limits.depth == 1 else []
    if left_out:
        yield f"Not judged: {'; '.join(left_out)}."
    for why, names in proof.open.items():
        yield f"Not decided: {listed(names, NAMED)}: {why}."
    vacuous = [one.name for one in proof.properties if one.vacuous]
    if vacuous:
        why = "none of the situations asked for is about it" if limits.situations else "so nothing is proved"
        yield f"Vacuous: {', '.join(vacuous)}: there was never anything to check, {why}."


def summary(proof: Proof) -> str:
    """What a proof covers, in a line."""
    count = sum(number for name, number in proof.coverage.classes.items() if name not in _NOT_SITUATIONS)
    properties = sum(1 for each in proof.properties if each.applies)
    return f"{properties} properties in {count} situations, by Pacemaker {proof.coverage.pacemaker}"


# -- for programs


def as_json(results: Iterable[Result]) -> dict[str, object]:
    """The results for programs."""
    found = list(results)
    return {
        "verdict": worst(each.proof.verdict for each in found).value,
        "clusters": [_as_json(each) for each in found],
    }


def _as_json(result: Result) -> dict[str, object]:
    covered = result.proof.coverage
    return {
        "name": result.subject.name,
        "told_by": result.subject.told_by,
        "verdict": result.proof.verdict.value,
        "properties": [
            {
                "name": each.name,
                "about": each.about,
                "verdict": result.word(each) if each.applies or each.refutation else "does not apply",
                "checked": each.checked,
                "refutation": _refutation(each, result.counterexamples),
            }
            for each in result.proof.properties
        ],
        "undecided": dict(result.proof.undecided),
        "coverage": {
            "situations": {name: count for name, count in covered.classes.items() if name not in _NOT_SITUATIONS},
            "left_out": covered.left_out,
            "sampled": dict(covered.sampled),
            "depth": result.limits.depth,
            "seed": covered.seed,
            "transitions": covered.transitions,
            "pacemaker": covered.pacemaker,
            "engine": covered.engine,
            "place": covered.place,
            "seconds": round(covered.seconds, 3),
        },
    }


def _refutation(outcome: PropertyOutcome, all_: Iterable[Counterexample]) -> dict[str, object] | None:
    found = outcome.refutation
    if found is None:
        return None
    known = next((each for each in all_ if each.refutation is found), None)
    cause = known.cause if known else None
    return {
        "message": found.breach.message,
        "situation": {"name": found.situation.name, "class": found.situation.kind, "events": str(found.situation)},
        "others": found.others,
        "resources": list(found.breach.resources),
        "nodes": list(found.breach.nodes),
        "constraint": found.breach.constraint,
        "steps": list(steps(known)) if known else [],
        "cause": {"text": cause.text, "remedy": cause.remedy} if cause else None,
    }


class Estimate:
    """How far a proof is, and how long it takes: a line written again on a terminal, sparse lines elsewhere."""

    def __init__(self, stream: TextIO, *, quiet: bool = False) -> None:
        self._stream = stream
        self._terminal = stream.isatty()
        self._quiet = quiet and not self._terminal
        self._said_s = 0.0
        self._drawn = False

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Take the line away."""
        if self._drawn:
            self._stream.write("\r\x1b[K")
            self._stream.flush()

    def __call__(self, done: int, total: int, seconds: float) -> None:
        """Say it, if it is time to."""
        left = f", about {seconds / done * (total - done):.0f} s left" if done else ""
        text = f"proving: {done} of {total} situations, {seconds:.0f} s{left}"
        if self._terminal:
            self._stream.write(f"\r\x1b[K{text}")
            self._stream.flush()
            self._drawn = True
        elif not self._quiet and seconds - self._said_s >= _SPARSE_S:
            print(text, file=self._stream, flush=True)
            self._said_s = seconds
