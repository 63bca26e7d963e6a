#!/usr/bin/python3
"""Start MariaDB; a member that is to join its cluster only when no other is joining.

Run by the Galera agent instead of mariadbd-safe, with its arguments. Members that join together can fail each
other: one may be given an incomplete state, or cost the one that gives it the primary component. So a joiner
first takes the turn that each member's galera-check has to give, in the order of the cluster's address, which is
the same for all. It keeps them until it is synced, or its server has ended.
"""

import argparse
import os
import socket
import sys
import syslog
import time
from http import HTTPStatus
from http.client import HTTPConnection, HTTPException

import pymysql

SERVER = "/usr/bin/mariadbd-safe"
CHECK_PORT = 9200
CONNECT_S = 2
# Below the 300 s that the promotion is given: the reason is then here, and not only Pacemaker's "timed out".
WAIT_S = 270
POLL_S = 0.5
SYNCED = "4"


def say(text):
    """To the journal: the agent throws away what is printed."""
    syslog.syslog(text)
    print(text, file=sys.stderr)


def turns(members, deadline):
    """A connection that holds the turn, one for each member that answers; ends the program at the deadline."""
    held = []
    for member in members:
        connection = HTTPConnection(member, CHECK_PORT, timeout=CONNECT_S)
        try:
            connection.connect()
            # The host's settings say how soon a member that lost its power is noticed.
            connection.sock.setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)
            connection.sock.settimeout(max(0.1, deadline - time.monotonic()))
            connection.request("GET", "/turn")
            answer = connection.getresponse()
        except (OSError, HTTPException) as error:
            if time.monotonic() >= deadline:
                say(f"not started: after {WAIT_S} s another member still has the turn of {member}")
                sys.exit(1)
            say(f"{member} cannot be asked for its turn: {error!r}")
            continue
        if answer.status == HTTPStatus.OK:
            held.append((connection, answer))
        else:
            say(f"{member} does not give its turn: {answer.status} {answer.reason}")
    return held


def synced(path):
    """Whether the local server says that it is synced; one that does not answer yet is not."""
    try:
        with pymysql.connect(unix_socket=path, user="mysql", connect_timeout=1, read_timeout=1) as server:
            cursor = server.cursor()
            cursor.execute("SHOW STATUS LIKE 'wsrep_local_state'")
            return cursor.fetchone()[1] == SYNCED
    except (pymysql.err.Error, OSError):
        return False


def keep_turns(server, path):
    """Wait, with the turns held by this process, until the server is synced or gone."""
    while os.getppid() == server and not synced(path):
        time.sleep(POLL_S)  # between two looks; the promotion that waits for this has the deadline


def main():
    """Take the turns, leave them with a child, become the server."""
    options = argparse.ArgumentParser(add_help=False, allow_abbrev=False)
    options.add_argument("--wsrep-cluster-address", default="")
    options.add_argument("--socket")
    asked, _ = options.parse_known_args()
    syslog.openlog("galera-server", syslog.LOG_PID, syslog.LOG_DAEMON)
    members = [name for name in asked.wsrep_cluster_address.removeprefix("gcomm://").split(",") if name]
    if members:
        held = turns(members, time.monotonic() + WAIT_S)
        say(f"joins {asked.wsrep_cluster_address}, with the turn of {len(held)} members")
        server = os.getpid()
        if os.fork() == 0:
            keep_turns(server, asked.socket)
            os._exit(0)
    os.execv(SERVER, [SERVER, *sys.argv[1:]])  # noqa: S606 - its arguments are the agent's


if __name__ == "__main__":
    main()
