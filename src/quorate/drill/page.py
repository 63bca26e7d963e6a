"""Drills as one HTML page that needs nothing else: no script, no font, no image from anywhere.

It shows when what happened and who was without service for how long; histories hold labels, never a secret.
"""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from xml.etree.ElementTree import Element

from quorate.drill import summary
from quorate.drill.chart import SIGNS
from quorate.drill.judges import Judgement, Wrong
from quorate.drill.operation import Operation
from quorate.drill.result import Drilled, Service, Term
from quorate.drill.timeline import timeline
from quorate.formats.markup import document, element, table
from quorate.model.check import Result
from quorate.model.finding import Verdict

Histories = Callable[[Drilled], Mapping[str, Sequence[Operation]]]
"""What each workload's clients wrote down in a drill."""

ACCUSED = 10
"""So many drills that did not hold are named at the top."""

SHOCKS = 8
"""So many aftershocks of one workload have their seconds in the table."""

ERROR = 240
"""So much of an error is shown."""

VERDICTS = {Verdict.YES: "Held", Verdict.NO: "Did not hold", Verdict.UNKNOWN: "Not decided"}
WORDS = {Verdict.YES: "✓ yes", Verdict.NO: "✗ no", Verdict.UNKNOWN: "? unknown"}
STYLE = Path(__file__).with_name("page.css").read_text()


def page(title: str, drills: Sequence[Drilled], histories: Histories) -> str:
    """The whole page. The same drills and histories give the same text; times are seconds after the harm."""
    verdict = VERDICTS[summary.verdict(drills)]
    return document(f"{verdict}: {title}", STYLE, _body(title, drills, histories))


def _body(title: str, drills: Sequence[Drilled], histories: Histories) -> Iterator[Element]:
    yield element("header", {}, element("h1", {}, title), _verdict(drills))
    if not drills:
        return
    yield element("h2", {}, "Faults")
    yield element("div", {"class": "scroll"}, _totals(drills))
    yield element("h2", {}, "Drills" if len(drills) > 1 else "The drill")
    yield element("p", {}, "All times are seconds after the harm, which is 0. Point at a mark to read what it is.")
    yield _legend()
    for number, each in enumerate(drills, 1):
        shown = len(drills) == 1 or each.verdict is not Verdict.YES
        yield _section(f"d{number}", each, histories(each), shown=shown)


def _verdict(drills: Sequence[Drilled]) -> Element:
    verdict = summary.verdict(drills)
    faults = len({each.fault for each in drills})
    told = f"{_counted(len(drills), 'drill')} of {_counted(faults, 'fault')}."
    for bad, words in ((Verdict.NO, "did not hold"), (Verdict.UNKNOWN, "could not be decided")):
        count = sum(each.verdict is bad for each in drills)
        told += f" {count} {words}." if count else ""
    return element(
        "div",
        {"class": f"verdict {verdict.value}"},
        element("strong", {}, VERDICTS[verdict]),
        element("p", {}, told),
        element("p", {}, _worst(drills)),
        *_accused(drills),
    )


def _accused(drills: Sequence[Drilled]) -> Iterator[Element]:
    """Which drills did not hold, and why."""
    found = [(f"#d{number}", each) for number, each in enumerate(drills, 1) if each.verdict is not Verdict.YES]
    items = [
        element("li", {}, element("a", {"href": link}, f"{each.fault} on {each.node}"), f": {_reasons(each)}")
        for link, each in found[:ACCUSED]
    ]
    if found[ACCUSED:]:
        items.append(element("li", {}, f"and {_counted(len(found) - ACCUSED, 'other drill')}"))
    if items:
        yield element("ul", {"class": "why"}, *items)


def _reasons(drilled: Drilled) -> str:
    """Why a drill did not hold, or could not be decided."""
    found = [
        f"{judgement.workload} {wrong.kind} ({_counted(wrong.count, 'time')})"
        for judgement in drilled.judgements
        for wrong in judgement.wrongs
        if wrong.promised
    ]
    found += [f"{each.node or 'seen'}: {each.seen}" for each in drilled.looked if each.verdict is Verdict.NO]
    found += ["not whole again"] if drilled.healthy_s is None else []
    found += ["trouble"] if drilled.trouble else []
    found += [f"{each.workload} unknown" for each in drilled.judgements if each.verdict is Verdict.UNKNOWN]
    found += [f"{each.node or 'seen'}: {each.seen}" for each in drilled.looked if each.verdict is Verdict.UNKNOWN]
    return "; ".join(map(_cut, found)) or "nothing was judged"


def _worst(drills: Sequence[Drilled]) -> str:
    served = [(service, each) for each in drills for service in each.services if service.outage_s]
    if not served:
        return "No outage was measured."
    service, drilled = max(served, key=lambda pair: pair[0].outage_s)
    shocks = sum(each.aftershocks for each in drills)
    worst = f"{service.outage_s:.1f} s ({service.workload}, {drilled.fault} on {drilled.node})"
    return f"The longest outage was {worst}; {_counted(shocks, 'aftershock')}."


def _counted(number: int, noun: str) -> str:
    return f"{number:,} {noun}{'' if number == 1 else 's'}"


def _totals(drills: Sequence[Drilled]) -> Element:
    """A row a fault: medians over its repeats."""
    rows = summary.rows(drills)
    components = list(dict.fromkeys(name for row in rows for name in row.outages_s))
    heads = ("Fault", "Drills", "Held", "Aftershocks", "Whole after", *components)
    first = {each.fault: f"#d{number}" for number, each in reversed([*enumerate(drills, 1)])}
    cells = [_total(row, components, first[row.fault]) for row in rows]
    return table(heads, cells, numbers=(1, *range(3, len(heads))))


def _total(row: summary.Row, components: Sequence[str], link: str) -> tuple[Element, ...]:
    return (
        element("td", {}, element("a", {"href": link}, row.fault)),
        _number(str(row.drills)),
        _word(row.verdict),
        _number(str(row.aftershocks)),
        _number("never" if row.healthy_s is None else f"{row.healthy_s:.0f} s"),
        *(_number(_or_none(row.outages_s.get(name, 0.0))) for name in components),
    )


def _word(verdict: Verdict) -> Element:
    return element("td", {"class": f"word {verdict.value}"}, WORDS[verdict])


def _number(words: str, kind: str = "") -> Element:
    return element("td", {"class": f"number {kind}".strip()}, words)


def _or_none(seconds: float) -> str:
    return f"{seconds:.1f} s" if seconds else "none"


def _legend() -> Element:
    """What the marks in the pictures mean."""
    bars = {
        "node up": "node up",
        "node lost": "lost, not yet fenced",
        "node fenced": "fenced, not back yet",
        "resource active": "resource active",
        "resource promoted": "promoted",
        "answered": "answered",
        "failed": "failed",
        "late": "answered late",
        "bracket": "without service",
    }
    signs = {
        "lost": "harm",
        "detected": "a member is missed",
        "membership": "new membership",
        "fence": "fenced",
        "fails": "fencing failed",
        "back": "Pacemaker begun",
        "start": "start",
        "stop": "stop",
        "promote": "promote",
        "demote": "demote",
        "new": "healed",
        "whole": "whole again",
    }
    places = {"answered": (2, 8), "failed": (0, 8), "late": (0, 8), "bracket": (3, 4)}
    items = []
    for kind, words in bars.items():
        y, height = places.get(kind, (1, 8))
        shape = element("rect", {"x": 0, "y": y, "width": 18, "height": height, "class": kind})
        items.append(element("li", {}, _sample(shape, 18), words))
    for name, words in signs.items():
        shape = element("path", {"d": SIGNS[name], "class": f"g {name}"})
        items.append(element("li", {}, _sample(shape, 10), words))
    listed = element("ul", {"class": "legend"}, *items)
    return element("details", {"class": "marks"}, element("summary", {}, "What the marks mean"), listed)


def _sample(shape: Element, width: int) -> Element:
    return element("svg", {"viewBox": f"0 0 {width} 10", "aria-hidden": "true", "class": f"w{width}"}, shape)


def _section(name: str, drilled: Drilled, histories: Mapping[str, Sequence[Operation]], *, shown: bool) -> Element:
    about = {"id": name, "class": f"drill {drilled.verdict.value}", **({"open": "open"} if shown else {})}
    return element("details", about, _headline(drilled), *_told(drilled, histories))


def _headline(drilled: Drilled) -> Element:
    said = []
    if drilled.services:
        said.append(f"outage {_or_none(drilled.outage_s)}")
        said.append(_counted(drilled.aftershocks, "aftershock"))
    said.append("never whole" if drilled.healthy_s is None else f"whole after {drilled.healthy_s:.0f} s")
    verdict = element("span", {"class": f"sign {drilled.verdict.value}"}, WORDS[drilled.verdict])
    what = element("strong", {}, f"{drilled.fault} on {drilled.node}")
    return element("summary", {}, verdict, " ", what, " ", element("span", {"class": "facts"}, ", ".join(said)))


def _told(drilled: Drilled, histories: Mapping[str, Sequence[Operation]]) -> Iterator[Element]:
    if drilled.trouble:
        yield element("p", {"class": "trouble"}, element("strong", {}, "Trouble: "), drilled.trouble)
    yield timeline(drilled, histories)
    if drilled.services:
        yield element("h3", {}, "Clients")
        yield element("div", {"class": "scroll"}, _services(drilled.services))
    if drilled.judgements:
        yield element("h3", {}, "Judgements")
        yield element("ul", {"class": "said"}, *map(_judgement, drilled.judgements))
    if drilled.looked:
        yield element("h3", {}, "What was looked at")
        yield element("ul", {"class": "said"}, *map(_looked, drilled.looked))
    if drilled.terms:
        yield element("h3", {}, "Budget")
        yield element("div", {"class": "scroll"}, _budget(drilled.terms))
    yield element("p", {"class": "dim"}, _record(drilled))


def _record(drilled: Drilled) -> str:
    """When and where it was."""
    kept = f" Kept in {drilled.directory}." if drilled.directory else ""
    return f"Begun at {drilled.began_at}; the harm at second {drilled.struck_s:.3f} of the histories.{kept}"


def _services(services: Iterable[Service]) -> Element:
    heads = ("Client", "Outage", "At", "Aftershocks", "Failed of", "Longest", "First errors")
    return table(heads, map(_service, services), numbers=(1, 2, 4, 5))


def _service(each: Service) -> tuple[Element, ...]:
    shocks = ", ".join(f"{seconds:.1f} s" for seconds in each.aftershocks_s[:SHOCKS]) or "none"
    if each.aftershocks_s[SHOCKS:]:
        shocks += f" and {len(each.aftershocks_s) - SHOCKS:,} more"
    errors = [element("li", {}, _cut(error)) for error in each.errors]
    return (
        element("td", {}, element("strong", {}, each.workload), f" {each.component}"),
        _number(_or_none(each.outage_s), "no" if each.outage_s else ""),
        _number(f"{each.outage_at_s:.1f} s" if each.outage_s else ""),
        element("td", {"class": "no"} if each.aftershocks_s else {}, shocks),
        _number(f"{each.failed:,} of {each.operations:,}"),
        _number(f"{each.longest_s:.1f} s"),
        element("td", {"class": "errors"}, element("ul", {}, *errors)) if errors else element("td"),
    )


def _cut(text: str) -> str:
    return text if len(text) <= ERROR else f"{text[:ERROR]} …"


def _judgement(each: Judgement) -> Element:
    counts = ", ".join(f"{count:,} {name}" for name, count in each.counts.items())
    verdict = element("span", {"class": f"sign {each.verdict.value}"}, WORDS[each.verdict])
    said = element("li", {}, verdict, " ", element("strong", {}, each.workload), f" {each.why_unknown or counts}")
    if each.why_unknown and counts:
        said.append(element("p", {"class": "dim"}, counts))
    said.extend(map(_wrong, each.wrongs))
    return said


def _wrong(wrong: Wrong) -> Element:
    """What was wrong, or (never promised) may be, with its first operations."""
    kind = element("strong", {}, f"{wrong.kind}, {_counted(wrong.count, 'time')}")
    promise = "" if wrong.promised else " (never promised)"
    lines = [_cut(each) for each in wrong.operations]
    if wrong.count > len(lines) and lines:
        lines.append(f"and {wrong.count - len(lines):,} more")
    about = {"class": "wrong" if wrong.promised else "wrong may"}
    return element("div", about, kind, f"{promise}: {wrong.about}", element("pre", {}, "\n".join(lines)))


def _looked(each: Result) -> Element:
    verdict = element("span", {"class": f"sign {each.verdict.value}"}, WORDS[each.verdict])
    return element("li", {}, verdict, " ", element("strong", {}, each.node or "all"), f" {each.seen}")


def _budget(terms: Iterable[Term]) -> Element:
    """The moments of the failover as they were, and as the timers predict."""
    return table(("Until", "Measured", "Predicted", "Later by"), map(_term, terms), numbers=(1, 2, 3))


def _term(term: Term) -> tuple[Element, ...]:
    measured, predicted = term.measured_s, term.predicted_s
    later = f"{measured - predicted:+.1f} s" if measured is not None and predicted is not None else ""
    return (
        element("td", {}, term.name),
        _number("not seen" if measured is None else f"{measured:.1f} s"),
        _number("" if predicted is None else f"{predicted:.1f} s"),
        _number(later),
    )
