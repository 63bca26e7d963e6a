"""A scene as an SVG: a lane for each node, and from top to bottom what ran, what happened, what was done about it.

The page's style sheet has the colours. What a colour says is also said by a shape or a word.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import groupby
from xml.etree.ElementTree import Element

from quorate.formats.markup import element
from quorate.prove.history import Role
from quorate.prove.intent import VIRTUAL_IPS
from quorate.prove.scene import Chapter, Edge, Mark, Outcome, Relation, Round, Scene, struck
from quorate.prove.spelling import true
from quorate.prove.state import State

GUTTER = 14
"""Left of the lanes, for the numbers of the rows, in user units (one is a pixel on a narrow screen)."""

LANE = (118, 180)
"""How wide a lane is at least and at most."""

PAD = 5
TEXT = 11
SMALL = 9
LINE = 13
CHIP = 16

GLYPHS = {
    "start": "M1 0 L10 5 L1 10 Z",
    "migrate_from": "M1 0 L10 5 L1 10 Z",
    "stop": "M1 1 H9 V9 H1 Z",
    "migrate_to": "M1 1 H9 V9 H1 Z",
    "promote": "M5 0 L10 7 H0 Z M0 8 H10 V10 H0 Z",
    "demote": "M5 10 L10 3 H0 Z M0 0 H10 V2 H0 Z",
    "fence": "M1 10 V3 L2.5 0 L4 3 V10 Z M6 10 V3 L7.5 0 L9 3 V10 Z M0 4.5 H10 V6.5 H0 Z",
    "lost": "M6 0 L0 6 H4 L2.5 10 L10 3.5 H5.5 L8 0 Z",
    "fails": "M0 2 L2 0 L5 3 L8 0 L10 2 L7 5 L10 8 L8 10 L5 7 L2 10 L0 8 L3 5 Z",
    "back": "M5 0 L10 5 H7 V10 H3 V5 H0 Z",
    "away": "M5 10 L10 5 H7 V0 H3 V5 H0 Z",
    "vip": "M5 0 L10 5 L5 10 L0 5 Z",
    "new": "M4 0 H6 V4 H10 V6 H6 V10 H4 V6 H0 V4 H4 Z",
    "gone": "M0 4 H10 V6 H0 Z",
}
"""Shapes of ten by ten."""

_HAPPENS = {
    "lost": "lost",
    "cut off": "lost",
    "fails": "fails",
    "banned": "gone",
    "back": "back",
    "stays": "start",
}
_TASKS = ("fence", "stop", "demote", "migrate_to", "shut down", "start", "migrate_from", "promote")
_ABOUT_ACTIONS = frozenset({"fenced-first", "order", "undisturbed", "return-undisturbed"})


def picture(shown: Scene, name: str) -> Element:
    """The scene as an `<svg>`; `name` begins its ids, which are to be unique on a page."""
    sheet = _Sheet(shown.lanes)
    _state(sheet, shown, shown.start, "At first")
    for chapter in shown.chapters:
        if chapter.closing and chapter.number > 1 and _changed(shown, chapter.before):
            _state(sheet, shown, chapter.before, f"Before event {chapter.number}", since=chapter.before)
        _event(sheet, chapter, "" if len(shown.chapters) == 1 else f"Event {chapter.number}: ")
        _rounds(sheet, chapter)
    _breach(sheet, shown)
    if shown.chapters:
        closing = shown.chapters[-1]
        _state(sheet, shown, shown.after, _when(closing), since=closing.before, accusing=_about_state(shown))
    return sheet.svg(name, shown.breach.message, _described(shown))


def _when(closing: Chapter) -> str:
    done = closing.skipped + len(closing.rounds)
    return f"After transition {done}" if done else f"After event {closing.number}"


def _changed(shown: Scene, state: State) -> bool:
    return any(
        state.roles.get(node, {}).get(each) != shown.start.roles.get(node, {}).get(each)
        for node in shown.lanes
        for each in shown.involved
    )


def _about_state(shown: Scene) -> bool:
    """Whether the breach is to be seen in a state rather than in what is done."""
    edges = [edge for chapter in shown.chapters for one in chapter.rounds for edge in one.edges]
    unordered = any(edge.relation is Relation.UNORDERED for edge in edges)
    return shown.breach.property not in _ABOUT_ACTIONS and not unordered


@dataclass
class _Sheet:
    """A drawing under way, from top to bottom: backgrounds, then edges, then what must cover them."""

    lanes: Sequence[str]
    y: float = 0
    back: list[Element] = field(default_factory=list)
    edges: list[Element] = field(default_factory=list)
    front: list[Element] = field(default_factory=list)

    @property
    def lane(self) -> float:
        """How wide a lane is."""
        least, most = LANE
        return max(least, min(most, 358 // max(1, len(self.lanes))))

    @property
    def width(self) -> float:
        """How wide all is."""
        return GUTTER + self.lane * len(self.lanes)

    def x(self, node: str) -> float:
        """Where a node's lane begins."""
        return GUTTER + self.lane * self.lanes.index(node)

    def text(self, x: float, y: float, words: str, kind: str = "", *, width: float = 0, size: int = TEXT) -> None:
        """Words from there on, squeezed or shortened to a width if one is given."""
        about: dict[str, object] = {"x": f"{x:g}", "y": f"{y:g}", "class": f"t{size} {kind}".strip()}
        told = words
        wide = 0.63 if {"strong", "accused"} & {*kind.split()} else 0.55  # of its size, a letter in most fonts
        if width and len(words) * size * wide > width:
            room = int(width / (size * 0.44))
            told = words if len(words) <= room else f"{words[: room // 2]}…{words[len(words) - (room - 1) // 2 :]}"
            about |= {"textLength": round(width), "lengthAdjust": "spacingAndGlyphs"}
        self.front.append(element("text", about, told))

    def glyph(self, x: float, y: float, name: str, kind: str = "", scale: float = 0.9) -> None:
        """A shape with its upper left corner there."""
        place = f"translate({x:g} {y:g}) scale({scale:g})"
        self.front.append(element("path", {"d": GLYPHS[name], "transform": place, "class": f"g {kind}".strip()}))

    def box(self, at: tuple[float, float], size: tuple[float, float], kind: str, radius: float = 3) -> None:
        """A rectangle with round corners, over the edges."""
        self.front.append(_rectangle(at, size, kind, radius))

    def lanes_to(self, top: float, state: State) -> None:
        """The background of every lane from `top` to here, which says whether the node takes part."""
        for node in self.lanes:
            status = _status(state, node)
            kind = "lane" if status == "online" else "lane aside" if status.islower() else "lane away"
            at, size = (self.x(node) + 1, top), (self.lane - 2, self.y - top)
            self.back.append(_rectangle(at, size, kind, 0))

    def svg(self, name: str, title: str, description: str) -> Element:
        """All of it."""
        about = {
            "class": "picture",
            "role": "img",
            "viewBox": f"0 0 {self.width:g} {self.y:g}",
            "aria-labelledby": f"{name}-title {name}-desc",
            "style": f"min-width:{self.width * 0.9:g}px;max-width:{self.width * 1.6:g}px",
        }
        told = (
            element("title", {"id": f"{name}-title"}, title),
            element("desc", {"id": f"{name}-desc"}, description),
        )
        return element("svg", about, *told, *self.back, *self.edges, *self.front)


def _rectangle(at: tuple[float, float], size: tuple[float, float], kind: str, radius: float) -> Element:
    about = {"x": at[0], "y": at[1], "width": size[0], "height": size[1], "rx": radius}
    return element("rect", {**{name: f"{value:g}" for name, value in about.items()}, "class": kind})


def _status(state: State, node: str) -> str:
    """How crm_mon calls a node's state."""
    if node in state.unclean:
        return "UNCLEAN (offline)"
    if not state.takes_part(node):
        return "OFFLINE"
    attributes = state.configuration.node_attributes(node)
    return next((each for each in ("standby", "maintenance") if true(attributes.get(each))), "online")


def _heading(sheet: _Sheet, words: str, aside: str = "") -> None:
    sheet.y += 8
    sheet.text(GUTTER, sheet.y + 10, words, "strong")
    if aside:
        sheet.text(sheet.width - 2, sheet.y + 10, aside, "dim end", size=SMALL)
    sheet.y += 15


def _state(
    sheet: _Sheet, shown: Scene, state: State, title: str, *, since: State | None = None, accusing: bool = False
) -> None:
    """What runs where; with `since` also what is new and what is gone."""
    quorum = "partition with quorum" if state.quorate else "partition WITHOUT quorum"
    _heading(sheet, title, quorum)
    top = sheet.y
    for node in sheet.lanes:
        status = _status(state, node)
        sheet.text(sheet.x(node) + PAD, top + 12, node, "strong", width=sheet.lane - 2 * PAD)
        sheet.text(sheet.x(node) + PAD, top + 22, status, "dim" if status == "online" else "bad", size=SMALL)
    sheet.y = top + 27
    for resource in shown.involved:
        drawn = [_chip(sheet, shown, (state, since), resource, node, accusing=accusing) for node in sheet.lanes]
        sheet.y += (CHIP + 2) * any(drawn)
    if since is None:
        _bystanders(sheet, shown, state)
    else:
        _others(sheet, shown, state, since)
    sheet.y += 3
    sheet.lanes_to(top, state)


def _chip(
    sheet: _Sheet, shown: Scene, states: tuple[State, State | None], resource: str, node: str, *, accusing: bool
) -> bool:
    """One resource on one node; false if there is nothing to show."""
    state, since = states
    role = state.roles.get(node, {}).get(resource, Role.STOPPED)
    was = role if since is None else since.roles.get(node, {}).get(resource, Role.STOPPED)
    about = shown.breach
    accused = accusing and resource in about.resources and (node in about.nodes or not about.nodes)
    if not (role or was or (accused and about.nodes)) or (not role and not state.takes_part(node) and not accused):
        return False
    failed = (resource, node) in state.failed
    kinds = {
        "promoted": role is Role.PROMOTED,
        "gone": not role,
        "failed": failed,
        "unsure": node in state.unclean,
        "accused": accused,
    }
    kind = " ".join(["chip", *(name for name, holds in kinds.items() if holds)])
    vip = _is_virtual_ip(state, resource)
    x, width = sheet.x(node) + PAD, sheet.lane - 2 * PAD
    sheet.box((x, sheet.y), (width, CHIP), kind, CHIP / 2 if vip else 3)
    mark = "fails" if failed else "promote" if role is Role.PROMOTED else "vip" if vip else ""
    left = 5 + 11 * bool(mark)
    if mark:
        sheet.glyph(x + 5, sheet.y + 4, mark, "bad" if failed else mark, 0.8)
    news = "new" if role and not was else "gone" if was and not role else ""
    if news:
        sheet.glyph(x + width - 12, sheet.y + 4, news, news, 0.8)
    words = f"{kind.removeprefix('chip')} name"
    sheet.text(x + left, sheet.y + 12, resource, words, width=width - left - (15 if news else 5))
    return True


def _is_virtual_ip(state: State, resource: str) -> bool:
    return state.configuration.primitives[resource].agent.rpartition(":")[2] in VIRTUAL_IPS


def _bystanders(sheet: _Sheet, shown: Scene, state: State) -> None:
    """What nothing is done to, by name, small."""
    for resource in shown.bystanders:
        for node, role in state.instances(resource).items():
            if node in sheet.lanes:
                promoted = " (promoted)" if role is Role.PROMOTED else ""
                x = sheet.x(node) + PAD + 5
                sheet.text(x, sheet.y + 9, resource + promoted, "dim", width=sheet.lane - 2 * PAD - 5, size=SMALL)
        sheet.y += SMALL + 2


def _others(sheet: _Sheet, shown: Scene, state: State, since: State) -> None:
    """How many others run on each node, and how many that ran do not."""
    conf = state.configuration
    others = [each for each in conf.primitives if each not in shown.involved]
    for node in sheet.lanes:
        now, then = (
            {each for each in others if one.roles.get(node, {}).get(each, Role.STOPPED)} for one in (state, since)
        )
        words = [f"+ {_counted(len(now), 'other')}"] if now else []
        words += [f"{_counted(len(then - now), 'other')} gone"] if then - now else []
        if not any(state.roles.get(node, {}).values()) and state.takes_part(node):
            words = ["nothing runs"]
        sheet.text(
            sheet.x(node) + PAD + 5,
            sheet.y + 9,
            ", ".join(words),
            "dim",
            width=sheet.lane - 2 * PAD - 5,
            size=SMALL,
        )
    sheet.y += SMALL + 3


def _event(sheet: _Sheet, chapter: Chapter, label: str) -> None:
    """What happens, as a bar, and in the lanes whom it hits."""
    lines = _wrapped(f"{label}{chapter.event}", sheet.width - 34)
    sheet.y += 8
    sheet.box((GUTTER, sheet.y), (sheet.width - GUTTER - 1, 7 + len(lines) * 14), "event")
    for number, line in enumerate(lines):
        sheet.text(GUTTER + 22, sheet.y + 14 + number * 14, line, "on-event strong")
    happens = struck(chapter.event, chapter.before.configuration.members)
    words = [word for word in happens.values() if word != "stays"]
    if words:
        sheet.glyph(GUTTER + 7, sheet.y + 6, _glyph(words[0]), "on-event")
    sheet.y += 8 + len(lines) * 14
    hit = {node: word for node, word in happens.items() if node in sheet.lanes}
    if hit:
        top = sheet.y
        for node, word in hit.items():
            bad = "bad" if _glyph(word) in {"lost", "fails"} else ""
            sheet.glyph(sheet.x(node) + PAD + 2, sheet.y + 4, _glyph(word), bad)
            sheet.text(sheet.x(node) + PAD + 16, sheet.y + 13, word, f"strong {bad}", width=sheet.lane - 24)
        sheet.y += 18
        sheet.lanes_to(top, chapter.at)


def _glyph(word: str) -> str:
    return "back" if word.startswith("out of") else _HAPPENS.get(word, "away")


def _rounds(sheet: _Sheet, chapter: Chapter) -> None:
    """The transitions that followed; where some are left out it says so."""
    for index, one in enumerate(chapter.rounds):
        if chapter.closing and chapter.skipped and index == len(chapter.rounds) - 1:
            _note(sheet, f"{_counted(chapter.skipped, 'transition')} left out")
        _round(sheet, one, chapter.at)
    if not chapter.closing:
        done = len(chapter.rounds) + chapter.skipped
        _note(sheet, f"{_counted(done, 'transition')}" + (", not shown" if chapter.skipped else ""))


def _note(sheet: _Sheet, words: str) -> None:
    sheet.y += 4
    sheet.text(GUTTER, sheet.y + 9, words, "dim", width=sheet.width - GUTTER, size=SMALL)
    sheet.y += 12


def _counted(number: int, noun: str) -> str:
    return f"{number or 'no'} {noun}{'' if number == 1 else 's'}"


def _round(sheet: _Sheet, one: Round, state: State) -> None:
    """A transition: a row for all that may be done at once, under what it waits for."""
    more = f"{_counted(one.left_out, 'more action')} not shown" if one.left_out else ""
    _heading(sheet, f"Transition {one.number}", more if one.marks else more or "nothing is done on any node")
    top = sheet.y
    places: dict[int, tuple[float, float]] = {}
    for rank, marks in groupby(sorted(one.marks, key=lambda each: each.rank), key=lambda each: each.rank):
        sheet.y += 4
        sheet.text(1, sheet.y + 11, str(rank + 1), "dim", size=SMALL)
        row = list(marks)
        bottoms = [_cell(sheet, node, [each for each in row if each.node == node], places) for node in sheet.lanes]
        sheet.y = max(bottoms) + 3
    for edge in one.edges:
        _edge(sheet, edge, one.marks, places)
    sheet.lanes_to(top, state)


def _cell(sheet: _Sheet, node: str, marks: Sequence[Mark], places: dict[int, tuple[float, float]]) -> float:
    """What may be done at once on a node, a box for each kind; how far down it goes."""
    y = sheet.y
    x, width = sheet.x(node) + PAD + 4, sheet.lane - 2 * PAD - 8

    def kind(mark: Mark) -> tuple[int, str, str]:
        known = _TASKS.index(mark.task) if mark.task in _TASKS else len(_TASKS)
        return known, mark.task, mark.outcome.value

    for (_, task, outcome), group in groupby(sorted(marks, key=kind), key=kind):
        members = list(group)
        named = [each for each in members if each.resource]
        failed = outcome == Outcome.FAILED.value
        unbegun = " unbegun" if outcome == Outcome.NOT_BEGUN.value else ""
        accused = " accused" if any(each.accused for each in members) else ""
        kinds = f"act {task.replace(' ', '-')}{unbegun}{accused}"
        sheet.box((x, y), (width, 17 + LINE * len(named)), kinds)
        sheet.glyph(
            x + 5, y + 4, "fails" if failed else task if task in GLYPHS else "away", "bad" if failed else task
        )
        aside = "" if outcome == Outcome.DONE.value else outcome
        style = "strong bad" if failed else "strong"
        sheet.text(x + 17, y + 12.5, task.replace("_", " "), style, width=width - 20 - len(aside) * SMALL * 0.55)
        if aside:
            sheet.text(x + width - 3, y + 12, aside, f"end {'bad' if failed else 'dim'}", size=SMALL)
        for number, mark in enumerate(members):
            line = y + 16 + LINE * number
            places[mark.action] = (x, line + 6 if mark.resource else y + 8)
            if mark.resource:
                style = "name strong bad" if mark.accused else "name"
                sheet.text(x + 6, line + 9, mark.resource, style, width=width - 10)
        y += 17 + LINE * len(named) + 3
    return y


def _edge(sheet: _Sheet, edge: Edge, marks: Iterable[Mark], places: Mapping[int, tuple[float, float]]) -> None:
    """From the first to what waits for it; an arrow's head only where something does wait."""
    nodes = {each.action: each.node for each in marks}
    (x1, y1), (x2, y2) = places[edge.first], places[edge.then]
    width = sheet.lane - 2 * PAD - 8
    same, right = nodes[edge.first] == nodes[edge.then], x2 > x1
    x1, x2 = (x1, x2) if same else (x1 + width * right, x2 + width * (not right))
    bend = -7 if same else (10 if right else -10)
    out, back = x1 + bend, x2 + (bend if same else -bend)
    head = 1 if same or right else -1
    kind = f"edge {edge.relation.value}"
    path = f"M{x1:g} {y1:g} C{out:g} {y1:g} {back:g} {y2:g} {x2 - head:g} {y2:g}"
    if same:
        path = f"M{x1:g} {y1:g} H{out:g} V{y2:g} H{x2 - head:g}"
    sheet.edges.append(element("path", {"d": path, "class": kind}))
    if edge.relation is not Relation.UNORDERED:
        tip = f"M{x2:g} {y2:g} l{-5 * head} -3.5 v7 Z"
        sheet.front.append(element("path", {"d": tip, "class": f"tip {edge.relation.value}"}))


def _breach(sheet: _Sheet, shown: Scene) -> None:
    """What does not hold."""
    lines = _wrapped(shown.breach.message, sheet.width - 48)
    sheet.y += 8
    sheet.box((GUTTER, sheet.y), (sheet.width - GUTTER - 1, 24 + len(lines) * 14), "breach")
    sheet.glyph(GUTTER + 7, sheet.y + 6, "fails", "bad")
    sheet.text(GUTTER + 22, sheet.y + 14, shown.breach.property, "strong bad", width=sheet.width - 48)
    for number, line in enumerate(lines):
        sheet.text(GUTTER + 22, sheet.y + 29 + number * 14, line)
    sheet.y += 24 + len(lines) * 14


def _wrapped(words: str, width: float) -> list[str]:
    room = int(width / (TEXT * 0.56))
    lines = [""]
    for word in words.split():
        if lines[-1] and len(lines[-1]) + 1 + len(word) > room:
            lines.append(word)
        else:
            lines[-1] = f"{lines[-1]} {word}".strip()
    return lines


def _described(shown: Scene) -> str:
    """The picture in words."""
    told = [f"Nodes: {', '.join(shown.lanes)}."]
    for chapter in shown.chapters:
        told.append(f"Event {chapter.number}: {chapter.event}.")
        for one in chapter.rounds:
            ordered = sorted(one.marks, key=lambda each: each.rank)
            acts = (_told(each) for each in ordered)
            told.append(f"Transition {one.number}: {', '.join(acts) or 'nothing is done on any node'}.")
    return " ".join([*told, f"{shown.breach.property}: {shown.breach.message}."])


def _told(mark: Mark) -> str:
    words = f"{mark.task} {mark.resource} on {mark.node}" if mark.resource else f"{mark.task} {mark.node}"
    return words if mark.outcome is Outcome.DONE else f"{words} ({mark.outcome.value})"
