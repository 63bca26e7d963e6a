"""Lists to which numbers are appended, each one once: their order in the lists tells who saw what.

What Galera promises: an acknowledged write is never lost, and all nodes apply the same writes in the same
order. It does not promise that a read elsewhere sees the last write (`wsrep_sync_wait=0`): stale reads are
told, and break no promise.
"""

from collections.abc import Iterator, Mapping, Sequence

from quorate.drill.judges.judgement import Judgement, Wrong, counted
from quorate.drill.operation import Ending, Operation


def judge(operations: Sequence[Operation]) -> Judgement:
    """`append` has [key, number]; `read` has a key and gives the list."""
    reads: dict[str, list[Operation]] = {}
    appends: dict[str, list[Operation]] = {}
    for each in operations:
        if each.does == "read" and each.ok:
            reads.setdefault(str(each.value), []).append(each)
        elif each.does == "append":
            appends.setdefault(str(each.value[0]), []).append(each)
    unread = [key for key, found in appends.items() if any(each.ok for each in found) and key not in reads]
    longest = {key: max(found, key=lambda each: len(each.result)).result for key, found in reads.items()}
    return Judgement.of(
        "lists",
        (
            Wrong.of("lost", "acknowledged, and not in the last read", _lost(appends, reads)),
            Wrong.of("reordered", "a read is not the beginning of a longer one", _reordered(reads, longest)),
            Wrong.of("unwritten", "read, though nobody appended it", _unwritten(appends, reads)),
            Wrong.of(
                "stale", "a read misses what was acknowledged before it", _stale(appends, reads), promised=False
            ),
        ),
        counted(operations),
        why_unknown=f"never read: {', '.join(sorted(unread))}" if unread else "",
    )


Of = Mapping[str, Sequence[Operation]]


def _lost(appends: Of, reads: Of) -> Iterator[Operation]:
    for key, found in reads.items():
        last = max(found, key=lambda each: each.began_s)
        for each in appends.get(key, ()):
            if each.ok and (each.ended_s or 0.0) <= last.began_s and each.value[1] not in last.result:
                yield each


def _reordered(reads: Of, longest: Mapping[str, Sequence[int]]) -> Iterator[Operation]:
    for key, found in reads.items():
        for each in found:
            if list(each.result) != list(longest[key][: len(each.result)]):
                yield each


def _unwritten(appends: Of, reads: Of) -> Iterator[Operation]:
    for key, found in reads.items():
        there = {each.value[1] for each in appends.get(key, ()) if each.ending is not Ending.FAIL}
        yield from (each for each in found if not there.issuperset(each.result))


def _stale(appends: Of, reads: Of) -> Iterator[Operation]:
    for key, found in reads.items():
        last = max(found, key=lambda each: each.began_s)
        for each in found:
            known = {
                one.value[1]
                for one in appends.get(key, ())
                if one.ok and one.ended_s is not None and one.ended_s < each.began_s
            }
            if each is not last and known - set(each.result):
                yield each
