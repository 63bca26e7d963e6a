#!/usr/bin/python3
"""Start this host's brick anew when the daemon here sends nobody to it.

Usage: brick-watch VOLUME BRICK DIRECTORY; BRICK is HOST:/PATH, DIRECTORY the daemon's for process ids. GlusterFS
starts a brick once: nobody starts one that died. And a daemon that finds its peers again may start it twice; it
takes the failure of the second for that of the first, which lives on unknown to all clients (glusterfs#4080). If
it starts it a third time, it finds the first running, and tells all clients port 0.
"""

import os
import signal
import subprocess
import sys
import tempfile
import time
from pathlib import Path

POLL_S = 5
# What starts has started by then: looks in a row that find it missing.
PATIENCE = 2
TIMEOUT_S = 60
ENDS_WITHIN_S = 10


class Refused(Exception):
    """The daemon does not answer, or says no."""


def gluster(*words):
    """Have the daemon on this host do something. Raises Refused with its words."""
    try:
        done = subprocess.run(
            ["gluster", "--mode=script", *words], capture_output=True, text=True, timeout=TIMEOUT_S, check=False
        )
    except subprocess.TimeoutExpired:
        raise Refused(f"{words[0]} {words[1]}: no answer within {TIMEOUT_S} s") from None
    if done.returncode:
        raise Refused(f"{words[0]} {words[1]}: {(done.stderr or done.stdout).strip()}")


def lost(volume, brick):
    """Whether the volume runs and the daemon here sends nobody to this brick of it; no other host is asked."""
    with tempfile.TemporaryDirectory() as directory:
        gluster("get-state", "glusterd", "odir", directory, "file", "state")
        lines = Path(directory, "state").read_text().splitlines()
    state = dict(line.split(": ", 1) for line in lines if ": " in line)

    def started(kind, wanted):
        found = [key.removesuffix(kind) for key, value in state.items() if key.endswith(kind) and value == wanted]
        return [key for key in found if state.get(f"{key}.status") == "Started"]

    reached = [key for key in started(".path", brick) if state.get(f"{key}.port") != "0"]
    return bool(started(".name", volume)) and not reached


def end(pidfile, brick):
    """End the process that nobody knows of, if there is one: the number may be another's by now."""
    try:
        pid = int(pidfile.read_text())
        argv = Path(f"/proc/{pid}/cmdline").read_text().split("\0")
        if brick.partition(":")[2] not in argv:
            return
        os.kill(pid, signal.SIGTERM)
    except (FileNotFoundError, ProcessLookupError, ValueError):
        return
    until = time.monotonic() + ENDS_WITHIN_S
    while Path(f"/proc/{pid}").exists():
        if time.monotonic() > until:
            raise Refused(f"process {pid} of the brick does not end within {ENDS_WITHIN_S} s")
        time.sleep(0.1)  # between two looks; `until` is their deadline


def main():
    """Look for ever; what is said is said once."""
    volume, brick, directory = sys.argv[1:]
    pidfile = Path(directory, f"{brick.replace(':/', '-').replace('/', '-')}.pid")
    missing, said = 0, None
    while True:
        try:
            missing = missing + 1 if lost(volume, brick) else 0
            if missing >= PATIENCE:
                end(pidfile, brick)
                gluster("volume", "start", volume, "force")
                print("no client was sent to the brick of this host: started", flush=True)
            said = None
        except Refused as refused:
            if str(refused) != said:
                said = str(refused)
                print(said, flush=True)
        time.sleep(POLL_S)  # between two looks, for as long as the daemon that it goes with


if __name__ == "__main__":
    main()
