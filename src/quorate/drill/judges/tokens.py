"""Keystone's tokens: one that was issued stays valid, on every node; one that was revoked is invalid.

Keystone's nodes cache validations (`[token] cache_time`, 300 s if not set): a revocation that one node
acknowledged reaches the others' caches only if they share one, and the loss of a memcached must not bring a
revoked token back.
"""

from collections.abc import Sequence

from quorate.drill.judges.judgement import Judgement, Wrong, counted
from quorate.drill.operation import Ending, Operation


def judge(operations: Sequence[Operation]) -> Judgement:
    """`issue` gives a token's name, `validate` and `revoke` have one; `validate` gives whether it is valid."""
    issued = {each.result: each for each in operations if each.does == "issue" and each.ok}
    revoked: dict[str, Operation] = {}
    tried: dict[str, float] = {}
    for each in operations:
        if each.does == "revoke" and each.ending is not Ending.FAIL:
            tried[each.value] = min(each.began_s, tried.get(each.value, each.began_s))
            if each.ok:
                revoked.setdefault(each.value, each)
    answered = [each for each in operations if each.does == "validate" and each.ok]
    return Judgement.of(
        "tokens",
        (
            Wrong.of(
                "forgotten",
                "issued, not revoked, and said to be invalid",
                (each for each in answered if not each.result and _stood(each, issued, tried)),
            ),
            Wrong.of(
                "revived",
                "revoked, and said to be valid",
                (each for each in answered if each.result and _gone(each, revoked)),
            ),
            Wrong.of(
                "unissued",
                "said to be valid, though it was never issued",
                (each for each in answered if each.result and each.value not in issued),
            ),
        ),
        counted(operations),
        why_unknown="" if answered else "no token was ever validated",
    )


def _stood(validation: Operation, issued: dict[str, Operation], tried: dict[str, float]) -> bool:
    """Whether a token had been issued, and nobody had tried to revoke it, while it was validated."""
    if validation.value not in issued or validation.ended_s is None:
        return False
    return validation.ended_s < tried.get(validation.value, float("inf"))


def _gone(validation: Operation, revoked: dict[str, Operation]) -> bool:
    """Whether a token's revocation had been acknowledged before it was validated."""
    revocation = revoked.get(validation.value)
    return revocation is not None and revocation.ended_s is not None and revocation.ended_s < validation.began_s
