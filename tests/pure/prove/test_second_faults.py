"""What a second fault is judged by: what was there before it, and what the first one had left under way."""

from quorate.prove import intent
from quorate.prove.event import Fails, Lost
from quorate.prove.graph import Graph
from quorate.prove.properties import ALL
from quorate.prove.settle import Situation, Trace, play
from quorate.prove.state import State

DUMMIES = "".join(f'<primitive id="{name}" class="ocf" provider="heartbeat" type="Dummy"/>' for name in "abc")
TOGETHER = "".join(f'<rsc_colocation id="{name}-a" rsc="{name}" with-rsc="a" score="INFINITY"/>' for name in "bc")


def breaches(name: str, trace: Trace) -> list[str]:
    return [each.message for each in ALL[name].judge(trace, intent.of(trace.start.configuration)).breaches]


def idle(graph: Graph):
    return lambda _state: graph


def test_only_the_first_loss_has_to_leave_quorum(cluster, graph) -> None:
    twice = Situation("n1,n2", "second-fault", (Lost(("n1",)), Lost(("n2",))))
    assert breaches("quorum", play(twice, cluster(), idle(graph()))) == []
    once = Situation("n1", "node-lost", (Lost(("n1",)),))
    assert breaches("quorum", play(once, cluster(nodes=("n1", "n2")), idle(graph()))) == [
        "n1 lost: the others have no quorum"
    ]


def test_what_a_fault_that_was_cut_short_had_begun_may_go_on(cluster, graph, history) -> None:
    runs = "".join(history(name, "start=0") for name in "abc")
    state: State = cluster(DUMMIES, constraints=TOGETHER, histories={"n2": runs})
    restart = graph("1: stop c n2", "2: stop b n2 after 1", "3: stop a n2 after 2", "4: start a n2 after 3")
    second = graph("1: stop b n2")
    decided = iter([restart, second, graph()])
    cut = Situation("a/1,n1", "interrupted", (Fails("a", "n2"), Lost(("n1",))), cut=1)
    assert breaches("undisturbed", play(cut, state, lambda _state: next(decided))) == []
    decided = iter([second, graph()])
    alone = Situation("n1", "node-lost", (Lost(("n1",)),))
    assert breaches("undisturbed", play(alone, state, lambda _state: next(decided))) == [
        "stop b on n2, though it is well there"
    ]
