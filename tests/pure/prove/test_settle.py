"""What becomes of an event; a table of graphs by what is active where stands in for the scheduler."""

from collections.abc import Mapping

import pytest

from quorate.prove import alter
from quorate.prove.event import DevicesBroken, Fails, Lost, Passed
from quorate.prove.graph import Graph
from quorate.prove.history import Role
from quorate.prove.settle import TRANSITIONS, Ending, Situation, play, settle
from quorate.prove.state import State

A = '<primitive id="a" class="ocf" provider="heartbeat" type="Dummy"/>'
FENCE = (
    '<primitive id="f" class="stonith" type="fence_ipmilan">'
    '<instance_attributes id="i"><nvpair id="h" name="pcmk_host_list" value="n1 n2 n3"/></instance_attributes>'
    "</primitive>"
)


class Table:
    """Decides by what is wrong: `failed`, `unclean` nodes, or where the resource is active; nothing else to do."""

    def __init__(self, graphs: Mapping[str, Graph], otherwise: Graph) -> None:
        self.graphs, self.otherwise = graphs, otherwise
        self.asked: list[str] = []

    def __call__(self, state: State) -> Graph:
        where = "+".join(state.instances("a")) or "nowhere"
        self.asked.append("failed" if state.failed else "unclean" if state.unclean else where)
        return self.graphs.get(self.asked[-1], self.otherwise)


@pytest.fixture
def started(cluster, history) -> State:
    return cluster(A + FENCE, histories={"n1": history("a", "start=0", "monitor@10000=0")})


def test_it_goes_on_until_nothing_is_left_to_do(graph, started) -> None:
    table = Table({"failed": graph("1: stop a n1"), "nowhere": graph("1: start a n2")}, graph())
    trace = play(Situation("s", "k", (Fails("a", "n1"),)), started, table)
    (episode,) = trace.episodes
    assert (episode.ending, table.asked) == (Ending.SETTLED, ["failed", "nowhere", "n2"])
    assert len(episode.transitions) == 2
    assert trace.end.running("a") == {"n2": Role.STARTED}
    assert [state.instances("a") for state in episode.states] == [{"n1": Role.STARTED}, {}, {"n2": Role.STARTED}]


def test_a_cluster_that_tries_the_same_for_ever_is_blocked_if_it_fails_and_endless_if_not(graph, started) -> None:
    stop = Table({"failed": graph("1: stop a n1")}, graph())
    trace = play(Situation("s", "k", (Fails("a", "n1", ("stop",)),)), started, stop)
    assert trace.episodes[0].ending is Ending.BLOCKED
    assert trace.end.failed == {("a", "n1")}
    back = Table(
        {
            "n1": graph("1: stop a n1", "2: start a n2 after 1"),
            "n2": graph("1: stop a n2", "2: start a n1 after 1"),
        },
        graph(),
    )
    _, ending = settle(started, back)
    assert ending is Ending.ENDLESS


def test_what_never_comes_back_to_where_it_was_is_given_up(graph, started) -> None:
    class Counting:
        calls = 0

        def __call__(self, _state: State) -> Graph:
            self.calls += 1
            return graph(f"1: start a n1 round={self.calls}")

    counting = Counting()
    transitions, ending = settle(started, counting)
    assert (ending, len(transitions), counting.calls) == (Ending.ENDLESS, TRANSITIONS, TRANSITIONS)


RECOVERED = ("1: fence n1", "2: start a n2 after 1")


def test_nothing_is_recovered_before_its_node_is_fenced(graph, started) -> None:
    table = Table({"unclean": graph(*RECOVERED)}, graph())
    trace = play(Situation("s", "k", (Lost(("n1",)),)), started, table)
    assert trace.episodes[0].ending is Ending.SETTLED
    assert trace.end.instances("a") == {"n2": Role.STARTED}
    broken = play(Situation("s", "k", (DevicesBroken(("f",)), Lost(("n1",)))), started, table)
    assert broken.episodes[1].ending is Ending.BLOCKED
    assert (broken.end.instances("a"), broken.end.unclean) == ({"n1": Role.STARTED}, {"n1"})


def test_a_device_that_nobody_can_use_fences_nobody(graph, started) -> None:
    table = Table({"unclean": graph(*RECOVERED)}, graph())
    conf = started.configuration.changed(alter.meta("f", "target-role", "Stopped"))
    trace = play(Situation("s", "k", (Lost(("n1",)),)), started.with_configuration(conf), table)
    assert trace.episodes[0].ending is Ending.BLOCKED


def test_a_second_event_may_come_in_the_middle_of_a_transition(graph, started) -> None:
    failed = graph("1: stop a n1", "2: start a n2 after 1", "3: monitor a n2 meta:interval=10000 after 2")
    table = Table({"failed": failed, "unclean": graph("1: fence n2", "2: start a n3 after 1")}, graph())
    trace = play(Situation("s", "k", (Fails("a", "n1"), Lost(("n2",))), cut=2), started, table)
    first, second = trace.episodes
    assert first.ending is Ending.CUT
    assert (first.transitions[0].carried.left, first.after.instances("a")) == ((3,), {"n2": Role.STARTED})
    assert second.ending is Ending.SETTLED
    assert trace.end.instances("a") == {"n3": Role.STARTED}


def test_nothing_happens_where_nothing_is_to_be_done(graph, started) -> None:
    trace = play(Situation("s", "k", ()), started, Table({}, graph()))
    assert (trace.end, trace.episodes) == (started, ())


def test_a_running_cluster_settles_before_anything_happens_to_it(graph, started) -> None:
    busy = Table({"n1": graph("1: stop a n1", "2: start a n2 after 1")}, graph())
    trace = play(Situation("start", "start", (Passed(0),)), started, busy)
    assert trace.end.instances("a") == {"n2": Role.STARTED}


def test_time_is_passed_over_where_everything_runs_as_before(graph, started) -> None:
    trace = play(Situation("s", "k", (Fails("a", "n1"), Passed(60))), started, Table({}, graph()))
    assert [episode.event for episode in trace.episodes] == [Fails("a", "n1")]
