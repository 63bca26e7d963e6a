"""What is told of traces that were made by hand."""

from collections.abc import Iterator

from designs import controllers
from quorate.prove.agents import NONE
from quorate.prove.apparent import Cause
from quorate.prove.counterexample import Counterexample, actions, as_text, steps
from quorate.prove.event import Fails, Lost
from quorate.prove.graph import Action, Graph, Kind, Synapse
from quorate.prove.history import History
from quorate.prove.journey import journeys, table
from quorate.prove.masking import MASK, without_secrets
from quorate.prove.proof import Refutation
from quorate.prove.properties import Breach
from quorate.prove.replay import README, files
from quorate.prove.settle import Situation, Trace, play
from quorate.prove.state import State, read

NOTHING = Graph((), {}, {})
CAUSE = Cause(
    "order-haproxy-clone-vip-internal has kind=Mandatory", "kind=Optional", "order-haproxy-clone-vip-internal"
)


def running(nodes: int, *places: tuple[str, str]) -> State:
    """A cluster where primitives were started on nodes."""
    state = read(controllers(nodes))
    for number, (resource, node) in enumerate(places):
        about = {
            "id": f"{resource}_last_0",
            "operation": "start",
            "rc-code": "0",
            "op-status": "0",
            "interval": "0",
        }
        monitor = {**about, "id": f"{resource}_monitor_5000", "operation": "monitor", "interval": "5000"}
        history = History(resource, {"class": "ocf", "type": "Dummy"}, {})
        history = history.with_operation({**about, "call-id": "1", "transition-key": f"{number}:0:0:x"})
        history = history.with_operation({**monitor, "call-id": "2", "transition-key": f"{number}:0:0:x"})
        state = state.with_node(state.node(node).with_history(history))
    return state


def graph(*actions: tuple[str, str | None, str, frozenset[int]]) -> Graph:
    """Actions numbered from 1: task, resource, node, what it waits for."""
    made = {
        number: Action(
            id=number,
            kind=Kind.FENCING if task == "stonith" else Kind.RESOURCE,
            task=task,
            key=f"{resource}_{task}_0",
            node=node,
            node_id=node.removeprefix("ctl"),
            router=None,
            resource=resource,
            long_id=resource,
            agent={"class": "ocf", "type": "Dummy"},
            parameters={},
            priority=0,
        )
        for number, (task, resource, node, _) in enumerate(actions, 1)
    }
    synapses = (Synapse((number,), each[3], 0) for number, each in enumerate(actions, 1))
    return Graph(tuple(synapses), made, {})


def played(state: State, situation: Situation, *graphs: Graph) -> Trace:
    decided: Iterator[Graph] = iter((*graphs, NOTHING))
    return play(situation, state, lambda _state: next(decided), agents=NONE)


FIRST = frozenset[int]()
FAILING = Situation("haproxy-fails", "monitor-fails", (Fails("haproxy", "ctl1"),))
RESTART = graph(
    ("stop", "vip-internal", "ctl1", FIRST),
    ("stop", "haproxy", "ctl1", frozenset({1})),
    ("start", "haproxy", "ctl1", frozenset({2})),
    ("start", "vip-internal", "ctl1", frozenset({3})),
    ("start", "keystone", "ctl2", FIRST),
)
BREACH = Breach(
    "undisturbed", "stop vip-internal on ctl1, though it is well there", 0, 0, ("vip-internal",), ("ctl1",)
)


def counterexample(cause: Cause | None = CAUSE, others: int = 2, *, secret: bool = False) -> Counterexample:
    places = (("haproxy", "ctl1"), ("haproxy", "ctl2"), ("vip-internal", "ctl1"))
    trace = played(running(3, *places), FAILING, RESTART)
    return Counterexample(Refutation(BREACH, FAILING, others), trace, cause, "3.0.0", secret)


def test_what_became_of_an_instance_is_told_in_the_order_in_which_it_was_done() -> None:
    cells = journeys(counterexample().trace)
    assert cells["haproxy", "ctl1"] == ["started", "FAILED", "stopped", "started"]
    assert cells["vip-internal", "ctl1"] == ["started", "stopped", "started"]
    assert cells["haproxy", "ctl2"] == ["started"]
    assert cells["keystone", "ctl2"] == ["stopped", "started"]


def test_a_lost_node_loses_what_it_ran() -> None:
    situation = Situation("ctl1-lost", "node-lost", (Lost(("ctl1",)),))
    fence = graph(("stonith", None, "ctl1", FIRST), ("start", "vip-internal", "ctl2", frozenset({1})))
    cells = journeys(played(running(3, ("vip-internal", "ctl1")), situation, fence))
    assert cells["", "ctl1"] == ["up", "lost", "fenced"]
    assert cells["vip-internal", "ctl1"] == ["started", "lost"]
    assert cells["vip-internal", "ctl2"] == ["stopped", "started"]


def test_the_steps_end_with_the_breach() -> None:
    told = steps(counterexample())
    assert told[0] == "Steady state, 3 of 3 members up"
    assert told[1] == "haproxy fails on ctl1"
    assert told[2].startswith("Pacemaker: stop vip-internal on ctl1; stop haproxy on ctl1; start haproxy on ctl1")
    assert told[2].endswith("an action of another resource")
    assert told[-1] == "BREACH: stop vip-internal on ctl1, though it is well there"


def test_an_action_says_what_it_waits_for_of_those_that_are_shown() -> None:
    assert actions(counterexample()) == (
        " 1  stop vip-internal on ctl1  at once",
        " 2  stop haproxy on ctl1  after 1",
        " 3  start haproxy on ctl1  after 2",
        " 4  start vip-internal on ctl1  after 3",
    )


def test_the_table_has_what_the_breach_is_about_first_and_says_what_is_left_out() -> None:
    found = counterexample()
    lines = table(found.trace, BREACH, 60)
    assert lines[0].split() == ["ctl1", "ctl2"]
    names = [line.split()[0] for line in lines[1:] if not line.startswith(" ")]
    assert names == ["node", "vip-internal", "haproxy", "keystone", "Left"]
    assert lines[-1] == "Left out: 1 of 3 nodes: ctl3."


def test_a_table_of_many_nodes_stays_within_its_width() -> None:
    nodes = [f"ctl{number}" for number in range(1, 17)]
    trace = played(
        running(16, *(("haproxy", node) for node in nodes)),
        FAILING,
        graph(*(("stop", "haproxy", node, FIRST) for node in nodes)),
    )
    lines = table(trace, Breach("service-running", "", 0, 0, ("haproxy",), ("ctl9",)), 80)
    assert max(map(len, lines)) <= 80
    assert {"ctl1", "ctl9"} <= set(lines[0].split())
    assert " ".join(lines).count("of 16 nodes, all of which changed as well: ") == 1


def test_many_that_went_alike_are_one_row() -> None:
    names = ("glance-api", "nova-api", "horizon", "memcached")
    situation = Situation("ctl1-lost", "node-lost", (Lost(("ctl1",)),))
    trace = played(running(3, *((name, "ctl1") for name in names)), situation)
    lines = table(trace, Breach("settles", "", 0, -1, nodes=("ctl1",)))
    assert [line.split()[:2] for line in lines if "+3" in line] == [["memcached", "+3"], ["+3:", "as"]]


def test_nothing_to_show_is_no_table() -> None:
    state = read(controllers(3))
    assert table(Trace(Situation("steady", "steady", ()), state, ()), Breach("managed", "")) == ()


def test_the_text_begins_with_what_is_wrong_and_why() -> None:
    lines = list(as_text(counterexample()))
    assert lines[0].startswith("NO  undisturbed: ")
    assert "Cause:   order-haproxy-clone-vip-internal has kind=Mandatory" in lines
    assert "Remedy:  kind=Optional" in lines
    assert any("2 other situations" in line for line in lines)
    assert max(map(len, lines)) <= 80
    assert max(map(len, as_text(counterexample(), width=60))) <= 60


def test_that_no_cause_was_found_is_said() -> None:
    assert "Cause:   no single edit that was tried mends it" in list(as_text(counterexample(None, 0)))


def test_the_files_are_the_cib_before_each_decision_and_at_the_end() -> None:
    found = counterexample()
    given = files(found)
    assert list(given) == ["01-steady.xml", "02-haproxy-fails-on-ctl1.xml", "03-breach.xml", README]
    assert read(given["01-steady.xml"]).key == found.trace.start.key
    assert read(given["02-haproxy-fails-on-ctl1.xml"]).key == found.trace.episodes[0].at.key
    assert read(given["03-breach.xml"]).key == found.trace.end.key
    assert "crm_simulate --simulate --xml-file 02-haproxy-fails-on-ctl1.xml --save-output" in given[README]
    assert "Pacemaker 3.0.0" in " ".join(given[README].split())


def test_whether_the_files_hold_secrets_is_said() -> None:
    assert "are masked" in files(counterexample())[README]
    assert "HOLD THE CLUSTER'S SECRETS" in files(counterexample(secret=True))[README]


def test_what_is_refused_is_shown_to_crm_verify() -> None:
    state = read(controllers(3))
    steady = Situation("steady", "steady", ())
    breach = Breach("accepted", "error: it is bad")
    found = Counterexample(Refutation(breach, steady), Trace(steady, state, ()), None, "3.0.0")
    assert "crm_verify -VV --xml-file 01-steady.xml" in files(found)[README]


def test_secrets_are_masked_by_name_or_because_their_agent_says_so() -> None:
    state = running(3, ("fence-ctl1", "ctl2"))
    node = state.node("ctl2")
    history = node.histories["fence-ctl1"]
    for operation in history.operations.values():
        history = history.with_operation({**operation, "op-secure-params": " username "})
    masked = without_secrets(state.with_node(node.with_history(history))).configuration
    assert masked.primitives["fence-ctl1"].parameters["username"] == MASK
    assert masked.primitives["fence-ctl2"].parameters["username"] == "admin"
    assert {masked.primitives[each].parameters["password"] for each in ("fence-ctl1", "fence-ctl2")} == {MASK}
    assert masked.primitives["vip-internal"].parameters["ip"] == "192.0.2.10"
