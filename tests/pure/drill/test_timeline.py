"""The picture of a drill."""

import re
from collections.abc import Callable, Iterator
from dataclasses import replace
from itertools import combinations
from xml.etree import ElementTree as ET
from xml.etree.ElementTree import Element

import pytest

import drills
from drills import Drill
from parsed import Parsed
from quorate.drill import lanes
from quorate.drill.chart import APART, BOLD, GUTTER, LETTER, NARROW, SIGNS, WIDE
from quorate.drill.happening import Kind
from quorate.drill.timeline import ROWS, timeline

SIZE = 60_000
HOSTILE = '<b onclick="x()">&amp;"'
Box = tuple[float, float, float, str]
every = pytest.mark.parametrize("make", drills.ALL)


def drawn(drill: Drill) -> Element:
    return timeline(*drill)


def lane(figure: Element) -> Element:
    (found,) = (each for each in figure.iter("svg") if "lanes" in each.get("class", ""))
    return found


def said(figure: Element) -> list[str]:
    return [each.text or "" for each in lane(figure).iter("text")]


def titles(figure: Element) -> list[str]:
    return [each.text or "" for each in figure.iter("title")]


def boxes(figure: Element, width: int) -> Iterator[Box]:
    """Where text is on a page of that width: its height, from where to where, and what it says."""
    for each in lane(figure).iter("text"):
        kinds = set((each.get("class") or "").split())
        if ("wide" if width == NARROW else "narrow") in kinds:
            continue
        size = next(float(kind[1:]) for kind in kinds if re.fullmatch(r"t\d+", kind))
        long = len(each.text or "") * size * (BOLD if "strong" in kinds else LETTER)
        at = float(each.get("x", "").rstrip("%")) / 100 * width + float(each.get("dx", 0))
        begin = at - long if "end" in kinds else at - long / 2 if "middle" in kinds else at
        yield float(each.get("y", "")), begin, begin + long, each.text or ""


@every
@pytest.mark.parametrize("width", [NARROW, WIDE])
def test_text_has_room(make: Callable[[], Drill], width: int) -> None:
    found = list(boxes(drawn(make()), width))
    for _, begin, end, text in found:
        assert begin >= -2, text
        assert end <= width + 2, text
    for (y1, begin1, end1, text1), (y2, begin2, end2, text2) in combinations(found, 2):
        beside = end1 + APART / 2 <= begin2 or end2 + APART / 2 <= begin1
        assert beside or abs(y1 - y2) >= 10, (text1, text2)


@every
def test_names_fit_beside_the_lanes(make: Callable[[], Drill]) -> None:
    (names,) = (each for each in drawn(make()).iter("svg") if each.get("class") == "names")
    for each in names.iter("text"):
        size = float(re.findall(r"t(\d+)", each.get("class", ""))[0])
        wide = BOLD if "strong" in each.get("class", "") else LETTER
        long = float(each.get("textLength", len("".join(each.itertext())) * size * wide))
        assert long <= GUTTER, each.text


@every
def test_every_mark_says_what_it_is(make: Callable[[], Drill]) -> None:
    figure = lane(drawn(make()))
    marks = [*figure.findall("svg/rect"), *figure.iter("g"), *figure.findall("svg")[1:]]
    assert marks
    assert all(each.findtext("title") for each in marks)


@every
def test_it_is_small_and_always_the_same(make: Callable[[], Drill]) -> None:
    first, second = (ET.tostring(drawn(make()), encoding="unicode", method="html") for _ in range(2))
    assert first == second
    assert len(first.encode()) < SIZE


def test_every_outage_has_its_seconds() -> None:
    drilled, histories = drills.power_cut()
    figure = drawn((drilled, histories))
    assert said(figure).count("3.8 s") == 5
    assert said(figure).count("1.5 s") == 1
    told = "lists without service for 1.500 s, from 27.000 s until 28.500 s: 15 failed, 0 late"
    assert told in titles(figure)
    names = ["".join(each.itertext()) for each in figure.iter("text")]
    assert "out 3.8 s +1" in names
    assert "no outage" in names


def test_seconds_are_those_of_the_tables() -> None:
    histories = {"messages": drills.asked(57, [(0.3, 1.95)], every_s=0.05)}
    (service,) = drills.services(histories)
    drilled, _ = drills.power_cut()
    assert service.outage_s == 1.65
    assert f"{service.outage_s:.1f} s" in said(drawn((replace(drilled, services=(service,)), histories)))


def test_the_moments_are_told_with_their_lines() -> None:
    figure = drawn(drills.power_cut())
    assert {"power-cut", "healed 30.0 s", "whole again 52.0 s"} <= set(said(figure))
    uprights = [each.get("class") for each in figure.iter("path") if "upright" in each.get("class", "")]
    assert uprights == ["upright harm", "upright healed", "upright whole"]
    assert "whole, 52.000 s after the harm" in titles(figure)


def test_what_never_became_whole_is_told() -> None:
    assert "not whole again" in said(drawn(drills.unfenced()))
    assert "not whole again" not in said(drawn(drills.power_cut()))


def test_a_failover_can_be_read() -> None:
    figure = drawn(drills.power_cut())
    assert {"detected 1.1 s", "membership 2.3 s", "ctl1 fenced 3.2 s", "ctl2 3.4 s"} <= set(said(figure))
    for told in (
        "ctl1 lost from 0.000 s until 3.200 s",
        "ctl1 fenced from 3.200 s until 22.100 s",
        "Pacemaker begun on ctl1 22.100 s",
        "detected: ctl2 1.100 s, ctl3 1.104 s",
        "vip-internal on ctl1 active until 0.000 s",
        "vip-internal on ctl2 active from 3.400 s",
        "vip-internal on ctl2 started 3.400 s",
        "galera on ctl1 promoted 36.500 s",
        "galera on ctl1 promoted from 36.500 s",
        "the scale breaks at 6 s: what follows is 10 times denser",
    ):
        assert told in titles(figure), told


def test_answered_failed_and_late_have_columns() -> None:
    drilled, _ = drills.power_cut()
    histories = {"bank": drills.asked(57, [(0.1, 3.9)], late=True), "set": drills.asked(57, [(0.1, 3.9)])}
    kinds = [
        ((each.findtext("title") or "").split(":")[0], [path.get("class") for path in each.iter("path")])
        for each in drawn((drilled, histories)).iter("g")
        if each.find("path") is not None
    ]
    assert kinds == [("bank", ["answered"]), ("bank", ["late"]), ("set", ["answered"]), ("set", ["failed"])]


def test_what_there_is_no_room_for_is_named() -> None:
    drilled, histories = drills.worn_out()
    left_out = lanes.instances(drilled)[ROWS:]
    caption = drawn((drilled, histories)).findtext("figcaption") or ""
    assert caption.startswith(f"Not shown: {len(left_out)} more rows, of service-")
    assert left_out[-1].resource in caption
    assert drawn(drills.power_cut()).find("figcaption") is None


def test_hostile_names_are_text() -> None:
    drilled, histories = drills.power_cut()
    happened = (replace(each, node=HOSTILE, resource=each.resource and HOSTILE) for each in drilled.happenings)
    bad = replace(drilled, node=HOSTILE, fault=HOSTILE, happenings=tuple(happened))
    parsed = Parsed(ET.tostring(drawn((bad, histories)), encoding="unicode", method="html"))
    assert parsed.open == []
    assert not parsed.all("b")
    assert HOSTILE in parsed.said


def test_every_kind_of_happening_has_a_sign() -> None:
    drilled, histories = drills.power_cut()
    every_kind = drills.happened((1.0 + 2 * number, kind, "ctl2", "vip") for number, kind in enumerate(Kind))
    figure = lane(drawn((replace(drilled, happenings=every_kind), histories)))
    signs = {each.findtext("title") for each in figure.findall("svg") if "g" in each.get("class", "").split()}
    for word in ("detected", "membership", "not fenced", "started", "stopped", "promoted", "demoted", "begun"):
        assert any(word in (told or "") for told in signs), word
    assert all(SIGNS.values())
