"""A changed file, a plan of it, and exactly that carried out."""

import json
import re

import pytest

pytestmark = [pytest.mark.lab, pytest.mark.timeout(180)]


def restarted(cluster, before):
    """The daemons that started since, in the order in which they did."""
    after = cluster.started()
    changed = [which for which in after if after[which] != before.get(which)]
    return sorted(changed, key=lambda which: after[which])


def test_a_changed_setting_is_planned_saved_and_carried_out_exactly(cluster, tmp_path):
    was, now = cluster.change("memcached.conf", "main", "-m", "65", "66")
    plan = tmp_path / "plan"
    shown = cluster.quorate("plan", "--save", plan)
    assert shown.returncode == 0
    for node in cluster.nodes:
        assert f"{node}/configuration\n  /etc/memcached.conf: content\n" in shown.stdout
    for node in cluster.nodes:
        assert f"{node}/memcached: serves\n  memcached-clone up to date: restarts memcached-clone" in shown.stdout
    assert shown.stdout.count(f"    --m {was or 64}\n    +-m {now}\n") == len(cluster.nodes)
    assert f"carry it out with: quorate deploy {plan}" in shown.stdout
    planned = json.loads(cluster.quorate("plan", "-o", "json").stdout)
    assert len(planned) == 2 * len(cluster.nodes)

    before = cluster.started()
    done = cluster.deployed(plan, "-o", "json")
    assert f"deployed: {len(planned)} changes" in done.stderr
    events = [json.loads(line) for line in done.stdout.splitlines()]
    changed = {
        (f"{event['host']}/{event['stage']}", event["item"]) for event in events if event["status"] == "changed"
    }
    assert changed == {(change["task"], change["item"]) for change in planned}
    assert restarted(cluster, before) == [(node, "memcached") for node in cluster.nodes]
    cluster.unchanged()
    cluster.verified("memcached", "token")

    again = cluster.quorate("deploy", plan, "--yes")
    assert again.returncode == 1
    assert "planned, but not so now: ctl1/configuration: /etc/memcached.conf" in again.stderr


def test_one_member_restarts_after_the_other(cluster):
    cluster.change("memcached.conf", "main", "-m", "65", "66")
    events = [json.loads(line) for line in cluster.deployed("-o", "json").stdout.splitlines()]
    renewals = [event for event in events if event["item"] == "memcached-clone up to date"]
    assert [(event["host"], event["status"]) for event in renewals] == [
        (node, status) for node in cluster.nodes for status in ("running", "changed")
    ]


def test_a_plan_is_refused_once_a_host_was_changed_by_hand(cluster, tmp_path):
    plan = tmp_path / "plan"
    _, now = cluster.change("haproxy.cfg", "defaults", "retries", "2", "4")
    assert cluster.quorate("plan", "--save", plan).returncode == 0
    cluster.on("ctl3", "echo '# by hand' >> /etc/openstack/clouds.yaml")
    refused = cluster.quorate("deploy", plan, "--yes")
    assert refused.returncode == 1
    assert "the hosts are not what they were when the plan was made; nothing was changed" in refused.stderr
    assert "  not planned: ctl3/configuration: /etc/openstack/clouds.yaml" in refused.stderr
    assert "haproxy.cfg" not in refused.stderr
    assert f"retries {now}" not in cluster.on("ctl1", "cat /etc/haproxy/haproxy.cfg")
    cluster.deployed()
    assert "by hand" not in cluster.on("ctl3", "cat /etc/openstack/clouds.yaml")


def test_the_proxy_is_reloaded_and_no_request_is_lost(cluster):
    cluster.change("haproxy.cfg", "listen keystone", "timeout server", "2m", "3m")
    before = cluster.started()
    with cluster.asking() as asked:
        done = cluster.deployed()
    assert done.stderr.count("reloads haproxy-clone") == len(cluster.nodes)
    assert restarted(cluster, before) == []
    assert len(asked) > 20
    assert [each for each in asked if not each.ok] == []
    for node in cluster.nodes:
        assert cluster.on(node, "systemctl show --value --property ReloadResult haproxy") == "success\n"


def test_a_change_of_the_cluster_shows_what_pacemaker_would_do(cluster):
    _, now = cluster.change("cib", "properties", "cluster-recheck-interval", "6min", "7min")
    (change,) = json.loads(cluster.quorate("plan", "-o", "json").stdout)
    assert (change["task"], change["item"]) == ("ctl1/cluster", "the cluster's configuration")
    (line,) = change["diff"]
    assert re.fullmatch(rf"~ property cluster-recheck-interval: \S+ -> {now}", line)
    assert change["actions"] == []
    before = cluster.started()
    cluster.deployed()
    assert cluster.on("ctl2", "crm_attribute --query --quiet --name cluster-recheck-interval") == f"{now}\n"
    assert restarted(cluster, before) == []


def test_an_edit_of_the_cluster_by_hand_is_shown_with_its_consequence_and_taken_back(cluster):
    cluster.on(
        "ctl2",
        "crm_resource --resource memcached-clone --meta --set-parameter clone-max --parameter-value 2 && "
        "crm_attribute --name cluster-recheck-interval --update 99min && crm_resource --wait",
    )
    (change,) = json.loads(cluster.quorate("plan", "-o", "json").stdout)
    assert any("cluster-recheck-interval: 99min -> " in line for line in change["diff"])
    assert any("memcached-clone" in line and "clone-max" in line for line in change["diff"])
    assert any(line.startswith("Start memcached:") for line in change["actions"])
    cluster.deployed()
    cluster.unchanged()
    cluster.verified("resources", "memcached")


LEAVE = """
mariadb -e "CREATE DATABASE heat; CREATE USER heat IDENTIFIED BY 'x'"
openstack project create service
openstack user create heat
openstack role add --user heat --project service admin
openstack service create --name heat orchestration
"""


def test_a_plan_names_what_a_component_has_left_behind_and_how_to_remove_it(cluster):
    node = cluster.nodes[0]
    as_admin = "set -e; OS_CLOUD=admin; export OS_CLOUD\n"
    cluster.on(node, as_admin + LEAVE)
    told = cluster.quorate("plan").stdout
    assert "left behind, and never removed by a deployment:" in told
    removals = [line.partition(f", on {node}: ")[2] for line in told.splitlines() if f", on {node}: " in line]
    assert len(removals) == 4, told
    cluster.on(node, as_admin + "\n".join([*removals, "openstack project delete service"]))
    assert cluster.quorate("plan").stdout == "nothing would change\n"


def test_maintenance_is_the_operators_to_end(cluster):
    cluster.on("ctl1", "crm_attribute --name maintenance-mode --update true")
    try:
        cluster.unchanged()
        assert cluster.on("ctl1", "crm_attribute --query --quiet --name maintenance-mode") == "true\n"
        assert "maintenance-mode" in cluster.verify("held-by-hand")["held-by-hand"]["results"][0]["seen"]
        cluster.change("memcached.conf", "main", "-m", "65", "66")
        refused = cluster.quorate("deploy", "--yes")
        assert refused.returncode == 1
        assert "memcached-clone would be restarted, and the cluster is in maintenance mode" in refused.stderr
    finally:
        cluster.on("ctl1", "crm_attribute --name maintenance-mode --delete")
    cluster.verified("held-by-hand", "resources")
    cluster.deployed()
    cluster.unchanged()
