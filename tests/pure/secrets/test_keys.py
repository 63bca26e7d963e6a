"""Rotation: at no moment, on no node, does a token that was valid become unreadable.

Nodes are simulated with whatever set each was last given, pushes go through them in any order and may stop half
way, and every node makes tokens all the time. A token carries the key it was made with and when it stops counting.
"""

import base64
import random
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta

import pytest

from quorate.secrets import keys
from quorate.secrets.keys import KeySetState, NotPushedError

START = datetime(2026, 11, 20, tzinfo=UTC)
LIFETIME_S = 3600
USED_S = LIFETIME_S + keys.ALLOW_EXPIRED_WINDOW_S


def hours(count: float) -> timedelta:
    return timedelta(hours=count)


@dataclass
class Cloud:
    """A few Keystones, the operator's set, and every token that still counts."""

    state: KeySetState
    nodes: list[KeySetState]
    random: random.Random
    now: datetime = START
    tokens: list[tuple[str, datetime]] = field(default_factory=list)
    serial: int = 2

    def passes(self, time: timedelta) -> None:
        self.now += time
        self.tokens = [token for token in self.tokens if token[1] >= self.now]
        for node in self.nodes:
            self.tokens.append((node.primary.value, self.now + timedelta(seconds=USED_S)))
        self.judge()

    def judge(self) -> None:
        for number, node in enumerate(self.nodes):
            readable = set(node.files().values())
            lost = [key for key, _ in self.tokens if key not in readable]
            assert not lost, f"node {number} at {self.now} cannot read tokens of {set(lost)}"

    def push(self, *, fails: bool) -> None:
        order = self.random.sample(range(len(self.nodes)), len(self.nodes))
        stop = self.random.randrange(len(order)) if fails else len(order)
        for node in order[:stop]:
            self.nodes[node] = self.state
            self.passes(hours(self.random.choice([0, 0, 0.01, 5])))
        if not fails:
            self.state = keys.pushed(self.state, self.now)

    def rotate(self) -> None:
        self.state = keys.rotate(self.state, self.now, LIFETIME_S, f"key{self.serial}")
        self.serial += 1


@pytest.mark.parametrize("seed", range(200))
def test_no_token_in_flight_ever_becomes_unreadable(seed):
    chance = random.Random(seed)
    first = keys.first("key0", "key1")
    cloud = Cloud(first, [first] * chance.choice([2, 3, 5]), chance)
    for _ in range(25):
        cloud.passes(hours(chance.choice([0, 0.2, 1, 24, 49, 60, 500])))
        for _ in range(chance.choice([0, 0, 1, 3])):
            cloud.push(fails=True)
            cloud.passes(hours(chance.choice([0, 1, 30])))
        cloud.push(fails=False)
        cloud.rotate()
    assert cloud.serial > 20


def test_the_simulation_sees_a_key_that_is_dropped_too_early():
    chance = random.Random(1)
    first = keys.first("key0", "key1")
    cloud = Cloud(first, [first] * 3, chance)
    cloud.passes(hours(1))
    cloud.push(fails=False)
    cloud.rotate()
    cloud.state = KeySetState((cloud.state.keys[0], cloud.state.keys[-1]))
    with pytest.raises(AssertionError, match=r"cannot read tokens of \{'key1'\}"):
        cloud.push(fails=False)


def test_the_staged_key_becomes_primary_and_the_primary_stays_readable():
    state = keys.rotate(keys.pushed(keys.first("staged", "primary"), START), START, LIFETIME_S, "new")
    assert state.files() == {"0": "new", "1": "primary", "2": "staged"}
    assert state.primary.value == "staged"
    assert not state.pushed


def test_a_set_that_may_not_be_everywhere_is_not_rotated():
    state = keys.pushed(keys.first("a", "b"), START)
    rotated = keys.rotate(state, START, LIFETIME_S, "c")
    for unsure in (keys.first("a", "b"), rotated):
        with pytest.raises(NotPushedError, match="push them to every node first"):
            keys.rotate(unsure, START, LIFETIME_S, "d")


def rotated_twice(second_after: timedelta, lifetime_s: float | None = LIFETIME_S) -> KeySetState:
    """A set whose first primary, key 1, was retired at START."""
    state = keys.rotate(keys.pushed(keys.first("a", "b"), START), START, lifetime_s, "c")
    state = keys.pushed(state, START)
    return keys.rotate(state, START + second_after, lifetime_s, "d")


def test_a_key_is_dropped_when_its_last_token_is_of_no_use_and_not_before():
    kept = timedelta(seconds=USED_S + keys.CLOCK_SKEW_S)
    assert rotated_twice(kept).files() == {"0": "d", "1": "b", "2": "a", "3": "c"}
    assert rotated_twice(kept + timedelta(seconds=1)).files() == {"0": "d", "2": "a", "3": "c"}


def test_keys_of_data_at_rest_are_never_dropped():
    assert "1" in rotated_twice(timedelta(days=3650), lifetime_s=None).files()


def test_retirement_counts_from_the_push_that_reached_the_last_node():
    state = keys.rotate(keys.pushed(keys.first("a", "b"), START), START, LIFETIME_S, "c")
    assert [key.retired_at for key in state.keys] == [None, None, None]
    late = START + hours(100)
    state = keys.pushed(state, late)
    assert [key.retired_at for key in state.keys] == [None, late, None]
    assert [key.retired_at for key in keys.pushed(state, late + hours(1)).keys] == [None, late, None]


def test_a_new_key_is_a_fernet_key():
    made = {keys.new_key() for _ in range(20)}
    assert len(made) == 20
    assert all(len(base64.urlsafe_b64decode(key)) == 32 for key in made)
