import json
from dataclasses import replace
from pathlib import Path

import pytest

from quorate.model.check import no, unknown
from quorate.model.cloud import Fencing
from quorate.verify import cluster

NODES = ("ctl1", "ctl2", "ctl3")
# crm_mon's own words about the design's resources, all where they belong.
SEEN = Path(__file__).with_name("status.xml").read_text()
NOT_CONNECTED = (
    '<pacemaker-result><status code="102"><errors><error>crm_mon: Connection to cluster failed: Connection refused'
    "</error></errors></status></pacemaker-result>"
)


def output(stdout=SEEN, rc=0, stderr=""):
    return {"rc": rc, "stdout": stdout, "stderr": stderr}


STOPPED = output(NOT_CONNECTED, 102)


def changed(old, new):
    assert old in SEEN
    return output(SEEN.replace(old, new, 1))


def instance(resource, node, **attributes):
    """The view with one instance's attributes changed; `node` None: it runs nowhere."""
    begin = next(
        at
        for at in starts(f'<resource id="{resource}"')
        if f'name="{node}"' in SEEN[at : SEEN.index("</resource>", at)]
    )
    end = SEEN.index("</resource>", begin)
    text = SEEN[begin:end]
    for name, value in attributes.items():
        before, _, rest = text.partition(f'{name}="')
        text = f'{before}{name}="{value}"{rest[rest.index(chr(34)) + 1 :]}'
    if attributes.get("role") == "Stopped":
        text = text[: text.index("<node ")]
    return output(SEEN[:begin] + text + SEEN[end:])


def starts(text):
    at = SEEN.find(text)
    while at >= 0:
        yield at
        at = SEEN.find(text, at + 1)


def judged(design, name, *answers):
    check = next(each for each in cluster.checks(design) if each.name == name)
    return list(check.judge(dict(zip(check.probes, answers, strict=True))))


ALL = dict.fromkeys(NODES, output())
NO_CONSTRAINTS = {"ctl1": output("<constraints/>")}


@pytest.mark.parametrize("name", ["quorum", "resources", "failed-actions"])
def test_all_is_well(design, name):
    (result,) = judged(design, name, ALL)
    assert result.verdict.value == "yes"


def test_every_node_is_asked_for_its_own_view_once(design):
    checks = list(cluster.checks(design))
    assert all(check.probes[cluster.VIEW] == NODES for check in checks)


def test_quorum_without_pacemaker_on_a_node(design):
    assert judged(design, "quorum", ALL | {"ctl2": STOPPED}) == [
        no("Pacemaker does not answer: Connection to cluster failed: Connection refused", "ctl2")
    ]


def test_quorum_with_a_member_missing(design):
    view = changed('name="ctl3" id="3" online="true"', 'name="ctl3" id="3" online="false"')
    assert judged(design, "quorum", {"ctl1": view, "ctl2": view}) == [
        no("not online (seen from ctl1, ctl2)", "ctl3")
    ]


def test_quorum_of_a_part(design):
    alone = SEEN.replace('with_quorum="true"', 'with_quorum="false"').replace(
        'name="ctl1" id="1" with', 'name="ctl3" with'
    )
    for node in ("ctl1", "ctl2"):
        alone = alone.replace(
            f'name="{node}" id="{node[-1]}" online="true"', f'name="{node}" id="{node[-1]}" online="false"'
        )
    results = judged(design, "quorum", ALL | {"ctl3": output(alone)})
    assert no("has no quorum, sees ctl3", "ctl3") in results
    assert no("not online (seen from ctl3)", "ctl1") in results
    assert no("obeys ctl3", "ctl3") in results


@pytest.mark.parametrize(
    ("view", "expected"),
    [
        (instance("memcached", "ctl2", role="Stopped"), no("memcached does not run", "ctl2")),
        (instance("galera", "ctl3", role="Unpromoted"), no("galera is Unpromoted, not Promoted", "ctl3")),
        (instance("keystone", "ctl1", failed="true"), no("keystone has failed", "ctl1")),
        (instance("rabbitmq", "ctl1", blocked="true"), no("rabbitmq is blocked", "ctl1")),
        (instance("keystone", "ctl2", orphaned="true"), no("keystone is not in the configuration", "ctl2")),
        (instance("vip-internal", "ctl3", role="Stopped"), no("vip-internal is active on none, wanted on one")),
        (
            changed('<node name="ctl2" id="2" cached="true"/>', '<node name="ctl1" id="1" cached="true"/>'),
            no("fence-ctl1 runs on the node that it fences", "ctl1"),
        ),
    ],
)
def test_a_resource_that_is_not_where_it_belongs(design, view, expected):
    assert judged(design, "resources", dict.fromkeys(NODES, view)) == [expected]


def test_the_view_with_quorum_is_believed(design):
    alone = output(
        instance("memcached", "ctl1", role="Stopped")["stdout"].replace(
            'with_quorum="true"', 'with_quorum="false"'
        )
    )
    assert judged(design, "resources", {"ctl1": alone, "ctl2": output()})[0].verdict.value == "yes"


@pytest.mark.parametrize("name", ["resources", "failed-actions"])
def test_no_view_no_verdict(design, name):
    assert judged(design, name, {"ctl1": STOPPED}) == [unknown("no node could say: Pacemaker does not answer")]


def test_a_failed_action_names_its_node_and_reason(design):
    failure = '<failure op_key="galera_promote_0" node="ctl2" exitreason="no datadir"/>'
    view = changed("</pacemaker-result>", f"<failures>{failure}</failures></pacemaker-result>")
    assert judged(design, "failed-actions", dict.fromkeys(NODES, view)) == [
        no("galera_promote_0: no datadir", "ctl2")
    ]


def test_nothing_is_held(design):
    constraints = {"ctl1": output('<constraints><rsc_location id="location-a-b" rsc="a" node="b"/></constraints>')}
    (result,) = judged(design, "held-by-hand", ALL, constraints)
    assert result.verdict.value == "yes"


@pytest.mark.parametrize(
    ("view", "constraints", "expected"),
    [
        (
            changed('maintenance-mode="false"', 'maintenance-mode="true"'),
            "",
            no("the property maintenance-mode is set"),
        ),
        (
            changed('id="2" online="true" standby="false"', 'id="2" online="true" standby="true"'),
            "",
            no("in standby", "ctl2"),
        ),
        (instance("haproxy", "ctl3", managed="false"), "", no("haproxy is unmanaged", "ctl3")),
        (
            output(),
            '<rsc_location id="cli-ban-vip-internal-on-ctl1" rsc="vip-internal" node="ctl1" score="-INFINITY"/>',
            no("constraint cli-ban-vip-internal-on-ctl1 was left: crm_resource --clear"),
        ),
    ],
)
def test_what_is_held_by_hand(design, view, constraints, expected):
    held = {"ctl1": output(f"<constraints>{constraints}</constraints>")}
    assert judged(design, "held-by-hand", dict.fromkeys(NODES, view), held) == [expected]


def test_a_node_in_maintenance_and_constraints_that_cannot_be_read(design):
    view = changed('standby_onfail="false" maintenance="false"', 'standby_onfail="false" maintenance="true"')
    results = judged(design, "held-by-hand", {"ctl1": view}, {"ctl2": output("", 102, "not connected\n")})
    assert results == [no("in maintenance", "ctl1"), unknown("cibadmin exited 102: not connected", "ctl2")]


def powers(target, asker, **said):
    return {asker: {"members": list(NODES), "devices": {f"fence-{target}": {"power": "on"} | said}}}


FENCING = [powers("ctl1", "ctl2"), powers("ctl2", "ctl3"), powers("ctl3", "ctl1")]


def test_no_device_is_asked_from_its_target(design):
    check = next(each for each in cluster.checks(design) if each.name == "fencing")
    asked = {
        json.loads(probe.stdin)["target"]: (nodes, probe.once)
        for probe, nodes in check.probes.items()
        if probe.stdin
    }
    assert asked == {
        "ctl1": (("ctl2", "ctl3"), True),
        "ctl2": (("ctl3", "ctl1"), True),
        "ctl3": (("ctl1", "ctl2"), True),
    }


def test_every_device_tells_the_truth(design):
    (result,) = judged(design, "fencing", ALL, *FENCING)
    assert (result.verdict.value, result.seen) == ("yes", "fence-ctl1 on; fence-ctl2 on; fence-ctl3 on")


@pytest.mark.parametrize(
    ("answer", "expected"),
    [
        (
            {"ctl2": {"members": list(NODES), "devices": {"fence-ctl1": {"error": "invalid password"}}}},
            no(
                "fence-ctl1 does not answer ctl2: invalid password; are its address, user and password right?",
                "ctl1",
            ),
        ),
        (
            powers("ctl1", "ctl2", power="off"),
            no("fence-ctl1 says off, yet ctl1 is a running member (asked from ctl2)", "ctl1"),
        ),
        (
            {"ctl2": {"members": ["ctl2", "ctl3"], "devices": {"fence-ctl1": {"power": "on"}}}},
            unknown("fence-ctl1 says on, yet ctl1 is no member: starting, or hung", "ctl1"),
        ),
        (
            {"ctl2": {"error": "crm_node: not connected"}},
            unknown("its devices could not be asked from ctl2: crm_node: not connected", "ctl1"),
        ),
    ],
)
def test_what_is_wrong_with_a_device(design, answer, expected):
    assert judged(design, "fencing", ALL, answer, *FENCING[1:]) == [expected]


def test_a_dead_node_whose_device_says_off(design):
    off = {"ctl2": {"members": ["ctl2", "ctl3"], "devices": {"fence-ctl1": {"power": "off"}}}}
    (result,) = judged(design, "fencing", ALL, off, *FENCING[1:])
    assert result.verdict.value == "yes"


def test_fencing_that_somebody_switched_off(design):
    view = changed('stonith-enabled="true"', 'stonith-enabled="false"')
    assert judged(design, "fencing", dict.fromkeys(NODES, view), *FENCING) == [
        no("is off: stonith-enabled is not true")
    ]


def test_fencing_that_the_file_does_without_is_said_loud(design):
    bare = replace(design, cloud=replace(design.cloud, fencing=Fencing((), "no BMC on loan")))
    view = changed('stonith-enabled="true"', 'stonith-enabled="false"')
    (result,) = judged(bare, "fencing", dict.fromkeys(NODES, view))
    assert (result.verdict.value, result.seen) == ("yes", "OFF, as the file says: no BMC on loan")
