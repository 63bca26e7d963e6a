"""What nodes, resources and clients went through."""

from dataclasses import replace

import pytest

import drills
from drills import happened
from quorate.drill import lanes
from quorate.drill.happening import Kind
from quorate.drill.lanes import Answer, Presence
from quorate.drill.operation import Ending, Operation
from quorate.drill.result import Drilled, Service
from quorate.drill.scale import ALWAYS

UP, LOST, FENCED = Presence.UP, Presence.LOST, Presence.FENCED
PLAIN = Drilled("a-fault", "ctl1", "")


def life(drilled: Drilled, node: str) -> list[tuple[Presence, float, float]]:
    return [(each.presence, each.from_s, each.until_s) for each in lanes.phases(drilled, node)]


def active(drilled: Drilled) -> dict[tuple[str, str], list[tuple[float, float]]]:
    return {
        (each.resource, each.node): [(span.from_s, span.until_s) for span in each.spans]
        for each in lanes.instances(drilled)
    }


def test_a_node_that_loses_power_is_lost_then_fenced_then_back() -> None:
    drilled, _ = drills.power_cut()
    assert lanes.nodes(drilled) == ("ctl1", "ctl2", "ctl3")
    assert life(drilled, "ctl1") == [(UP, -ALWAYS, 0.0), (LOST, 0.0, 3.2), (FENCED, 3.2, 22.1), (UP, 22.1, ALWAYS)]
    assert life(drilled, "ctl2") == [(UP, -ALWAYS, ALWAYS)]


def test_of_a_blackout_nobody_tells() -> None:
    drilled, _ = drills.blackout()
    assert life(drilled, "ctl3") == [(UP, -ALWAYS, 0.0), (LOST, 0.0, 30.0), (UP, 30.0, ALWAYS)]


def test_a_node_that_nobody_could_fence_stays_lost() -> None:
    drilled, _ = drills.unfenced()
    assert life(drilled, "ctl1")[:2] == [(UP, -ALWAYS, 0.0), (LOST, 0.0, 62.0)]
    never = replace(drilled, happenings=tuple(each for each in drilled.happenings if each.kind is not Kind.FENCED))
    assert life(never, "ctl1") == [(UP, -ALWAYS, 0.0), (LOST, 0.0, ALWAYS)]


def test_another_node_is_lost_when_it_is_missed_or_with_its_last_sign_of_life() -> None:
    missed = [(5.0, Kind.STOP, "ctl2", "vip"), (7.0, Kind.DETECTED, "ctl3", ""), (9.0, Kind.FENCED, "ctl2", "")]
    left = [(5.0, Kind.STOP, "ctl2", "vip"), (7.0, Kind.MEMBERSHIP, "ctl3", ""), (9.0, Kind.BEGUN, "ctl2", "")]
    for moments, lost_s in ((missed, 7.0), (left, 5.0)):
        assert life(replace(PLAIN, happenings=happened(moments)), "ctl2")[1] == (LOST, lost_s, 9.0)


def test_a_node_that_is_restarted_by_the_book_leaves_when_it_has_stopped_all() -> None:
    moments = [(3.0, Kind.STOP, "ctl1", "vip"), (6.0, Kind.STOP, "ctl1", "galera"), (40.0, Kind.BEGUN, "ctl1", "")]
    drilled = replace(PLAIN, happenings=happened(moments))
    assert life(drilled, "ctl1") == [(UP, -ALWAYS, 6.0), (LOST, 6.0, 40.0), (UP, 40.0, ALWAYS)]


def test_a_fault_that_takes_no_node_leaves_it_up() -> None:
    moments = [(4.7, Kind.STOP, "ctl1", "keystone"), (6.7, Kind.START, "ctl1", "keystone")]
    drilled = replace(PLAIN, happenings=happened(moments))
    assert life(drilled, "ctl1") == [(UP, -ALWAYS, ALWAYS)]
    assert active(drilled) == {("keystone", "ctl1"): [(-ALWAYS, 4.7), (6.7, ALWAYS)]}


def test_a_resource_moves_and_a_clone_comes_back() -> None:
    drilled, _ = drills.power_cut()
    found = active(drilled)
    assert found["vip-internal", "ctl1"] == [(-ALWAYS, 0.0)]
    assert found["vip-internal", "ctl2"] == [(3.4, ALWAYS)]
    assert found["haproxy", "ctl1"] == [(-ALWAYS, 0.0), (25.0, ALWAYS)]
    assert list(found)[:2] == [("vip-internal", "ctl1"), ("vip-internal", "ctl2")]


def test_a_promotion_and_a_demotion_change_what_an_instance_is() -> None:
    moments = [
        (1.0, Kind.DEMOTE, "ctl1", "galera"),
        (2.0, Kind.STOP, "ctl1", "galera"),
        (3.0, Kind.START, "ctl1", "galera"),
        (4.0, Kind.PROMOTE, "ctl1", "galera"),
    ]
    (instance,) = lanes.instances(replace(PLAIN, happenings=happened(moments)))
    assert [(each.from_s, each.promoted) for each in instance.spans] == [
        (-ALWAYS, True),
        (1.0, False),
        (3.0, False),
        (4.0, True),
    ]


def test_what_members_tell_together_is_told_once() -> None:
    drilled, _ = drills.power_cut()
    told = [(each.kind, each.about, each.at_s, len(each.happened)) for each in lanes.told(drilled)]
    assert told == [
        (Kind.DETECTED, "", 1.1, 2),
        (Kind.MEMBERSHIP, "", 2.3, 2),
        (Kind.FENCED, "ctl1", 3.2, 1),
        (Kind.MEMBERSHIP, "", 22.9, 1),
    ]


def test_only_what_a_service_always_answers_makes_an_outage() -> None:
    history = (
        *drills.asked(9, [(1.0, 2.0)]),
        *(Operation(900 + n, 2, "deliver", None, 9 + n / 10, None) for n in range(30)),
        Operation(990, 0, "drain", None, 12.5, 12.6, Ending.FAIL, None, "empty"),
    )
    (service,) = drills.services({"messages": history[:-31]})
    drilled = replace(PLAIN, services=(service,), struck_s=drills.STRUCK_S)
    (clients,) = lanes.clients(drilled, {"messages": history})
    (outage,) = clients.outages
    assert (outage.began_s, outage.ended_s) == (pytest.approx(1.0), pytest.approx(2.0))
    assert outage.seconds == pytest.approx(service.outage_s)


def test_what_is_late_for_one_service_is_in_time_for_another() -> None:
    history = drills.asked(9, [(1.0, 2.0)], late=True)
    for slow_s, outages in ((1.0, 1), (1.8, 0)):
        service = Service.of("stacks", "heat", history, slow_s)
        assert bool(service.outage_s) == bool(outages)
        (clients,) = lanes.clients(replace(PLAIN, services=(service,)), {"stacks": history})
        assert len(clients.outages) == outages
        assert any(answer is Answer.LATE for _, answer in clients.asked) == bool(outages)


def test_of_a_history_that_is_gone_the_result_tells_the_outage() -> None:
    drilled, _ = drills.power_cut()
    found = {each.workload: each for each in lanes.clients(drilled, {})}
    assert list(found) == list(drills.COMPONENTS)
    assert found["cache"].outages == ()
    (outage,) = found["bank"].outages
    assert (outage.began_s, outage.seconds) == (pytest.approx(0.1), pytest.approx(3.8))


def test_operations_are_counted_by_when_they_began() -> None:
    asked = [(0.0, Answer.ANSWERED), (0.9, Answer.FAILED), (1.0, Answer.LATE), (2.0, Answer.FAILED)]
    first, second = lanes.bins(asked, (0.0, 1.0, 2.0))
    assert (first.count(Answer.ANSWERED), first.count(Answer.FAILED), first.bad) == (1, 1, True)
    assert (second.counts, second.per_s(*Answer)) == ({Answer.LATE: 1}, 1.0)
