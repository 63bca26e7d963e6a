"""Drills for people on a terminal of 80 columns, and for programs."""

import json
import textwrap
from collections.abc import Iterable, Iterator, Sequence
from typing import Any

from quorate.cli.table import table, tables
from quorate.drill import summary
from quorate.drill.aims import AIMS, RUNNER
from quorate.drill.archive import Kept
from quorate.drill.fault import Fault
from quorate.drill.judges import Judgement
from quorate.drill.result import Drilled, Service, Term

_WIDTH = 80
_SHOCKS = 2
_NAMES = {"rabbitmq": "rabbit", "memcached": "memcache"}


def listing(faults: Iterable[Fault], output: str) -> Iterator[str]:
    """Each fault: what it does, how it heals, what should happen."""
    faults = tuple(faults)
    if output == "json":
        keys = ("name", "does", "heals", "expects", "aim", "hold_s")
        yield json.dumps([{key: getattr(each, key) for key in keys} for each in faults], indent=2)
        return
    for each in faults:
        yield f"{each.name} (on {each.aim}{f', for {each.hold_s:g} s' if each.hold_s else ''})"
        for word, text in (("does", each.does), ("heals", each.heals), ("expect", each.expects)):
            yield from _lines(word, text)
    yield "\n--on NODE, or the node that at that moment"
    for name, (about, _) in AIMS.items():
        yield f"  {name:20}{about}"
    yield f"  {RUNNER + 'RESOURCE':20}runs that resource, which runs once"


def headline(drilled: Drilled) -> str:
    """A drill in a line."""
    parts = [f"{drilled.fault} on {drilled.node}: {drilled.verdict.value}"]
    if drilled.services:
        parts.append(f"outage {drilled.outage_s:.1f} s, aftershocks {drilled.aftershocks}")
    if drilled.healthy_s is not None:
        parts.append(f"whole after {drilled.healthy_s:.0f} s")
    return "; ".join(parts)


def as_text(drills: Sequence[Drilled]) -> Iterator[str]:
    """Every drill, then the table of all."""
    for each in drills:
        yield from _told(each)
        yield ""
    yield from totals(drills)


def _told(drilled: Drilled) -> Iterator[str]:
    yield headline(drilled)
    if drilled.trouble:
        yield from _lines("trouble", drilled.trouble)
    yield from _indented(
        table(("CLIENT", "OUTAGE", "AT", "AFTERSHOCKS", "FAILED", "LONGEST"), _rows(drilled.services))
    )
    if drilled.terms:
        yield from _lines("budget", ", ".join(map(_term, drilled.terms)))
    for judgement in drilled.judgements:
        yield from _judged(judgement)
    for result in drilled.looked:
        yield from _lines("seen", f"{result.verdict.value}: {result.node or ''} {result.seen}")


def _rows(services: Iterable[Service]) -> Iterator[tuple[str, ...]]:
    for each in services:
        shocks = ", ".join(f"{seconds:.1f} s" for seconds in each.aftershocks_s[:_SHOCKS]) or "none"
        shocks += f" +{len(each.aftershocks_s) - _SHOCKS}" if each.aftershocks_s[_SHOCKS:] else ""
        failed = f"{each.failed} of {each.operations}"
        outage = f"{each.outage_s:.1f} s" if each.outage_s else "none"
        at = f"{each.outage_at_s:+.1f} s" if each.outage_s else ""
        yield each.workload, outage, at, shocks, failed, f"{each.longest_s:.1f} s"


def _term(term: Term) -> str:
    measured = "not seen" if term.measured_s is None else f"{term.measured_s:.1f} s"
    return f"{term.name} {measured}" + ("" if term.predicted_s is None else f" ({term.predicted_s:.1f})")


def _judged(judgement: Judgement) -> Iterator[str]:
    counts = ", ".join(f"{count} {name}" for name, count in judgement.counts.items())
    said = f"{judgement.workload} {judgement.verdict.value}: {judgement.why_unknown or counts}"
    yield from _lines("judged", said)
    for wrong in judgement.wrongs:
        kind = wrong.kind if wrong.promised else f"{wrong.kind} (never promised)"
        yield from _lines("", f"{kind}: {wrong.count}: {wrong.about}")
        for operation in wrong.operations:
            yield from _lines("", f"  {operation}")


def totals(drills: Sequence[Drilled]) -> Iterator[str]:
    """A row a fault: medians over its repeats."""
    rows = summary.rows(drills)
    components = list(dict.fromkeys(name for row in rows for name in row.outages_s))
    head = ("FAULT", "N", "HELD", "SHOCKS", "WHOLE", *(_NAMES.get(name, name).upper() for name in components))
    yield tables(head, [_total(row, components) for row in rows], _WIDTH)
    verdict = summary.verdict(drills)
    yield f"\n{len(drills)} drill{'s' if len(drills) != 1 else ''}: {verdict.value}"


def _total(row: summary.Row, components: Sequence[str]) -> tuple[str, ...]:
    outages = (f"{row.outages_s.get(name, 0.0):.1f} s" for name in components)
    whole = "never" if row.healthy_s is None else f"{row.healthy_s:.0f} s"
    return row.fault, str(row.drills), row.verdict.value, str(row.aftershocks), whole, *outages


def as_json(drills: Sequence[Drilled]) -> dict[str, Any]:
    """The drills for programs."""
    return {
        "verdict": summary.verdict(drills).value,
        "faults": [
            {
                "fault": row.fault,
                "drills": row.drills,
                "verdict": row.verdict.value,
                "outages_s": row.outages_s,
                "failed": row.failed,
                "aftershocks": row.aftershocks,
                "healthy_s": row.healthy_s,
            }
            for row in summary.rows(drills)
        ],
        "drills": [each.as_json() for each in drills],
    }


def runs(kept: Iterable[Kept], output: str) -> Iterator[str]:
    """The runs that were kept, a line each."""
    kept = tuple(kept)
    if output == "json":
        yield json.dumps([{"run": each.name, **as_json(each.drills)} for each in kept], indent=2)
        return
    rows = []
    for each in kept:
        worst = max(each.drills, key=lambda drilled: drilled.outage_s)
        names = ", ".join(dict.fromkeys(drilled.fault for drilled in each.drills))
        held = summary.verdict(each.drills).value
        rows.append(
            (each.name, str(len(each.drills)), held, f"{worst.outage_s:.1f} s", textwrap.shorten(names, 40))
        )
    yield table(("RUN", "DRILLS", "HELD", "WORST", "FAULTS"), rows) if rows else "no drill was kept"


def compared(before: Kept, after: Kept, output: str) -> Iterator[str]:
    """Two runs side by side: every fault that both have, a line a component."""
    if output == "json":
        yield json.dumps({each.name: as_json(each.drills) for each in (before, after)}, indent=2)
        return
    then = {row.fault: row for row in summary.rows(before.drills)}
    rows = []
    for row in summary.rows(after.drills):
        earlier = then.get(row.fault)
        for component, seconds in row.outages_s.items() if earlier else ():
            was = earlier.outages_s.get(component, 0.0) if earlier else 0.0
            rows.append((row.fault, component, f"{was:.1f} s", f"{seconds:.1f} s", f"{seconds - was:+.1f} s"))
    yield table(("FAULT", "COMPONENT", before.name, after.name, "CHANGE"), rows) if rows else "no fault in both"


def _lines(head: str, text: str) -> Iterator[str]:
    indent = f"  {head:7} "
    yield from textwrap.wrap(
        text, _WIDTH, initial_indent=indent, subsequent_indent=" " * len(indent), break_on_hyphens=False
    )


def _indented(text: str) -> Iterator[str]:
    return (f"  {line}" for line in text.splitlines())
