"""HTML that is written."""

from xml.etree import ElementTree as ET

from parsed import Parsed
from quorate.formats.markup import STYLE, document, element, table


def test_children_are_text_and_elements_in_their_order() -> None:
    made = element("p", {"class": 1}, "a ", element("b", {}, "b"), " c", "d")
    assert ET.tostring(made, encoding="unicode", method="html") == '<p class="1">a <b>b</b> cd</p>'


def test_text_is_escaped_and_made_printable() -> None:
    made = ET.tostring(element("p", {"title": '"\x07'}, "<b>\x00&"), encoding="unicode", method="html")
    assert made == '<p title="&quot;\N{REPLACEMENT CHARACTER}">&lt;b&gt;\N{REPLACEMENT CHARACTER}&amp;</p>'


def test_a_document_has_its_style_and_needs_nothing() -> None:
    text = document("a title", ".own { color: red; }", [element("p", {}, "said")])
    parsed = Parsed(text)
    assert parsed.open == []
    assert text.startswith("<!DOCTYPE html>\n")
    assert STYLE + ".own" in text
    assert "a title" in parsed.said
    assert "url(" not in text


def test_columns_of_numbers_are_told_in_the_head() -> None:
    made = table(("Name", "Count"), [[element("td", {}, "a"), element("td", {}, "1")]], numbers=(1,))
    assert [each.get("class") for each in made.iter("th")] == [None, "number"]
    assert [each.text for each in made.iter("td")] == ["a", "1"]
