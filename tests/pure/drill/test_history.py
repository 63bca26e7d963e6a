"""Outages out of what a client saw."""

import pytest

from quorate.drill.history import Attempt, Outage, outages

REFUSED = "Connection refused"


def told(*attempts: tuple[float, float] | tuple[float, float, str]) -> tuple[Outage, ...]:
    return outages(Attempt(*attempt) for attempt in attempts)


def every(begin: float, end: float, error: str = "") -> list[tuple[float, float, str]]:
    """A request every 100 ms, ended after 50 ms, in tenths of a second."""
    return [(tenth / 10, tenth / 10 + 0.05, error) for tenth in range(round(begin * 10), round(end * 10))]


@pytest.mark.parametrize("attempts", [[], every(0, 5)])
def test_steady_service_has_none(attempts: list[tuple[float, float, str]]) -> None:
    assert told(*attempts) == ()


def test_it_lasts_from_the_first_failed_to_the_first_answered_request() -> None:
    (outage,) = told(*every(0, 2), *every(2, 6.5, REFUSED), *every(6.5, 10))
    assert (outage.began_s, outage.ended_s, outage.failed, outage.late) == (2.0, 6.5, 45, 0)
    assert outage.seconds == pytest.approx(4.5)
    assert outage.errors == (REFUSED,)


def test_flickering_is_one_outage() -> None:
    flicker = [*every(2, 3, REFUSED), *every(3, 3.9), *every(3.9, 5, "HTTP 503"), *every(5, 8)]
    (outage,) = told(*every(0, 2), *flicker)
    assert (outage.began_s, outage.ended_s) == (2.0, 5.0)
    assert outage.errors == (REFUSED, "HTTP 503")


def test_a_second_of_good_service_parts_two() -> None:
    first, second = told(*every(0, 1, REFUSED), *every(1, 2), *every(2, 3, REFUSED), *every(3, 4))
    assert (first.began_s, first.ended_s) == (0.0, 1.0)
    assert (second.began_s, second.ended_s) == (2.0, 3.0)


def test_a_late_answer_is_none_to_a_client_and_lasts_until_the_next_good_request() -> None:
    (outage,) = told(*every(0, 1), (1.0, 2.5), *every(1.1, 3))
    assert (outage.began_s, outage.ended_s, outage.failed, outage.late) == (1.0, 1.1, 0, 1)
    assert outage.errors == ()


@pytest.mark.parametrize(("took_s", "count"), [(1.0, 0), (1.01, 1)])
def test_what_is_late(took_s: float, count: int) -> None:
    assert len(told((0.0, took_s), (2.0, 2.1))) == count


def test_the_limits_can_be_given() -> None:
    attempts = [Attempt(0, 0.3), Attempt(1, 1.1), Attempt(1.5, 1.8), Attempt(2, 2.1)]
    assert outages(attempts) == ()
    assert len(outages(attempts, slow_s=0.2)) == 1
    assert len(outages(attempts, slow_s=0.2, quiet_s=0.2)) == 2


def test_one_that_has_not_ended_lasts_until_the_last_failure_was_known() -> None:
    (outage,) = told(*every(0, 1), (1.0, 3.0, "no answer within 2 s"), (1.1, 3.1, "no answer within 2 s"))
    assert (outage.began_s, outage.ended_s, outage.failed) == (1.0, 3.1, 2)


def test_the_order_in_which_attempts_ended_does_not_matter() -> None:
    attempts = [*every(0, 1), (1.0, 3.0, REFUSED), *every(1.1, 2, REFUSED), *every(2, 4)]
    assert told(*reversed(attempts)) == told(*attempts)
    assert told(*attempts)[0].seconds == pytest.approx(1.0)
