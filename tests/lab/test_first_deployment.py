"""Fresh hosts become a cloud, although the deployment is killed again and again."""

import random
from itertools import cycle
from pathlib import Path

import pytest

pytestmark = [pytest.mark.lab, pytest.mark.timeout(1200)]

# After how many lines of progress: a first deployment prints about a hundred, most of them in a burst.
LINES = (1, 0, 2, 1, 4, 0, 1, 7, 2)
# What fence_ipmilan calls: it is given the password by argument, and hides it as the first thing it does.
HIDES_ITS_PASSWORD = "ipmitool"


def exposed(values: dict[str, str]) -> frozenset[str]:
    """The secrets that stand in the command line of any process of this machine, so of any host."""
    seen = set()
    for path in Path("/proc").glob("[0-9]*/cmdline"):
        try:
            argv = path.read_text(errors="replace").split("\0")
        except (FileNotFoundError, ProcessLookupError):
            continue
        if argv[0].rpartition("/")[2] != HIDES_ITS_PASSWORD:
            seen |= {f"{name} in {argv[0]}" for name, value in values.items() if any(value in arg for arg in argv)}
    return frozenset(seen)


def test_killed_at_many_points_it_is_completed_by_running_it_again(hosts):
    if hosts.on("ctl1", "ls -d /etc/quorate", check=False):
        pytest.skip("wants fresh hosts, which those of QUORATE_LAB_FILE are not")
    pace = random.Random(2)
    values = hosts.secret_values()
    kills = 0
    with hosts.watching(lambda: exposed(values), 0.05) as seen:
        for lines in cycle(LINES):
            if not hosts.killed(lines, pace.uniform(0, 3) if lines == 0 else pace.uniform(0, 0.1)):
                break
            kills += 1
            if kills == len(LINES):
                hosts.deployed()
                break
    assert kills >= 8
    assert frozenset().union(*seen) == frozenset()
    hosts.verified()
    hosts.unchanged()
