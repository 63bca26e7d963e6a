"""HTML and SVG, as pages that need nothing else: no script, no font, no image from anywhere; and others' forms."""

import re
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from xml.etree import ElementTree as ET
from xml.etree.ElementTree import Element

STYLE = Path(__file__).with_name("markup.css").read_text()
"""What all pages look like: their colours, their text and their tables, by day, by night and on paper."""


def element(tag: str, attributes: Mapping[str, object] | None = None, *children: Element | str) -> Element:
    """An element with those attributes and children.

    Text is escaped when it is written; what is not printable is replaced.
    """
    made = Element(tag, {name: _clean(str(value)) for name, value in (attributes or {}).items()})
    for child in children:
        if not isinstance(child, str):
            made.append(child)
        elif len(made):
            made[-1].tail = (made[-1].tail or "") + _clean(child)
        else:
            made.text = (made.text or "") + _clean(child)
    return made


def _clean(text: str) -> str:
    return "".join(each if each.isprintable() or each in "\n\t" else "\N{REPLACEMENT CHARACTER}" for each in text)


def document(title: str, style: str, body: Iterable[Element]) -> str:
    """A whole page in English; `style` is what it needs beside STYLE."""
    head = element(
        "head",
        {},
        element("meta", {"charset": "utf-8"}),
        element("meta", {"name": "viewport", "content": "width=device-width, initial-scale=1"}),
        element("title", {}, title),
        element("style", {}, STYLE + style),
    )
    html = element("html", {"lang": "en"}, head, element("body", {}, *body))
    return f"<!DOCTYPE html>\n{ET.tostring(html, encoding='unicode', method='html')}\n"


def table(heads: Sequence[str], rows: Iterable[Sequence[Element]], *, numbers: Iterable[int] = ()) -> Element:
    """A table of `<td>` cells under a head; the columns of those indices have numbers."""
    right = frozenset(numbers)
    head = element(
        "tr",
        {},
        *(
            element("th", {"scope": "col", **({"class": "number"} if index in right else {})}, each)
            for index, each in enumerate(heads)
        ),
    )
    body = [element("tr", {}, *row) for row in rows]
    return element("table", {}, element("thead", {}, head), element("tbody", {}, *body))


def hidden(page: str) -> dict[str, str]:
    """The hidden answers of a page's forms, by name."""
    inputs = re.findall(r"<input[^>]*type=[\"']hidden[\"'][^>]*>", page)
    pairs = (
        (re.search(r"name=[\"']([^\"']*)", each), re.search(r"value=[\"']([^\"']*)", each)) for each in inputs
    )
    return {name[1]: value[1] if value else "" for name, value in pairs if name}
