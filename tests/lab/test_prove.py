"""What a proof says against what the cluster does: the same events, played from one state and done for real."""

import itertools
import json
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace

import pytest

from quorate.cli import places
from quorate.formats import status
from quorate.prove import state as states
from quorate.prove.event import Attributed, Blackout, Fails, Lost, Returned, Stopped
from quorate.prove.history import Role
from quorate.prove.proof import schedule_at
from quorate.prove.settle import Situation, play

pytestmark = [pytest.mark.lab, pytest.mark.timeout(900)]

AWAY_S, BACK_S = 90, 300


def foretold(cluster, *events):
    """Where everything runs after each of the events, by the proof, from the state that the cluster is in."""
    asked = cluster.nodes[0]
    now = int(cluster.on(asked, "date +%s"))
    state = replace(states.read(cluster.on(asked, "cibadmin --query")), now=now)
    schedule = schedule_at(places.place(state.configuration.properties["dc-version"]))
    trace = play(Situation("live", "live", events), state, schedule)
    return [placed(each.after) for each in trace.episodes]


def placed(state):
    """Where a state has its services: for each the nodes, and whether it is promoted there.

    Fencing devices are left out: each may be anywhere but on its target, and where Pacemaker puts them depends on
    which of its decisions (one for each answer that comes in) finds which of them without a place.
    """
    services = (each.id for each in state.configuration.primitives.values() if not each.fencing)
    return {name: {node: role is Role.PROMOTED for node, role in state.running(name).items()} for name in services}


def view(cluster, asked):
    said = cluster.on(asked, " ".join(status.COMMAND), check=False)
    try:
        return status.read(said)
    except ValueError:
        return None


def real(cluster, asked):
    """The same by crm_mon's word on a node; None while it says nothing, or while anything is under way."""
    seen = view(cluster, asked)
    if (
        seen is None
        or seen.dc is None
        or "S_IDLE" not in cluster.on(asked, f"crmadmin --status {seen.dc}", check=False)
    ):
        return None
    services = [
        primitive for each in cluster.design.clusters[0].configuration.resources for primitive in each.primitives
    ]
    return {
        each.id: {node: role == "Promoted" for node, role in seen.active(each.id).items()}
        for each in services
        if not each.agent.startswith("stonith:")
    }


def comes_to_be(cluster, asked, wanted, within_s):
    """Wait until the cluster is at rest with everything where it was foretold."""
    cluster.until(
        "everything is where it was foretold", lambda: real(cluster, asked), lambda it: it == wanted, within_s
    )


def rests(cluster, asked, within_s=BACK_S):
    """Where everything is once all is as designed and the cluster is at rest."""
    cluster.verified(within_s=within_s)
    return cluster.until("the cluster is at rest", lambda: real(cluster, asked), lambda it: it is not None, 60)


def power(cluster, node):
    return next(host.power for host in cluster.lab.status() if host.node == node)


def crm_attribute(cluster, node, name, value):
    change = f"--update {value}" if value else "--delete"
    cluster.on(node, f"crm_attribute --node {node} --name {name} {change}")


def test_a_healthy_cluster_may_lose_or_stop_any_one_node(cluster):
    rests(cluster, cluster.nodes[0])
    for node in cluster.nodes:
        for question, word in (("may-stop", "stopped"), ("may-lose", "lost")):
            done = cluster.quorate(question, node)
            assert (done.returncode, done.stderr) == (0, ""), done.stdout + done.stderr
            assert done.stdout.startswith(f"yes: {node} may be {word} now\n"), done.stdout
    done = cluster.quorate("may-lose", *cluster.nodes[:2], "-o", "json")
    answer = json.loads(done.stdout)
    assert (done.returncode, answer["verdict"]) == (1, "no")
    assert "no quorum" in answer["says"]


def test_the_running_cluster_is_proved(cluster):
    rests(cluster, cluster.nodes[0])
    done = cluster.quorate("prove", "--live", "-o", "json")
    assert done.returncode == 0, done.stdout + done.stderr
    (proof,) = json.loads(done.stdout)["clusters"]
    assert proof["undecided"] == {}
    assert proof["coverage"]["pacemaker"] == "3.0.0"
    assert {each["verdict"] for each in proof["properties"]} <= {"yes", "does not apply"}


def test_a_node_in_standby(cluster):
    rests(cluster, cluster.nodes[0])
    node = cluster.holder()
    away, back = foretold(cluster, Attributed(node, "standby", on=True), Attributed(node, "standby", on=False))
    assert away != back
    crm_attribute(cluster, node, "standby", "on")
    try:
        comes_to_be(cluster, node, away, AWAY_S)
        other = next(name for name in cluster.nodes if name != node)
        done = cluster.quorate("may-stop", other)
        assert done.returncode == 1, done.stdout
        assert done.stdout.startswith(f"no: {other} may not be stopped now: "), done.stdout
        assert f"{node} is in standby; crm_attribute --node {node} --name standby --delete" in " ".join(
            done.stdout.split()
        )
    finally:
        crm_attribute(cluster, node, "standby", None)
    assert rests(cluster, node) == back


def test_a_node_whose_pacemaker_is_stopped(cluster):
    rests(cluster, cluster.nodes[0])
    node = cluster.holder()
    other = next(name for name in cluster.nodes if name != node)
    away, back = foretold(cluster, Stopped(node), Returned((node,)))
    assert cluster.quorate("may-stop", node).returncode == 0
    cluster.on(node, "systemctl stop pacemaker")
    try:
        comes_to_be(cluster, other, away, AWAY_S)
    finally:
        cluster.on(node, "systemctl start pacemaker")
    assert rests(cluster, other) == back


@pytest.mark.parametrize("service", ["haproxy", "memcached"])
def test_a_service_that_is_killed(cluster, service):
    rests(cluster, cluster.nodes[0])
    node = cluster.holder()
    (after,) = foretold(cluster, Fails(service, node))
    before = cluster.started()[node, service]
    cluster.on(node, f"systemctl kill --signal=KILL {service}")
    cluster.until(
        "its failure is noticed",
        lambda: view(cluster, node),
        lambda seen: any(service in each.action and each.node == node for each in seen.failed_actions),
        AWAY_S,
    )
    comes_to_be(cluster, node, after, AWAY_S)
    assert cluster.started()[node, service] > before
    cluster.on(node, f"crm_resource --cleanup --resource {service} --node {node}")
    assert rests(cluster, node) == after


def test_a_node_that_loses_power(cluster):
    rests(cluster, cluster.nodes[0])
    node = cluster.holder()
    other, third = (name for name in cluster.nodes if name != node)
    away, back = foretold(cluster, Lost((node,)), Returned((node,)))
    assert cluster.quorate("may-lose", node).returncode == 0
    # Its BMC starts it again at once; the cluster without it is to be looked at.
    cluster.on(node, "systemctl mask corosync pacemaker && sync")
    try:
        cluster.lab.power_off(node)
        comes_to_be(cluster, other, away, AWAY_S)
        done = cluster.quorate("may-stop", third)
        assert done.returncode == 1, done.stdout
        first = " ".join(done.stdout.partition("  wrong already")[0].split())
        assert first.startswith(f"no: {third} may not be stopped now: the cluster would have no quorum"), (
            done.stdout
        )
        assert f"{node} is not back; wait for it: quorate verify --only quorum" in first
    finally:
        cluster.until(f"{node} is up", lambda: power(cluster, node), bool, 60)
        cluster.on(
            node,
            "systemctl is-system-running --wait; systemctl unmask corosync pacemaker; systemctl start pacemaker",
        )
    assert rests(cluster, other) == back


def test_a_cold_start(cluster):
    rests(cluster, cluster.nodes[0])
    ends = [foretold(cluster, Blackout(), *order)[-1] for order in returns(cluster.nodes)]
    with ThreadPoolExecutor() as pool:
        list(pool.map(cluster.lab.power_off, cluster.nodes))
    for node in cluster.nodes:
        assert cluster.quorate("lab", "power", "on", node).returncode == 0
    # Which of the nodes is back first is for their firmware to decide: one of the orders it was.
    assert rests(cluster, cluster.nodes[0], within_s=400) in ends


def returns(nodes):
    """Every order in which nodes can come back: one by one, or some at once."""
    for order in itertools.permutations(nodes):
        for cuts in itertools.product((False, True), repeat=len(nodes) - 1):
            groups = [[order[0]]]
            for node, cut in zip(order[1:], cuts, strict=True):
                groups.append([node]) if cut else groups[-1].append(node)
            if all(group == sorted(group) for group in groups):
                yield [Returned(tuple(group)) for group in groups]
