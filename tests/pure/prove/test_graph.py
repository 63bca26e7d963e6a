import pytest

from quorate.prove.graph import Kind, read


@pytest.mark.parametrize(
    ("xml", "message"),
    [("", "not XML"), ("<cib/>", "not a transition graph: <cib>"), ("<transition_graph", "not XML")],
)
def test_what_is_no_graph_is_refused(xml: str, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        read(xml)


def test_a_graph_of_nothing(graph) -> None:
    assert graph().empty


def test_who_does_what(graph) -> None:
    found = graph(
        "1: start a n1 meta:interval=0 ip=10.0.0.1 meta:op_target_rc=0",
        "2: monitor a n1 meta:interval=10000 after 1",
        "3: monitor b n2 meta:op_target_rc=7",
        "4: fence n3",
        "5: pseudo stonith_up after 4",
        "6: cluster clear_failcount a n1",
        failed_start_offset="1",
    )
    actions = found.actions
    assert [actions[number].kind for number in actions] == [
        *(Kind.RESOURCE, Kind.RESOURCE, Kind.RESOURCE, Kind.FENCING, Kind.PSEUDO, Kind.CLUSTER)
    ]
    assert (actions[1].node, actions[1].node_id, actions[1].resource) == ("n1", "1", "a")
    assert actions[1].parameters["ip"] == "10.0.0.1"
    assert (actions[2].interval_ms, actions[2].probe, actions[3].probe, actions[3].target_rc) == (
        10_000,
        False,
        True,
        7,
    )
    assert [str(each) for each in found.fencings()] == ["fence n3"]
    assert [each.id for each in found.of("start", resource="a", node="n1")] == [1]
    assert list(found.of("monitor")) == []
    assert found.settings["failed-start-offset"] == "1"


def test_what_waits_for_what_also_through_others(graph) -> None:
    found = graph("1: stop a n1", "2: pseudo stopped after 1", "3: start a n2 after 2", "4: start b n2")
    assert found.waits_for(3, 1)
    assert not found.waits_for(1, 3)
    assert not found.waits_for(4, 1)
    assert found.inputs[3] == {2}


def test_the_order_of_synapses_does_not_matter(graph) -> None:
    found = graph("3: start a n2 after 2", "2: pseudo stopped after 1", "1: stop a n1")
    assert found.waits_for(3, 1)


def test_what_waits_in_a_circle_waits_for_nothing_that_will_happen(graph) -> None:
    found = graph("1: stop a n1", "2: start a n2 after 1 3", "3: start b n2 after 2")
    assert not found.waits_for(2, 3)


def test_unfencing_is_no_fencing(graph) -> None:
    assert list(graph("1: fence n1 meta:stonith_action=on").fencings()) == []
