"""What a deployment says when it cannot or must not go on, and that it left the rest alone."""

from contextlib import contextmanager

import pytest

pytestmark = [pytest.mark.lab, pytest.mark.timeout(180)]

KEYS = "cd /etc/keystone/fernet-keys && sha256sum *"


@contextmanager
def unreachable(cluster, node):
    """A node whose ssh does not answer; its services go on."""
    cluster.on(node, "systemctl stop ssh.socket ssh.service", check=False)
    try:
        yield
    finally:
        cluster.on(node, "systemctl start ssh")


def files(cluster):
    return {node: cluster.on(node, "stat --format '%n %Z' /etc/memcached.conf") for node in cluster.nodes}


def test_without_one_node_nothing_is_changed_on_any(cluster):
    cluster.change("memcached.conf", "main", "-m", "65", "66")
    before = files(cluster)
    with unreachable(cluster, "ctl3"):
        done = cluster.quorate("deploy", "--yes")
        assert done.returncode == 3
        assert "\nquorate: cannot reach ctl3: " in done.stderr
        assert files(cluster) == before
        assert cluster.quorate("plan").returncode == 3
        checks = cluster.verify("memcached")
        assert checks["nodes"]["verdict"] == "no"
        assert [result["node"] for result in checks["nodes"]["results"]] == ["ctl3"]
    cluster.deployed()
    cluster.unchanged()


def test_all_nodes_that_cannot_be_reached_are_named_at_once(cluster):
    with unreachable(cluster, "ctl2"), unreachable(cluster, "ctl3"):
        done = cluster.quorate("deploy", "--yes")
    assert done.returncode == 3
    assert "cannot reach ctl2, ctl3: none was changed" in done.stderr


def test_keys_are_not_rotated_without_one_node(cluster):
    kept = cluster.file.with_name("quorate.secrets.json").read_bytes()
    keys = {node: cluster.on(node, KEYS) for node in cluster.nodes}
    with unreachable(cluster, "ctl3"):
        done = cluster.quorate("keys", "rotate")
    assert done.returncode == 3
    assert "cannot reach ctl3" in done.stderr
    assert cluster.file.with_name("quorate.secrets.json").read_bytes() == kept
    assert {node: cluster.on(node, KEYS) for node in cluster.nodes} == keys


def test_what_cannot_be_compared_is_told_before_anything_is_changed(cluster):
    cluster.change("memcached.conf", "main", "-m", "65", "66")
    cluster.on("ctl2", "mv /etc/memcached.conf /root/ && mkdir /etc/memcached.conf")
    before = files(cluster)
    try:
        done = cluster.quorate("deploy", "--yes")
    finally:
        cluster.on("ctl2", "rmdir /etc/memcached.conf && mv /root/memcached.conf /etc/")
    assert done.returncode == 1
    assert "ctl2: configuration: /etc/memcached.conf: " in done.stderr
    assert "is not a regular file; move it away" in done.stderr
    assert "nothing was changed on any host" in done.stderr
    assert files(cluster)["ctl1"] == before["ctl1"]
    cluster.deployed()


def test_a_step_that_fails_tells_host_item_remedy_and_how_every_node_was_left(cluster):
    cluster.change("memcached.conf", "main", "-m", "65", "66")
    cluster.on("ctl2", "mount --bind /etc/memcached.conf /etc/memcached.conf")
    try:
        done = cluster.quorate("deploy", "--yes")
    finally:
        cluster.on("ctl2", "umount /etc/memcached.conf")
    assert done.returncode == 1
    assert "ctl2: configuration: /etc/memcached.conf: /etc/memcached.conf is a mount point" in done.stderr
    assert "unmount it" in done.stderr
    assert "tasks were done and hold; " in done.stderr
    assert "  ctl2: " in done.stderr
    assert "memcached: serves" in done.stderr
    assert "mend what failed and run quorate deploy again: it goes on from there" in done.stderr
    cluster.deployed()
    cluster.unchanged()
    cluster.verified("memcached", "resources")


def test_two_cannot_work_on_the_hosts_at_once(cluster):
    cluster.change("rabbitmq.conf", "main", "channel_max", "1024", "1023")
    with cluster.deploying() as first:
        refusals = [cluster.quorate("keys", "push"), cluster.quorate("deploy", "--yes")]
        assert first.poll() is None, "the first deployment was over before the second was refused"
    assert first.returncode == 0, cluster.said[-1]
    for refused in refusals:
        assert refused.returncode == 1, refused.stderr
        assert "ctl1 is being worked on by " in refused.stderr
        assert f"(process {first.pid})" in refused.stderr
        assert "quorate deploy; wait until that has ended" in refused.stderr
    cluster.unchanged()
    cluster.verified("rabbitmq")


def test_a_secrets_file_that_others_can_read_is_refused(cluster):
    path = cluster.file.with_name("quorate.secrets.json")
    path.chmod(0o644)
    try:
        done = cluster.quorate("deploy", "--yes")
    finally:
        path.chmod(0o600)
    assert done.returncode == 2
    assert f"{path} has mode 0644, so others can read it; run: chmod 600 {path}" in done.stderr


def test_a_file_with_mistakes_is_refused_with_all_of_them(cluster):
    text = cluster.file.read_text()
    cluster.file.write_text(text.replace("release:", "relaese:").replace("galera,", "galerra,"))
    try:
        done = cluster.quorate("deploy", "--yes")
    finally:
        cluster.file.write_text(text)
    assert done.returncode == 2
    mistakes = [line for line in done.stderr.splitlines() if line.startswith(f"{cluster.file}:")]
    assert any("relaese" in line for line in mistakes)
    assert any("galerra" in line for line in mistakes)
