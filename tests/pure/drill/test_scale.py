"""Seconds after the harm as places in a picture."""

from itertools import pairwise

import pytest

from quorate.drill.scale import BINS, NEAR, Scale

FAST = Scale.around([3.9, 52.0], 57.0)


def test_the_first_seconds_have_the_most_room() -> None:
    assert (FAST.near_s, FAST.until_s) == (6.0, 57.0)
    assert FAST.broken
    assert FAST.place(-2.0) == 0.0
    assert FAST.place(6.0) == pytest.approx(NEAR)
    assert FAST.place(57.0) == 1.0
    assert FAST.place(3.0) - FAST.place(2.0) == pytest.approx(FAST.denser * (FAST.place(31.0) - FAST.place(30.0)))


@pytest.mark.parametrize(
    ("moments", "near_s"), [([], 6), ([1, 5], 6), ([5.9], 10), ([6.1, 40], 10), ([12.4], 15), ([14.9], 6)]
)
def test_they_have_room_for_what_happens_early(moments: list[float], near_s: float) -> None:
    assert Scale.around(moments, 150.0).near_s == near_s


def test_nothing_breaks_where_all_is_early() -> None:
    scale = Scale.around([5.0], 8.0)
    assert not scale.broken
    assert scale.place(3.0) == pytest.approx(0.5)


def test_what_is_outside_is_at_the_edge() -> None:
    assert [FAST.place(at_s) for at_s in (float("-inf"), -60.0, 900.0, float("inf"))] == [0, 0, 1, 1]


@pytest.mark.parametrize("until_s", [0.0, 8.0, 57.0, 150.0, 700.0])
@pytest.mark.parametrize("width", [232, 560, 1100])
def test_ticks_are_apart_and_within(until_s: float, width: int) -> None:
    scale = Scale.around([3.9], until_s)
    ticks = scale.ticks(width, 26)
    assert ticks[0] == 0
    assert len(ticks) > 3
    places = [scale.place(each) * width for each in ticks]
    assert all(after - before >= 26 - 1e-6 for before, after in pairwise(places))
    assert places[-1] <= width - 13
    assert scale.near_s in ticks or not scale.broken


@pytest.mark.parametrize("until_s", [0.0, 6.2, 8.0, 57.0, 150.0, 700.0, 3600.0])
def test_bins_cover_all_and_are_not_too_many(until_s: float) -> None:
    scale = Scale.around([3.9], until_s)
    edges = scale.bins()
    assert (edges[0], edges[-1]) == (scale.from_s, scale.until_s)
    assert all(before < after for before, after in pairwise(edges))
    assert scale.near_s in edges
    assert len(edges) <= 2 * BINS + 1
