"""What clients notice of parts that are silent, and other ways in to the hosts."""

import asyncio
import shutil
import time

import pytest
from aio_pika.exceptions import PublishError

from quorate.drill.outage import good

pytestmark = [pytest.mark.lab, pytest.mark.timeout(180)]

WATCHED_S = 20
SUDOER = """
id ops >/dev/null 2>&1 || useradd --create-home --shell /bin/sh ops
install -d -o ops -g ops -m 700 /home/ops/.ssh
install -o ops -g ops -m 600 /root/.ssh/authorized_keys /home/ops/.ssh/authorized_keys
"""
NOPASSWD = "echo 'ops ALL=(ALL) NOPASSWD: ALL' > /etc/sudoers.d/ops"


def test_a_silent_memcached_neither_slows_nor_breaks_a_request(cluster):
    """A stopped process keeps its port open and answers nothing: worse for clients than a refused connection."""
    node = cluster.nodes[1]
    cluster.on(node, "systemctl kill --signal=STOP memcached")
    try:
        with cluster.asking() as asked:
            end = time.monotonic() + WATCHED_S
            cluster.until("a client has asked for a while", time.monotonic, lambda now: now >= end, WATCHED_S + 10)
        assert cluster.verify("memcached")["memcached"]["verdict"] == "no"
    finally:
        cluster.on(node, "systemctl kill --signal=CONT memcached")
    assert len(asked) > WATCHED_S
    assert [each for each in asked if not good(each)] == []
    cluster.verified("memcached")


def test_a_message_that_no_queue_took_is_not_taken_for_a_confirmed_one(cluster):
    """A broker confirms what it cannot route, too: it returns it before (AMQP's `mandatory`)."""
    workload = cluster.workload("messages")

    async def published() -> None:
        client = workload.clients()[0]
        try:
            await client.call("publish", 1)
        finally:
            await client.close()

    assert "quorate-drill" not in cluster.on(cluster.nodes[0], "rabbitmqctl --silent list_queues name")
    with pytest.raises(PublishError):
        asyncio.run(published())


@pytest.fixture
def as_ops(cluster, tmp_path):
    """The same cloud's file for somebody who logs in as `ops`, who may or may not use sudo."""
    config = tmp_path / "ssh_config"
    config.write_text((cluster.lab.layout.state / "ssh_config").read_text().replace("User root", "User ops"))
    path = tmp_path / cluster.file.name
    text = cluster.file.read_text().replace("user: root", "user: ops")
    path.write_text(text.replace(".quorate/lab/ssh_config", str(config)))
    shutil.copy(cluster.file.with_suffix(".secrets.json"), tmp_path)
    for node in cluster.nodes:
        cluster.on(node, SUDOER)
    yield path
    for node in cluster.nodes:
        cluster.on(node, "rm -f /etc/sudoers.d/ops; userdel --remove ops", check=False)


def test_a_user_with_sudo_sees_and_does_what_root_does(cluster, as_ops):
    refused = cluster.quorate("plan", "-f", as_ops)
    assert refused.returncode == 3
    assert "NOPASSWD" in refused.stderr
    for node in cluster.nodes:
        cluster.on(node, NOPASSWD)
        cluster.on(node, "chmod 600 /etc/memcached.conf")
    done = cluster.quorate("deploy", "--yes", "-f", as_ops)
    assert done.returncode == 0, done.stderr
    assert cluster.on(cluster.nodes[0], "stat -c %a:%U /etc/memcached.conf").strip() == "644:root"
    planned = cluster.quorate("plan", "-f", as_ops)
    assert (planned.returncode, planned.stdout) == (0, "nothing would change\n"), planned.stderr
