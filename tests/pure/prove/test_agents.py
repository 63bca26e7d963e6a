from collections.abc import Mapping

import pytest

from quorate.prove.agents import KNOWN, NONE
from quorate.prove.execute import carry_out
from quorate.prove.graph import Graph
from quorate.prove.history import Role
from quorate.prove.state import OFFLINE, VANISHED, State


def clone(agent: str, **parameters: str) -> str:
    standard, provider, name = agent.split(":")
    pairs = "".join(f'<nvpair id="i-{each}" name="{each}" value="{parameters[each]}"/>' for each in parameters)
    inner = f'<instance_attributes id="i">{pairs}</instance_attributes>'
    return (
        '<clone id="c"><meta_attributes id="m"><nvpair id="p" name="promotable" value="true"/></meta_attributes>'
        f'<primitive id="db" class="{standard}" provider="{provider}" type="{name}">{inner}</primitive></clone>'
    )


GALERA = clone("ocf:heartbeat:galera", wsrep_cluster_address="gcomm://n1,n2,n3")
REPORTED = {"db-last-committed": "0"}


def after(state: State, graph: Graph) -> State:
    return carry_out(state, graph, agents=KNOWN).state


def scores(state: State) -> dict[str, str]:
    return {
        name: node.transient["master-db"] for name, node in state.nodes.items() if "master-db" in node.transient
    }


def test_galera_waits_for_all_members_before_one_may_bootstrap(cluster, graph) -> None:
    state = after(cluster(GALERA), graph("1: start db n1", "2: start db n3"))
    assert scores(state) == {}
    state = after(state, graph("1: start db n2"))
    assert scores(state) == {"n3": "100"}  # all have the same data: the last in the list
    assert state.nodes["n3"].transient["db-bootstrap"] == "true"


def test_the_others_may_be_promoted_once_the_first_one_is(cluster, graph, history) -> None:
    started = dict.fromkeys(("n1", "n2", "n3"), history("db", "start=0"))
    told = {"n1": REPORTED, "n2": REPORTED, "n3": {**REPORTED, "master-db": "100", "db-bootstrap": "true"}}
    state = after(cluster(GALERA, histories=started, transient=told), graph("1: promote db n3"))
    assert state.instances("db")["n3"] is Role.PROMOTED
    assert scores(state) == dict.fromkeys(("n1", "n2", "n3"), "100")
    assert dict(state.nodes["n3"].transient) == {"master-db": "100"}
    state = after(state, graph("1: promote db n1", "2: promote db n2"))
    assert set(state.instances("db").values()) == {Role.PROMOTED}


def promoted(cluster, history, *nodes: str, told: Mapping[str, Mapping[str, str]] | None = None) -> State:
    histories = {name: history("db", "start=0", "promote=0") for name in nodes}
    return cluster(
        GALERA, histories=histories, transient={name: {"master-db": "100"} for name in nodes} | (told or {})
    )


def test_one_that_comes_back_joins_those_that_are_there(cluster, graph, history) -> None:
    state = after(promoted(cluster, history, "n1", "n2"), graph("1: start db n3"))
    assert scores(state) == dict.fromkeys(("n1", "n2", "n3"), "100")
    assert after(state, graph("1: promote db n3")).instances("db")["n3"] is Role.PROMOTED


def test_a_demoted_one_has_to_be_started_again_before_it_is_promoted(cluster, graph, history) -> None:
    state = after(promoted(cluster, history, "n1", "n2"), graph("1: demote db n1"))
    assert scores(state) == {"n2": "100"}
    again = after(after(state, graph("1: stop db n1")), graph("1: start db n1"))
    assert scores(again) == {"n1": "100", "n2": "100"}


def test_the_last_one_that_failed_waits_for_all_the_others(cluster, graph, history) -> None:
    state = promoted(cluster, history, "n1")
    for each in ("n2", "n3"):
        state = state.with_node(state.node(each).forgotten(OFFLINE))
    for task in ("demote", "stop", "start"):
        state = after(state, graph(f"1: {task} db n1"))
    assert scores(state) == {}


def test_promotion_without_a_cluster_to_join_is_refused(cluster, graph, history) -> None:
    told = {"n2": {"master-db": "100", **REPORTED}}
    state = cluster(GALERA, histories={"n2": history("db", "start=0")}, transient=told)
    found = carry_out(state, graph("1: promote db n2"), agents=KNOWN)
    assert found.failed == (1,)


def test_one_that_is_lost_is_not_there_to_join(cluster, graph, history) -> None:
    state = promoted(cluster, history, "n1", told={"n2": {"master-db": "100"}})
    lost = state.with_node(state.node("n1").with_attributes(VANISHED))
    assert carry_out(lost, graph("1: promote db n2"), agents=KNOWN).failed == (1,)
    assert carry_out(state, graph("1: promote db n2"), agents=KNOWN).failed == ()


@pytest.mark.parametrize(("told", "score"), [(REPORTED, {"n1": "100", "n2": "100"}), ({}, {"n1": "100"})])
def test_a_monitor_asks_for_promotion_of_what_has_reported(cluster, graph, history, told, score) -> None:
    state = cluster(
        GALERA,
        histories={"n1": history("db", "start=0", "promote=0"), "n2": history("db", "start=0")},
        transient={"n1": {"master-db": "100"}, "n2": told},
    )
    assert scores(after(state, graph("1: monitor db n2 meta:interval=20000"))) == score


def test_of_two_members_the_one_left_may_bootstrap_if_it_is_told_to(cluster, graph) -> None:
    for mode, expected in (("true", {"n1": "100"}), ("false", {})):
        resource = clone("ocf:heartbeat:galera", wsrep_cluster_address="gcomm://n1,n2", two_node_mode=mode)
        state = cluster(resource, nodes=("n1", "n2"))
        state = state.with_node(state.node("n2").forgotten(OFFLINE))
        assert scores(after(state, graph("1: start db n1"))) == expected


def test_members_may_have_other_names_in_the_database(cluster, graph) -> None:
    address = {
        "wsrep_cluster_address": "gcomm://a.example, b.example",
        "cluster_host_map": "n1:a.example;n2:b.example",
    }
    state = cluster(clone("ocf:heartbeat:galera", **address), nodes=("n1", "n2"))
    assert scores(after(state, graph("1: start db n1", "2: start db n2"))) == {"n2": "100"}


@pytest.mark.parametrize("agent", ["ocf:pacemaker:Stateful", "ocf:heartbeat:Stateful"])
def test_stateful_wants_to_be_promoted_where_it_runs(cluster, graph, agent: str) -> None:
    state = cluster(clone(agent))
    seen = []
    for task in ("start", "promote", "demote", "stop"):
        state = after(state, graph(f"1: {task} db n1"))
        seen.append(scores(state).get("n1"))
    assert seen == ["5", "10", "5", None]


def test_redis_wants_to_be_promoted_where_it_runs(cluster, graph) -> None:
    state = after(cluster(clone("ocf:heartbeat:redis")), graph("1: start db n1", "2: start db n2"))
    assert scores(state) == {"n1": "100", "n2": "100"}
    assert scores(after(state, graph("1: stop db n1"))) == {"n2": "100"}


def test_agents_whose_data_decide_are_unknown(cluster) -> None:
    for agent in (
        "ocf:linbit:drbd",
        "ocf:heartbeat:pgsql",
        "ocf:heartbeat:mariadb",
        "ocf:heartbeat:rabbitmq-server-ha",
    ):
        assert KNOWN.unknown(cluster(clone(agent)).configuration) == ("db",)
    assert KNOWN.unknown(cluster(GALERA).configuration) == ()
    waiting = cluster(clone("ocf:heartbeat:redis", wait_last_known_master="true")).configuration
    assert KNOWN.unknown(waiting) == ("db",)


def test_nobody_says_anything_in_crm_simulate(cluster, graph) -> None:
    state = cluster(GALERA)
    found = carry_out(state, graph("1: start db n1", "2: promote db n1 after 1"), agents=NONE)
    assert found.complete
    assert scores(found.state) == {}
