"""What a judge says."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Self

from quorate.drill.operation import Operation
from quorate.model.finding import Verdict

SHOWN = 5
"""So many operations are kept of each kind of wrong; of more only their number."""


@dataclass(frozen=True, slots=True)
class Wrong:
    """Something that must not be, or (`promised` false) that may: how often it was, and the first ones."""

    kind: str
    about: str
    count: int
    operations: tuple[str, ...]
    promised: bool = True

    @classmethod
    def of(cls, kind: str, about: str, operations: Iterable[Operation | str], *, promised: bool = True) -> Self:
        """With the first of some operations."""
        found = [str(each) for each in operations]
        return cls(kind, about, len(found), tuple(found[:SHOWN]), promised)


@dataclass(frozen=True, slots=True)
class Judgement:
    """What became of a workload: what was wrong, and how many operations of which kind were looked at."""

    workload: str
    wrongs: tuple[Wrong, ...]
    counts: Mapping[str, int] = field(default_factory=dict)
    why_unknown: str = ""

    @classmethod
    def of(
        cls, workload: str, wrongs: Iterable[Wrong], counts: Mapping[str, int], *, why_unknown: str = ""
    ) -> Self:
        """With those wrongs of which there is one."""
        return cls(workload, tuple(each for each in wrongs if each.count), counts, why_unknown)

    @property
    def verdict(self) -> Verdict:
        """No if a promise was broken; unknown if the end was never seen, or nothing was acknowledged at all."""
        if any(each.promised for each in self.wrongs):
            return Verdict.NO
        return Verdict.UNKNOWN if self.why_unknown else Verdict.YES


def counted(operations: Iterable[Operation]) -> dict[str, int]:
    """How many operations ended in which way, as `transfer ok`."""
    counts: dict[str, int] = {}
    for each in operations:
        key = f"{each.does} {each.ending.value}"
        counts[key] = counts.get(key, 0) + 1
    return counts
