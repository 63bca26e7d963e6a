#!/usr/bin/python3
"""Answer HTTP 200 when this Galera member is Synced, in the primary component, writable and up to date; or 503.

A member whose disk is full is not writable, whatever it says. One that was silent so long that the others may have
gone on without it is up to date once it has read all that they wrote: when it wakes, it knows of nothing.

Usage: galera-check ADDRESS PORT SOCKET SILENCE_MS MEMBER... Keeps one connection to the server open, so that a
check costs one query. GET /turn from a MEMBER's address is answered once no other caller has the turn, which it
then has for as long as it keeps the connection: so that one member joins at a time (galera-server).
"""

import os
import select
import socket
import sys
import threading
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pymysql

QUERY = """
SELECT LOWER(VARIABLE_NAME), VARIABLE_VALUE FROM information_schema.GLOBAL_STATUS
 WHERE VARIABLE_NAME IN ('WSREP_LOCAL_STATE_COMMENT', 'WSREP_CLUSTER_STATUS', 'WSREP_READY')
UNION ALL SELECT 'read_only', @@global.read_only
UNION ALL SELECT 'datadir', @@global.datadir
"""
# Answered once all that the group had written when it was asked is here; the state above is told at once.
CAUSAL = ("SET SESSION wsrep_sync_wait = 1", "SELECT 1", "SET SESSION wsrep_sync_wait = 0")
# With less than this, nothing that is written can be relied on: another member takes the writes.
LEAST_FREE_BYTES = 16 * 1024 * 1024
WANTED = {
    "wsrep_local_state_comment": "Synced",
    "wsrep_cluster_status": "Primary",
    "wsrep_ready": "ON",
    "read_only": "0",
}


def free_bytes(directory):
    """What may still be written there by the server's user."""
    disk = os.statvfs(directory)
    return disk.f_bavail * disk.f_frsize


class Member:
    """The local server, asked one question at a time."""

    def __init__(self, path, silence_s):
        self._path = path
        self._silence_s = silence_s
        self._heard_s = float("-inf")
        self._lock = threading.Lock()
        self._connection = None

    def state(self):
        """The values of the wanted variables; raises pymysql.err.Error if the server does not answer in 1 s.

        Nor does it answer, after a silence, before it is up to date.
        """
        with self._lock:
            try:
                if self._connection is None:
                    self._connection = pymysql.connect(
                        unix_socket=self._path,
                        user="mysql",
                        connect_timeout=1,
                        read_timeout=1,
                        autocommit=True,
                    )
                with self._connection.cursor() as cursor:
                    cursor.execute(QUERY)
                    state = {name: str(value) for name, value in cursor.fetchall()}
                    if not wrong_in(state) and now_s() - self._heard_s > self._silence_s:
                        for statement in CAUSAL:
                            cursor.execute(statement)
            except pymysql.err.Error:
                self._forget()
                raise
            if not wrong_in(state):
                self._heard_s = now_s()
            return state

    def _forget(self):
        if self._connection is not None and self._connection.open:
            self._connection._force_close()  # noqa: SLF001 - close() would write to a server that does not answer
        self._connection = None


def wrong_in(state):
    """What is not as wanted in a member's state."""
    return {name: state.get(name) for name, value in WANTED.items() if state.get(name) != value}


def now_s():
    """A clock that goes on while the host is suspended."""
    return time.clock_gettime(time.CLOCK_BOOTTIME)


class Handler(BaseHTTPRequestHandler):
    """One check; the body says what was seen."""

    protocol_version = "HTTP/1.0"

    def do_GET(self):
        """Judge the member's state, or give the turn."""
        if self.path == "/turn":
            self._give_turn()
            return
        try:
            state = self.server.member.state()
        except pymysql.err.Error as error:
            self._answer(503, f"the server does not answer: {error}")
            return
        wrong = wrong_in(state)
        free = free_bytes(state["datadir"])
        if free < LEAST_FREE_BYTES:
            wrong["free bytes"] = free
        self._answer(503 if wrong else 200, str(wrong or "synced"))

    do_HEAD = do_OPTIONS = do_GET

    def _give_turn(self):
        if self.client_address[0] not in self.server.members:
            self._answer(403, "not a member")
            return
        # The host's settings say how soon a caller that lost its power is noticed.
        self.connection.setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)
        while not self.server.turn.acquire(timeout=1):
            if select.select([self.connection], [], [], 0)[0]:
                return  # it hung up: a waiting caller has nothing to say
        try:
            self.send_response(200)
            self.end_headers()
            self.connection.recv(1)
        finally:
            self.server.turn.release()

    def _answer(self, status, text):
        body = text.encode() + b"\n"
        self.send_response(status)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_):
        """Two checks a second from every proxy are not worth a log line."""


class Server(ThreadingHTTPServer):
    """The listening end; a proxy that hangs up in the middle of its check is no event."""

    daemon_threads = True
    allow_reuse_address = True

    def __init__(self, address, member, members):
        self.member = member
        self.members = members
        self.turn = threading.Lock()
        super().__init__(address, Handler)

    def handle_error(self, request, client_address):
        """Pass over connections that the other end broke off; report anything else."""
        if not isinstance(sys.exc_info()[1], ConnectionError | TimeoutError):
            super().handle_error(request, client_address)


def main():
    """Listen, tell systemd, serve."""
    address, port, path, silence_ms, *members = sys.argv[1:]
    server = Server((address, int(port)), Member(path, int(silence_ms) / 1000), members)
    notify = os.environ.get("NOTIFY_SOCKET")
    if notify:
        with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as manager:
            manager.sendto(b"READY=1", notify.replace("@", "\0", 1))
    server.serve_forever()


if __name__ == "__main__":
    main()
