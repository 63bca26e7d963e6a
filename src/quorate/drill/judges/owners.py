"""A virtual IP has one owner at a time, whoever is asked."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Self

from quorate.drill.judges.judgement import Judgement, Wrong

AT_ONCE_S = 1.0
"""Who claims an address, and again within this time with another's claim between, owns it beside the other."""


@dataclass(frozen=True, slots=True)
class Claim:
    """Somebody with this MAC address said at that time (seconds of the history) that an address is theirs."""

    at_s: float
    address: str
    mac: str

    def since(self, at_s: float) -> Self:
        """The same, in seconds since that second of its history."""
        return replace(self, at_s=self.at_s - at_s)


def judge(claims: Sequence[Claim], *, why_unknown: str = "") -> Judgement:
    """`claims` in the order they were heard; `why_unknown` if nobody could listen."""
    addresses = sorted({each.address for each in claims})
    twice = [each for address in addresses for each in _twice([one for one in claims if one.address == address])]
    unheard = why_unknown or ("" if claims else "nobody was heard to own an address")
    return Judgement.of(
        "addresses",
        (Wrong.of("two owners", "two hosts said at the same time that an address is theirs", twice),),
        {"claims": len(claims), "owners": len({(each.address, each.mac) for each in claims})},
        why_unknown=unheard,
    )


def _twice(claims: Sequence[Claim]) -> Iterator[str]:
    last: dict[str, Claim] = {}
    for each in claims:
        before = last.get(each.mac)
        if before and each.at_s - before.at_s <= AT_ONCE_S:
            others = [one for one in last.values() if one.mac != each.mac and one.at_s > before.at_s]
            for other in others:
                yield f"{each.address}: {each.mac} at {before.at_s:.1f} and {each.at_s:.1f} s, {other.mac} between"
        last[each.mac] = each
