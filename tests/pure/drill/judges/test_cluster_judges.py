"""Owners of an address and places of what may be active once: each kind of wrong is caught, and nothing else."""

import pytest

from quorate.drill.happening import Happening, Kind
from quorate.drill.judges import owners, placement
from quorate.drill.judges.owners import Claim
from quorate.model.finding import Verdict

VIP = "10.0.0.10"
A, B = "02:00:00:00:00:0a", "02:00:00:00:00:0b"


def claims(*told: tuple[float, str]) -> list[Claim]:
    return [Claim(at_s, VIP, mac) for at_s, mac in told]


@pytest.mark.parametrize(
    "heard",
    [
        claims((0.0, A), (0.2, A), (0.4, A)),
        claims((0.0, A), (0.2, A), (3.0, B), (3.2, B)),
        claims((0.0, A), (3.0, B), (6.0, A), (6.2, A)),
        [Claim(0.0, VIP, A), Claim(0.1, "10.0.0.9", B), Claim(0.2, VIP, A)],
    ],
)
def test_an_address_that_moves_has_one_owner(heard: list[Claim]) -> None:
    found = owners.judge(heard)
    assert (found.wrongs, found.verdict) == ((), Verdict.YES)


@pytest.mark.parametrize(
    "heard", [claims((0.0, A), (0.1, B), (0.2, A)), claims((0.0, A), (5.0, B), (5.1, A), (5.2, B))]
)
def test_two_that_claim_it_in_turns_own_it_both(heard: list[Claim]) -> None:
    found = owners.judge(heard)
    assert [each.kind for each in found.wrongs] == ["two owners"]
    assert found.verdict is Verdict.NO
    assert A in found.wrongs[0].operations[0]
    assert B in found.wrongs[0].operations[0]


@pytest.mark.parametrize("why", ["", "only root may send and hear ARP"])
def test_who_heard_nobody_cannot_tell(why: str) -> None:
    found = owners.judge([], why_unknown=why)
    assert found.verdict is Verdict.UNKNOWN
    assert found.why_unknown == (why or "nobody was heard to own an address")


def told(*happened: tuple[float, Kind, str, str]) -> placement.Judgement:
    return placement.judge([Happening(*each) for each in happened], {"vip": "ctl1"})


START, STOP, FENCED, BEGUN = Kind.START, Kind.STOP, Kind.FENCED, Kind.BEGUN


@pytest.mark.parametrize(
    "happened",
    [
        [],
        [(1.0, START, "ctl1", "vip")],
        [(1.0, STOP, "ctl1", "vip"), (2.0, START, "ctl2", "vip")],
        [(1.0, FENCED, "ctl1", ""), (2.0, START, "ctl2", "vip")],
        [(1.0, BEGUN, "ctl1", ""), (2.0, START, "ctl2", "vip")],
        [(1.0, START, "ctl2", "haproxy"), (2.0, START, "ctl3", "haproxy")],
        [
            (1.0, FENCED, "ctl1", ""), (2.0, START, "ctl2", "vip"),
            (3.0, STOP, "ctl2", "vip"), (4.0, START, "ctl1", "vip"),
        ],
    ],
)  # fmt: skip
def test_what_moves_after_a_stop_or_a_fencing_is_active_once(happened: list[tuple[float, Kind, str, str]]) -> None:
    found = told(*happened)
    assert (found.wrongs, found.verdict) == ((), Verdict.YES)


@pytest.mark.parametrize(
    "happened",
    [
        [(2.0, START, "ctl2", "vip")],
        [(1.0, FENCED, "ctl3", ""), (2.0, START, "ctl2", "vip")],
        [(2.0, START, "ctl2", "vip"), (3.0, FENCED, "ctl1", "")],
        [(1.0, STOP, "ctl3", "vip"), (2.0, START, "ctl2", "vip")],
    ],
)
def test_what_starts_before_the_other_surely_ended_is_active_twice(
    happened: list[tuple[float, Kind, str, str]],
) -> None:
    found = told(*happened)
    assert [each.kind for each in found.wrongs] == ["twice"]
    assert found.wrongs[0].operations == ("vip on ctl2 at 2.0 s, still active on ctl1",)
    assert found.verdict is Verdict.NO
