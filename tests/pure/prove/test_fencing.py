from collections.abc import Sequence

import pytest

from quorate.prove.fencing import devices, fencible, levels, overreaching, targets, unfencible, usable
from quorate.prove.state import VANISHED, State

OTHERS = ("n2", "n3")


def device(name: str, meta: str = "", agent: str = "fence_ipmilan", **parameters: str) -> str:
    pairs = "".join(
        f'<nvpair id="{name}-{each}" name="{each}" value="{parameters[each]}"/>' for each in parameters
    )
    told = f'<instance_attributes id="{name}-i">{pairs}</instance_attributes>'
    return f'<primitive id="{name}" class="stonith" type="{agent}">{meta}{told}</primitive>'


def level(node: str, index: int, names: str, how: str = "target") -> str:
    return f'<fencing-level id="l-{node}-{index}" {how}="{node}" index="{index}" devices="{names}"/>'


def topology(*found: str) -> str:
    return f"<fencing-topology>{''.join(found)}</fencing-topology>"


EACH = "".join(device(f"f{number}", pcmk_host_list=f"n{number}") for number in (1, 2, 3))


def named(cluster, **parameters: str) -> frozenset[str] | None:
    (found,) = devices(cluster(device("f", **parameters)).configuration)
    return targets(found)


@pytest.mark.parametrize(
    ("parameters", "expected"),
    [
        ({"pcmk_host_list": "n1,n2"}, {"n1", "n2"}),
        ({"pcmk_host_list": " n1 n2;n3"}, {"n1", "n2", "n3"}),
        ({"pcmk_host_map": "n1:4;N2=p2"}, {"n1", "4", "n2", "p2"}),  # the device's own names count, too
        ({"pcmk_host_list": "n1", "pcmk_host_map": "n2:5"}, {"n1", "n2", "5"}),
        ({"pcmk_host_list": "n1", "pcmk_host_check": "static-list"}, {"n1"}),
        ({"pcmk_host_check": "static-list"}, set()),
        ({}, None),  # asks its agent (dynamic-list), which may know any
        ({"pcmk_host_check": "none", "pcmk_host_list": "n1"}, None),
        ({"pcmk_host_check": "status"}, None),
        ({"pcmk_host_check": "dynamic-list", "pcmk_host_list": "n1"}, None),
    ],
)
def test_the_nodes_that_a_device_names(cluster, parameters: dict[str, str], expected: set[str] | None) -> None:
    assert named(cluster, **parameters) == expected


def test_without_a_topology_each_device_that_names_a_node_fences_it(cluster) -> None:
    conf = cluster(EACH + device("all")).configuration
    assert levels(conf, "n1") == (("f1",), ("all",))
    assert fencible(conf, "n1", OTHERS, broken=["f1"])
    assert not fencible(conf, "n1", OTHERS, broken=["f1", "all"])


def test_with_a_topology_only_the_devices_of_a_nodes_levels_do_all_of_a_level_together(cluster) -> None:
    resources = EACH + device("pdu1", pcmk_host_list="n1") + device("pdu2", pcmk_host_list="n1")
    conf = cluster(resources, more=topology(level("n1", 1, "f1"), level("n1", 2, "pdu1,pdu2"))).configuration
    assert levels(conf, "n1") == (("f1",), ("pdu1", "pdu2"))
    assert fencible(conf, "n1", OTHERS, broken=["f1"])
    assert fencible(conf, "n1", OTHERS, broken=["pdu2"])
    assert not fencible(conf, "n1", OTHERS, broken=["f1", "pdu2"])
    assert levels(conf, "n2") == (("f2",),)


def test_levels_may_be_for_a_pattern(cluster) -> None:
    conf = cluster(device("f"), more=topology(level("n[12]", 1, "f", "target-pattern"))).configuration
    assert levels(conf, "n2") == (("f",),)
    part = cluster(device("f"), more=topology(level("2", 1, "f", "target-pattern"))).configuration
    assert part.levels_for("n2") == (("f",),)
    bad = cluster(device("f"), more=topology(level("n[", 1, "f", "target-pattern"))).configuration
    assert levels(bad, "n2") == (("f",),)


def test_a_level_that_names_no_device_fences_nobody(cluster) -> None:
    conf = cluster(EACH, more=topology(level("n1", 1, ""), level("n2", 1, "gone"))).configuration
    assert not fencible(conf, "n1", OTHERS)
    assert not fencible(conf, "n2", ("n1", "n3"))


def ban(name: str, *nodes: str) -> str:
    return "".join(
        f'<rsc_location id="b-{name}-{node}" rsc="{name}" node="{node}" score="-INFINITY"/>' for node in nodes
    )


@pytest.mark.parametrize(("by", "can"), [(("n2", "n3"), True), (("n2",), False), ((), False)])
def test_a_member_from_which_a_device_is_banned_cannot_use_it(cluster, by: Sequence[str], can: bool) -> None:
    conf = cluster(EACH, constraints=ban("f1", "n1", "n2")).configuration
    assert usable(conf, "f1", by, "n1") is can


def test_a_member_that_a_device_would_rather_not_run_on_cannot_use_it(cluster) -> None:
    reluctant = '<rsc_location id="1" rsc="f1" node="n2" score="-1"/>'
    conf = cluster(EACH, constraints=reluctant).configuration
    assert not usable(conf, "f1", ("n2",), "n1")
    assert usable(conf, "f1", OTHERS, "n1")


def test_where_a_devices_monitor_runs_does_not_matter(cluster) -> None:
    assert usable(cluster(EACH).configuration, "f1", OTHERS, "n1")


def test_a_device_that_is_disabled_is_not_used(cluster) -> None:
    off = '<meta_attributes id="m"><nvpair id="t" name="target-role" value="Stopped"/></meta_attributes>'
    conf = cluster(device("f1", off, pcmk_host_list="n1")).configuration
    assert not usable(conf, "f1", OTHERS, "n1")


def test_in_an_opt_in_cluster_a_device_works_where_a_location_lets_it(cluster) -> None:
    allowed = '<rsc_location id="1" rsc="f1" node="n2" score="0"/>'
    conf = cluster(EACH, constraints=allowed, options={"symmetric-cluster": "false"}).configuration
    assert usable(conf, "f1", ("n2",), "n1")
    assert not usable(conf, "f1", ("n3",), "n1")


def test_what_is_no_device_fences_nobody(cluster) -> None:
    conf = cluster(EACH + '<primitive id="a" class="ocf" provider="heartbeat" type="Dummy"/>').configuration
    assert [each.id for each in devices(conf)] == ["f1", "f2", "f3"]
    assert not usable(conf, "a", OTHERS, "n1")
    assert not usable(conf, "f9", OTHERS, "n1")
    assert not usable(conf, "f2", OTHERS, "n1")


def without(state: State, *nodes: str) -> State:
    for node in nodes:
        state = state.with_node(state.node(node).with_attributes(VANISHED))
    return state


def test_nobody_fences_itself(cluster) -> None:
    state = cluster(EACH)
    assert unfencible(state) == ()
    assert unfencible(state, broken=["f2"]) == ("n2",)
    assert unfencible(without(state, "n2", "n3")) == ("n1",)


def test_a_device_that_reaches_one_machine_and_names_several(cluster) -> None:
    resources = device("one", pcmk_host_map="n1:bmc1") + device("many", pcmk_host_list="n1 n2") + device("any")
    found = dict(overreaching(cluster(resources + device("pdu", agent="fence_apc")).configuration))
    assert found == {"many": {"n1", "n2"}, "any": {"n1", "n2", "n3"}}
