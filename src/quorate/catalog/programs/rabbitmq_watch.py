#!/usr/bin/python3
"""Restart this host's broker within its process when it stays parted from most of the others.

Usage: rabbitmq_watch LOG MEMBER...; MEMBERs are the node names of all brokers. One that hung and goes on learns in
the same moment that the others had gone and that they are back: it was never alone by its own knowing, so it does
not pause, and stays apart until somebody restarts it. Mnesia says so in the broker's log once, which is followed.
"""

import json
import os
import subprocess
import sys
import time
from pathlib import Path

PARTED = b"running_partitioned_network"
# What heals by itself has healed by then.
GRACE_S = 5
POLL_S = 1
TIMEOUT_S = 60


def lines(path):
    """The lines that are written from now on, as they come; nothing (b"") when there is none."""
    stream = None
    while True:
        try:
            if stream is None:
                stream = path.open("rb")
                stream.seek(0, os.SEEK_END)
            elif path.stat().st_ino != os.fstat(stream.fileno()).st_ino:  # rotated
                stream.close()
                stream = path.open("rb")
        except FileNotFoundError:
            stream = None
        yield stream.readline() if stream else b""


def say(*command):
    """What rabbitmqctl prints; None if it fails, and then the reason is in the journal."""
    argv = ("rabbitmqctl", "--silent", "--timeout", str(TIMEOUT_S), *command)
    try:
        done = subprocess.run(argv, capture_output=True, text=True, check=False, timeout=2 * TIMEOUT_S)
    except subprocess.TimeoutExpired:
        print(f"{command[0]}: no answer within {2 * TIMEOUT_S} s", flush=True)
        return None
    if done.returncode != 0:
        print(f"{command[0]}: {(done.stderr or done.stdout).strip()[-300:]}", flush=True)
        return None
    return done.stdout


def left_behind(members):
    """Whether the brokers that this one still runs with are too few; of two halves the first member's goes on."""
    said = say("cluster_status", "--formatter", "json")
    if said is None:
        return None
    status = json.loads(said)
    running = set(status["running_nodes"])
    if not status["partitions"] or len(running) * 2 > len(members):
        return False
    return len(running) * 2 < len(members) or members[0] not in running


def main():
    """Follow the log; look a while after it tells of a partition, and again until there is none to mend here."""
    path, *members = sys.argv[1:]
    due_s = None
    for line in lines(Path(path)):
        if PARTED in line:
            due_s = time.monotonic() + GRACE_S
        elif not line:
            time.sleep(POLL_S)  # between two looks at a log that is followed as long as the broker lives
        if due_s is not None and time.monotonic() >= due_s:
            behind = left_behind(members)
            if behind:
                print("parted from most brokers: restarting this one", flush=True)
                say("stop_app")
                say("start_app")
            due_s = None if behind is False else time.monotonic() + GRACE_S


if __name__ == "__main__":
    main()
