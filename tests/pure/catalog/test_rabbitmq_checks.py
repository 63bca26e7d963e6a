import json

import pytest

from quorate.catalog import rabbitmq
from quorate.model.check import no, unknown

NODES = ("ctl1", "ctl2", "ctl3")
BROKERS = [f"rabbit@{node}" for node in NODES]
WHOLE = {"alarms": [], "disk_nodes": BROKERS, "running_nodes": BROKERS, "partitions": {}}


def check(design, name):
    return next(each for each in rabbitmq.checks(design) if each.name == name)


def judged(design, name, answers):
    asked = check(design, name)
    (probe,) = asked.probes
    return list(asked.judge({probe: answers}))


def status(**changes):
    return {"ctl1": {"rc": 0, "stdout": json.dumps(WHOLE | changes), "stderr": ""}}


def test_a_whole_cluster(design):
    (result,) = judged(design, "rabbitmq-members", status())
    assert (result.verdict.value, result.seen) == ("yes", "3 of 3 brokers running, no partition, no alarm")


@pytest.mark.parametrize(
    ("changes", "expected"),
    [
        ({"running_nodes": BROKERS[:2]}, no("not running (seen from ctl1)", "ctl3")),
        (
            {"disk_nodes": [*BROKERS, "rabbit@old"]},
            no("in the brokers' cluster but not in the design", "old"),
        ),
        ({"partitions": {"rabbit@ctl2": ["rabbit@ctl3"]}}, no("partitioned from rabbit@ctl3", "ctl2")),
        ({"alarms": [{"node": "rabbit@ctl3", "resource": "disk"}]}, no("alarm: disk", "ctl3")),
    ],
)
def test_what_is_wrong_with_a_cluster(design, changes, expected):
    assert judged(design, "rabbitmq-members", status(**changes)) == [expected]


def test_a_broker_that_its_own_client_does_not_reach(design):
    answers = {"ctl1": {"rc": 69, "stdout": "", "stderr": "\nError: unable to connect\nmore"}}
    assert judged(design, "rabbitmq-members", answers) == [
        no("rabbitmqctl cluster_status: Error: unable to connect", "ctl1")
    ]


def test_a_status_that_is_no_json_is_not_judged(design):
    answers = {"ctl1": {"rc": 0, "stdout": "warning: ...", "stderr": ""}}
    assert judged(design, "rabbitmq-members", answers) == [unknown("rabbitmqctl answered 'warning: ...'", "ctl1")]


def test_only_one_broker_pays_for_the_membership(design):
    (probe,) = check(design, "rabbitmq-members").probes
    assert probe.once


def test_logins_and_queues_are_asked_together(design):
    assert check(design, "rabbitmq-logins").probes == check(design, "rabbitmq-queues").probes
    (probe,) = check(design, "rabbitmq-logins").probes
    assert "${secret:rabbitmq/openstack}" in probe.stdin


def test_logins(design):
    well = {"login": dict.fromkeys(NODES), "queue": None}
    paused = {"login": {**well["login"], "ctl2": "TimeoutError: timed out"}, "queue": None}
    assert [r.verdict.value for r in judged(design, "rabbitmq-logins", dict.fromkeys(NODES, well))] == ["yes"]
    assert judged(design, "rabbitmq-logins", dict.fromkeys(NODES, paused)) == [
        no("TimeoutError: timed out (seen from ctl1, ctl2, ctl3)", "ctl2")
    ]


def test_queues(design):
    well = {"login": {}, "queue": None}
    lost = {"login": {}, "queue": "gave back None for a confirmed 'ab'"}
    assert [r.verdict.value for r in judged(design, "rabbitmq-queues", dict.fromkeys(NODES, well))] == ["yes"]
    assert judged(design, "rabbitmq-queues", {"ctl1": well, "ctl2": well, "ctl3": lost}) == [
        no("gave back None for a confirmed 'ab'", "ctl3")
    ]
