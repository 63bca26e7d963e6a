"""The predicted outage, term by term."""

import pytest

from quorate.catalog import pacemaker
from quorate.design.budget import ELECTION_S, FENCE_S, START_S, budget
from quorate.model.cloud import Fencing, FencingDevice
from quorate.spec.profiles import PROFILES, timers


def seconds(profile: str, members: int = 3, **given: int) -> dict[str, float]:
    return {term.name: term.seconds for term in budget(timers(profile, members, given), members)}


def test_the_terms_follow_from_the_timers() -> None:
    terms = seconds("fast", corosync_token_ms=1000, corosync_token_coefficient_ms=100, memcached_timeout_ms=250)
    assert terms == {
        "detect": pytest.approx(1.1),
        "agree": pytest.approx(1.32 + ELECTION_S),
        "fence": FENCE_S,
        "start": START_S,
        "clients": pytest.approx(0.25),
    }


def test_an_agent_that_rests_makes_fencing_longer() -> None:
    usual, rested = (budget(timers("fast", 3), 3, rest_s) for rest_s in (0, 4))
    assert sum(term.seconds for term in rested) == pytest.approx(sum(term.seconds for term in usual) + 4)


@pytest.mark.parametrize(
    ("device", "rest_s"),
    [
        (FencingDevice("fence_ipmilan"), 4),
        (FencingDevice("fence_ipmilan", {"power_wait": "0"}), 0),
        (FencingDevice("fence_redfish"), 0),
    ],
)
def test_how_long_an_agent_rests(device: FencingDevice, rest_s: float) -> None:
    assert pacemaker.rest_s(Fencing((device,))) == rest_s


def test_every_member_beyond_two_makes_detection_longer() -> None:
    assert seconds("fast", 2)["detect"] < seconds("fast", 3)["detect"] < seconds("fast", 5)["detect"]


@pytest.mark.parametrize(("timer", "slow"), [("haproxy_check_ms", 10_000), ("galera_suspect_ms", 30_000)])
def test_what_clients_find_later_than_the_address_moves_is_added(timer: str, slow: int) -> None:
    usual, slowed = seconds("fast"), seconds("fast", **{timer: slow})
    assert slowed["clients"] > usual["clients"] + 10
    assert {name: slowed[name] for name in usual if name != "clients"} == {
        name: usual[name] for name in usual if name != "clients"
    }


def test_the_profiles_are_in_the_order_of_their_names_and_fast_keeps_its_word() -> None:
    totals = [sum(seconds(profile).values()) for profile in ("fast", "balanced", "careful")]
    assert set(PROFILES) == {"fast", "balanced", "careful"}
    assert totals == sorted(totals)
    assert totals[0] < 6


@pytest.mark.parametrize("profile", PROFILES)
def test_every_term_says_what_decides_it(profile: str) -> None:
    for term in budget(timers(profile, 3), 3):
        assert term.why
        assert term.seconds >= 0
