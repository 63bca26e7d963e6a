import asyncio

import pytest

from quorate.remote.until import Deadline, until


def observing(*values):
    left = list(values)

    async def observe():
        return left.pop(0) if len(left) > 1 else left[0]

    return observe


def test_it_returns_what_holds_and_reports_only_changes():
    told = []
    observe = observing("down", "down", "starting", "down", "up")
    seen = asyncio.run(
        until("galera", observe, lambda seen: seen == "up", within_s=5, every_s=0.001, report=told.append)
    )
    assert seen == "up"
    assert told == ["down", "starting", "down"]


def test_its_deadline_says_what_was_waited_for_and_seen_last():
    with pytest.raises(Deadline, match=r"^galera: not so within 0\.05 s; last seen: Donor$") as caught:
        asyncio.run(
            until("galera", observing("Joining", "Donor"), bool.__instancecheck__, within_s=0.05, every_s=0.01)
        )
    assert caught.value.last == "Donor"


def test_an_observation_that_hangs_ends_at_the_deadline():
    with pytest.raises(Deadline, match="nothing was seen"):
        asyncio.run(until("answer", lambda: asyncio.sleep(30), bool, within_s=0.05))


def test_an_error_of_the_observation_passes_through():
    async def observe():
        raise ValueError("broken")

    with pytest.raises(ValueError, match="broken"):
        asyncio.run(until("x", observe, bool, within_s=5))
