"""Power cuts and cut cables: fenced by the real BMC, served on, nothing acknowledged lost, whole again."""

import asyncio
import json
import subprocess
import time
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager, suppress
from xml.etree import ElementTree as ET

import pytest

from quorate.cli.hosts import sessions
from quorate.drill.power_cut import power_cut

pytestmark = [pytest.mark.lab, pytest.mark.timeout(600)]

# Inserts a row at a time through the virtual IP and prints its number once it is committed, until its input ends.
WRITER = """
import json, sys, threading, pymysql
said = json.loads(sys.stdin.readline())
ended = threading.Event()
threading.Thread(target=lambda: (sys.stdin.read(), ended.set()), daemon=True).start()
connection, number = None, 0
while not ended.wait(0.02):
    number += 1
    try:
        connection = connection or pymysql.connect(
            host=said["host"], user="quorate", password=said["password"], database="quorate",
            autocommit=True, connect_timeout=2, read_timeout=3, write_timeout=3,
        )
        with connection.cursor() as cursor:
            cursor.execute("INSERT INTO acknowledged VALUES (%s)", (number,))
        print(number, flush=True)
    except (pymysql.MySQLError, OSError):
        connection = None
"""


@contextmanager
def writing(cluster, node):
    """The numbers of the rows that were acknowledged meanwhile, written from that node through the virtual IP."""
    table = "DROP TABLE IF EXISTS acknowledged; CREATE TABLE acknowledged (number INT PRIMARY KEY)"
    cluster.on(node, f"mariadb quorate -e '{table}'")
    numbers = []
    argv = cluster.lab.exec_command(node, ("python3", "-c", WRITER), terminal=False)

    def read():
        for line in writer.stdout:
            numbers.append(int(line))  # noqa: PERF401 - each at once, for who looks at them meanwhile

    said = {"host": cluster.vip, "password": cluster.secret_values()["database/quorate"]}
    with (
        subprocess.Popen(argv, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as writer,
        ThreadPoolExecutor(1) as pool,
    ):
        pool.submit(read)
        writer.stdin.write(json.dumps(said) + "\n")
        writer.stdin.flush()
        try:
            cluster.until("rows are written", lambda: len(numbers), lambda count: count > 50, 30)
            yield numbers
        finally:
            with suppress(BrokenPipeError):  # its node may have lost power
                writer.stdin.close()


def lost(cluster, acknowledged):
    """The acknowledged rows that a member does not have, by its own word."""
    query = "mariadb -NBe 'SELECT number FROM quorate.acknowledged'"
    missing = {node: {*acknowledged} - {*map(int, cluster.on(node, query).split())} for node in cluster.nodes}
    return {node: numbers for node, numbers in missing.items() if numbers}


def fencings(cluster, asked, target):
    """When (seconds of the epoch) that node was fenced, as Pacemaker on another remembers it."""
    # Without --verbose it is reduced: one event for all that went the same way.
    said = cluster.on(asked, f"stonith_admin --output-as xml --verbose --history {target}")
    events = ET.fromstring(said).iter("fence_event")
    return [event.get("completed") for event in events if event.get("status") == "success"]


def through_its_bmc(cluster, target, since_s):
    journal = f"journalctl --no-pager --output cat --identifier pacemaker-fenced --since @{since_s:.0f}"
    return f"targeting {target} using fence-{target} returned 0" in "".join(
        cluster.on(node, journal) for node in cluster.nodes if node != target
    )


def test_a_power_cut_of_the_addresss_holder_loses_nothing(cluster):
    holder = cluster.holder()
    others = [node for node in cluster.nodes if node != holder]
    before, began_s = len(fencings(cluster, others[0], holder)), time.time()

    async def off(node):
        await asyncio.to_thread(cluster.lab.power_off, node)

    async def drill():
        topology, ssh = cluster.design.cloud.topology, cluster.design.cloud.ssh
        async with sessions(topology.nodes, ssh) as hosts:
            vip = topology.virtual_ip("keystone")
            return await power_cut(vip, cluster.target(), hosts, off, cluster.said.append)

    with writing(cluster, others[0]) as acknowledged:
        cut = asyncio.run(drill())
        written = len(acknowledged)
    assert cut.node == holder
    assert cut.outage is not None
    assert written > 1000
    assert len(fencings(cluster, others[0], holder)) == before + 1
    assert through_its_bmc(cluster, holder, began_s)
    assert cluster.holder() in others
    cluster.verified(within_s=200)
    assert lost(cluster, acknowledged) == {}


def test_a_node_whose_cables_are_cut_is_fenced_and_comes_back(cluster):
    holder = cluster.holder()
    asked, node = (name for name in cluster.nodes if name != holder)
    before, began_s = len(fencings(cluster, asked, node)), time.time()
    with cluster.asking(0.5) as probe:
        assert cluster.quorate("lab", "cut", node).returncode == 0
        cluster.until(f"{node} is fenced", lambda: len(fencings(cluster, asked, node)), lambda n: n > before, 60)
        cluster.verified(within_s=200)
    assert through_its_bmc(cluster, node, began_s)
    assert not next(host for host in cluster.lab.status() if host.node == node).cut
    assert cluster.holder() == holder
    failed = [attempt for attempt in probe.attempts if attempt.error]
    assert len(failed) < len(probe.attempts) / 10, failed


def test_a_power_cut_of_all_nodes_at_once_loses_nothing_and_needs_nobody(cluster):
    with writing(cluster, "ctl2") as acknowledged, ThreadPoolExecutor() as pool:
        list(pool.map(cluster.lab.power_off, cluster.nodes))
    assert [host.power for host in cluster.lab.status()] == [False] * len(cluster.nodes)
    for node in cluster.nodes:
        assert cluster.quorate("lab", "power", "on", node).returncode == 0
    cluster.verified(within_s=400)
    assert lost(cluster, acknowledged) == {}
    cluster.unchanged()


def test_the_members_of_the_database_joined_one_at_a_time(cluster):
    joined = "journalctl --identifier=galera-server --output=cat | grep --count 'with the turn of [123]' || true"
    assert sum(int(cluster.on(node, joined)) for node in cluster.nodes) >= len(cluster.nodes) - 1
    # Said by one that asks while another is given its state.
    refused = "grep --count 'No donor candidates' /var/log/mysql/error.log || true"
    assert {int(cluster.on(node, refused)) for node in cluster.nodes} == {0}
