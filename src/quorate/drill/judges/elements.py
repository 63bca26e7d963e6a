"""A set to which elements are only ever added, each one once: what was acknowledged is there at the end."""

from collections.abc import Sequence

from quorate.drill.judges.judgement import Judgement, Wrong, counted
from quorate.drill.operation import Ending, Operation


def judge(operations: Sequence[Operation]) -> Judgement:
    """`add` has an element; `read` gives all of them as a list. The last read decides what was lost."""
    adds = {each.value: each for each in operations if each.does == "add"}
    reads = [each for each in operations if each.does == "read" and each.ok]
    if not reads:
        return Judgement.of("set", (), counted(operations), why_unknown="the set was never read")
    last = max(reads, key=lambda each: each.began_s)
    before = [each for each in adds.values() if each.ok and (each.ended_s or 0.0) <= last.began_s]
    if len(before) < sum(1 for each in adds.values() if each.ok):
        return Judgement.of("set", (), counted(operations), why_unknown="something was added after the last read")
    there = set(last.result)
    seen = {element for each in reads for element in each.result}
    refused = (each for each in adds.values() if each.ending is Ending.FAIL and each.value in seen)
    return Judgement.of(
        "set",
        (
            Wrong.of(
                "lost", "acknowledged, and not there at the end", (e for e in before if e.value not in there)
            ),
            Wrong.of("unwritten", "read, though nobody added it", map(str, sorted(seen - adds.keys()))),
            Wrong.of("refused", "read, though adding it was refused", refused),
            Wrong.of("twice", "read twice in one read", map(str, sorted(_twice(last.result)))),
            Wrong.of(
                "vanished", "read once, and not there at the end", map(str, sorted(_vanished(seen, there, adds)))
            ),
        ),
        counted(operations)
        | {"unknown, and there": sum(1 for each in adds.values() if _maybe(each) and each.value in there)},
    )


def _maybe(add: Operation) -> bool:
    return add.ending is Ending.UNKNOWN


def _twice(elements: Sequence[int]) -> set[int]:
    return {each for each in elements if elements.count(each) > 1} if len(set(elements)) < len(elements) else set()


def _vanished(seen: set[int], there: set[int], adds: dict[int, Operation]) -> set[int]:
    """What was read and is gone, but for what was acknowledged: that is lost already."""
    return {each for each in seen - there if each in adds and not adds[each].ok}
