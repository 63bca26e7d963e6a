"""What is broken on purpose is found by the check that is meant for it, and the node is named."""

import pytest

pytestmark = [pytest.mark.lab, pytest.mark.timeout(120)]


@pytest.fixture(scope="module")
def unattended(deployed):
    """Pacemaker looks away, so that nothing is repaired before it was seen."""
    deployed.on("ctl1", "crm_attribute --name maintenance-mode --update true")
    yield
    deployed.on("ctl1", "crm_attribute --name maintenance-mode --delete")
    deployed.verified(within_s=100)


def finds(cluster, check, node):
    """Wait until the check says no about that node and about no other."""

    def observed():
        found = cluster.verify(check)[check]
        blamed = {result["node"] for result in found["results"] if result["verdict"] == "no"}
        return found["verdict"], blamed - {None}

    cluster.until(f"{check} blames {node}", observed, lambda seen: seen == ("no", {node}), 40)


SIGNAL = "kill -{} $(cat /run/mysqld/mysqld.pid)"
TROUBLES = {
    "a stopped cache": ("memcached", "ctl2", "systemctl stop memcached", "systemctl start memcached"),
    "a frozen cache": ("memcached", "ctl1", "pkill -STOP memcached", "pkill -CONT memcached"),
    "a frozen database member": ("galera-members", "ctl3", SIGNAL.format("STOP"), SIGNAL.format("CONT")),
    "a frozen API": ("haproxy-backends", "ctl2", "pkill -STOP uwsgi", "pkill -CONT uwsgi"),
    "an API that does not make tokens": ("token-backends", "ctl1", "pkill -STOP uwsgi", "pkill -CONT uwsgi"),
    "a lost broker": (
        "rabbitmq-members",
        "ctl2",
        "systemctl stop rabbitmq-server",
        "systemctl start rabbitmq-server",
    ),
    "a unit that starts at boot": (
        "boot",
        "ctl3",
        "SYSTEMCTL_SKIP_SYSV=1 systemctl --quiet enable memcached",
        "SYSTEMCTL_SKIP_SYSV=1 systemctl --quiet disable memcached",
    ),
    "a health check that is gone": (
        "haproxy-backends",
        "ctl3",
        "systemctl stop quorate-galera-check",
        "systemctl start quorate-galera-check",
    ),
}


def test_a_resource_kept_from_a_node_is_found(cluster):
    """Before those that need maintenance, in which a ban has no effect."""
    cluster.on("ctl1", "crm_resource --resource memcached-clone --ban --node ctl2")
    try:
        finds(cluster, "resources", "ctl2")
        finds(cluster, "memcached", "ctl2")
    finally:
        cluster.on("ctl1", "crm_resource --resource memcached-clone --clear")
    cluster.verified("resources", "memcached", "held-by-hand", within_s=60)


@pytest.mark.usefixtures("unattended")
@pytest.mark.parametrize(("check", "node", "break_", "mend"), TROUBLES.values(), ids=TROUBLES.keys())
def test_is_found_on_its_node(cluster, check, node, break_, mend):
    cluster.on(node, break_)
    try:
        finds(cluster, check, node)
    finally:
        cluster.on(node, mend)
    cluster.verified(check, within_s=60)


@pytest.mark.usefixtures("unattended")
def test_a_bmc_that_refuses_the_password_is_found(cluster):
    for node in cluster.nodes:
        cluster.on(node, "printf '#!/bin/sh\\necho wrong\\n' > /etc/quorate/fencing/ctl2")
    finds(cluster, "fencing", "ctl2")
    cluster.deployed()
    cluster.verified("fencing", within_s=60)


@pytest.mark.usefixtures("unattended")
def test_a_proxy_that_lacks_a_server_is_found(cluster):
    """Set to maintenance by hand, on one proxy only."""
    say = "echo '{} server keystone/ctl3' | socat - /run/haproxy/admin.sock"
    cluster.on("ctl1", say.format("disable"))
    try:
        finds(cluster, "haproxy-backends", "ctl3")
    finally:
        cluster.on("ctl1", say.format("enable"))
    cluster.verified("haproxy-backends", within_s=60)


@pytest.mark.usefixtures("unattended")
def test_an_address_on_two_nodes_is_found(cluster):
    holder = cluster.holder()
    other = next(node for node in cluster.nodes if node != holder)
    cluster.on(other, f"ip address add {cluster.vip}/32 dev eth0")
    try:
        found = cluster.verify("virtual-ip-internal")["virtual-ip-internal"]
    finally:
        cluster.on(other, f"ip address delete {cluster.vip}/32 dev eth0")
    assert found["verdict"] == "no"
    assert any(other in f"{result['node']} {result['seen']}" for result in found["results"])
    cluster.verified("virtual-ip-internal", within_s=60)


@pytest.mark.usefixtures("unattended")
def test_a_ban_that_was_left_is_found(cluster):
    cluster.on("ctl1", "crm_resource --resource vip-internal --ban --node ctl3")
    try:
        results = cluster.verify("held-by-hand")["held-by-hand"]["results"]
    finally:
        cluster.on("ctl1", "crm_resource --resource vip-internal --clear")
    assert any("constraint cli-ban-vip-internal-on-ctl3 was left" in result["seen"] for result in results)
