#!/usr/bin/python3
"""Have the other brokers forget a broker that lost its disk, before it starts: only then can it join them.

Usage: rabbitmq_rejoin DIRECTORY NAME MEMBER...: this broker's node name and those of all, and where it keeps its
data. A broker without data that the others still count as a member is refused by them, and after a few
attempts serves alone: a second cluster that takes messages. Its own copies are lost with its disk already.
"""

import json
import subprocess
import sys
import time
from pathlib import Path

# Below the 60 s that the start is given: the reason is then in the journal, and not only Pacemaker's "timed out".
WITHIN_S = 40
TIMEOUT_S = 5
POLL_S = 1


def asked(peer, *command):
    """What rabbitmqctl says of a peer; None if it fails, and then the reason is printed."""
    argv = ("rabbitmqctl", "--silent", "--node", peer, "--timeout", str(TIMEOUT_S), *command)
    try:
        done = subprocess.run(argv, capture_output=True, text=True, check=False, timeout=2 * TIMEOUT_S)
    except subprocess.TimeoutExpired:
        print(f"{peer}: {command[0]}: no answer within {2 * TIMEOUT_S} s")
        return None
    if done.returncode != 0:
        print(f"{peer}: {command[0]}: {(done.stderr or done.stdout).strip()[-300:]}")
        return None
    return done.stdout


def counted(name, peer):
    """Whether a peer answers and counts this broker as a member of its cluster."""
    said = asked(peer, "cluster_status", "--formatter", "json")
    return said is not None and name in json.loads(said)["disk_nodes"]


def forgotten(name, peer, end):
    """Have a peer forget this broker, as soon as it has noticed that this one is down."""
    while asked(peer, "forget_cluster_node", name) is None:
        if time.monotonic() >= end:
            return False
        time.sleep(POLL_S)  # between two attempts; `end` is their deadline
    print(f"{peer} and its cluster have forgotten {name}, which has no data")
    return True


def main():
    """Ask the peers, one after the other, until one has done it for all of its cluster."""
    end = time.monotonic() + WITHIN_S
    directory, name, *members = sys.argv[1:]
    if Path(directory, name).exists():
        return
    knows = next((peer for peer in members if peer != name and counted(name, peer)), None)
    if knows and not forgotten(name, knows, end):
        sys.exit(f"not started: {knows} does not forget {name}, and {name} alone would be a second cluster")


if __name__ == "__main__":
    main()
