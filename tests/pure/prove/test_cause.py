from xml.etree import ElementTree as ET

import pytest

from designs import BROKEN, GOOD
from quorate.prove import cause, intent
from quorate.prove.apparent import apparent, unfenced
from quorate.prove.configuration import Configuration
from quorate.prove.edits import Edit, candidates, described
from quorate.prove.event import Fails
from quorate.prove.proof import Question, Refutation
from quorate.prove.properties import ALL, Breach
from quorate.prove.scheduler import LOCAL
from quorate.prove.settle import Situation, Trace
from quorate.prove.state import State, read

STEADY = Situation("steady", "steady", ())


def design(name: str) -> State:
    return read(next(each.cib for each in (*BROKEN, *GOOD) if each.name == name))


def edits(name: str, breach: Breach, situation: Situation = STEADY) -> list[Edit]:
    return list(candidates(design(name).configuration, breach, situation))


def remedies(found: list[Edit], element: str) -> list[str]:
    return [each.remedy for each in found if each.element == element]


def resulting(edit: Edit, name: str) -> Configuration:
    return edit.applied(design(name).configuration)


VIP = Breach("vip-with-haproxy", "", resources=("vip-internal", "haproxy"))


def test_a_missing_constraint_is_one_between_the_clones_of_what_the_breach_is_about() -> None:
    found = next(
        each for each in edits("vip-without-proxy", VIP) if each.text.startswith("there is no colocation")
    )
    assert found.text == "there is no colocation of vip-internal with haproxy-clone"
    assert found.element is None
    (made,) = [
        each
        for each in resulting(found, "vip-without-proxy").colocations
        if {each.resource, each.with_resource} == {"vip-internal", "haproxy-clone"}
    ]
    assert (made.resource, made.score) == ("vip-internal", 1_000_000)


def test_a_constraint_that_is_there_is_not_added() -> None:
    assert not any(each.text.startswith("there is no") for each in edits("controllers-3", VIP))


def test_an_order_is_tried_in_the_other_kind_before_it_is_turned_or_removed() -> None:
    order = "order-haproxy-clone-vip-internal"
    found = remedies(edits("vip-restarts-with-proxy", VIP), order)
    assert found[0] == "kind=Optional"
    assert found.index("kind=Optional") < found.index("without it")
    assert any(each.startswith("the other way round") for each in found)


def test_a_turned_order_has_its_actions_with_its_resources() -> None:
    breach = Breach("undisturbed", "", resources=("galera", "keystone"))
    order = "order-galera-clone-keystone-clone"
    found = edits("controllers-3", breach)
    turned = next(each for each in found if each.element == order and "way round" in each.remedy)
    (made,) = [each for each in resulting(turned, "controllers-3").orders if each.id == order]
    assert (made.first, made.first_action) == ("keystone-clone", "start")
    assert (made.then, made.then_action) == ("galera-clone", "promote")


def test_what_is_to_hold_is_not_done_away_with() -> None:
    order = "order-p_cinder-fs-p_cinder-volume"
    breach = Breach("order", "", resources=("p_cinder-fs", "p_cinder-volume"), constraint=order)
    assert remedies(edits("file-system-optional", breach), order) == ["kind=Mandatory"]


def test_what_failed_counts_as_what_the_breach_is_about() -> None:
    breach = Breach("undisturbed", "", resources=("keystone",))
    situation = Situation("", "monitor-fails", (Fails("galera", "ctl1"),))
    assert edits("api-restarts-with-database", breach, situation)[0].text == (
        "order-galera-clone-keystone-clone has kind=Mandatory"
    )


@pytest.mark.parametrize(
    ("name", "resource", "text"),
    [
        ("clone-not-interleaved", "neutron-l3-agent", "neutron-l3-agent-clone: interleave=false"),
        ("no-stickiness", "vip-internal", "the default for all resources, resource-stickiness=0"),
        ("starts-without-fencing", "cinder-volume", "cinder-volume: requires=nothing"),
        ("left-stopped", "keystone", "keystone-clone: target-role=Stopped"),
        ("stop-blocks", "cinder-volume", "cinder-volume: its stop has on-fail=block"),
        ("one-galera-promoted", "galera", "galera-clone: promoted-max=1"),
        ("group-unordered", "p_mysql", "g_database: ordered=false"),
        ("no-clone-max", "haproxy", "haproxy-clone: clone-max is not set"),
    ],
)
def test_a_setting_is_edited_where_it_is(name: str, resource: str, text: str) -> None:
    found = edits(name, Breach("service-running", "", resources=(resource,)))
    assert text in [each.text for each in found[:3]]


@pytest.mark.parametrize(
    "text", ["maintenance-mode=true", "no-quorum-policy=ignore", "ctl3: standby=on", "symmetric-cluster=false"]
)
def test_the_cluster_s_own_settings_are_tried_whatever_the_breach_is_about(text: str) -> None:
    names = ("left-in-maintenance", "quorum-ignored", "node-left-in-standby", "nowhere-allowed")
    assert any(text == each.text for name in names for each in edits(name, Breach("cold-start", "")))


def test_a_good_design_has_no_setting_to_be_doubted() -> None:
    breach = Breach("service-running", "", resources=("haproxy",))
    assert [each.text for each in edits("controllers-3", breach) if "kind=" not in each.text][:1] == [
        "colocation-vip-internal-haproxy-clone: vip-internal with haproxy-clone"
    ]


@pytest.mark.parametrize("name", [each.name for each in BROKEN])
def test_every_edit_gives_another_configuration(name: str) -> None:
    conf = design(name).configuration
    for each in edits(name, Breach("service-running", "", resources=("haproxy", "vip-internal"))):
        assert each.applied(conf).digest != conf.digest, each


def test_a_constraint_is_described_if_its_id_does_not_do_it() -> None:
    about = {"first": "a", "then": "b"}
    assert described(ET.Element("rsc_order", {"id": "o1", **about})) == "o1 (order of a, b)"
    assert described(ET.Element("rsc_order", {"id": "order-a-b", **about})) == "order-a-b"


@pytest.mark.parametrize(
    ("name", "node", "text", "element"),
    [
        ("fencing-off", "ctl1", "stonith-enabled=false", "stonith-enabled"),
        ("node-without-device", "ctl3", "no device fences ctl3", None),
        (
            "device-with-wrong-name",
            "ctl3",
            "fence-ctl3 fences ctl3.example.com by its",
            "fence-ctl3",
        ),
        ("device-map-misspelt", "ctl3", "fence-ctl3 fences clt3 by its pcmk_host_map", "fence-ctl3"),
        ("device-left-stopped", "ctl2", "which is disabled: target-role=Stopped", "fence-ctl2"),
        ("device-allowed-nowhere", "ctl2", "is kept from every other node", "location-fence-ctl2-ctl1"),
        ("level-of-unknown-device", "ctl2", "level 1 of ctl2 names fence-ctl2-ipmi", "fence-ctl2-ipmi"),
        ("level-of-another-nodes-device", "ctl2", "names fence-ctl3, which fences ctl3", "fence-ctl3"),
        ("remote-without-device", "compute2", "no device fences compute2", None),
    ],
)
def test_why_a_node_cannot_be_fenced_is_said_without_a_trial(
    name: str, node: str, text: str, element: str | None
) -> None:
    found = apparent(design(name).configuration, Breach("fencible", "", nodes=(node,)))
    assert found is not None
    assert text in found.text
    assert found.element == element


def test_a_node_that_can_be_fenced_gives_no_cause() -> None:
    conf = design("controllers-3").configuration
    assert [unfenced(conf, node) for node in conf.nodes] == [None] * 3


def test_a_monitor_that_is_missing_or_without_consequence_is_named() -> None:
    name = "promoted-not-monitored"
    breach = Breach("watched", "a failure of galera (promoted) has no consequence", resources=("galera",))
    found = apparent(design(name).configuration, breach)
    assert found is not None
    assert found.text == "galera has no recurring monitor for the role Promoted"
    breach = Breach("watched", "a failure of haproxy (started) has no consequence", resources=("haproxy",))
    found = apparent(design("monitor-ignored").configuration, breach)
    assert found is not None
    assert found.text == "the monitor of haproxy (Started) has on-fail=ignore"


def test_what_crm_verify_says_leads_to_the_constraint() -> None:
    said = 'IDREF attribute with-rsc references an unknown ID "haproxy-all"; error: CIB did not pass'
    found = apparent(design("constraint-on-unknown-resource").configuration, Breach("accepted", said))
    assert found is not None
    assert found.element == "colocation-vip-internal-haproxy-clone"
    assert found.text.endswith("names haproxy-all, which does not exist")


def test_one_address_of_two_resources_is_named() -> None:
    breach = Breach("once", "", resources=("vip-internal", "vip-public"))
    found = apparent(design("one-address-twice").configuration, breach)
    assert found is not None
    assert found.text == "vip-internal and vip-public both have ip=192.0.2.10"


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("left-in-maintenance", "maintenance-mode=true"),
        ("left-unmanaged", "cinder-volume: is-managed=false"),
        ("left-stopped", "keystone-clone: target-role=Stopped"),
        ("moved-by-hand", "cli-prefer-vip-public"),
        ("banned-by-hand", "cli-ban-g_controller-on-ctl2"),
    ],
)
def test_what_was_left_behind_is_found_without_playing(name: str, text: str) -> None:
    state = design(name)
    question = Question(state, intent.of(state.configuration), LOCAL, properties=("managed",))
    breach = ALL["managed"].judge(Trace(STEADY, state, ()), question.intent).breaches[0]
    found = cause.find(question, Refutation(breach, STEADY))
    assert found is not None
    assert text in found.text
