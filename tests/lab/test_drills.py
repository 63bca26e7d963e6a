"""The cluster broken on purpose: what fails, what must not, and whole again without a hand."""

import json
import os
import signal
from pathlib import Path

import pytest

from quorate.drill.affliction import UNIT
from quorate.drill.faults import faults
from quorate.drill.faults.bmc_cut import unreachable
from quorate.drill.faults.management_cut import cut
from quorate.drill.faults.packet_loss import lossy
from quorate.drill.faults.partition import deaf
from quorate.drill.hosts import Hosts
from quorate.drill.operation import read
from quorate.drill.scene import Scene

pytestmark = [pytest.mark.lab, pytest.mark.timeout(900)]

SUITE = ("power-cut", "kill-keystone", "hang-keystone", "isolate", "blackout")
WORKLOADS = {"bank", "set", "lists", "messages", "tokens", "cache"}
MEMCACHED = "systemctl show --value --property MainPID memcached"
ACCURACY = f"systemctl show --value --property AccuracyUSec {UNIT}.timer"


def judged(drill):
    return {each["workload"]: each["verdict"] for each in drill["judgements"]}


def served(drill):
    return {each["workload"]: each for each in drill["services"]}


@pytest.fixture(scope="module")
def drills(deployed, tmp_path_factory):
    """The short suite, one run: each drill by its fault."""
    page = tmp_path_factory.mktemp("drills") / "drills.html"
    holder = deployed.holder()
    found = deployed.drilled(*SUITE, "--seed", "4", "--html", page)
    return {each["fault"]: each for each in found} | {"holder": holder, "page": page}


@pytest.mark.parametrize("fault", SUITE)
def test_nothing_acknowledged_is_lost_and_all_is_whole_again(drills, fault):
    drill = drills[fault]
    assert judged(drill) == dict.fromkeys((*WORKLOADS, "addresses", "placement"), "yes")
    assert drill["verdict"] == "yes"
    assert drill["healthy_s"] is not None
    assert min(each["operations"] for each in drill["services"]) > 100


def test_the_holder_that_lost_power_was_fenced_and_its_address_taken_over(drills):
    drill = drills["power-cut"]
    assert drill["node"] == drills["holder"]
    kinds = {(each["kind"], each["node"]) for each in drill["happenings"]}
    assert ("fenced", drills["holder"]) in kinds
    started = [each["node"] for each in drill["happenings"] if each["resource"] == "vip-internal"]
    assert started
    assert drills["holder"] not in started
    assert served(drill)["tokens"]["outage_s"] > 0
    assert {each["name"]: each["measured_s"] is not None for each in drill["terms"]} == dict.fromkeys(
        ("detected", "membership", "fenced", "address up", "promoted", "clients back"), True
    )


def test_a_killed_api_fails_only_what_it_had_in_hand(drills):
    """Until everything is looked at, which is a load of its own on two cores: it is killed, and started again."""
    drill = drills["kill-keystone"]
    done = read((Path(drill["directory"]) / "tokens.jsonl").read_text().splitlines(keepends=True))
    alone = [
        each for each in done if drill["struck_s"] <= each.began_s <= drill["healed_s"] + drill["struck_s"] - 2
    ]
    assert len(alone) > 50
    assert sum(not each.ok for each in alone) <= 2
    assert {name: each["failed"] for name, each in served(drill).items() if name != "tokens"} == dict.fromkeys(
        WORKLOADS - {"tokens"}, 0
    )


def test_a_member_cut_off_from_its_peers_is_fenced(drills):
    drill = drills["isolate"]
    assert [each["node"] for each in drill["happenings"] if each["kind"] == "fenced"] == [drill["node"]]


def test_the_runs_are_kept_and_shown(cluster, drills):
    assert "<svg" in drills["page"].read_text()
    run = json.loads(cluster.quorate("drill", "--history", "-o", "json").stdout)[-1]  # the oldest come first
    assert tuple(each["fault"] for each in run["faults"]) == SUITE
    again = cluster.quorate("drill", "--history", run["run"])
    assert again.returncode == 0
    assert "5 drills: yes" in again.stdout


def test_the_members_of_the_database_joined_one_at_a_time(cluster):
    joined = "journalctl --identifier=galera-server --output=cat | grep --count 'with the turn of [123]' || true"
    assert sum(int(cluster.on(node, joined)) for node in cluster.nodes) >= len(cluster.nodes) - 1
    # Said by one that asks while another is given its state.
    refused = "grep --count 'No donor candidates' /var/log/mysql/error.log || true"
    assert {int(cluster.on(node, refused)) for node in cluster.nodes} == {0}


def stopped(cluster, node):
    """Whether memcached is frozen there."""
    pid = cluster.on(node, MEMCACHED).strip()
    return "\nState:\tT" in cluster.on(node, f"cat /proc/{pid}/status")


@pytest.mark.parametrize(("how", "code"), [(signal.SIGINT, 130), (signal.SIGKILL, -9)])
def test_a_drill_that_is_ended_from_outside_is_healed(cluster, how, code):
    node = cluster.nodes[1]
    with cluster.start("drill", "hang-memcached", "--on", node, "--for", "300") as process:
        cluster.until("memcached is frozen", lambda: stopped(cluster, node), bool, 60)
        assert cluster.on(node, ACCURACY) == "100ms\n"  # the host itself would undo it on time
        os.kill(process.pid, how)
        cluster.said.append("".join(process.communicate()))
    assert process.returncode == code, cluster.said[-1]
    if how == signal.SIGKILL:
        assert stopped(cluster, node)
        refused = cluster.quorate("drill", "hang-memcached", "--on", node)
        assert refused.returncode == 1
        assert "quorate drill --heal" in refused.stderr
        assert cluster.quorate("drill", "--heal").returncode == 0
    assert not stopped(cluster, node)
    assert "drill_" not in cluster.on(node, "mariadb --batch --execute 'SHOW TABLES' quorate")
    assert "quorate-drill" not in cluster.on(node, "rabbitmqctl --silent list_queues name")
    again = cluster.quorate("drill", "--heal")
    assert (again.returncode, "nothing was left broken" in again.stderr) == (0, True)
    cluster.verified()


def test_every_rule_that_drops_traffic_is_one_that_nftables_takes(cluster):
    hosts = Hosts(cluster.design.cloud)
    scene = Scene(cluster.design, hosts, None, None, None, 0, print)
    assert {"isolate", "bmc-cut"} <= faults(cluster.design).keys()
    for harm in (lossy, cut, deaf, unreachable):
        for node, affliction in harm(scene, cluster.nodes[0]).items():
            checked = affliction.harm.replace("nft -f -", "nft --check -f -")
            assert checked != affliction.harm
            cluster.on(node, f"set -e\n{checked}")
