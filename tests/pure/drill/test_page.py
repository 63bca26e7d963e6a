"""The page of drills."""

from collections.abc import Callable
from dataclasses import replace

import pytest

import drills
from drills import Drill
from parsed import Parsed
from quorate.drill.judges import Judgement, Wrong
from quorate.drill.page import page
from quorate.model.check import no, unknown
from quorate.model.finding import Verdict

HOSTILE = '</style><script src="http://x/">alert("&amp;")</script>\x00'
every = pytest.mark.parametrize("make", drills.ALL)


def told(*made: Drill) -> str:
    return page("cloud", [drilled for drilled, _ in made], lambda drilled: histories(made, drilled))


def histories(made: tuple[Drill, ...], drilled: object) -> drills.Histories:
    return next(found for each, found in made if each is drilled)


def sections(parsed: Parsed) -> list[dict[str, str | None]]:
    return [each for each in parsed.all("details") if "drill" in (each["class"] or "").split()]


@every
def test_it_is_whole_and_needs_nothing_from_elsewhere(make: Callable[[], Drill]) -> None:
    text = told(make())
    parsed = Parsed(text)
    assert parsed.open == []
    for word in ("http:", "https:", "url(", "@import", "<script", "<link", "<img", "src="):
        assert word not in text
    identifiers = [about["id"] for _, about in parsed.tags if "id" in about]
    assert len(identifiers) == len(set(identifiers))
    assert {about["href"] for about in parsed.all("a")} <= {f"#{each}" for each in identifiers}


@every
def test_the_same_is_written_in_the_same_bytes(make: Callable[[], Drill]) -> None:
    assert told(make()) == told(make())


def test_a_drill_that_held_is_told() -> None:
    parsed = Parsed(told(drills.power_cut()))
    for said in (
        "Held",
        "1 drill of 1 fault.",
        "The longest outage was 3.8 s (bank, power-cut on ctl1); 1 aftershock.",
        "power-cut on ctl1 outage 3.8 s, 1 aftershock, whole after 52 s",
        "connection refused",
        "38 of ",
        "651 transfer ok, 640 read ok",
        "stale, 7 times (never promised): a read misses one",
        "and 6 more",
        "ctl2 ctl1 is UNCLEAN",
        "Kept in /cloud/.quorate/drill/20261121T170211Z/01-power-cut",
        "Begun at 2026-11-21T17:02:11+00:00",
    ):
        assert said in parsed.said, said


def test_the_budget_is_what_was_measured_beside_what_is_predicted() -> None:
    drilled, found = drills.power_cut()
    said = Parsed(told((drilled, found))).said
    assert "UntilMeasuredPredictedLater by" in said
    assert "detected1.1 s1.0 s+0.1 s" in said
    assert "promoted36.5 s" in said
    assert "address upnot seen3.3 s" in said
    assert "Predicted" not in Parsed(told((replace(drilled, terms=()), found))).said


def test_a_broken_promise_is_told_at_the_top_with_its_first_operations() -> None:
    drilled, found = drills.power_cut()
    operations = ('validate "8-5" by client 9 at 27.081 s', 'validate "0-6" by client 1 at 31.280 s')
    wrong = Wrong("revived", "revoked, and said to be valid", 49, operations)
    twice = Wrong("twice", "active twice", 1, ("vip on ctl2 at 3.4 s, still active on ctl1",))
    claim = Wrong("two owners", "of one address", 1, ("10.0.0.9: aa at 7.2 and 8.1 s, bb between",))
    judgements = (
        Judgement("tokens", (wrong,), {"issue ok": 281}),
        Judgement("placement", (twice,)),
        Judgement("addresses", (claim,)),
    )
    parsed = Parsed(told((replace(drilled, judgements=judgements), found)))
    for said in (
        "Did not hold",
        "1 did not hold.",
        "power-cut on ctl1: tokens revived (49 times); placement twice (1 time); addresses two owners (1 time)",
        "revived, 49 times: revoked, and said to be valid",
        'validate "8-5" by client 9 at 27.081 s',
        "and 47 more",
        "vip on ctl2 at 3.4 s, still",
        "aa at 7.2 and 8.1 s, bb",
    ):
        assert said in parsed.said, said


def test_what_is_not_decided_is_told_apart() -> None:
    drilled, found = drills.power_cut()
    never_emptied = Judgement("messages", (), {"publish ok": 900}, "the queue was never emptied")
    open_ = replace(drilled, judgements=(never_emptied,), looked=(unknown("no answer", "ctl3"),))
    parsed = Parsed(told((open_, found)))
    for said in (
        "Not decided",
        "messages unknown; ctl3: no answer",
        "the queue was never emptied",
        "900 publish ok",
    ):
        assert said in parsed.said, said
    bad = replace(drilled, looked=(no("galera took writes"),))
    assert "power-cut on ctl1: seen: galera took writes" in Parsed(told((bad, found))).said


def test_one_drill_is_open_and_of_several_those_that_did_not_hold() -> None:
    good, bad = drills.power_cut(), drills.unfenced()
    assert ["open" in each for each in sections(Parsed(told(good)))] == [True]
    several = sections(Parsed(told(good, bad, drills.blackout())))
    assert [each["class"] for each in several] == ["drill yes", "drill no", "drill yes"]
    assert ["open" in each for each in several] == [False, True, False]


def test_repeats_are_summed_to_medians() -> None:
    parsed = Parsed(told(drills.power_cut(), drills.power_cut(), drills.blackout(), drills.unfenced()))
    assert "4 drills of 3 faults. 1 did not hold." in parsed.said
    assert "power-cut2✓ yes252 s3.8 snone3.8 s3.8 s" in parsed.said
    assert "bmc-cut1✗ no9never62.6 snonenonenone" in parsed.said
    assert [each["href"] for each in parsed.all("a")] == ["#d4", "#d1", "#d3", "#d4"]


def test_of_many_aftershocks_the_first_are_told() -> None:
    said = Parsed(told(drills.worn_out())).said
    assert f"{', '.join(['1.2 s'] * 8)} and 141 more" in said


def test_of_a_drill_with_nothing_but_trouble_that_is_told() -> None:
    drilled, _ = made = drills.bare()
    assert drilled.verdict is Verdict.NO
    said = Parsed(told(made)).said
    assert "No outage was measured." in said
    assert "isolate on ctl1: not whole again; trouble" in said
    assert "Trouble: harm: nft: command not found" in said


def test_a_history_that_is_gone_leaves_the_rest() -> None:
    drilled, _ = drills.power_cut()
    said = Parsed(told((drilled, {}))).said
    assert said.count("not recorded") == 1
    assert "out 3.8 s" in said


def test_no_drill_is_no_verdict() -> None:
    assert "Not decided" in Parsed(told()).said


def test_hostile_text_is_text() -> None:
    drilled, found = drills.power_cut()
    services = tuple(replace(each, errors=(HOSTILE, "x" * 9000)) for each in drilled.services)
    wrong = Wrong(HOSTILE, HOSTILE, 3, (HOSTILE,))
    bad = replace(
        drilled,
        services=services,
        judgements=(Judgement(HOSTILE, (wrong,), {HOSTILE: 2}, HOSTILE),),
        looked=(no(HOSTILE, HOSTILE),),
        trouble=HOSTILE,
        directory=HOSTILE,
    )
    text = page(HOSTILE, [bad], lambda _: found)
    parsed = Parsed(text)
    assert parsed.open == []
    assert not parsed.all("script")
    assert "\x00" not in text
    assert HOSTILE.replace("\x00", "\N{REPLACEMENT CHARACTER}") in parsed.said
    assert "x" * 500 not in text


def test_many_drills_make_a_page_that_can_be_sent() -> None:
    good = drills.power_cut()
    assert len(told(*[good] * 50).encode()) < 1_500_000
