"""Whether nodes can be spared, for a cluster of three whose scheduler is a table of transitions."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import pytest

from quorate.model.finding import Verdict
from quorate.prove import alter, intent, may
from quorate.prove.graph import Action, Graph, Kind, Synapse
from quorate.prove.scheduler import ScheduleFailed
from quorate.prove.state import State, read

MEMBERS = ("n1", "n2", "n3")
AGENTS = {
    "proxy": 'class="systemd" type="haproxy"',
    "vip": 'class="ocf" provider="heartbeat" type="IPaddr2"',
    "db": 'class="ocf" provider="heartbeat" type="galera"',
    "mq": 'class="systemd" type="rabbitmq-server"',
}
OPS = (
    '<operations><op id="{0}-s" name="start" interval="0" timeout="20s"/>'
    '<op id="{0}-m" name="monitor" interval="10s"/></operations>'
)
EVERYWHERE = {name: dict.fromkeys(MEMBERS, "started") for name in ("proxy", "mq")}
WELL = {**EVERYWHERE, "db": dict.fromkeys(MEMBERS, "promoted"), "vip": {"n3": "started"}}


def primitive(name: str) -> str:
    return f'<primitive id="{name}" {AGENTS[name]}>{OPS.format(name)}</primitive>'


def clone(name: str, meta: str = "") -> str:
    return f'<clone id="{name}-clone">{meta}{primitive(name)}</clone>'


PROMOTABLE = (
    '<meta_attributes id="p"><nvpair id="p1" name="promotable" value="true"/>'
    '<nvpair id="p2" name="promoted-max" value="3"/></meta_attributes>'
)
FENCES = "".join(
    f'<primitive id="fence-{node}" class="stonith" type="fence_x"><instance_attributes id="fence-{node}-a">'
    f'<nvpair id="fence-{node}-l" name="pcmk_host_list" value="{node}"/></instance_attributes></primitive>'
    for node in MEMBERS
)
BANS = "".join(
    f'<rsc_location id="ban-{node}" rsc="fence-{node}" node="{node}" score="-INFINITY"/>' for node in MEMBERS
)


def history(name: str, role: str) -> str:
    done = ["start"] + (["promote"] if role == "promoted" else [])
    lines = "".join(
        f'<lrm_rsc_op id="{name}_{number}" operation="{task}" call-id="{number}" rc-code="0" op-status="0" '
        f'transition-key="1:1:0:x" interval="0"/>'
        for number, task in enumerate(done, 1)
    )
    if role == "failed":
        lines += (
            f'<lrm_rsc_op id="{name}_last_failure_0" operation="monitor" call-id="9" rc-code="7" op-status="0" '
            f'transition-key="1:1:0:x" interval="10000"/>'
        )
    return f'<lrm_resource id="{name}" {AGENTS[name]}>{lines}</lrm_resource>'


def cluster(
    running: Mapping[str, Mapping[str, str]] = WELL,
    *,
    away: Sequence[str] = (),
    lost: Sequence[str] = (),
    attributes: Mapping[str, str] | None = None,
    properties: Mapping[str, str] | None = None,
    quorate: bool = True,
    fences: str = FENCES,
) -> State:
    nodes, states = "", ""
    for number, node in enumerate(MEMBERS, 1):
        held = (attributes or {}).get(node)
        pair = f'<nvpair id="{node}-{held}" name="{held}" value="on"/>' if held else ""
        held_there = f'<instance_attributes id="i{number}">{pair}</instance_attributes>'
        nodes += f'<node id="{number}" uname="{node}">{held_there}</node>'
        told = 'in_ccm="true" crmd="online" join="member" expected="member"'
        if node in away:
            told = 'in_ccm="false" crmd="offline" join="down" expected="down"'
        if node in lost:
            told = 'in_ccm="false" crmd="offline" join="down" expected="member"'
        here = "".join(history(name, where[node]) for name, where in running.items() if node in where)
        states += (
            f'<node_state id="{number}" uname="{node}" {told}><lrm id="{number}"><lrm_resources>{here}'
            "</lrm_resources></lrm></node_state>"
        )
    pairs = "".join(
        f'<nvpair id="{name}" name="{name}" value="{value}"/>' for name, value in (properties or {}).items()
    )
    return read(
        f'<cib have-quorum="{int(quorate)}"><configuration><crm_config><cluster_property_set id="c">{pairs}'
        f"</cluster_property_set></crm_config><nodes>{nodes}</nodes><resources>{fences}{clone('proxy')}"
        f"{primitive('vip')}{clone('db', PROMOTABLE)}{clone('mq')}</resources>"
        f"<constraints>{BANS}</constraints></configuration><status>{states}</status></cib>"
    )


@dataclass
class Scheduler:
    """Decides by the nodes that are leaving or are to be fenced; `idle` is for when none is."""

    table: Mapping[tuple[str, ...], Graph] = field(default_factory=dict)
    idle: Graph | None = None

    def __call__(self, state: State) -> Graph:
        leaving = {name for name, node in state.nodes.items() if "shutdown" in node.transient and node.online}
        key = tuple(sorted(leaving | state.unclean))
        if not key and self.idle:
            return self.idle
        return self.table.get(key, EMPTY)


EMPTY = Graph((), {}, {})


def graph(*steps: tuple[Kind, str, str | None, str]) -> Graph:
    """Actions of which each waits for the one before it: kind, task, resource and node."""
    actions = {}
    for number, (kind, task, resource, node) in enumerate(steps, 1):
        agent = {"class": "systemd", "type": "x"}
        parameters = {"CRM_meta_timeout": "20000"} if resource else {}
        actions[number] = Action(
            number, kind, task, f"{resource or node}_{task}_0", node, str(MEMBERS.index(node) + 1), None, resource,
            None, agent, parameters, 0,
        )  # fmt: skip
    synapses = tuple(Synapse((number,), frozenset({number - 1} - {0}), 0) for number in actions)
    return Graph(synapses, actions, {})


def stops(node: str, *resources: str, then: Sequence[tuple[str, str]] = ()) -> Graph:
    """Pacemaker on a node stops what is there, starts it elsewhere, and lets the node go."""
    away = [(Kind.RESOURCE, "stop", each, node) for each in resources]
    back = [(Kind.RESOURCE, "start", each, to) for each, to in then]
    return graph(*away, *back, (Kind.CLUSTER, "do_shutdown", None, node))


def fenced(node: str, *then: tuple[str, str]) -> Graph:
    return graph((Kind.FENCING, "stonith", None, node), *((Kind.RESOURCE, "start", each, to) for each, to in then))


SERVICES = ("proxy", "db", "mq")


def may_stop(state: State, *nodes: str, scheduler: Scheduler | None = None) -> may.Answer:
    table = {(node,): stops(node, *SERVICES) for node in ("n1", "n2")}
    table["n3",] = stops("n3", "vip", *SERVICES, then=[("vip", "n2")])
    return may.may_stop(state, nodes, intent.of(state.configuration), scheduler or Scheduler(table))


def may_lose(state: State, *nodes: str, table: Mapping[tuple[str, ...], Graph] | None = None) -> may.Answer:
    usual = {("n1",): fenced("n1"), ("n2",): fenced("n2"), ("n3",): fenced("n3", ("vip", "n2"))}
    return may.may_lose(state, nodes, intent.of(state.configuration), Scheduler(table or usual))


def said(answer: may.Answer) -> list[str]:
    return [each.message for each in answer.reasons]


def test_a_node_that_can_be_spared_may_be_stopped():
    answer = may_stop(cluster(), "n1")
    assert (answer.verdict, answer.reasons, answer.present) == (Verdict.YES, (), ())
    assert (answer.before, answer.after) == (may.Votes(3, 3, quorate=True), may.Votes(2, 3, quorate=True))
    moved = {each.resource: each for each in answer.moved}
    assert set(moved) == set(SERVICES)
    assert set(moved["db"].before) - set(moved["db"].after) == {"n1"}
    assert not any(each.interrupted for each in answer.moved)


def test_what_moves_is_away_for_at_most_the_timeouts_of_its_stop_and_start():
    answer = may_stop(cluster(), "n3")
    (vip,) = [each for each in answer.moved if each.resource == "vip"]
    assert (set(vip.before), set(vip.after)) == ({"n3"}, {"n2"})
    # its stop, those of three services that its start waits for as well, its start
    assert vip.away_s == 100
    assert answer.fenced == ()


def test_a_lost_node_is_fenced_before_anything_starts_elsewhere():
    answer = may_lose(cluster(), "n3")
    assert answer.verdict is Verdict.YES
    assert answer.fenced == ("n3",)
    (vip,) = [each for each in answer.moved if each.resource == "vip"]
    assert vip.away_s == 60 + 20


def test_a_start_that_does_not_wait_for_the_fencing_is_a_no():
    early = graph((Kind.RESOURCE, "start", "vip", "n2"), (Kind.FENCING, "stonith", None, "n3"))
    answer = may_lose(cluster(), "n3", table={("n3",): early})
    assert answer.verdict is Verdict.NO
    assert any("before it is fenced" in each for each in said(answer))


def test_a_node_that_nothing_can_fence_may_not_be_lost():
    fences = FENCES.replace('value="n3"', 'value="n9"')
    answer = may_lose(cluster(fences=fences), "n3", table={("n3",): fenced("n3", ("vip", "n2"))})
    assert answer.verdict is Verdict.NO
    assert "n3 is never fenced" in said(answer)


@pytest.mark.parametrize("nodes", [("n1", "n2"), ("n2", "n3")])
def test_two_of_three_are_too_many(nodes):
    stopped = may_stop(cluster(), *nodes)
    both = may_lose(cluster(), *nodes, table={tuple(sorted(nodes)): EMPTY})
    for answer in (stopped, both):
        assert answer.verdict is Verdict.NO
        assert said(answer)[0] == "the cluster would have no quorum: 1 of 3 votes"
        assert answer.after == may.Votes(1, 3, quorate=False)


def test_with_a_member_away_no_other_may_go_and_it_says_whom_to_wait_for():
    here = {name: {node: role for node, role in where.items() if node != "n3"} for name, where in WELL.items()}
    answer = may_stop(cluster({**here, "vip": {"n1": "started"}}, away=["n3"]), "n2")
    assert answer.verdict is Verdict.NO
    assert said(answer)[0] == "the cluster would have no quorum: 1 of 3 votes"
    assert [each.what for each in answer.reasons[0].wait_for] == ["n3 is not back"]
    assert [each.what for each in answer.present] == ["n3 is not back"]


def test_with_a_database_that_is_not_promoted_yet_no_other_may_go():
    joining = {**WELL, "db": {"n1": "promoted", "n2": "promoted", "n3": "started"}}
    for answer in (may_stop(cluster(joining), "n2"), may_lose(cluster(joining), "n2")):
        assert answer.verdict is Verdict.NO
        assert said(answer)[0].startswith("db would have no quorum: 1 of")
        assert [each.what for each in answer.reasons[0].wait_for] == ["db is not promoted on n3 yet"]
    # it may go itself: it adds nothing yet
    assert may_stop(cluster(joining), "n3").verdict is Verdict.YES


def test_a_broker_is_judged_by_the_majority_of_all_its_members():
    without = {**WELL, "mq": {"n1": "started", "n2": "started"}}
    answer = may_lose(cluster(without), "n2")
    assert said(answer) == ["quorum queues of mq would have no quorum: 1 of 3 run"]
    assert [each.what for each in answer.reasons[0].wait_for] == ["mq does not run on n3"]


@pytest.mark.parametrize(
    ("state", "trouble"),
    [
        (cluster(lost=["n3"]), "n3 is lost and not fenced yet"),
        (
            cluster(properties={"maintenance-mode": "true"}),
            "the property maintenance-mode is set: Pacemaker keeps still",
        ),
        (cluster(attributes={"n3": "maintenance"}), "n3 is in maintenance"),
        (cluster(quorate=False), "there is no quorum"),
    ],
)
def test_some_troubles_forbid_every_step(state, trouble):
    answer = may_stop(state, "n1")
    assert answer.verdict is Verdict.NO
    assert said(answer)[0] == trouble
    assert answer.reasons[0].wait_for[0].remedy


def test_a_cluster_that_is_at_work_is_to_be_waited_for():
    scheduler = Scheduler(idle=graph((Kind.RESOURCE, "start", "mq", "n3")))
    answer = may_stop(cluster(), "n1", scheduler=scheduler)
    assert answer.verdict is Verdict.NO
    assert said(answer)[0] == "the cluster is at work: start mq on n3"


def test_what_is_wrong_and_in_nobodys_way_is_told_and_no_more():
    state = cluster(
        {**WELL, "proxy": {"n1": "failed", "n2": "started", "n3": "started"}}, attributes={"n1": "standby"}
    )
    found = [each.what for each in may.present(state, intent.of(state.configuration))]
    assert found == ["n1 is in standby", "proxy has failed on n1"]


def test_a_node_that_takes_no_part_is_not_missed():
    here = {name: {node: role for node, role in where.items() if node != "n3"} for name, where in WELL.items()}
    answer = may_stop(cluster({**here, "vip": {"n1": "started"}}, away=["n3"]), "n3")
    assert (answer.verdict, answer.moved, answer.transitions) == (Verdict.YES, (), 0)


def test_what_pacemaker_refuses_to_decide_is_unknown():
    def refuses(_state: State) -> Graph:
        raise ScheduleFailed("schedule at here: it aborted")

    state = cluster()
    answer = may.may_stop(state, ["n1"], intent.of(state.configuration), refuses)
    assert (answer.verdict, said(answer)) == (Verdict.UNKNOWN, ["schedule at here: it aborted"])


def test_votes_that_are_not_the_members_are_not_guessed_at():
    state = cluster({"vip": {"n1": "started"}}, away=["n2", "n3"])  # and has quorum: by a device
    answer = may_stop(state, "n1")
    assert answer.verdict is Verdict.UNKNOWN
    assert "a quorum device?" in said(answer)[0]


def test_a_changed_configuration_that_stops_a_service_everywhere_is_refuted():
    state = cluster()
    to = state.configuration.changed(alter.cluster_property("stop-all-resources", "true"))

    def stops_all(at: State) -> Graph:
        there = at.running("mq") if at.configuration == to else {}
        return graph(*((Kind.RESOURCE, "stop", "mq", node) for node in there))

    answer = may.changed(state, to, intent.of(to), stops_all)
    assert answer.verdict is Verdict.NO
    assert said(answer) == ["no instance of mq runs after: the configuration changed"]


def test_a_change_is_not_blamed_for_what_is_wrong_without_it():
    state = cluster({**WELL, "mq": {}})
    to = state.configuration.changed(alter.default("resource-stickiness", "200"))
    answer = may.changed(state, to, intent.of(to), Scheduler())
    assert (answer.verdict, answer.moved) == (Verdict.YES, ())
    assert "mq runs nowhere" in [each.what for each in answer.present]
