import pytest

from quorate.prove.event import (
    Attributed,
    Banned,
    Blackout,
    DevicesBroken,
    Fails,
    Lost,
    Parted,
    Passed,
    QuorumLost,
    RemoteLost,
    Returned,
    Stopped,
    failed_monitor,
)
from quorate.prove.execute import Failing
from quorate.prove.history import Role

A = '<primitive id="a" class="ocf" provider="heartbeat" type="Dummy"/>'
REMOTE = '<primitive id="r1" class="ocf" provider="pacemaker" type="remote"/>'


def test_a_lost_member_is_unclean_and_the_others_count_themselves(cluster, history) -> None:
    state = cluster(A, histories={"n3": history("a", "start=0")})
    one = Lost(("n3",)).happen(state)
    assert (one.members, one.unclean, one.quorate) == (("n1", "n2"), {"n3"}, True)
    assert one.instances("a") == {"n3": Role.STARTED}  # it may run on
    assert not Lost(("n2", "n3")).happen(state).quorate


@pytest.mark.parametrize(("size", "lost", "quorate"), [(2, 1, False), (3, 1, True), (4, 2, False), (5, 2, True)])
def test_the_majority_of_all_members_has_quorum(cluster, size: int, lost: int, quorate: bool) -> None:
    nodes = tuple(f"n{number}" for number in range(1, size + 1))
    assert Lost(nodes[:lost]).happen(cluster(nodes=nodes)).quorate is quorate


def test_each_side_of_a_partition_sees_the_other_vanish(cluster) -> None:
    state = cluster()
    alone, rest = (Parted(side).happen(state) for side in (("n1",), ("n2", "n3")))
    assert (alone.members, alone.quorate, alone.unclean) == (("n1",), False, {"n2", "n3"})
    assert (rest.members, rest.quorate, rest.unclean) == (("n2", "n3"), True, {"n1"})


def test_quorum_may_be_lost_though_nobody_vanished(cluster) -> None:
    state = QuorumLost().happen(cluster())
    assert (len(state.members), state.quorate, state.unclean) == (3, False, frozenset())


def test_after_a_blackout_nothing_is_known_until_members_come_back(cluster, history) -> None:
    state = Blackout().happen(cluster(A, histories={"n1": history("a", "start=0")}))
    assert (state.nodes, state.quorate, state.unclean) == ({}, False, frozenset())
    one = Returned(("n2",)).happen(state)
    assert (one.members, one.quorate) == (("n2",), False)
    two = Returned(("n1",)).happen(one)
    assert (two.members, two.quorate, two.instances("a")) == (("n1", "n2"), True, {})


def test_a_member_that_returns_runs_nothing(cluster, history) -> None:
    state = cluster(A, histories={"n1": history("a", "start=0")}, transient={"n1": {"shutdown": "1"}})
    back = Returned(("n1",)).happen(Lost(("n1",)).happen(state))
    assert back.instances("a") == {}
    assert (back.nodes["n1"].transient, back.nodes["n1"].online, back.unclean) == ({}, True, frozenset())


def test_what_an_operator_does(cluster) -> None:
    state = cluster(A)
    assert Stopped("n1").happen(state).nodes["n1"].transient == {"shutdown": str(state.now)}
    standby = Attributed("n1", "standby", on=True).happen(state)
    assert standby.configuration.node_attributes("n1") == {"standby": "on"}
    assert Attributed("n1", "standby", on=False).happen(standby).configuration.node_attributes("n1") == {}
    assert Banned("a", "n1").happen(state).configuration.banned("a", "n1")


def test_time_passes(cluster) -> None:
    state = cluster(A)
    assert Passed(60).happen(state).now == state.now + 60


def test_a_monitor_that_fails_is_recorded_and_counted(cluster, history) -> None:
    state = cluster(A, histories={"n1": history("a", "start=0", "monitor@10000=0")})
    failed = Fails("a", "n1").happen(Fails("a", "n1").happen(state))
    assert failed.failed == {("a", "n1")}
    assert failed.running("a") == {}
    assert failed.nodes["n1"].transient["fail-count-a#monitor_10000"] == "2"
    operation = failed.nodes["n1"].histories["a"].operations["a_last_failure_0"]
    assert (operation["operation"], operation["rc-code"], operation["interval"]) == ("monitor", "7", "10000")


def test_of_two_monitors_the_one_of_the_role_fails(cluster, history) -> None:
    told = history("a", "start=0", "monitor@11000=0", "promote=0", "monitor@10000=8")
    state = failed_monitor(cluster(A, histories={"n1": told}), "a", "n1")
    assert state.instances("a") == {"n1": Role.PROMOTED}
    assert state.nodes["n1"].histories["a"].operations["a_last_failure_0"]["interval"] == "10000"


@pytest.mark.parametrize("operations", [(), ("start=0",)])
def test_what_nobody_monitors_is_never_found_dead(cluster, history, operations: tuple[str, ...]) -> None:
    state = cluster(A, histories={"n1": history("a", *operations)})
    assert failed_monitor(state, "a", "n1") is state
    assert failed_monitor(state, "b", "n1") is state


def test_what_fails_from_then_on(cluster) -> None:
    state = cluster(A + REMOTE)
    assert Fails("a", "n1", ("start", "stop")).failing(state) == (
        Failing("start", "a", "n1"),
        Failing("stop", "a", "n1"),
    )
    assert DevicesBroken(("f1", "f2")).failing(state) == (Failing("stonith", "f1"), Failing("stonith", "f2"))
    assert RemoteLost("r1").failing(state) == (Failing("start", "r1", None),)
    assert Lost(("n1",)).failing(state) == ()


def test_a_lost_remote_is_noticed_where_its_connection_is(cluster, history) -> None:
    state = cluster(REMOTE, histories={"n2": history("r1", "start=0", "monitor@20000=0")})
    lost = RemoteLost("r1").happen(state)
    assert lost.failed == {("r1", "n2")}
    assert DevicesBroken(("f",)).happen(state) is state


def test_events_say_what_they_are() -> None:
    assert str(Lost(("n1", "n2", "n3"))) == "n1, n2 and n3 lost"
    assert str(Fails("a", "n1", ("start",))) == "a fails on n1 and cannot start"
    assert str(Attributed("n1", "standby", on=False)) == "n1 out of standby"
