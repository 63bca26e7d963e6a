"""A drill as a picture: from left to right the seconds after the harm, a lane for whom something happened to."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import groupby, pairwise
from xml.etree.ElementTree import Element

from quorate.drill import lanes
from quorate.drill.chart import BESIDE, NARROW, WIDE, Chart, Line, Rows, Words
from quorate.drill.happening import Kind
from quorate.drill.lanes import Answer, Bin, Clients, Instance, Phase, Presence, Span, Told
from quorate.drill.operation import Operation
from quorate.drill.outage import AFTERSHOCK_S, Outage
from quorate.drill.result import Drilled
from quorate.drill.scale import ALWAYS, Scale
from quorate.formats.markup import element

ROWS = 24
"""So many instances of resources are shown at most."""
TELLING = 6
"""So many lines at most are used for what happened to the membership and for fencing."""
LABELS = 2
"""So many lines at most are used for the seconds of one workload's outages."""
TICK = 26
"""So many pixels at least are between two seconds of the scale."""
UP, DOWN = 16, 9
"""How high the columns of answered operations are at most, and how low those of the others."""
TIMES = 5
"""So many times are named of what happened again and again."""
BLUR = 0.01
"""Outages that are nearer to each other than this share of the width are shown as one."""
BETWEEN = 3
"""Bins of failures that are so many places from each other have one title."""
SAME = 0.008
"""The same that happened again within this share of the width has one sign."""

SIGNS = {
    Kind.DETECTED: "detected",
    Kind.MEMBERSHIP: "membership",
    Kind.FENCED: "fence",
    Kind.NOT_FENCED: "fails",
    Kind.START: "start",
    Kind.STOP: "stop",
    Kind.PROMOTE: "promote",
    Kind.DEMOTE: "demote",
}
_DONE = {Kind.START: "started", Kind.STOP: "stopped", Kind.PROMOTE: "promoted", Kind.DEMOTE: "demoted"}


def timeline(drilled: Drilled, histories: Mapping[str, Sequence[Operation]]) -> Element:
    """The picture, as a `<figure>`; what it has no room for is named below it."""
    clients = lanes.clients(drilled, histories)
    instances = lanes.instances(drilled)
    chart = Chart(_scale(drilled, clients))
    moments = _head(chart, drilled)
    lanes_y = chart.y
    _ticks(chart)
    _nodes(chart, drilled)
    _telling(chart, drilled)
    _workloads(chart, clients)
    _resources(chart, instances[:ROWS])
    chart.y += 5
    for each, top in moments:
        chart.upright(each.at_s, top, each.kind, _since_harm(each))
    _foot(chart, lanes_y)
    label = f"Timeline of {drilled.fault} on {drilled.node}; the tables below it have its numbers"
    figure = element("figure", {}, element("div", {"class": "scroll"}, chart.drawn(label)))
    left_out = instances[ROWS:]
    if left_out:
        names = ", ".join(dict.fromkeys(each.resource for each in left_out))
        figure.append(element("figcaption", {}, f"Not shown: {len(left_out)} more rows, of {names}."))
    return figure


def _scale(drilled: Drilled, clients: Iterable[Clients]) -> Scale:
    ended = [each.ended_s for one in clients for each in one.outages]
    happened = [each.at_s for each in drilled.happenings]
    asked = [at_s for one in clients for at_s, _ in one.asked[-1:]]
    known = [each for each in (drilled.healed_s, drilled.healthy_s) if each is not None]
    moments = (*ended, *happened, *known)
    return Scale.around(moments, max((*moments, *asked), default=0.0))


def _short(at_s: float) -> str:
    """As the tables have it, which round what a result has rounded."""
    return f"{round(at_s, 3):.1f} s"


def _exact(at_s: float) -> str:
    return f"{at_s:.3f} s"


def _lasted(from_s: float, until_s: float) -> str:
    since = "" if from_s == -ALWAYS else f" from {_exact(from_s)}"
    until = "" if until_s == ALWAYS else f" until {_exact(until_s)}"
    return since + until or " all the time"


@dataclass(frozen=True, slots=True)
class Moment:
    """One that matters for all lanes."""

    kind: str
    sign: str
    at_s: float
    words: str


def _moments(drilled: Drilled) -> Iterator[Moment]:
    yield Moment("harm", "lost", 0.0, drilled.fault)
    if drilled.healed_s is not None:
        yield Moment("healed", "new", drilled.healed_s, f"healed {_short(drilled.healed_s)}")
    if drilled.healthy_s is not None:
        yield Moment("whole", "whole", drilled.healthy_s, f"whole again {_short(drilled.healthy_s)}")


def _head(chart: Chart, drilled: Drilled) -> list[tuple[Moment, float]]:
    """A sign and words above every moment; from where on its line goes down."""
    moments = list(_moments(drilled))
    rows = Rows(chart, chart.y + 10, len(moments) + 1)
    found = []
    for each in moments:
        line = rows.sign(each.at_s, each.sign, [each.words, each.kind], _since_harm(each), f"strong {each.kind}")
        found.append((each, line.y + 3))
    if drilled.healthy_s is None:
        rows.write([Words("not whole again", ALWAYS, end=True, kind="strong bad")])
    chart.y = rows.following - 8
    return found


def _since_harm(moment: Moment) -> str:
    return f"{moment.kind}, {_exact(moment.at_s)} after the harm" if moment.at_s else f"{moment.words}: the harm"


def _ticks(chart: Chart) -> None:
    narrow, wide = (chart.scale.ticks(width, TICK) for width in (NARROW, WIDE))
    for at_s in sorted({*narrow, *wide}):
        only = ("narrow" if at_s in narrow else "") + ("wide" if at_s in wide else "")
        chart.tick(at_s, f"{at_s:.0f}", "" if only == "narrowwide" else only)
    chart.name(chart.y + 10, "s after harm", "dim", 10)
    chart.y += 14


def _foot(chart: Chart, lanes_y: float) -> None:
    """The scale once more, and what it is."""
    scale = chart.scale
    if scale.broken:
        told = f"the scale breaks at {scale.near_s:.0f} s: what follows is {scale.denser:.0f} times denser"
        chart.tear(lanes_y, told)
    _ticks(chart)
    if scale.broken:
        line = chart.line(chart.y + 10)
        near = f"first {scale.near_s:.0f} s"
        chart.write(line, [Words(each, -ALWAYS, kind="dim") for each in (f"the {near}, enlarged", near)])
        chart.write(line, [Words(f"{scale.denser:.0f} times denser", scale.near_s, 8, kind="dim")])
        chart.y += 14


def _nodes(chart: Chart, drilled: Drilled) -> None:
    chart.heading("nodes")
    for node in lanes.nodes(drilled):
        chart.y += 17
        line = chart.line(chart.y - 4)
        chart.name(line.y, node, "strong" if node == drilled.node else "")
        if node == drilled.node:
            chart.sign(line, 0.0, "lost", f"{drilled.fault} on {node}", "harm")
        lives = lanes.phases(drilled, node)
        for each in lives:
            _phase(chart, line, node, each)
        for each in lives:
            _phase_said(chart, line, each)


def _phase(chart: Chart, line: Line, node: str, phase: Phase) -> None:
    presence, from_s = phase.presence, phase.from_s
    told = f"{node} {presence.value}{_lasted(from_s, phase.until_s)}"
    chart.bar((from_s, phase.until_s), line.y - 10, 13, f"node {presence.value}", told)
    if presence is Presence.FENCED:
        chart.sign(line, from_s, "fence", f"{node} fenced {_exact(from_s)}")
    elif presence is Presence.UP and from_s > -ALWAYS:
        chart.sign(line, from_s, "back", f"Pacemaker begun on {node} {_exact(from_s)}")


def _phase_said(chart: Chart, line: Line, phase: Phase) -> None:
    since = _short(phase.from_s)
    match phase.presence:
        case Presence.LOST:
            told = ["lost"]
        case Presence.FENCED:
            told = [f"fenced {since}", "fenced"]
        case _ if phase.from_s == -ALWAYS:
            told = ["up"]
        case _:
            told = [f"Pacemaker begun {since}", f"begun {since}", "begun", "up"]
    chart.write(line, _inside(chart.scale, phase.from_s, phase.until_s, told))


def _inside(scale: Scale, from_s: float, until_s: float, told: Iterable[str]) -> list[Words]:
    """Words at the beginning of a bar, or if it goes over the scale's break, behind that."""
    starts = [(from_s, 3.0 if from_s == -ALWAYS else BESIDE)]
    if scale.broken and from_s < scale.near_s < until_s:
        starts.append((scale.near_s, 8.0))
    return [Words(each, at_s, beside, within=(from_s, until_s)) for each in told for at_s, beside in starts]


def _telling(chart: Chart, drilled: Drilled) -> None:
    """What was told of the membership and of fencing."""
    found = lanes.told(drilled)
    if not found:
        return
    chart.heading("fencing, members")
    rows = Rows(chart, chart.y - 3, TELLING)
    for each in found:
        words = f"{each.about} {each.kind.value}".strip()
        choice = [f"{words} {_short(each.at_s)}", _short(each.at_s)]
        rows.sign(each.at_s, SIGNS[each.kind], choice, _by_whom(each, words), each.kind.name.lower())
    chart.y = rows.following - 8


def _by_whom(each: Told, words: str) -> str:
    if each.about:
        return f"{words} {_exact(each.at_s)}"
    return f"{words}: " + ", ".join(f"{one.node} {_exact(one.at_s)}" for one in each.happened[:TIMES])


def _workloads(chart: Chart, clients: Sequence[Clients]) -> None:
    if clients:
        chart.heading("clients")
    edges = chart.scale.bins()
    for each in clients:
        top = _lengths(chart, each.outages)
        chart.y = top + UP + DOWN + 6
        _outages(chart, each, top)
        _columns(chart, each, lanes.bins(each.asked, edges), top + 3 + UP)
        _summed(chart, each, top)


def _lengths(chart: Chart, outages: Sequence[Outage]) -> float:
    """How long each outage was, above where it will be; from where on it has room.

    The first and aftershocks have lines enough, the longest the nearest; others are told where there is room.
    """
    longest = sorted(outages, key=lambda each: -each.seconds)
    counted = [each for each in longest if each is outages[0] or each.seconds > AFTERSHOCK_S]

    def written(on: Chart, first: float) -> Rows:
        rows = Rows(on, first, LABELS, -12)
        for each in [*counted, *(one for one in longest if one not in counted)]:
            rows.most = LABELS if each in counted else len(rows.lines)
            words = Words(_short(each.seconds), each.began_s, kind="free strong bad", size=11)
            rows.write([words, replace(words, at_s=each.ended_s, end=True)])
        return rows

    top = chart.y + 12 * len(written(Chart(chart.scale), 0).lines) + 2
    written(chart, top - 3)
    return top


def _outages(chart: Chart, clients: Clients, top: float) -> None:
    """A span for each outage; those that would look like one have one."""
    place = chart.scale.place
    near: list[list[Outage]] = []
    for each in clients.outages:
        if near and place(each.began_s) - place(near[-1][-1].ended_s) < BLUR:
            near[-1].append(each)
        else:
            near.append([each])
    for group in near:
        span = (group[0].began_s, group[-1].ended_s)
        lasted = f"{_exact(sum(each.seconds for each in group))},{_lasted(*span)}"
        often = "" if len(group) == 1 else f"{len(group)} times "
        came = f"{sum(each.failed for each in group)} failed, {sum(each.late for each in group)} late"
        told = f"{clients.workload} {often}without service for {lasted}: {came}"
        chart.bracket(span, top, UP + DOWN + 3, told)


def _columns(chart: Chart, clients: Clients, bins: Sequence[Bin], y: float) -> None:
    """Answered operations as columns on a line; failed ones hang from it, and below them late ones."""
    peak = max((each.per_s(*Answer) for each in bins), default=0.0) or 1.0
    chart.across(y)
    if clients.asked:
        told = f"{clients.workload}: {sum(each.count(Answer.ANSWERED) for each in bins)} answered in time"
        heights = [UP * each.per_s(Answer.ANSWERED) / peak for each in bins]
        chart.columns(_edges(bins), {"answered": heights}, y, told)
    for run in _runs(bins):
        late = any(each.count(Answer.LATE) for each in run)
        bad = {
            "late": [each.per_s(Answer.FAILED, Answer.LATE) if late else 0.0 for each in run],
            "failed": [each.per_s(Answer.FAILED) for each in run],
        }
        hanging = {kind: [-_hangs(each / peak) for each in rates] for kind, rates in bad.items()}
        chart.columns(_edges(run), hanging, y, f"{clients.workload}: {_came_of(run)}")


def _runs(bins: Sequence[Bin]) -> Iterator[Sequence[Bin]]:
    """Bins in which operations failed or were late, with those between if they are few."""
    bad = [place for place, each in enumerate(bins) if each.bad]
    first = None
    for place, following in pairwise((*bad, len(bins) + BETWEEN)):
        first = place if first is None else first
        if following - place > BETWEEN:
            yield bins[first : place + 1]
            first = None


def _hangs(share: float) -> float:
    """How low: a few are to be seen, too."""
    return max(3.0, DOWN * share) if share else 0.0


def _edges(bins: Sequence[Bin]) -> list[float]:
    return [each.from_s for each in bins] + [bins[-1].until_s]


def _came_of(run: Sequence[Bin]) -> str:
    counts = (f"{sum(each.count(answer) for each in run)} {answer.value}" for answer in reversed(Answer))
    return f"{', '.join(counts)}, begun{_lasted(run[0].from_s, run[-1].until_s)}"


def _summed(chart: Chart, clients: Clients, y: float) -> None:
    """The workload's name, and below it how long it was without service."""
    chart.name(y + 11, clients.workload, "strong" if clients.outages else "")
    if not clients.outages:
        chart.name(y + 23, "no outage" if clients.asked else "not recorded", "dim", 10)
        return
    first, *later = clients.outages
    shocks = sum(each.seconds > AFTERSHOCK_S for each in later)
    chart.name(y + 23, f"out {_short(first.seconds)}{f' +{shocks}' if shocks else ''}", "bad", 10)


def _resources(chart: Chart, instances: Sequence[Instance]) -> None:
    """A row for each place where something happened to a resource; the first has its name."""
    if instances:
        chart.heading("resources")
    before = ""
    for each in instances:
        if each.resource != before:
            chart.y += 2
            chart.name(chart.y + 11, each.resource)
        before = each.resource
        _instance(chart, each)
        chart.y += 15


def _instance(chart: Chart, instance: Instance) -> None:
    """Bars while it is active, and signs for what happened."""
    line = chart.line(chart.y + 11)
    what = f"{instance.resource} on {instance.node}"
    for span in instance.spans:
        kind = "promoted" if span.promoted else "active"
        told = f"{what} {kind}{_lasted(span.from_s, span.until_s)}"
        chart.bar((span.from_s, span.until_s), line.y - 9, 11, f"resource {kind}", told)
    place = chart.scale.place
    for (kind, _), group in groupby(instance.happened, key=lambda each: (each.kind, place(each.at_s) // SAME)):
        times = [each.at_s for each in group]
        told = f"{what} {_DONE[kind]} {', '.join(map(_exact, times[:TIMES]))}" + " ..." * (len(times) > TIMES)
        chart.sign(line, times[0], SIGNS[kind], told)
    if not instance.spans:
        chart.write(line, [Words(instance.node, instance.happened[-1].at_s, BESIDE)])
    ends = [each.from_s for each in instance.spans[1:]] + [ALWAYS]
    for span, end_s in zip(instance.spans, ends, strict=False):
        chart.write(line, _span_said(chart.scale, instance.node, span, end_s))


def _span_said(scale: Scale, node: str, span: Span, end_s: float) -> list[Words]:
    """The node, and since when, in the bar or else behind it."""
    told = [node] if span.from_s == -ALWAYS else [f"{node} {_short(span.from_s)}", node]
    behind = Words(node, span.until_s, BESIDE, within=(span.until_s, end_s))
    return [*_inside(scale, span.from_s, span.until_s, told), behind]
