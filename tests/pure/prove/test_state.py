from dataclasses import replace

import pytest

from quorate.prove.history import Role
from quorate.prove.state import OFFLINE, VANISHED, NodeState, read

CONFIGURATION = "<configuration><nodes><node id='1' uname='n1'/></nodes><resources/></configuration>"
TWICE = "<node_state id='1' uname='n1'/><node_state id='2' uname='n1'/>"
PRIMITIVE = '<primitive id="{}" class="ocf" provider="heartbeat" type="Dummy"/>'
REMOTE = '<primitive id="r1" class="ocf" provider="pacemaker" type="remote"/>'


@pytest.mark.parametrize(
    ("xml", "message"),
    [
        ("", "not XML"),
        ("<cib>", "not XML"),
        ("<crm_mon/>", "not a CIB: <crm_mon>"),
        ("<cib/>", "not a CIB: <cib> without a <configuration>"),
        (f"<cib execution-date='now'>{CONFIGURATION}</cib>", "invalid literal"),
        (f"<cib>{CONFIGURATION}<status>{TWICE}</status></cib>", "NodeState of n1 is told twice"),
    ],
)
def test_what_is_no_state_is_refused(xml: str, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        read(xml)


def test_a_history_told_twice_is_refused(cluster, history) -> None:
    with pytest.raises(ValueError, match="History of a is told twice"):
        cluster(PRIMITIVE.format("a"), histories={"n1": history("a", "start=0") + history("a", "stop=0")})


def test_a_state_is_written_as_it_was_read(cluster, history) -> None:
    state = cluster(
        PRIMITIVE.format("a"),
        histories={"n1": history("a", "start=0", "monitor@10000=0")},
        transient={"n2": {"master-a": "5", "quoted": "&lt;&amp;&quot;"}},
    )
    again = read(state.xml)
    assert (again.xml, again.key) == (state.xml, state.key)
    assert again.nodes["n2"].transient == {"master-a": "5", "quoted": '<&"'}


def test_tickets_and_transient_utilization_are_kept() -> None:
    status = (
        "<status><tickets><ticket_state id='t' granted='true'/></tickets>\n"
        "<node_state id='1' uname='n1'><transient_attributes id='1'><utilization id='u'>"
        "<nvpair id='p' name='cpu' value='2'/></utilization></transient_attributes></node_state></status>"
    )
    state = read(f"<cib>{CONFIGURATION}{status}</cib>")
    assert state.nodes["n1"].utilization == {"cpu": "2"}
    assert "granted" in state.xml
    assert read(state.xml).xml == state.xml


def test_the_time_is_that_of_the_last_operation_unless_it_is_told() -> None:
    operation = "<lrm_rsc_op id='o' operation='start' last-rc-change='1600000000'/>"
    lrm = f"<lrm id='1'><lrm_resources><lrm_resource id='a'>{operation}</lrm_resource></lrm_resources></lrm>"
    status = f"<status><node_state id='1' uname='n1'>{lrm}</node_state></status>"
    assert read(f"<cib>{CONFIGURATION}{status}</cib>").now == 1_600_000_000
    assert read(f"<cib execution-date='1700000000'>{CONFIGURATION}{status}</cib>").now == 1_700_000_000


def test_a_node_that_has_not_told_its_name_is_known_by_its_id() -> None:
    state = read(f"<cib>{CONFIGURATION}<status><node_state id='1' in_ccm='1'/></status></cib>")
    named = state.with_node(state.node("n1").with_attributes(OFFLINE))
    assert list(named.nodes) == ["n1"]
    assert named.nodes["n1"].id == "1"


@pytest.mark.parametrize(
    ("attributes", "member", "online"),
    [
        ({"in_ccm": "true", "crmd": "online"}, True, True),
        ({"in_ccm": "1735689600", "crmd": "1735689600"}, True, True),  # since Pacemaker 2.1.7 times
        ({"in_ccm": "0", "crmd": "0"}, False, False),
        ({"in_ccm": "true", "crmd": "offline"}, True, False),
        (VANISHED, False, False),
        ({}, False, False),
    ],
)
def test_members_and_who_takes_part(attributes: dict[str, str], member: bool, online: bool) -> None:
    node = NodeState({"id": "1", "uname": "n1", **attributes})
    assert (node.member, node.online) == (member, online)


def test_who_vanished_is_unclean_until_it_is_known_to_be_down(cluster) -> None:
    state = cluster()
    gone = state.with_node(state.node("n3").with_attributes(VANISHED))
    assert (gone.unclean, gone.members) == ({"n3"}, ("n1", "n2"))
    assert gone.with_node(gone.node("n3").forgotten(OFFLINE)).unclean == frozenset()


def test_the_majority_counts_all_members(cluster) -> None:
    state = cluster()
    for name, majority in (("n1", True), ("n2", False)):
        state = state.with_node(state.node(name).with_attributes(VANISHED))
        assert state.majority is majority


def test_where_a_resource_is_active_and_where_it_is_well(cluster, history) -> None:
    state = cluster(
        PRIMITIVE.format("a"),
        histories={
            "n1": history("a", "start=0"),
            "n2": history("a", "start=0", "monitor@10000=7/0"),
            "n3": history("a", "monitor=7"),
        },
    )
    assert state.instances("a") == {"n1": Role.STARTED, "n2": Role.STARTED}
    assert state.running("a") == {"n1": Role.STARTED}
    lost = state.with_node(state.node("n1").with_attributes(VANISHED))
    assert "n1" in lost.instances("a")
    assert lost.running("a") == {}


@pytest.mark.parametrize(
    ("operations", "meanwhile", "later"),
    [
        (("start=0", "monitor@10000=7/0"), ({"a": Role.STARTED}, True), ({"a": Role.STARTED}, False)),
        (("monitor=7", "start=1/0"), ({"a": Role.STARTED}, True), ({"a": Role.STOPPED}, False)),
        (("start=0", "stop=1/0"), ({"a": Role.STARTED}, True), ({"a": Role.STARTED}, False)),
        (("start=0", "monitor=7"), ({"a": Role.STOPPED}, False), ({"a": Role.STOPPED}, False)),
    ],
    ids=["a monitor", "a start", "a stop", "a probe that found it stopped"],
)
def test_a_failure_counts_until_it_expires(cluster, history, operations, meanwhile, later) -> None:
    meta = '<meta_attributes id="m"><nvpair id="f" name="failure-timeout" value="1min"/></meta_attributes>'
    told = history("a", *operations).replace("<lrm_rsc_op ", '<lrm_rsc_op last-rc-change="1000" ')
    state = cluster(PRIMITIVE.format("a").replace("/>", f">{meta}</primitive>"), histories={"n1": told})
    for now, (roles, failed) in ((1059, meanwhile), (1060, later)):
        then = replace(state, now=now)
        assert then.roles["n1"] == roles
        assert then.failed == ({("a", "n1")} if failed else set())


def test_a_failure_that_blocks_does_not_expire(cluster, history) -> None:
    meta = '<meta_attributes id="m"><nvpair id="f" name="failure-timeout" value="60"/></meta_attributes>'
    ops = '<operations><op id="o" name="monitor" interval="10s" on-fail="block"/></operations>'
    told = history("a", "start=0", "monitor@10000=7/0").replace("<lrm_rsc_op ", '<lrm_rsc_op last-rc-change="1" ')
    state = cluster(PRIMITIVE.format("a").replace("/>", f">{meta}{ops}</primitive>"), histories={"n1": told})
    assert replace(state, now=1000).failed == {("a", "n1")}


def test_of_a_unique_clone_a_node_may_have_several_instances(cluster, history) -> None:
    unique = '<meta_attributes id="m"><nvpair id="g" name="globally-unique" value="true"/></meta_attributes>'
    state = cluster(
        f'<clone id="c">{unique}{PRIMITIVE.format("a")}</clone>',
        histories={"n1": history("a:0", "start=0", "promote=0") + history("a:1", "start=0", "stop=1/0")},
    )
    assert state.instances("a") == {"n1": Role.PROMOTED}
    assert state.failed == {("a", "n1")}


def test_a_remote_takes_part_while_its_connection_is_up(cluster, history) -> None:
    state = cluster(REMOTE, histories={"n1": history("r1", "start=0")})
    assert state.takes_part("r1")
    assert not state.with_node(state.node("n1").with_attributes(VANISHED)).takes_part("r1")


MIGRATED = (
    '<lrm_rsc_op id="a_{task}_0" operation="{task}" call-id="{call}" rc-code="{rc}" op-status="0" interval="0"'
)
MIGRATED += ' transition-key="1:1:0:dc" migrate_source="n1" migrate_target="n2" last-rc-change="5"/>'


def migration(history, call: int, task: str, rc: int = 0) -> str:
    return history.replace("</lrm_resource>", MIGRATED.format(task=task, call=call, rc=rc) + "</lrm_resource>")


def test_a_migration_half_done_may_be_active_on_both_nodes(cluster, history) -> None:
    source = migration(history("a", "start=0"), 2, "migrate_to")
    target = history("a", "monitor=7")

    def where(*histories: str) -> set[str]:
        return set(
            cluster(PRIMITIVE.format("a"), histories=dict(zip(("n1", "n2"), histories, strict=True))).instances(
                "a"
            )
        )

    assert where(source, target) == {"n1", "n2"}
    assert where(source, history("a")) == {"n1"}  # nothing is known of the target: it will be asked
    assert where(source, migration(target, 2, "migrate_from")) == {"n2"}
    assert where(source, migration(target, 2, "migrate_from", rc=1)) == {"n1", "n2"}
    failed = migration(history("a", "start=0"), 2, "migrate_to", rc=1)
    assert where(failed, target) == {"n1"}


def test_equal_states_have_one_key_whoever_counted(cluster, history) -> None:
    one = cluster(PRIMITIVE.format("a"), histories={"n1": history("a", "start=0")})
    node = one.nodes["n1"]
    later = {**node.histories["a"].operations["a_start_0"], "call-id": "99", "last-rc-change": "7"}
    same = one.with_node(node.with_history(node.histories["a"].with_operation(later)))
    other = one.with_node(node.with_transient({"master-a": "5"}))
    assert same.key == one.key
    assert len({one.key, other.key, one.with_quorum(quorate=False).key}) == 3
