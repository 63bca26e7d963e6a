"""What several drills come to: a row a fault, with medians over its repeats."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from statistics import median

from quorate.drill.result import Drilled
from quorate.model.finding import Verdict


@dataclass(frozen=True, slots=True)
class Row:
    """One fault. Seconds are medians; `outages_s` is by component, the longest of its workloads in each drill."""

    fault: str
    drills: int
    verdict: Verdict
    outages_s: dict[str, float]
    failed: float
    aftershocks: int
    healthy_s: float | None


def rows(drills: Iterable[Drilled]) -> tuple[Row, ...]:
    """In the order in which the faults were first tried."""
    by_fault: dict[str, list[Drilled]] = {}
    for each in drills:
        by_fault.setdefault(each.fault, []).append(each)
    return tuple(_row(fault, some) for fault, some in by_fault.items())


def verdict(drills: Iterable[Drilled]) -> Verdict:
    """No before unknown before yes; unknown of none."""
    verdicts = {each.verdict for each in drills}
    order = (Verdict.NO, Verdict.UNKNOWN, Verdict.YES)
    return next((each for each in order if each in verdicts), Verdict.UNKNOWN)


def _row(fault: str, drills: Sequence[Drilled]) -> Row:
    components = dict.fromkeys(service.component for each in drills for service in each.services)
    healthy = [each.healthy_s for each in drills if each.healthy_s is not None]
    return Row(
        fault,
        len(drills),
        verdict(drills),
        {component: median(_outage_s(each, component) for each in drills) for component in components},
        median(sum(service.failed for service in each.services) for each in drills),
        sum(each.aftershocks for each in drills),
        median(healthy) if healthy else None,
    )


def _outage_s(drilled: Drilled, component: str) -> float:
    return max((each.outage_s for each in drilled.services if each.component == component), default=0.0)
