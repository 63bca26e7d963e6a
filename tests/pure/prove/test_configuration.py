from xml.etree import ElementTree as ET

import pytest

from quorate.prove import alter
from quorate.prove.configuration import Configuration
from quorate.prove.constraint import Colocation, Order
from quorate.prove.spelling import INFINITY, milliseconds, score, true


def of(
    *, resources: str = "", constraints: str = "", more: str = "", crm_config: str = "", nodes: str = ""
) -> Configuration:
    return Configuration(
        ET.fromstring(
            f"<configuration><crm_config>{crm_config}</crm_config><nodes>{nodes}</nodes>"
            f"<resources>{resources}</resources><constraints>{constraints}</constraints>{more}</configuration>"
        )
    )


def pairs(tag: str, set_id: str, told: str, **values: str) -> str:
    inner = "".join(f'<nvpair id="{set_id}-{name}" name="{name}" value="{values[name]}"/>' for name in values)
    return f'<{tag} id="{set_id}" {told}>{inner}</{tag}>'


def primitive(name: str, inner: str = "", agent: str = 'class="ocf" provider="heartbeat" type="Dummy"') -> str:
    return f'<primitive id="{name}" {agent}>{inner}</primitive>'


def test_a_primitive_has_its_own_meta_attributes_then_those_of_what_it_is_in_then_the_defaults() -> None:
    conf = of(
        resources=f'<clone id="c">{pairs("meta_attributes", "c-m", "", b="clone", c="clone")}<group id="g">'
        f"{primitive('p', pairs('meta_attributes', 'p-m', '', c='own'))}</group></clone>",
        more=f"<rsc_defaults>{pairs('meta_attributes', 'd', '', a='default', b='default')}</rsc_defaults>",
    )
    found = conf.primitives["p"]
    assert (found.agent, found.group, found.clone) == ("ocf:heartbeat:Dummy", "g", "c")
    assert dict(found.meta) == {"a": "default", "b": "clone", "c": "own"}
    assert conf.collectives == {"p": ("p",), "g": ("p",), "c": ("p",)}


def test_a_template_gives_what_the_primitive_does_not_say() -> None:
    conf = of(
        resources='<template id="t" class="ocf" provider="heartbeat" type="VirtualDomain">'
        f"{pairs('instance_attributes', 't-i', '', config='a', hypervisor='b')}"
        '<operations><op id="t-1" name="monitor" interval="10s" timeout="30s"/></operations></template>'
        f'<primitive id="p" template="t">{pairs("instance_attributes", "p-i", "", config="c")}'
        '<operations><op id="p-1" name="start" interval="0" timeout="2min"/></operations></primitive>',
    )
    found = conf.primitives["p"]
    assert found.agent == "ocf:heartbeat:VirtualDomain"
    assert dict(found.parameters) == {"config": "c", "hypervisor": "b"}
    assert [(each["name"], each["timeout"]) for each in found.operations] == [
        ("start", "2min"),
        ("monitor", "30s"),
    ]


def test_of_several_sets_the_one_with_the_highest_score_counts_then_the_first() -> None:
    sets = (
        pairs("instance_attributes", "1", 'score="1"', a="low", b="first")
        + pairs("instance_attributes", "2", 'score="5"', a="high")
        + pairs("instance_attributes", "3", 'score="1"', b="second", c="third")
    )
    assert dict(of(resources=primitive("p", sets)).primitives["p"].parameters) == {
        "a": "high",
        "b": "first",
        "c": "third",
    }


def test_a_set_may_stand_elsewhere_and_one_with_a_rule_is_left_out() -> None:
    shared = pairs("meta_attributes", "shared", "", a="1")
    ruled = (
        '<meta_attributes id="r"><rule id="r-1" score="0"/><nvpair id="r-2" name="b" value="2"/></meta_attributes>'
    )
    conf = of(resources=primitive("p", shared) + primitive("q", f'<meta_attributes id-ref="shared"/>{ruled}'))
    assert dict(conf.primitives["q"].meta) == {"a": "1"}


def test_the_cluster_prefers_its_own_set_of_properties() -> None:
    conf = of(
        crm_config=pairs("cluster_property_set", "mine", "", a="mine", b="mine")
        + pairs("cluster_property_set", "cib-bootstrap-options", "", a="bootstrap")
    )
    assert conf.properties == {"a": "bootstrap", "b": "mine"}
    assert conf.enabled("c", default=True)


def test_defaults_of_operations_hold_where_they_say_nothing() -> None:
    conf = of(
        resources=primitive(
            "p",
            '<operations><op id="1" name="stop" interval="0" timeout="90s"/><op id="2" name="start" interval="0"/>'
            "</operations>",
        ),
        more=f"<op_defaults>{pairs('meta_attributes', 'd', '', timeout='60s')}</op_defaults>",
    )
    assert [each["timeout"] for each in conf.primitives["p"].operations] == ["90s", "60s"]


@pytest.mark.parametrize(
    "xml",
    [
        f'<clone id="c">{pairs("meta_attributes", "m", "", promotable="true")}{primitive("p")}</clone>',
        f'<master id="c">{primitive("p")}</master>',
        f'<bundle id="c"><podman image="i" promoted-max="1"/>{primitive("p")}</bundle>',
    ],
)
def test_what_is_promotable(xml: str) -> None:
    assert of(resources=xml).primitives["p"].promotable
    assert not of(resources=primitive("p")).primitives["p"].promotable


def test_members_remotes_and_guests() -> None:
    remote = primitive("r1", agent='class="ocf" provider="pacemaker" type="remote"')
    guest = primitive("vm", pairs("meta_attributes", "m", "", **{"remote-node": "g1"}))
    conf = of(
        resources=remote + guest,
        nodes='<node id="1" uname="n1"/><node id="2" uname="n2" type="member"/>'
        '<node id="r1" uname="r1" type="remote"/>',
    )
    assert conf.members == ("n1", "n2")
    assert conf.remotes == {"r1": "r1", "g1": "vm"}
    assert conf.nodes == ("n1", "n2", "r1", "g1")


def orders(xml: str) -> list[tuple[str, str, str, str, str]]:
    found = of(constraints=xml).orders
    return [(each.first, each.first_action, each.then, each.then_action, each.kind) for each in found]


def test_an_order_of_two() -> None:
    (plain, optional, promoted, serialized) = of(
        constraints='<rsc_order id="1" first="a" then="b"/><rsc_order id="2" first="a" then="b" score="0"/>'
        '<rsc_order id="3" first="a" first-action="promote" then="b" then-action="start" symmetrical="false"/>'
        '<rsc_order id="4" first="a" then="b" kind="Serialize"/>'
    ).orders
    assert plain == Order("1", "a", "start", "b", "start", "Mandatory", symmetrical=True)
    assert optional.kind == "Optional"
    assert (promoted.first_action, promoted.then_action, promoted.symmetrical) == ("promote", "start", False)
    assert (serialized.kind, serialized.symmetrical) == ("Serialize", False)


def refs(*names: str) -> str:
    return "".join(f'<resource_ref id="{name}"/>' for name in names)


def test_an_order_of_sets() -> None:
    found = orders(
        f'<rsc_order id="1"><resource_set id="s1">{refs("a", "b")}</resource_set>'
        f'<resource_set id="s2" sequential="false" action="promote">{refs("c", "d")}</resource_set></rsc_order>'
    )
    assert [(first, then) for first, _, then, _, _ in found] == [("a", "b"), ("b", "c"), ("b", "d")]
    assert found[1] == ("b", "start", "c", "promote", "Mandatory")


def colocations(xml: str) -> list[tuple[str, str, int]]:
    return [(each.resource, each.with_resource, each.score) for each in of(constraints=xml).colocations]


def test_a_colocation_of_two() -> None:
    (found,) = of(
        constraints='<rsc_colocation id="1" rsc="a" with-rsc="b" with-rsc-role="Promoted" score="INFINITY"/>'
    ).colocations
    assert found == Colocation("1", "a", "Started", "b", "Promoted", INFINITY)


def test_a_colocation_of_a_set_is_with_the_one_before_in_it() -> None:
    inner = f'<resource_set id="s">{refs("a", "b", "c")}</resource_set>'
    assert colocations(f'<rsc_colocation id="1" score="5">{inner}</rsc_colocation>') == [
        ("b", "a", 5),
        ("c", "b", 5),
    ]


def test_who_avoids_each_other_in_a_set_avoids_all_before() -> None:
    inner = f'<resource_set id="s">{refs("a", "b", "c")}</resource_set>'
    found = colocations(f'<rsc_colocation id="1" score="-INFINITY">{inner}</rsc_colocation>')
    assert [(one, other) for one, other, _ in found] == [("b", "a"), ("c", "a"), ("c", "b")]


def test_of_two_sets_the_first_depends_on_the_second() -> None:
    found = of(
        constraints='<rsc_colocation id="1" score="INFINITY">'
        f'<resource_set id="s1" sequential="false">{refs("a", "b")}</resource_set>'
        f'<resource_set id="s2" role="Promoted">{refs("c", "d")}</resource_set></rsc_colocation>'
    ).colocations
    between = {(each.resource, each.role, each.with_resource, each.with_role) for each in found}
    assert between == {
        ("d", "Promoted", "c", "Promoted"),
        ("a", "Started", "d", "Promoted"),
        ("b", "Started", "d", "Promoted"),
    }


def locations(xml: str) -> list[tuple[str, str | None, int]]:
    conf = of(resources=f'<group id="web">{primitive("a")}{primitive("b")}</group>', constraints=xml)
    return [(each.resource, each.node, each.score) for each in conf.locations]


def test_locations_of_one_of_sets_of_patterns_and_by_rule() -> None:
    assert locations('<rsc_location id="1" rsc="a" node="n1" score="-INFINITY"/>') == [("a", "n1", -INFINITY)]
    inner = f'<resource_set id="s" score="7">{refs("a", "b")}</resource_set>'
    assert locations(f'<rsc_location id="1" node="n1" score="5">{inner}</rsc_location>') == [
        ("a", "n1", 7),
        ("b", "n1", 7),
    ]
    assert locations('<rsc_location id="1" rsc-pattern="^w" node="n1" score="5"/>') == [("web", "n1", 5)]
    assert {name for name, _, _ in locations('<rsc_location id="1" rsc-pattern="!^w" node="n1" score="5"/>')} == {
        "a",
        "b",
    }
    rule = '<rule id="r" score="-INFINITY"><expression id="e" attribute="x" operation="defined"/></rule>'
    assert locations(f'<rsc_location id="1" rsc="a">{rule}</rsc_location>') == [("a", None, 0)]


def test_a_tag_stands_for_what_it_refers_to() -> None:
    conf = of(
        resources=f'<group id="g">{primitive("a")}{primitive("b")}</group>{primitive("c")}',
        more='<tags><tag id="t"><obj_ref id="g"/><obj_ref id="c"/></tag></tags>',
        constraints='<rsc_location id="1" rsc="t" node="n1" score="-INFINITY"/>',
    )
    assert conf.collectives["t"] == ("a", "b", "c")
    assert conf.banned("b", "n1")
    assert not conf.banned("b", "n2")


def test_how_much_a_resource_wants_to_be_on_a_node() -> None:
    constraints = (
        '<rsc_location id="1" rsc="g" node="n1" score="-200"/><rsc_location id="2" rsc="a" node="n1" score="50"/>'
        '<rsc_location id="3" rsc="a" node="n2" score="-INFINITY"/>'
    )
    resources = f'<group id="g">{primitive("a")}</group>'
    conf = of(resources=resources, constraints=constraints)
    assert [conf.preference("a", node) for node in ("n1", "n2", "n3")] == [-150, -INFINITY, 0]
    opt_in = conf.changed(alter.cluster_property("symmetric-cluster", "false"))
    assert [opt_in.preference("a", node) for node in ("n1", "n3")] == [-150, -INFINITY]


def level(number: int, index: int, devices: str, **target: str) -> str:
    told = " ".join(f'{name.replace("_", "-")}="{value}"' for name, value in target.items())
    return f'<fencing-level id="l{number}" index="{index}" devices="{devices}" {told}/>'


def test_the_levels_of_a_node() -> None:
    topology = (
        level(1, 2, "b", target="n1")
        + level(2, 1, "a, c", target="N1")
        + level(3, 1, "p", target_pattern="n[23]")
        + level(4, 1, "q", target_attribute="rack", target_value="r1")
        + level(5, 1, "x", target_pattern="(")
    )
    conf = of(
        nodes=f'<node id="4" uname="m4">{pairs("instance_attributes", "i", "", rack="r1")}</node>',
        more=f"<fencing-topology>{topology}</fencing-topology>",
    )
    assert conf.levels_for("n1") == (("a", "c"), ("b",))
    assert conf.levels_for("n20") == (("p",),)  # any part of the name may match
    assert conf.levels_for("m4") == (("q",),)
    assert conf.levels_for("m5") is None


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("10", 10_000),
        ("10s", 10_000),
        ("10 sec", 10_000),
        ("100ms", 100),
        ("2min", 120_000),
        ("2M", 120_000),
        ("1h", 3_600_000),
        ("1hr", 3_600_000),
        ("5000us", 5),
        ("1.5s", 1_000),
        ("PT1M30S", 90_000),
        ("P1DT1H", 90_000_000),
        ("never", 0),
        ("10 parsecs", 0),
        ("", 0),
    ],
)
def test_times(text: str, expected: int) -> None:
    assert milliseconds(text) == expected


def test_scores_and_truth() -> None:
    texts = ("INFINITY", "-infinity", "+INF", "-5", "+5", "2000000", "red")
    assert [score(each) for each in texts] == [INFINITY, -INFINITY, INFINITY, -5, 5, INFINITY, 0]
    assert [true(each) for each in ("true", "ON", "yes", "1", "false", "", None)] == [True] * 4 + [False] * 3


def test_a_change_leaves_the_original_alone() -> None:
    conf = of(resources=primitive("p"), nodes='<node id="1" uname="n1"/>')
    other = conf.changed(alter.meta("p", "target-role", "Stopped")).changed(
        alter.node_attribute("n1", "standby", "on")
    )
    assert other.primitives["p"].meta == {"target-role": "Stopped"}
    assert other.node_attributes("n1") == {"standby": "on"}
    assert conf.node_attributes("n1") == {}
    assert other != conf


def test_what_is_set_can_be_taken_away() -> None:
    conf = of()
    assert conf.changed(alter.cluster_property("a", "1")).properties == {"a": "1"}
    there = conf.changed(alter.cluster_property("a", "1"))
    assert there.changed(alter.cluster_property("a", None)).properties == {}


def test_a_change_of_what_is_not_there_is_an_error() -> None:
    with pytest.raises(KeyError, match="q"):
        of().changed(alter.meta("q", "a", "b"))
