"""A cache over several servers: it may forget everything, but never gives what was not put there.

A server that was set aside and comes back has not seen what was set meanwhile: what it gives then is stale,
which every client of memcached has to bear. It is told, and breaks no promise.
"""

from collections.abc import Iterator, Mapping, Sequence

from quorate.drill.judges.judgement import Judgement, Wrong, counted
from quorate.drill.operation import Operation


def judge(operations: Sequence[Operation]) -> Judgement:
    """`set` has [key, number] and gives whether it was stored; `get` has a key and gives a number or null."""
    sets: dict[str, list[Operation]] = {}
    for each in operations:
        if each.does == "set":
            sets.setdefault(str(each.value[0]), []).append(each)
    gets = [each for each in operations if each.does == "get" and each.ok]
    hits = [each for each in gets if each.result is not None]
    foreign = [each for each in hits if each.result not in {one.value[1] for one in sets.get(str(each.value), ())}]
    return Judgement.of(
        "cache",
        (
            Wrong.of("foreign", "a value that was never put under its key", foreign),
            Wrong.of("stale", "a value that had been replaced", _stale(sets, hits), promised=False),
        ),
        counted(operations) | {"get missed": len(gets) - len(hits)},
        why_unknown="" if gets else "the cache was never asked",
    )


def _stale(sets: Mapping[str, Sequence[Operation]], hits: Sequence[Operation]) -> Iterator[Operation]:
    for each in hits:
        places = {one.value[1]: place for place, one in enumerate(sets.get(str(each.value), ()))}
        stored = [
            places[one.value[1]]
            for one in sets.get(str(each.value), ())
            if one.ok and one.result and one.ended_s is not None and one.ended_s < each.began_s
        ]
        if each.result in places and stored and places[each.result] < max(stored):
            yield each
