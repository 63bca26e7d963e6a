"""Members restart one by one: the API answers all the while, database and queues keep their majority."""

import http.client
import socket
from itertools import groupby

import pytest

pytestmark = [pytest.mark.lab, pytest.mark.timeout(400)]


def primary(cluster):
    """The members of the primary component, by their own health check; one that gives data to another is in it."""
    return frozenset(node for node in cluster.nodes if is_primary(cluster.address(node)))


def is_primary(address):
    try:
        connection = http.client.HTTPConnection(address, 9200, timeout=3)
        connection.request("GET", "/")
        answer = connection.getresponse()
        return answer.status == 200 or b"Donor" in answer.read()
    except (OSError, http.client.HTTPException):
        return False


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
    with cluster.asking() as asked:
        cluster.deployed()
    assert changed(cluster, "keystone", before) == list(cluster.nodes)
    assert len(asked) > 20
    assert [each for each in asked if not each.ok] == []
    assert bans(cluster) == "0"
    cluster.verified()


def test_the_database_keeps_its_majority_while_its_members_restart(cluster):
    cluster.change("mariadb.cnf", "mysqld", "max_connections", "4095", "4094")
    before = cluster.started()
    with cluster.watching(lambda: primary(cluster), 0.2) as seen:
        cluster.deployed()
    assert changed(cluster, "galera", before) == list(cluster.nodes)
    views = [sorted(view) for view, _ in groupby(seen)]
    assert min(map(len, views)) == 2, views
    assert bans(cluster) == "0"
    cluster.unchanged()
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
