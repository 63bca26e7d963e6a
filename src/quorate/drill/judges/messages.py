"""Messages through a quorum queue: what was confirmed is delivered; what nobody published never is.

Deliveries are at least once: duplicates are counted and break no promise. Nor does a loss without a confirm.
"""

from collections import Counter
from collections.abc import Sequence
from itertools import pairwise

from quorate.drill.judges.judgement import Judgement, Wrong, counted
from quorate.drill.operation import Ending, Operation


def judge(operations: Sequence[Operation]) -> Judgement:
    """`publish` has a message's number, and is ok if confirmed; `deliver` gives one, `drain` all that are left."""
    published = {each.value: each for each in operations if each.does == "publish"}
    delivered = Counter(each.result for each in operations if each.does == "deliver" and each.ok)
    drains = [each for each in operations if each.does == "drain" and each.ok]
    delivered.update(number for each in drains for number in each.result)
    drained = bool(drains)
    lost = (each for each in published.values() if each.ok and each.value not in delivered)
    refused = (each for each in published.values() if each.ending is Ending.FAIL and each.value in delivered)
    return Judgement.of(
        "messages",
        (
            Wrong.of("lost", "confirmed, and never delivered", lost if drained else ()),
            Wrong.of(
                "unpublished",
                "delivered, though nobody published it",
                map(str, sorted(delivered.keys() - published)),
            ),
            Wrong.of("refused", "delivered, though publishing it was refused", refused),
            Wrong.of("twice", "delivered more than once", _twice(delivered), promised=False),
        ),
        counted(operations) | {"longest silence, ms": round(1000 * silence_s(operations))},
        why_unknown="" if drained else "the queue was never emptied: what was confirmed may still be in it",
    )


def silence_s(operations: Sequence[Operation]) -> float:
    """The longest time between two deliveries while something was published, in seconds."""
    times = sorted(
        each.ended_s for each in operations if each.does == "deliver" and each.ok and each.ended_s is not None
    )
    return max((after - before for before, after in pairwise(times)), default=0.0)


def _twice(delivered: Counter[int]) -> list[str]:
    return [f"message {number}, {count} times" for number, count in sorted(delivered.items()) if count > 1]
