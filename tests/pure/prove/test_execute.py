import pytest

from quorate.prove.agents import NONE, Agents
from quorate.prove.execute import Carried, Failing, carry_out, digest, failed_operation
from quorate.prove.graph import Graph
from quorate.prove.history import Role
from quorate.prove.state import VANISHED, State

A = '<primitive id="a" class="ocf" provider="heartbeat" type="Dummy"/>'
B = '<primitive id="b" class="ocf" provider="heartbeat" type="Dummy"/>'
REMOTE = '<primitive id="r1" class="ocf" provider="pacemaker" type="remote"/>'


def clone(option: str) -> str:
    pair = f'<nvpair id="o" name="{option}" value="true"/>'
    return f'<clone id="c"><meta_attributes id="m">{pair}</meta_attributes>{A}</clone>'


def run(state: State, graph: Graph, *failing: Failing, until: int | None = None) -> Carried:
    return carry_out(state, graph, agents=NONE, failing=failing, until=until)


def operations(state: State, node: str, resource: str) -> dict[str, tuple[str, str]]:
    history = state.nodes[node].histories[resource]
    return {key: (each["operation"], each["rc-code"]) for key, each in history.operations.items()}


def test_everything_is_done_in_an_order_that_the_graph_allows(cluster, graph, history) -> None:
    state = cluster(A, histories={"n1": history("a", "start=0")})
    found = run(
        state,
        graph("3: monitor a n2 meta:interval=10000 after 2", "2: start a n2 after 1", "1: stop a n1"),
    )
    assert found.complete
    assert found.done == (1, 2, 3)
    assert found.state.running("a") == {"n2": Role.STARTED}
    assert operations(found.state, "n2", "a") == {"a_last_0": ("start", "0"), "a_monitor_10000": ("monitor", "0")}


def test_a_probe_finds_what_is_expected(cluster, graph) -> None:
    found = run(cluster(A), graph("1: monitor a n1 meta:op_target_rc=7"), Failing("monitor"))
    assert operations(found.state, "n1", "a") == {"a_last_0": ("monitor", "7")}
    assert found.complete


@pytest.mark.parametrize(
    ("task", "offset", "count"),
    [("start", "INFINITY", "INFINITY"), ("start", "1", "1"), ("stop", None, "INFINITY"), ("promote", None, "1")],
)
def test_what_fails_is_recorded_and_counted(cluster, graph, task: str, offset: str | None, count: str) -> None:
    settings = {"failed_start_offset": offset} if offset else {}
    found = run(
        cluster(A), graph(f"1: {task} a n1", "2: start b n1 after 1", **settings), Failing(task, "a", "n1")
    )
    assert (found.failed, found.left, found.complete) == ((1,), (2,), False)
    assert operations(found.state, "n1", "a") == {"a_last_failure_0": (task, "1"), "a_last_0": (task, "1")}
    assert found.state.failed == {("a", "n1")}
    transient = found.state.nodes["n1"].transient
    assert transient == {f"fail-count-a#{task}_0": count, f"last-failure-a#{task}_0": str(found.state.now)}


def test_a_failed_recurring_monitor_leaves_the_last_operation_and_is_added_up(cluster, graph, history) -> None:
    state = cluster(
        A, histories={"n1": history("a", "start=0")}, transient={"n1": {"fail-count-a#monitor_10000": "2"}}
    )
    found = run(state, graph("1: monitor a n1 meta:interval=10000"), Failing("monitor", rc=7))
    assert operations(found.state, "n1", "a") == {
        "a_start_0": ("start", "0"),
        "a_last_failure_0": ("monitor", "7"),
    }
    assert found.state.nodes["n1"].transient["fail-count-a#monitor_10000"] == "3"


def test_a_failure_elsewhere_is_none_here(cluster, graph) -> None:
    failing = (Failing("start", "b"), Failing("start", "a", "n2"), Failing("stop"))
    assert run(cluster(A), graph("1: start a n1"), *failing).complete


def test_a_failure_to_be_ignored_holds_nothing_up_and_is_not_counted(cluster, graph) -> None:
    found = run(
        cluster(A + B), graph("1: start a n1 meta:on_fail=ignore", "2: start b n1 after 1"), Failing("start", "a")
    )
    assert (found.done, found.left) == ((1, 2), ())
    assert [name for name in found.state.nodes["n1"].transient if "count" in name] == []


def test_after_a_failure_only_what_is_most_urgent_goes_on(cluster, graph) -> None:
    found = run(
        cluster(A + B),
        graph(
            "1: start a n1",
            "2: start b n2",
            "3: stop b n3 priority 1000000",
            "4: stop b n1 after 1 priority 1000000",
            "5: start b n1 after 1",
            "6: pseudo other",
        ),
        Failing("start", "a"),
    )
    assert found.done == (1, 3, 4, 6)
    assert found.left == (2, 5)


def lost(cluster, history) -> State:
    state = cluster(A, histories={"n3": history("a", "start=0")}, transient={"n3": {"master-a": "5"}})
    return state.with_node(state.node("n3").with_attributes(VANISHED))


def test_of_a_fenced_node_nothing_is_known(cluster, graph, history) -> None:
    found = run(lost(cluster, history), graph("1: fence n3", "2: start a n1 after 1"))
    node = found.state.nodes["n3"]
    assert (node.online, node.expected, node.histories, node.transient) == (False, False, {}, {})
    assert found.state.unclean == frozenset()
    assert found.state.instances("a") == {"n1": Role.STARTED}


def test_what_waits_for_a_fencing_that_fails_is_not_begun(cluster, graph, history) -> None:
    state = lost(cluster, history)
    found = run(state, graph("1: fence n3", "2: start a n1 after 1"), Failing("stonith", None, "n3"))
    assert (found.failed, found.left) == ((1,), (2,))
    assert found.state.nodes == state.nodes


def test_a_node_that_may_use_its_storage_again_is_remembered(cluster, graph) -> None:
    found = run(cluster(), graph("1: fence n1 meta:stonith_action=on meta:digests_all=d,"))
    transient = found.state.nodes["n1"].transient
    assert found.state.nodes["n1"].online
    assert (transient["#digests-all"], transient["#node-unfenced"]) == ("d,", str(found.state.now))


def test_a_transition_may_be_cut_after_any_of_its_actions(cluster, graph, history) -> None:
    state = cluster(A, histories={"n1": history("a", "start=0")})
    whole = graph("1: stop a n1", "2: pseudo stopped after 1", "3: start a n2 after 2", "4: start b n2")
    assert [run(state, whole, until=number).done for number in (1, 2, 3)] == [(1,), (1, 2, 3), (1, 2, 3, 4)]
    cut = run(state, whole, until=1)
    assert (cut.left, cut.state.instances("a")) == ((2, 3, 4), {})


def test_what_waits_in_a_circle_is_left(cluster, graph) -> None:
    found = run(cluster(A), graph("1: start a n1 after 2", "2: start b n1 after 1", "3: start a n2"))
    assert (found.done, found.left, found.failed) == ((3,), (1, 2), ())


def test_a_cancelled_monitor_is_forgotten_its_failures_are_not(cluster, graph, history) -> None:
    state = cluster(A, histories={"n1": history("a", "start=0", "monitor@10000=0", "monitor@11000=8")})
    node = state.nodes["n1"]
    failure = {**node.histories["a"].operations["a_monitor_10000"], "id": "a_last_failure_0", "rc-code": "7"}
    state = state.with_node(node.with_history(node.histories["a"].with_operation(failure)))
    found = run(state, graph("1: cancel a n1 meta:operation=monitor meta:interval=10000"))
    assert set(operations(found.state, "n1", "a")) == {"a_start_0", "a_monitor_11000", "a_last_failure_0"}


def test_cleared_failures_of_one_resource(cluster, graph, history) -> None:
    counts = {
        f"{what}-{name}#monitor_10000": "3" for what in ("fail-count", "last-failure") for name in ("a", "a2")
    }
    state = cluster(A, histories={"n1": history("a", "start=0")}, transient={"n1": counts})
    node = state.nodes["n1"]
    failure = failed_operation(node.histories["a"], node.histories["a"].operations["a_start_0"], 7, state.now)
    state = state.with_node(node.with_history(node.histories["a"].with_operation(failure)))
    assert state.failed
    found = run(state, graph("1: cluster clear_failcount a n1"))
    assert set(found.state.nodes["n1"].transient) == {
        "fail-count-a2#monitor_10000",
        "last-failure-a2#monitor_10000",
    }
    assert not found.state.failed


def test_a_node_that_was_let_go_is_down_and_not_unclean(cluster, graph) -> None:
    found = run(cluster(), graph("1: cluster do_shutdown x n1"))
    assert found.state.members == ("n2", "n3")
    assert found.state.quorate
    assert not found.state.unclean
    assert not run(found.state, graph("1: cluster do_shutdown x n2")).state.quorate


@pytest.mark.parametrize("deletion", ["delete a n1", "cluster lrm_delete a n1"])
def test_a_deleted_history_is_gone(cluster, graph, history, deletion: str) -> None:
    state = cluster(histories={"n1": history("a", "stop=0")})
    assert run(state, graph(f"1: {deletion}")).state.nodes["n1"].histories == {}


def test_what_runs_on_a_remote_is_in_the_remotes_history(cluster, graph, history) -> None:
    state = cluster(A + REMOTE, histories={"n1": history("r1", "start=0")})
    found = run(state, graph("1: start a r1"))
    assert found.state.nodes["r1"].histories["a"].role is Role.STARTED
    assert found.state.running("a") == {"r1": Role.STARTED}


def test_a_fenced_remote_may_be_fenced_again_once_it_was_connected_again(cluster, graph) -> None:
    fenced = run(cluster(REMOTE), graph("1: fence r1")).state
    assert fenced.nodes["r1"].attributes["node_fenced"] != "0"
    back = run(fenced, graph("1: start r1 n1")).state
    assert back.nodes["r1"].attributes["node_fenced"] == "0"


def test_the_instances_of_a_unique_clone_have_histories_of_their_own(cluster, graph) -> None:
    found = run(
        cluster(clone("globally-unique")), graph("1: start a:0 n1", "2: start a:1 n1"), Failing("start", "a:1")
    )
    assert set(found.state.nodes["n1"].histories) == {"a:0", "a:1"}
    assert "fail-count-a:1#start_0" in found.state.nodes["n1"].transient


def test_notifications_have_ids_of_their_own(cluster, graph) -> None:
    said = "meta:notify_type=pre meta:notify_operation=promote"
    found = run(cluster(A), graph(f"1: notify a n1 {said}"))
    assert operations(found.state, "n1", "a") == {"a_pre_notify_promote_0": ("notify", "0")}


def test_a_migration_keeps_its_ends(cluster, graph, history) -> None:
    state = cluster(A, histories={"n1": history("a", "start=0"), "n2": history("a", "monitor=7")})
    ends = "meta:migrate_source=n1 meta:migrate_target=n2"
    whole = graph(f"1: migrate_to a n1 {ends}", f"2: migrate_from a n2 {ends} after 1", "3: stop a n1 after 2")
    assert run(state, whole, until=2).state.instances("a") == {"n2": Role.STARTED}
    found = run(state, whole)
    assert found.state.instances("a") == {"n2": Role.STARTED}
    assert found.state.nodes["n1"].histories["a"].operations["a_migrate_to_0"]["migrate_target"] == "n2"


@pytest.mark.parametrize("task", ["reload", "reload-agent"])
def test_a_reload_is_written_down_as_a_start(cluster, graph, task: str) -> None:
    assert operations(run(cluster(A), graph(f"1: {task} a n1")).state, "n1", "a") == {"a_last_0": ("start", "0")}


SETTINGS = {"CRM_meta_timeout": "20000", "CRM_meta_on_node": "n1", "crm_feature_set": "3.20.0"}


@pytest.mark.parametrize(
    ("parameters", "expected"),
    [
        (SETTINGS, "f2317cad3d54cec5d7d7aa7d0bf35cf8"),  # as in Pacemaker's corpus: none
        (
            {**SETTINGS, "CRM_meta_interval": "10000"},
            "4811cef7f7f94e3a35a70be7916cb2fd",
        ),  # a monitor's timeout counts
        ({**SETTINGS, "CRM_meta_interval": "0"}, "f2317cad3d54cec5d7d7aa7d0bf35cf8"),
    ],
)
def test_digests_are_pacemakers(parameters: dict[str, str], expected: str) -> None:
    assert digest(parameters) == expected


def test_what_an_agent_says_ends_a_transition_but_for_what_is_under_way(cluster, graph) -> None:
    agents = Agents({"ocf:heartbeat:Dummy": lambda _state, action: {action.node or "": {"master-a": action.task}}})
    whole = graph("1: start a n1", "2: start a n2", "3: start b n1 after 1", "4: pseudo other after 1")
    found = carry_out(cluster(clone("promotable") + B), whole, agents=agents)
    assert (found.done, found.left, found.failed) == ((1, 2, 4), (3,), ())
    assert found.state.nodes["n2"].transient == {"master-a": "start"}


def test_what_an_agent_cannot_do_fails(cluster, graph) -> None:
    agents = Agents({"ocf:heartbeat:Dummy": lambda _state, _action: None})
    found = carry_out(cluster(clone("promotable")), graph("1: promote a n1"), agents=agents)
    assert found.failed == (1,)
    assert found.state.failed == {("a", "n1")}


def test_quorum_goes_with_the_members_that_are_fenced(cluster, graph) -> None:
    one = run(cluster(), graph("1: fence n1")).state
    assert one.quorate
    assert not run(one, graph("1: fence n2")).state.quorate


def test_quorum_neither_goes_nor_comes_back_with_who_had_left_before(cluster, graph) -> None:
    three = cluster()
    gone = three.with_node(three.nodes["n1"].with_attributes(VANISHED))
    assert run(gone, graph("1: fence n1")).state.quorate
    without = three.with_quorum(quorate=False)
    assert not run(without, graph("1: fence n1")).state.quorate
