"""A deployment that is killed or interrupted on its way is completed by running it again."""

import random
import signal
from itertools import cycle

import pytest

pytestmark = [pytest.mark.lab, pytest.mark.timeout(600)]

# After how many lines of progress; 0: in its first seconds, while it still compares.
LINES = (1, 0, 2, 3, 0, 1, 5)
DEAR = (
    ("keystone.conf", "DEFAULT", "max_token_size", "252", "251"),
    ("mariadb.cnf", "mysqld", "max_connections", "4093", "4092"),
    ("cib", "properties", "cluster-recheck-interval", "8min", "9min"),
)
CHEAP = (
    ("memcached.conf", "main", "-m", "67", "68"),
    ("haproxy.cfg", "listen keystone", "timeout server", "4m", "5m"),
)


def test_killed_at_many_points_of_a_change_it_is_completed(cluster):
    pace = random.Random(3)
    for change in (*DEAR, *CHEAP):
        cluster.change(*change)
    kills = 0
    for lines in cycle(LINES):
        if cluster.killed(lines, pace.uniform(0, 4) if lines == 0 else pace.uniform(0, 1)):
            kills += 1
        elif kills < len(LINES):
            for change in CHEAP:
                cluster.change(*change)
        if kills == len(LINES):
            break
    cluster.deployed()
    cluster.unchanged()
    cluster.verified()


def test_interrupted_it_says_how_far_it_came_and_goes_on_from_there(cluster):
    cluster.change("memcached.conf", "main", "-m", "65", "66")
    with cluster.deploying() as process:
        process.send_signal(signal.SIGINT)
    told = cluster.said[-1]
    assert process.returncode == 130, told
    assert "Traceback" not in told
    assert "tasks were done and hold; " in told
    assert "run quorate deploy again: it goes on from there" in told
    assert told.endswith("quorate: interrupted\n")
    cluster.deployed()
    cluster.unchanged()
    cluster.verified("memcached", "resources")
