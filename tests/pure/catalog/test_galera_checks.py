import json

import pytest

from quorate.catalog import galera
from quorate.model.check import no

NODES = ("ctl1", "ctl2", "ctl3")
STATE = {
    "wsrep_cluster_status": "Primary",
    "wsrep_local_state_comment": "Synced",
    "wsrep_ready": "ON",
    "wsrep_cluster_size": "3",
    "wsrep_cluster_state_uuid": "a2d0190a-e53b-11f1-8844-a303bb7f1fae",
    "innodb_flush_log_at_trx_commit": "1",
}
WELL = {"state": STATE, "write": None, "read": dict.fromkeys(NODES)}
ALL_WELL = dict.fromkeys(NODES, WELL)


def judged(design, name, answers):
    check = next(each for each in galera.checks(design) if each.name == name)
    (probe,) = check.probes
    assert check.probes[probe] == NODES
    return list(check.judge({probe: answers}))


def with_state(node, **changes):
    return ALL_WELL | {node: WELL | {"state": STATE | changes}}


@pytest.mark.parametrize("name", ["galera-members", "galera-write"])
def test_all_is_well(design, name):
    assert [result.verdict.value for result in judged(design, name, ALL_WELL)] == ["yes"]


@pytest.mark.parametrize(
    ("key", "value"),
    [
        ("wsrep_local_state_comment", "Donor/Desynced"),
        ("wsrep_cluster_status", "non-Primary"),
        ("wsrep_ready", "OFF"),
        ("innodb_flush_log_at_trx_commit", "2"),
    ],
)
def test_a_member_that_is_not_well_is_named(design, key, value):
    wanted = STATE[key]
    assert judged(design, "galera-members", with_state("ctl2", **{key: value})) == [
        no(f"{key} is {value}, not {wanted}", "ctl2")
    ]


def test_a_paused_member_is_named_and_the_others_size_is_not_their_fault(design):
    smaller = WELL | {"state": STATE | {"wsrep_cluster_size": "2"}}
    answers = {"ctl1": smaller, "ctl2": WELL | {"state": {"error": "timed out"}}, "ctl3": smaller}
    assert judged(design, "galera-members", answers) == [
        no("the server does not answer: timed out", "ctl2"),
        no("2 of 3 members are together (seen from ctl1, ctl3)"),
    ]


def test_a_node_that_gave_no_answer_is_missed_by_the_others(design):
    smaller = WELL | {"state": STATE | {"wsrep_cluster_size": "2"}}
    assert judged(design, "galera-members", {"ctl1": smaller, "ctl3": smaller}) == [
        no("2 of 3 members are together (seen from ctl1, ctl3)")
    ]


def test_two_histories(design):
    results = judged(design, "galera-members", with_state("ctl3", wsrep_cluster_state_uuid="other"))
    assert {result.node for result in results} == set(NODES)
    assert no("has history other", "ctl3") in results


def test_a_write_that_fails_and_a_read_that_fails(design):
    refused = WELL | {"write": "Access denied", "read": {}}
    stale = WELL | {"read": dict.fromkeys(NODES) | {"ctl2": "timed out"}}
    assert judged(design, "galera-write", {"ctl1": refused, "ctl2": WELL, "ctl3": stale}) == [
        no("write through the proxy: Access denied", "ctl1"),
        no("read: timed out (seen from ctl3)", "ctl2"),
    ]


def test_every_database_has_a_check(design):
    names = [check.name for check in galera.checks(design) if check.name.startswith("database-")]
    assert names == ["database-quorate", "database-keystone"]


def test_a_user_that_is_not_let_in(design):
    ways = {"127.0.0.1:3306": None, "10.77.1.10:3306": None}
    well = {"keystone": ways, "quorate": ways}
    closed = {"keystone": ways | {"10.77.1.10:3306": "Access denied"}, "quorate": ways}
    assert [r.verdict.value for r in judged(design, "database-keystone", dict.fromkeys(NODES, well))] == ["yes"]
    assert judged(design, "database-keystone", dict.fromkeys(NODES, closed)) == [
        no("10.77.1.10:3306: Access denied (seen from ctl1, ctl2, ctl3)")
    ]
    assert judged(design, "database-keystone", dict.fromkeys(NODES, well) | {"ctl2": closed}) == [
        no("10.77.1.10:3306: Access denied", "ctl2")
    ]


def test_passwords_are_references_on_standard_input(design):
    for check in galera.checks(design):
        for probe in check.probes:
            assert "${secret:database/quorate}" in probe.stdin
            assert not any("secret:" in word for word in probe.argv)
            json.loads(probe.stdin)
