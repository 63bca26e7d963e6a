"""Members restart one by one: the API answers all the while, as does a majority of the queues."""

import socket

import pytest

pytestmark = [pytest.mark.lab, pytest.mark.timeout(400)]


def listening(cluster):
    return frozenset(node for node in cluster.nodes if connects(cluster.address(node), 5672))


def connects(address, port):
    try:
        socket.create_connection((address, port), 1).close()
    except OSError:
        return False
    return True


def changed(cluster, daemon, before):
    """The nodes whose daemon started since, in order; nothing else did."""
    after = cluster.started()
    anew = sorted((which for which in after if after[which] != before[which]), key=lambda which: after[which])
    assert {name for _, name in anew} == {daemon}
    return [node for node, _ in anew]


def bans(cluster):
    return cluster.on("ctl1", "cibadmin --query --scope constraints | grep -c 'id=\"cli-'", check=False).strip()


def test_the_api_answers_while_its_members_restart(cluster):
    cluster.change("keystone.conf", "DEFAULT", "max_token_size", "254", "253")
    before = cluster.started()
    with cluster.asking(0.2) as probe:
        cluster.deployed()
    assert changed(cluster, "keystone", before) == list(cluster.nodes)
    assert len(probe.attempts) > 20
    assert [attempt for attempt in probe.attempts if attempt.error] == []
    assert bans(cluster) == "0"
    cluster.verified()


def test_the_queues_keep_their_majority_while_their_members_restart(cluster):
    cluster.change("rabbitmq.conf", "main", "channel_max", "1022", "1021")
    before = cluster.started()
    with cluster.watching(lambda: listening(cluster), 0.2) as seen:
        cluster.deployed()
    assert changed(cluster, "rabbitmq-server", before) == list(cluster.nodes)
    assert min(map(len, seen)) == 2
    assert bans(cluster) == "0"
    cluster.unchanged()
    cluster.verified()
