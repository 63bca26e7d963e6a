"""Outages out of what a client lived through."""

import pytest

from quorate.drill.operation import Ending, Operation
from quorate.drill.outage import Outage, outages

REFUSED = "Connection refused"
Told = tuple[float, float] | tuple[float, float, str]


def told(*attempts: Told) -> tuple[Outage, ...]:
    """Operations by when they began and ended, with an error if they failed."""
    return outages(operation(number, *attempt) for number, attempt in enumerate(attempts))


def operation(number: int, began_s: float, ended_s: float, error: str = "") -> Operation:
    ending = Ending.UNKNOWN if error else Ending.OK
    return Operation(number, 1, "ask", None, began_s, ended_s, ending, None, error)


def every(begin: float, end: float, error: str = "") -> list[Told]:
    """An operation every 100 ms, ended after 50 ms, in tenths of a second."""
    return [(tenth / 10, tenth / 10 + 0.05, error) for tenth in range(round(begin * 10), round(end * 10))]


@pytest.mark.parametrize("attempts", [[], every(0, 5)])
def test_steady_service_has_none(attempts: list[Told]) -> None:
    assert told(*attempts) == ()


def test_it_lasts_from_the_first_failure_to_the_first_of_three_answers() -> None:
    (outage,) = told(*every(0, 2), *every(2, 6.5, REFUSED), *every(6.5, 10))
    assert (outage.began_s, outage.ended_s, outage.failed, outage.late) == (2.0, 6.5, 45, 0)
    assert outage.seconds == pytest.approx(4.5)
    assert outage.errors == (REFUSED,)


@pytest.mark.parametrize(("answered", "count"), [(2, 1), (3, 2)])
def test_three_answers_in_a_row_end_it(answered: int, count: int) -> None:
    good = [(2 + tenth / 10, 2.05 + tenth / 10) for tenth in range(answered)]
    assert len(told(*every(1, 2, REFUSED), *good, *every(3, 4, "HTTP 503"), *every(4, 5))) == count


def test_a_late_answer_is_none_to_a_client() -> None:
    (outage,) = told(*every(0, 1), (1.0, 2.5), *every(1.1, 3))
    assert (outage.began_s, outage.ended_s, outage.failed, outage.late) == (1.0, 1.1, 0, 1)
    assert outage.errors == ()


@pytest.mark.parametrize(("took_s", "count"), [(1.0, 0), (1.01, 1)])
def test_what_is_late(took_s: float, count: int) -> None:
    assert len(told((0.0, took_s), *every(2, 3))) == count


def test_one_that_has_not_ended_lasts_until_the_last_failure_was_known() -> None:
    (outage,) = told(*every(0, 1), (1.0, 3.0, "no answer"), (1.1, 3.1, "no answer"), (1.2, 1.3))
    assert (outage.began_s, outage.ended_s, outage.failed) == (1.0, 3.1, 2)


def test_what_never_ended_was_not_answered() -> None:
    (outage,) = outages([Operation(1, 1, "ask", None, 4.0)])
    assert (outage.began_s, outage.ended_s, outage.failed) == (4.0, 4.0, 1)


def test_the_order_in_which_operations_ended_does_not_matter() -> None:
    attempts = [*every(0, 1), (1.0, 3.0, REFUSED), *every(1.1, 2, REFUSED), *every(2, 4)]
    assert told(*reversed(attempts)) == told(*attempts)
