from collections.abc import Iterable, Sequence
from dataclasses import replace
from html import escape

import pytest

from parsed import Parsed
from quorate.prove.apparent import Cause
from quorate.prove.counterexample import Counterexample
from quorate.prove.event import Event, Fails, Lost
from quorate.prove.graph import Graph
from quorate.prove.graph import read as read_graph
from quorate.prove.page import page
from quorate.prove.proof import Coverage, Proof, PropertyOutcome, Refutation
from quorate.prove.properties import Breach
from quorate.prove.scene import LANES, Outcome, Relation, Scene, scene
from quorate.prove.settle import Schedule, Situation, Trace, play
from quorate.prove.state import State
from quorate.prove.state import read as read_state

HOSTILE = '<script>alert("&amp;")</script>'
SECRET = "hunter2"

FENCE = (
    '<crm_event id="1" operation="stonith" operation_key="stonith-ctl1-reboot" on_node="{0}" on_node_uuid="1"/>'
)
ACT = (
    '<rsc_op id="{id}" operation="{task}" operation_key="{resource}_{task}_0" on_node="{node}" on_node_uuid="2">'
    '<primitive id="{resource}" class="ocf" provider="heartbeat" type="IPaddr2"/></rsc_op>'
)


def cluster(members: Sequence[str], vip: str = "vip", holder: int = 0) -> State:
    """Members of which one holds a virtual IP; all run a proxy, and a device fences them."""
    nodes = "".join(f'<node id="{n}" uname="{escape(name)}"/>' for n, name in enumerate(members, 1))
    resources = (
        f'<primitive id="{escape(vip)}" class="ocf" provider="heartbeat" type="IPaddr2">'
        f'<instance_attributes id="a"><nvpair id="b" name="passwd" value="{SECRET}"/></instance_attributes>'
        '</primitive><primitive id="fence" class="stonith" type="fence_test"/>'
        '<clone id="proxy-clone"><primitive id="proxy" class="systemd" type="haproxy"/></clone>'
    )
    states = "".join(
        f'<node_state id="{n}" uname="{escape(name)}" in_ccm="true" crmd="online" join="member" expected="member">'
        f'<lrm id="{n}"><lrm_resources>{_ran("proxy")}{_ran(vip) if n == holder + 1 else ""}'
        "</lrm_resources></lrm></node_state>"
        for n, name in enumerate(members, 1)
    )
    conf = f"<nodes>{nodes}</nodes><resources>{resources}</resources>"
    return read_state(f'<cib have-quorum="1"><configuration>{conf}</configuration><status>{states}</status></cib>')


def _ran(resource: str) -> str:
    about = 'operation="start" call-id="1" rc-code="0" op-status="0" interval="0"'
    name = escape(resource)
    return f'<lrm_resource id="{name}"><lrm_rsc_op id="{name}_last_0" {about}/></lrm_resource>'


def graph(*synapses: tuple[str, Sequence[int]]) -> Graph:
    """Actions, each with the numbers of those that it waits for."""
    parts = []
    for action, inputs in synapses:
        triggers = "".join(f'<trigger><rsc_op id="{each}"/></trigger>' for each in inputs)
        parts.append(f"<synapse><action_set>{action}</action_set><inputs>{triggers}</inputs></synapse>")
    return read_graph(f"<transition_graph>{''.join(parts)}</transition_graph>")


def act(number: int, task: str, resource: str, node: str) -> str:
    return ACT.format(id=number, task=task, resource=escape(resource), node=escape(node))


def decided(*graphs: Graph) -> Schedule:
    """A scheduler that decides one after the other, and then that nothing is left to do."""
    left = [*graphs, graph()]
    return lambda _state: left.pop(0)


def played(event: Event, start: State, *graphs: Graph) -> Trace:
    return play(Situation("what-happens", "node-lost", (event,)), start, decided(*graphs))


def lost(*, ordered: bool = True, members: Sequence[str] = ("ctl1", "ctl2", "ctl3"), vip: str = "vip") -> Trace:
    """The first member is lost, and the second takes its address: after it is fenced, or not."""
    start = act(2, "start", vip, members[1])
    moved = graph((FENCE.format(escape(members[0])), ()), (start, (1,) if ordered else ()))
    return played(Lost((members[0],)), cluster(members, vip), moved)


def breach(resource: str = "vip", nodes: Sequence[str] = ("ctl1", "ctl2"), name: str = "fenced-first") -> Breach:
    return Breach(name, f"{resource} may run twice", 0, 0, (resource,), tuple(nodes))


def found(trace: Trace, wrong: Breach, cause: Cause | None = None) -> Counterexample:
    return Counterexample(Refutation(wrong, trace.situation, 3), trace, cause, "3.0.0")


def proof(*counterexamples: Counterexample, undecided: Iterable[str] = ()) -> Proof:
    refuted = {each.refutation.breach.property: each.refutation for each in counterexamples}
    outcomes = [PropertyOutcome(name, f"{name} holds", True, 7, True, each) for name, each in refuted.items()]
    outcomes.append(PropertyOutcome("settles", "the cluster comes to rest", True, 1234, True))
    outcomes.append(PropertyOutcome("order", "orders hold", True, 0, True))
    outcomes.append(PropertyOutcome("promoted", "promoted where meant", False, 0, True))
    coverage = Coverage(
        {"node-lost": 3, "pair-lost": 4}, 0, {"remotes": "3 of 20"}, 12, "3.0.0", "library", "here", 1.5, 0
    )
    return Proof(tuple(outcomes), coverage, cluster(["ctl1"]), dict.fromkeys(undecided, "it took too long"))


def told(*counterexamples: Counterexample, undecided: Iterable[str] = ()) -> str:
    return page("control", proof(*counterexamples, undecided=undecided), counterexamples)


def edges(shown: Scene) -> list[tuple[str, str, Relation]]:
    one = shown.chapters[-1].rounds[-1]
    tasks = {each.action: each.task for each in one.marks}
    return [(tasks[each.first], tasks[each.then], each.relation) for each in one.edges]


def test_what_none_of_the_situations_asked_for_is_about_is_no_failure() -> None:
    whole = proof()
    narrowed = replace(whole, properties=tuple(replace(each, everywhere=False) for each in whole.properties))
    for asked, verdict, why in (
        (whole, "Refuted", "1 of 2 vacuous: never anything to check"),
        (narrowed, "Proved", "1 of 2 vacuous: not in the situations asked for"),
    ):
        said = Parsed(page("control", asked, ())).said
        assert verdict in said
        assert why in said


def test_it_is_whole_and_says_everything() -> None:
    cause = Cause("vip: requires=quorum", "without requires", None)
    text = told(found(lost(), breach(), cause), found(lost(), breach(name="once")))
    parsed = Parsed(text)
    assert parsed.open == []
    for said in (
        "Refuted",
        "2 of 4 properties refuted. 1 of 4 vacuous",
        "7 situations",
        "fenced-first",
        "once",
        "vip may run twice",
        "vip: requires=quorum",
        "without requires",
        "3 other situations",
        "Event 1: ctl1 lost",
        "1,234",
        "vacuous",
        "does not apply",
        "pair-lost",
        "3 of 20",
        "Pacemaker 3.0.0",
    ):
        assert said in parsed.said
    identifiers = [about["id"] for _, about in parsed.tags if "id" in about]
    assert len(identifiers) == len(set(identifiers))
    assert {f"#{each}" for each in identifiers} >= {about["href"] for tag, about in parsed.tags if tag == "a"}


def test_what_is_open_is_not_proved() -> None:
    plain = proof(undecided=["ctl1-lost"])
    parsed = Parsed(page("control", replace(plain, properties=plain.properties[:1]), ()))
    assert "Not decided" in parsed.said
    assert "it took too long: ctl1-lost" in parsed.said
    assert "1 situation could not be judged" in parsed.said


def test_it_needs_nothing_from_elsewhere() -> None:
    text = told(found(lost(), breach()))
    for word in ("http:", "https:", "url(", "@import", "<script", "<link", "src="):
        assert word not in text


def test_the_same_is_written_in_the_same_bytes() -> None:
    assert told(found(lost(), breach())) == told(found(lost(), breach()))


def test_names_are_escaped() -> None:
    members = (f"{HOSTILE}1", f"{HOSTILE}2")
    text = page(HOSTILE, proof(), ()) + told(
        found(lost(members=members, vip=HOSTILE), breach(HOSTILE, members), Cause(HOSTILE, HOSTILE, None)),
        undecided=[HOSTILE],
    )
    parsed = Parsed(text)
    assert parsed.open == []
    assert "script" not in {tag for tag, _ in parsed.tags}
    assert parsed.said.count(HOSTILE) > 10


def test_what_no_page_can_hold_is_replaced() -> None:
    text = told(undecided=["a\x00b\x1b[1m\ud800"])
    assert "a\N{REPLACEMENT CHARACTER}b\N{REPLACEMENT CHARACTER}[1m\N{REPLACEMENT CHARACTER}" in text


def test_parameters_are_not_shown() -> None:
    assert SECRET in lost().start.xml
    assert SECRET not in told(found(lost(), breach()))


def test_the_picture_is_also_told_in_words() -> None:
    parsed = Parsed(told(found(lost(), breach())))
    assert "Event 1: ctl1 lost. Transition 1: fence ctl1, start vip on ctl2." in parsed.said
    pictures = [about for tag, about in parsed.tags if tag == "svg" and about.get("role") == "img"]
    assert [each["aria-labelledby"] for each in pictures] == ["c1-title c1-desc"]
    assert "OFFLINE" in parsed.said


def test_a_fencing_that_is_waited_for_is_a_move() -> None:
    assert edges(scene(lost(), breach())) == [("fence", "start", Relation.MOVE)]


def test_what_is_started_again_where_it_was_does_not_move() -> None:
    restart = graph(
        (act(1, "stop", "vip", "ctl1"), ()),
        (act(2, "start", "vip", "ctl1"), (1,)),
        (act(3, "start", "vip", "ctl2"), (1,)),
    )
    trace = played(Fails("vip", "ctl1"), cluster(["ctl1", "ctl2"]), restart)
    wrong = breach(nodes=("ctl1",), name="undisturbed")
    assert edges(scene(trace, wrong)) == [("stop", "start", Relation.ORDER)] * 2


def test_a_fencing_that_is_not_waited_for_stands_out() -> None:
    trace = lost(ordered=False)
    assert edges(scene(trace, breach())) == [("fence", "start", Relation.UNORDERED)]
    assert {"unordered", "accused"} <= Parsed(told(found(trace, breach()))).classes()


def test_rows_are_what_may_be_done_at_once() -> None:
    one, other = (scene(lost(ordered=ordered), breach()).chapters[0].rounds[0].marks for ordered in (True, False))
    assert [each.rank for each in one] == [0, 1]
    assert [each.rank for each in other] == [0, 0]


def test_what_fails_and_what_is_not_begun() -> None:
    restart = graph(
        (act(1, "stop", "vip", "ctl1"), ()),
        (act(2, "start", "vip", "ctl1"), (1,)),
        (act(3, "start", "proxy", "ctl1"), (2,)),
    )
    trace = played(Fails("vip", "ctl1", ("start",)), cluster(["ctl1", "ctl2"]), restart)
    wrong = breach(nodes=("ctl1",), name="undisturbed")
    outcomes = [each.outcome for each in scene(trace, wrong).chapters[0].rounds[0].marks]
    assert outcomes == [Outcome.DONE, Outcome.FAILED, Outcome.NOT_BEGUN]
    said = Parsed(told(found(trace, wrong))).said
    assert "start vip on ctl1 (failed), start proxy on ctl1 (not begun)" in said


def test_a_breach_of_a_state_is_marked_there() -> None:
    stopped = graph((act(1, "stop", "vip", "ctl1"), ()))
    trace = played(Fails("vip", "ctl1"), cluster(["ctl1", "ctl2"]), stopped)
    nowhere = Breach("service-running", "no instance of vip runs", 0, 0, ("vip",))
    assert {"gone", "accused"} <= Parsed(told(found(trace, nowhere))).classes()


def test_a_breach_of_the_configuration_needs_no_event() -> None:
    start = cluster(["ctl1", "ctl2"])
    wrong = Breach("fencible", "no device fences ctl2", nodes=("ctl2",))
    shown = scene(Trace(Situation("steady", "steady", ()), start, ()), wrong)
    assert shown.chapters == ()
    assert shown.after is start
    assert "no device fences ctl2" in told(found(Trace(Situation("steady", "steady", ()), start, ()), wrong))


@pytest.mark.parametrize("members", [3, 16, 103])
def test_of_many_nodes_those_are_shown_where_something_happens(members: int) -> None:
    names = [f"ctl{number}" for number in range(1, members + 1)]
    shown = scene(lost(members=[names[-1], *names[:-1]]), breach(nodes=(names[-1], "ctl1")))
    assert {names[-1], "ctl1"} <= {*shown.lanes}
    assert len(shown.lanes) <= LANES
    assert shown.left_out == (() if members == 3 else (f"{members - 3} of {members} nodes",))
    assert all(said in told(found(lost(members=names), breach())) for said in shown.left_out)


def test_of_many_transitions_the_first_and_the_breach_are_shown() -> None:
    once = lost()
    (episode,) = once.episodes
    trace = replace(once, episodes=(replace(episode, transitions=episode.transitions * 9),))
    chapter = scene(trace, Breach("settles", "it never comes to rest", 0, 8)).chapters[0]
    assert [each.number for each in chapter.rounds] == [1, 2, 9]
    assert chapter.skipped == 6
