"""The proof judged: designs with one thing wrong are refuted for what is wrong, good ones are not."""

from collections.abc import Callable, Iterator
from concurrent.futures import Executor
from dataclasses import replace
from functools import partial
from zlib import crc32

import pytest

from designs import BROKEN, GOOD, Broken, Good
from quorate.model.finding import Verdict
from quorate.prove import intent, state
from quorate.prove.cause import find
from quorate.prove.pool import Pool
from quorate.prove.proof import Proof, Question, prove
from quorate.prove.scheduler import Place
from quorate.prove.settle import Situation
from quorate.prove.situations import CLASSES

MAJORITIES = ("galera", "rabbitmq")
"""What the components of that name say of themselves."""
QUICK = {"node-lost", "pair-lost", "quorum-lost", "returning", "standby", "cold-start"}
"""Classes with few situations, which refute most of what is broken; the others are asked one by one."""
STAGES = (QUICK, *({kind} for kind in CLASSES if kind not in QUICK))


@pytest.fixture(scope="module")
def workers() -> Iterator[Executor]:
    """One pool for all proofs."""
    with Pool() as executor:
        yield executor


def asked(design: Good | Broken, place: Place) -> Question:
    """Every single situation of a design."""
    start = state.read(design.cib)
    said = {name: intent.Active(active) for name, active in getattr(design, "intent", {}).items()}
    return Question(start, intent.of(start.configuration, said, MAJORITIES), place)


def is_of(kinds: set[str], situation: Situation) -> bool:
    """Whether it is of one of these classes."""
    return situation.kind in kinds


def one_in(n: int) -> Callable[[Situation], bool]:
    """The first of each class, and always the same part of all."""
    first: dict[str, str] = {}
    return lambda situation: (
        first.setdefault(situation.kind, situation.name) == situation.name
        or crc32(situation.name.encode()) % n == 0
    )


PARTS = {"controllers-16": 32, "remotes-100": 64}
"""What part is asked of designs whose proof takes minutes; all of it is in `benchmarks/prove.py`."""


def refuted(proof: Proof) -> set[str]:
    """The properties that do not hold."""
    return {each.name for each in proof.properties if each.refutation}


def causes(design: Broken, question: Question, proof: Proof) -> Iterator[str]:
    """What is told of the expected refutations: text, remedy and element."""
    for each in proof.properties:
        if each.refutation and each.name in design.properties:
            cause = find(question, each.refutation)
            yield f"{cause.text}; {cause.remedy}; {cause.element}" if cause else f"{each.name}: no cause"


@pytest.mark.parametrize(
    "design",
    [pytest.param(each, id=each.name, marks=pytest.mark.timeout(600, func_only=True)) for each in GOOD],
)
def test_a_good_design_is_proved(design: Good, place: Place, workers: Executor) -> None:
    question = asked(design, place)
    if design.name in PARTS:
        question = replace(question, wanted=one_in(PARTS[design.name]))
    proof = prove(question, executor=workers)
    alarms = {
        each.name: each.refutation or "vacuous" for each in proof.properties if each.verdict is not Verdict.YES
    }
    assert alarms == {}
    assert proof.undecided == {}
    assert proof.verdict is Verdict.YES


@pytest.mark.parametrize("name", ["lab", "groups", "replicated"])
def test_a_good_design_is_proved_for_second_faults_too(name: str, place: Place, workers: Executor) -> None:
    question = asked(next(each for each in GOOD if each.name == name), place)
    proof = prove(replace(question, depth=2), executor=workers)
    assert {each.name: each.refutation for each in proof.properties if each.verdict is not Verdict.YES} == {}
    assert proof.coverage.classes["second-fault"] > proof.coverage.classes["interrupted"] > 0
    assert proof.verdict is Verdict.YES


@pytest.mark.parametrize(
    "design",
    [pytest.param(each, id=each.name, marks=pytest.mark.timeout(240, func_only=True)) for each in BROKEN],
)
def test_a_broken_design_is_refuted(design: Broken, place: Place, workers: Executor) -> None:
    question = asked(design, place)
    for stage in STAGES:
        proof = prove(replace(question, wanted=partial(is_of, stage)), executor=workers)
        if refuted(proof) & design.properties:
            break
    assert refuted(proof) & design.properties, f"refuted: {refuted(proof) or 'nothing'}"
    assert proof.verdict is Verdict.NO
    told = list(causes(design, question, proof))
    assert any(all(word in cause for word in design.cause) for cause in told), told
