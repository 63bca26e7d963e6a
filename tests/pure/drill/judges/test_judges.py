"""Histories made wrong by hand: each kind of wrong is caught, and nothing else is."""

from collections.abc import Callable
from functools import partial
from typing import Any

import pytest

from quorate.drill.judges import Judgement, bank, cache, elements, lifecycle, lists, messages, tokens
from quorate.drill.operation import Ending, Operation
from quorate.model.finding import Verdict

Told = tuple[Any, ...]


def history(*told: Told) -> tuple[Operation, ...]:
    """One after the other, a second each: (does, value, ending, result); without an ending it never ended."""
    found = []
    for number, (does, value, *end) in enumerate(told):
        ending = Ending(end[0]) if end else Ending.UNKNOWN
        ended_s = number + 0.5 if end else None
        result = end[1] if len(end) > 1 else None
        found.append(Operation(number, 1, does, value, float(number), ended_s, ending, result))
    return tuple(found)


GOOD = {
    "bank": (("transfer", [0, 1, 5], "ok"), ("read", None, "ok", [5, 15]), ("read", None, "unknown")),
    "set": (
        ("add", 1, "ok"), ("add", 2, "unknown"), ("add", 3, "unknown"), ("add", 4, "fail"), ("add", 5),
        ("read", None, "unknown"), ("read", None, "ok", [1, 3]),
    ),
    "lists": (
        ("append", ["k", 1], "ok"), ("append", ["k", 2], "fail"), ("append", ["k", 3], "unknown"),
        ("read", "k", "ok", [1]), ("read", "k", "ok", [1, 3]),
    ),
    "messages": (
        ("publish", 1, "ok"), ("publish", 2, "unknown"), ("publish", 3, "fail"), ("publish", 4, "unknown"),
        ("deliver", None, "ok", 4), ("drain", None, "unknown"), ("drain", None, "ok", [1]),
    ),
    "cache": (
        ("get", "k", "ok", None), ("set", ["k", 1], "ok", True), ("get", "k", "ok", 1),
        ("set", ["k", 2], "unknown"), ("get", "k", "ok", 1), ("set", ["k", 3], "ok", False),
        ("get", "k", "ok", None), ("set", ["k", 3], "ok", True), ("get", "k", "ok", 3), ("get", "k", "unknown"),
    ),
    "tokens": (
        ("issue", None, "ok", "a"), ("issue", None, "unknown"), ("validate", "a", "ok", True),
        ("validate", "a", "unknown"), ("revoke", "a", "unknown"), ("validate", "a", "ok", True),
        ("validate", "a", "ok", False), ("revoke", "a", "ok"), ("validate", "a", "ok", False),
    ),
    "volumes": (
        ("create", "a", "ok"), ("show", "a", "ok", "coming"), ("show", "a", "unknown"),
        ("show", "a", "ok", "there"), ("create", "b", "unknown"), ("create", "c", "fail"), ("create", "d"),
        ("create", "e", "ok"), ("show", "e", "ok", "there"), ("delete", "e", "ok"), ("show", "e", "ok", "going"),
        ("show", "e", "ok", "gone"), ("create", "f", "ok"), ("delete", "f", "unknown"), ("delete", "f", "fail"),
        ("list", None, "ok", [["a", "there"], ["b", "there"], ["f", "there"]]), ("settle", None, "unknown"),
        ("settle", None, "ok", [["a", "there"], ["b", "there"]]),
    ),
}  # fmt: skip

JUDGES: dict[str, Callable[[tuple[Operation, ...]], Judgement]] = {
    "bank": partial(bank.judge, total=20),
    "set": elements.judge,
    "lists": lists.judge,
    "messages": messages.judge,
    "cache": cache.judge,
    "tokens": tokens.judge,
    "volumes": partial(lifecycle.judge, workload="volumes"),
}
AB = [["a", "there"], ["b", "there"]]


@pytest.mark.parametrize("workload", GOOD)
def test_what_is_right_is_said_to_be(workload: str) -> None:
    found = JUDGES[workload](history(*GOOD[workload]))
    assert (found.wrongs, found.verdict) == ((), Verdict.YES)


@pytest.mark.parametrize(
    ("workload", "more", "kind"),
    [
        ("bank", [("read", None, "ok", [5, 14])], "torn"),
        ("bank", [("read", None, "ok", [-5, 25])], "overdrawn"),
        ("set", [("read", None, "ok", [3])], "lost"),
        ("set", [("read", None, "ok", [1, 3, 9])], "unwritten"),
        ("set", [("read", None, "ok", [1, 3, 4])], "refused"),
        ("set", [("read", None, "ok", [1, 1, 3])], "twice"),
        ("set", [("read", None, "ok", [1])], "vanished"),
        ("lists", [("append", ["k", 4], "ok"), ("read", "k", "ok", [1, 3])], "lost"),
        ("lists", [("read", "k", "ok", [3, 1])], "reordered"),
        ("lists", [("read", "k", "ok", [1, 3, 9])], "unwritten"),
        ("lists", [("read", "k", "ok", [1, 3, 2])], "unwritten"),
        ("messages", [("publish", 5, "ok")], "lost"),
        ("messages", [("deliver", None, "ok", 9)], "unpublished"),
        ("messages", [("deliver", None, "ok", 3)], "refused"),
        ("messages", [("drain", None, "ok", [9])], "unpublished"),
        ("cache", [("get", "k", "ok", 9)], "foreign"),
        ("cache", [("get", "other", "ok", 3)], "foreign"),
        ("tokens", [("issue", None, "ok", "b"), ("validate", "b", "ok", False)], "forgotten"),
        ("tokens", [("validate", "a", "ok", True)], "revived"),
        ("tokens", [("validate", "z", "ok", True)], "unissued"),
        ("volumes", [("show", "a", "ok", "gone")], "lost"),
        ("volumes", [("settle", None, "ok", AB[1:])], "lost"),
        ("volumes", [("show", "b", "ok", "gone")], "lost"),
        ("volumes", [("show", "e", "ok", "there")], "kept"),
        ("volumes", [("settle", None, "ok", [*AB, ["e", "coming"]])], "unfinished"),
        ("volumes", [("show", "a", "ok", "changed")], "changed"),
        ("volumes", [("show", "a", "ok", "failed")], "failed"),
        ("volumes", [("show", "e", "ok", "failed")], "failed"),
        ("volumes", [("create", "g", "ok"), ("show", "g", "ok", "coming")], "unfinished"),
        ("volumes", [("delete", "a", "ok"), ("show", "a", "ok", "going")], "unfinished"),
        ("volumes", [("list", None, "ok", [*AB, ["z", "there"]])], "unwritten"),
        ("volumes", [("list", None, "ok", [*AB, ["c", "there"]])], "unwritten"),
        ("volumes", [("list", None, "ok", [*AB, ["a", "there"]])], "twice"),
    ],
)
def test_each_kind_of_wrong_is_caught(workload: str, more: list[Told], kind: str) -> None:
    found = JUDGES[workload](history(*GOOD[workload], *more))
    assert [each.kind for each in found.wrongs] == [kind]
    assert found.wrongs[0].operations
    assert found.verdict is Verdict.NO


@pytest.mark.parametrize(
    ("workload", "more", "kind"),
    [
        (
            "lists",
            [("append", ["k", 4], "ok"), ("read", "k", "ok", [1, 3]), ("read", "k", "ok", [1, 3, 4])],
            "stale",
        ),
        ("messages", [("deliver", None, "ok", 4)], "twice"),
        ("cache", [("set", ["k", 4], "ok", True), ("get", "k", "ok", 3)], "stale"),
        ("volumes", [("show", "a", "ok", "gone"), ("show", "a", "ok", "there")], "stale"),
        ("volumes", [("delete", "a", "ok"), ("show", "a", "ok", "there"), ("show", "a", "ok", "gone")], "stale"),
    ],
)
def test_what_nobody_promised_is_told_and_breaks_no_promise(workload: str, more: list[Told], kind: str) -> None:
    found = JUDGES[workload](history(*GOOD[workload], *more))
    assert [(each.kind, each.count) for each in found.wrongs] == [(kind, 1)]
    assert found.verdict is Verdict.YES


@pytest.mark.parametrize(
    ("workload", "told"),
    [
        ("bank", [("transfer", [0, 1, 5], "ok"), ("read", None, "fail")]),
        ("set", [("add", 1, "ok")]),
        ("set", [("read", None, "ok", []), ("add", 1, "ok")]),
        ("lists", [("append", ["k", 1], "ok")]),
        ("messages", [("publish", 1, "ok")]),
        ("cache", [("set", ["k", 1], "ok", True)]),
        ("tokens", [("issue", None, "ok", "a")]),
        ("volumes", [("list", None, "ok", []), ("create", "a", "unknown"), ("settle", None, "ok", [])]),
        ("volumes", [("create", "a", "ok"), ("show", "a", "unknown")]),
        ("volumes", [("create", "a", "ok"), ("show", "a", "ok", "coming")]),
        ("volumes", [("create", "a", "ok"), ("show", "a", "ok", "there"), ("delete", "a", "ok")]),
    ],
)
def test_what_was_never_seen_is_unknown(workload: str, told: list[Told]) -> None:
    found = JUDGES[workload](history(*told))
    assert found.wrongs == ()
    assert found.verdict is Verdict.UNKNOWN
    assert found.why_unknown


def test_only_the_first_of_many_are_named() -> None:
    found = elements.judge(history(*(("add", number, "ok") for number in range(20)), ("read", None, "ok", [])))
    (lost,) = found.wrongs
    assert (lost.count, len(lost.operations)) == (20, 5)
    assert lost.operations[0] == "add 0 by client 1 at 0.000 s"


def test_the_longest_silence_is_between_two_deliveries() -> None:
    told = (("deliver", None, "ok", 1), ("publish", 2, "ok"), ("publish", 3, "ok"), ("deliver", None, "ok", 2))
    assert messages.silence_s(history(*told)) == 3.0


def test_how_long_things_were_under_way_is_a_figure() -> None:
    counts = lifecycle.judge(history(*GOOD["volumes"]), "volumes").counts
    assert counts["unknown, and there"] == 1
    assert counts["longest coming, ms"] == 3000
    assert counts["longest going, ms"] == 2000


def test_what_happens_at_the_same_time_proves_nothing() -> None:
    """A list that was asked for before a thing was made, or while it was being removed."""
    told = (
        ("create", "a", 0, 5),
        ("list", None, 1, 6),
        ("show", "a", 7, 8),
        ("show", "a", 9, 12),
        ("delete", "a", 10, 11),
    )
    results = (None, [], "there", "gone", None)
    found = [
        Operation(number, number, does, value, began_s, ended_s, Ending.OK, result)
        for number, ((does, value, began_s, ended_s), result) in enumerate(zip(told, results, strict=True))
    ]
    last = Operation(9, 0, "settle", None, 13, 14, Ending.OK, [])
    assert lifecycle.judge([*found, last], "volumes").verdict is Verdict.YES
