"""A chart of what was when, in SVG and as wide as the page: bars stretch with it, text and signs keep their size.

So one chart is for phones and for wide screens, and only for text it matters how much room there is. Text is
placed twice, for the narrowest and for a wide page, and the style sheet (page.css) shows what fits.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from xml.etree.ElementTree import Element

from quorate.drill.scale import ALWAYS, Scale
from quorate.formats.markup import element
from quorate.prove.picture import GLYPHS

NARROW, WIDE = 232, 560
"""How many pixels the lanes have at least, and at least on a page that is called wide."""
GUTTER = 88
"""How many pixels the names to the left of the lanes have."""
UNITS = 1000
"""The whole width, in the units of what stretches."""
LETTER, BOLD = 0.63, 0.7
"""How wide a letter is at most in usual fonts, as a share of its size."""
APART = 3
BRACKET = 3
TORN = 4
"""So many pixels to both sides of where a scale breaks are covered."""
GLYPH = 9
BESIDE = GLYPH / 2 + APART + 0.5
"""So far from the middle of a sign is text beside it."""

_OF_PROOFS = ("start", "stop", "promote", "demote", "fence", "lost", "fails", "back", "new")
SIGNS: Mapping[str, str] = {
    **{name: GLYPHS[name] for name in _OF_PROOFS},
    "whole": "M0 5 L2 3.4 L4 6 L8.5 0 L10 1.5 L4.2 10 Z",
    "detected": "M5 0 L10 10 H0 Z M4.3 3.5 V7 H5.7 V3.5 Z M4.3 8 V9.2 H5.7 V8 Z",
    "membership": "M0 4 L5 0 L10 4 L8 10 H2 Z",
}
"""Shapes of ten by ten."""


@dataclass(frozen=True, slots=True)
class Words:
    """Text that begins at that second (`end`: ends there), or `beside` it by some pixels; within some seconds."""

    text: str
    at_s: float
    beside: float = 0
    end: bool = False
    within: tuple[float, float] = (-ALWAYS, ALWAYS)
    kind: str = ""
    size: float = 10

    def long(self) -> float:
        """How many pixels it takes at most."""
        return len(self.text) * self.size * (BOLD if "strong" in self.kind else LETTER)


@dataclass(slots=True)
class Line:
    """One line of text, and what of it is taken: pixels, by the width of the lanes; no word goes over a tear."""

    scale: Scale
    y: float
    torn: bool = False
    taken: dict[int, list[tuple[float, float]]] = field(default_factory=lambda: {NARROW: [], WIDE: []})

    def free(self, width: int, at: tuple[float, float]) -> bool:
        """Whether nothing is there."""
        return all(at[1] + APART <= begin or at[0] >= end + APART for begin, end in self.taken[width])

    def extent(self, width: int, words: Words) -> tuple[float, float]:
        """Where words would be."""
        at = self.scale.place(words.at_s) * width + words.beside
        return (at - words.long(), at) if words.end else (at, at + words.long())

    def fits(self, width: int, words: Words) -> bool:
        """Whether they have room."""
        at = self.extent(width, words)
        low, high = (self.scale.place(each) * width for each in words.within)
        torn = self.scale.place(self.scale.near_s) * width
        whole = not self.torn or at[1] <= torn - TORN or at[0] >= torn + TORN
        return whole and at[0] >= low - 1 and at[1] <= high + 1 and self.free(width, at)

    def around(self, width: int, at_s: float) -> tuple[float, float]:
        """Where a sign would be."""
        middle = self.scale.place(at_s) * width
        return middle - GLYPH / 2, middle + GLYPH / 2


@dataclass(slots=True)
class Chart:
    """A chart under way, from top to bottom."""

    scale: Scale
    y: float = 0
    behind: list[Element] = field(default_factory=list)
    shapes: list[Element] = field(default_factory=list)
    signs: list[Element] = field(default_factory=list)
    texts: list[Element] = field(default_factory=list)
    names: list[Element] = field(default_factory=list)

    def line(self, y: float) -> Line:
        """A line of text on bars."""
        return Line(self.scale, y, torn=self.scale.broken)

    def bar(self, span: tuple[float, float], y: float, height: float, kind: str, title: str) -> None:
        """A rectangle for those seconds."""
        self.shapes.append(_told(self._rectangle(span, y, height, kind), title))

    def bracket(self, span: tuple[float, float], y: float, height: float, title: str) -> None:
        """A bracket over those seconds, and a shade below it."""
        shapes = (self._rectangle(span, y, height, "shade"), self._rectangle(span, y, BRACKET, "bracket"))
        self.shapes.append(_told(element("g", {}, *shapes), title))

    def _rectangle(self, span: tuple[float, float], y: float, height: float, kind: str) -> Element:
        left, right = (self.scale.place(each) for each in span)
        size = {"x": _unit(left), "y": f"{y:g}", "width": _unit(right - left), "height": f"{height:g}"}
        return element("rect", {**size, "class": kind})

    def columns(
        self, edges: Sequence[float], heights: Mapping[str, Sequence[float]], y: float, title: str
    ) -> None:
        """Columns between those seconds, by kind, that stand on `y`, or hang from it where they are below 0."""
        shapes = (
            element("path", {"d": self._steps(edges, each, y), "class": kind})
            for kind, each in heights.items()
            if any(each)
        )
        self.shapes.append(_told(element("g", {}, *shapes), title))

    def _steps(self, edges: Sequence[float], heights: Sequence[float], y: float) -> str:
        path = f"M{_unit(self.scale.place(edges[0]))} {y:g}"
        for right, height, following in zip(edges[1:], heights, (*heights[1:], None), strict=True):
            if height != following:
                path += f"V{round(y - height, 1):g}H{_unit(self.scale.place(right))}"
        return f"{path}V{y:g}Z"

    def upright(self, at_s: float, top: float, kind: str, title: str) -> None:
        """A line behind everything, from there down to here."""
        path = f"M{_unit(self.scale.place(at_s))} {top:g}V{self.y:g}"
        self.behind.append(_told(element("path", {"d": path, "class": f"upright {kind}"}), title))

    def across(self, y: float) -> None:
        """A line from side to side, behind everything."""
        self.behind.append(element("path", {"d": f"M0 {y:g}H{UNITS}", "class": "across"}))

    def sign(self, line: Line, at_s: float, name: str, title: str, kind: str = "") -> None:
        """A sign with its middle there; where others leave no room for it only on a wide page."""
        free = line.free(NARROW, line.around(NARROW, at_s))
        for width in (NARROW, WIDE) if free else (WIDE,):
            line.taken[width].append(line.around(width, at_s))
        kinds = ["g", name, *kind.split(), *([] if free else ["wide"])]
        about = {"x": _percent(self.scale.place(at_s)), "y": f"{line.y - 3.5:g}", "class": " ".join(kinds)}
        self.signs.append(_told(element("svg", about, element("path", {"d": SIGNS[name]})), title))

    def write(self, line: Line, choice: Iterable[Words]) -> None:
        """The first words that have room, which may be others on a wide page, or none."""
        choice = list(choice)
        narrow, wide = (
            next((each for each in choice if line.fits(width, each)), None) for width in (NARROW, WIDE)
        )
        for width, words in ((NARROW, narrow), (WIDE, wide)):
            if words:
                line.taken[width].append(line.extent(width, words))
        for words, only in ((narrow, "narrow"), (wide, "wide")) if narrow != wide else ((narrow, ""),):
            if words:
                self._text(line.y, words, only)

    def _text(self, y: float, words: Words, only: str) -> None:
        kinds = [
            f"t{words.size:g}",
            *words.kind.split(),
            *(["end"] if words.end else []),
            *([only] if only else []),
        ]
        about = {"x": _percent(self.scale.place(words.at_s)), "y": f"{y:g}", "class": " ".join(kinds)}
        if words.beside:
            about["dx"] = f"{words.beside:g}"
        self.texts.append(element("text", about, words.text))

    def tick(self, at_s: float, words: str, kind: str) -> None:
        """Words below the middle of a second, as those of a scale."""
        about = {
            "x": _percent(self.scale.place(at_s)),
            "y": f"{self.y + 10:g}",
            "class": f"t10 dim middle free {kind}".strip(),
        }
        self.texts.append(element("text", about, words))

    def tear(self, top: float, title: str) -> None:
        """A jagged line from there down to here, where the scale breaks."""
        jags = "M0 0l3 4" + "l-6 8l6 8" * round((self.y - top - 8) / 16)
        shapes = (
            element("path", {"d": f"M0 0V{self.y - top:g}", "class": "gap"}),
            element("path", {"d": jags, "class": "jag"}),
        )
        place = {"x": _percent(self.scale.place(self.scale.near_s)), "y": f"{top:g}", "class": "tear"}
        self.signs.insert(0, _told(element("svg", place, *shapes), title))

    def name(self, y: float, words: str, kind: str = "", size: float = 11) -> None:
        """A name to the left of a lane, squeezed or shortened if it is long."""
        about: dict[str, object] = {"x": "0", "y": f"{y:g}", "class": f"t{size:g} {kind}".strip()}
        room = GUTTER - 4
        least = int(room / (size * LETTER * 0.8))
        told = words if len(words) <= least else f"{words[: least - 1]}…"
        if len(words) * size * (BOLD if "strong" in kind else LETTER) > room:
            about |= {"textLength": room, "lengthAdjust": "spacingAndGlyphs"}
        self.names.append(_told(element("text", about, told), words if told != words else ""))

    def heading(self, words: str) -> None:
        """A line across, and what is below it."""
        self.y += 7
        self.across(self.y)
        self.names.append(element("path", {"d": f"M0 {self.y:g}H{GUTTER}", "class": "across"}))
        self.name(self.y + 11, words, "dim", 10)
        self.y += 14

    def drawn(self, label: str) -> Element:
        """All of it: the names, and beside them the lanes."""
        height = f"{self.y:g}"
        box = {"viewBox": f"0 0 {UNITS} {height}", "preserveAspectRatio": "none"}
        stretched = element("svg", {"width": "100%", "height": height, **box}, *self.behind, *self.shapes)
        lanes = {"class": "lanes", "height": height, "role": "img", "aria-label": label}
        return element(
            "div",
            {"class": "chart"},
            element("svg", {"class": "names", "width": GUTTER, "height": height}, *self.names),
            element("svg", lanes, stretched, *self.signs, *self.texts),
        )


@dataclass(slots=True)
class Rows:
    """Lines of text, `height` apart from `first` on: as many as are needed, but not more than `most`."""

    chart: Chart
    first: float
    most: int
    height: float = 13
    lines: list[Line] = field(default_factory=list)

    @property
    def following(self) -> float:
        """Where the next one would be."""
        return self.first + self.height * len(self.lines)

    def write(self, choice: Iterable[Words]) -> None:
        """The first words that have room, also on a narrow page, in whatever line."""
        choice = list(choice)
        self.chart.write(self._line(choice, signed=False), choice)

    def sign(self, at_s: float, sign: str, choice: Iterable[str], title: str, kind: str = "") -> Line:
        """A sign, and words beside it if there is room for them; the line."""
        kind = f"free {kind}".strip()
        words = [
            Words(each, at_s, -BESIDE if end else BESIDE, end, kind=kind)
            for each in choice
            for end in (False, True)
        ]
        line = self._line(words, signed=True)
        self.chart.sign(line, at_s, sign, title, kind)
        self.chart.write(line, words)
        return line

    def _line(self, choice: Sequence[Words], *, signed: bool) -> Line:
        """The first line with room (`signed`: for a sign, too); for shorter words only if none has for longer."""
        new = [Line(self.chart.scale, self.following)] if len(self.lines) < self.most else []
        lines = [*self.lines, *new]
        line = next((line for each in choice for line in lines if _room(line, each, signed=signed)), lines[-1])
        self.lines = lines[: max(len(self.lines), lines.index(line) + 1)]
        return line


def _room(line: Line, words: Words, *, signed: bool) -> bool:
    return line.fits(NARROW, words) and not (signed and not line.free(NARROW, line.around(NARROW, words.at_s)))


def _told(made: Element, title: str) -> Element:
    if title:
        made.append(element("title", {}, title))
    return made


def _unit(share: float) -> str:
    return f"{share * UNITS:.1f}".removesuffix(".0")


def _percent(share: float) -> str:
    return f"{share * 100:.2f}".rstrip("0").rstrip(".") + "%"
