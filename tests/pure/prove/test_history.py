from xml.etree import ElementTree as ET

import pytest

from quorate.prove.history import History, Role

STOPPED, STARTED, PROMOTED = Role


def of(xml: str) -> History:
    return History.of(ET.fromstring(xml))


def changed(found: History, key: str, **values: str) -> History:
    return found.with_operation({**found.operations[key], **values})


@pytest.mark.parametrize(
    ("operations", "role", "failed"),
    [
        ((), STOPPED, False),
        (("monitor=7",), STOPPED, False),
        (("monitor=0/7",), STARTED, False),  # a probe found it running
        (("monitor=8/7",), PROMOTED, False),
        (("monitor=5/7",), STOPPED, False),  # a probe found it cannot be there
        (("monitor=2/7",), STOPPED, False),
        (("monitor=1/7",), STARTED, True),  # a probe that failed: it may be there
        (("start=0", "monitor@10000=0"), STARTED, False),
        (("start=0", "monitor@10000=7/0"), STARTED, True),
        (("start=0", "monitor@10000=7/0", "stop=0"), STOPPED, False),
        (("start=0", "stop=1/0"), STARTED, True),
        (("start=1/0",), STARTED, True),
        (("start=0", "promote=0", "monitor@10000=8"), PROMOTED, False),
        (("start=0", "promote=1/0"), PROMOTED, True),
        (("start=0", "promote=0", "demote=0"), STARTED, False),
        (("start=0", "promote=0", "demote=7/0"), STARTED, True),  # so that it is stopped
        (("start=0", "promote=0", "monitor@10000=9/8"), PROMOTED, True),
        (("start=0", "promote=0", "monitor@10000=9/8", "demote=0"), STARTED, True),  # needs a stop, too
        (("start=0", "promote=0", "demote=0", "stop=0"), STOPPED, False),
        (("start=0", "monitor@20000=7"), STOPPED, False),  # a monitor of the role Stopped
        (("start=0", "monitor@10000=190/0"), STARTED, False),  # degraded
        (("start=0", "asyncmon=1/0"), STARTED, True),  # crm_resource --fail
        (("start=0", "notify=0", "meta-data=0"), STARTED, False),
    ],
)
def test_the_role_that_follows_from_what_was_done(history, operations, role: Role, failed: bool) -> None:
    found = of(history("x", *operations))
    assert (found.role, found.failed) == (role, failed)


def test_what_came_last_is_told_by_the_call_not_by_the_order_in_the_file(history) -> None:
    found = of(history("x", "stop=0", "start=0"))
    assert changed(found, "x_stop_0", **{"call-id": "3"}).role is STOPPED


def test_of_equal_calls_the_later_one_is_told_by_its_time(history) -> None:
    found = of(history("x", "stop=0", "start=0"))
    found = changed(found, "x_stop_0", **{"call-id": "2", "last-rc-change": "9"})
    assert changed(found, "x_start_0", **{"last-rc-change": "8"}).role is STOPPED
    assert changed(found, "x_start_0", **{"last-rc-change": "10"}).role is STARTED


def test_what_is_under_way_comes_last_and_may_have_been_done(history) -> None:
    pending = {"call-id": "-1", "op-status": "-1"}
    assert changed(of(history("x", "start=0", "stop=0")), "x_start_0", **pending).role is STARTED
    assert changed(of(history("x", "promote=0", "start=0")), "x_promote_0", **pending).role is PROMOTED


def test_a_monitor_makes_up_only_for_its_own_failure(history) -> None:
    found = of(history("x", "start=0", "monitor@10000=7/0", "monitor@20000=0", "monitor@10000=0"))
    again = dict(found.operations["x_monitor_10000"])
    failure = {**again, "id": "x_last_failure_0", "rc-code": "7", "call-id": "2"}
    failed = found.without("x_monitor_10000").with_operation(failure)
    assert failed.failed
    assert not failed.with_operation(again).failed


def test_an_operation_without_an_id_or_a_result_says_nothing(history) -> None:
    found = of(history("x", "start=0", "stop=0"))
    assert changed(found, "x_stop_0", **{"op-status": "1"}).role is STARTED  # cancelled
    assert of(history("x", "start=0").replace("id=", "name=", 2).replace("name=", "id=", 1)).operations == {}


def test_what_only_counters_tell_apart_is_the_same(history) -> None:
    found = of(history("x", "start=0"))
    assert changed(found, "x_start_0", **{"call-id": "7", "last-rc-change": "9"}).key == found.key
    assert changed(found, "x_start_0", **{"op-digest": "0"}).key != found.key


def test_what_was_wanted_and_when_something_failed_tells_histories_apart(history) -> None:
    stopped, failed = of(history("x", "monitor@10000=7")), of(history("x", "monitor@10000=7/0"))
    assert stopped.key != failed.key
    later = {"last-rc-change": "9"}
    assert changed(stopped, "x_monitor_10000", **later).key == stopped.key
    assert changed(failed, "x_monitor_10000", **later).key != failed.key  # it may have expired


def test_calls_are_counted_from_one(history) -> None:
    assert of(history("x")).next_call == 1
    assert of(history("x", "start=0", "stop=0")).next_call == 3
    assert changed(of(history("x", "start=0")), "x_start_0", **{"call-id": "-1"}).next_call == 1


def test_it_is_written_as_it_was_read(history) -> None:
    found = of(history("x", "start=0", "monitor@10000=0"))
    assert of(found.xml) == found
