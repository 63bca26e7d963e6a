"""Bank transfers: money moves between accounts, and every read of all accounts has the same total.

A transfer is one transaction over two rows. Galera promises REPEATABLE READ within a node (reads of one snapshot)
and certifies writes: no transaction is applied in part, so no read may ever see another total.
"""

from collections.abc import Sequence

from quorate.drill.judges.judgement import Judgement, Wrong, counted
from quorate.drill.operation import Operation


def judge(operations: Sequence[Operation], *, total: int) -> Judgement:
    """`read` gives all balances as a list; `transfer` has [from, to, amount]."""
    reads = [each for each in operations if each.does == "read" and each.ok]
    torn = (each for each in reads if sum(each.result) != total)
    overdrawn = (each for each in reads if any(balance < 0 for balance in each.result))
    return Judgement.of(
        "bank",
        (
            Wrong.of("torn", f"a read of all accounts did not have the total of {total}", torn),
            Wrong.of("overdrawn", "a read found an account below zero, which no transfer may leave", overdrawn),
        ),
        counted(operations),
        why_unknown="" if reads else "no read of the accounts was ever answered",
    )
