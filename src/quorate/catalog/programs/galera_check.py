#!/usr/bin/python3
"""Answer HTTP 200 when this Galera member is Synced, in the primary component, writable and up to date; or 503.

Usage: galera-check ADDRESS PORT SOCKET MEMBER... Keeps one connection to the server open, so that a check costs
one query. GET /turn from a MEMBER's address is answered once no other caller has the turn, which it then has for
as long as it keeps the connection: so that one member joins at a time (galera-server).
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
"""
WANTED = {
    "wsrep_local_state_comment": "Synced",
    "wsrep_cluster_status": "Primary",
    "wsrep_ready": "ON",
    "read_only": "0",
}


PATIENCE_S = 1
# A member that was not up to date for longer than this is behind. One that was frozen, and that the others have
# left out, still says of itself that it is synced; a group that changes keeps everybody waiting for a moment.
BEHIND_S = 2
POLL_S = 0.3


class Session:
    """A connection to the local server that is opened when it is needed, for one question at a time."""

    def __init__(self, path, timeout_s, first=None):
        self._path = path
        self._timeout_s = timeout_s
        self._first = first
        self._lock = threading.Lock()
        self._connection = None

    def ask(self, query):
        """The rows; raises pymysql.err.Error if the server does not answer in time."""
        with self._lock:
            try:
                if self._connection is None:
                    self._connection = pymysql.connect(
                        unix_socket=self._path,
                        user="mysql",
                        connect_timeout=self._timeout_s,
                        read_timeout=self._timeout_s,
                        autocommit=True,
                        init_command=self._first,
                    )
                with self._connection.cursor() as cursor:
                    cursor.execute(query)
                    return cursor.fetchall()
            except pymysql.err.Error:
                self._forget()
                raise

    def _forget(self):
        if self._connection is not None and self._connection.open:
            self._connection._force_close()  # noqa: SLF001 - close() would write to a server that does not answer
        self._connection = None


class Member:
    """The local server: what it says of itself, and since when it is behind the group."""

    def __init__(self, path):
        self._state = Session(path, PATIENCE_S)
        # Answered once all that the group had written when it was asked is here.
        self._causal = Session(path, PATIENCE_S, "SET SESSION wsrep_sync_wait = 1")
        self._up_to_date_s = time.monotonic()

    def state(self):
        """The values of the wanted variables; raises pymysql.err.Error if the server does not answer in 1 s."""
        return {name: str(value) for name, value in self._state.ask(QUERY)}

    def behind_s(self):
        """For how many seconds it has not been seen to be up to date."""
        return time.monotonic() - self._up_to_date_s

    def watch(self):
        """Look all the time whether it is up to date."""
        while True:
            asked_s = time.monotonic()
            try:
                self._causal.ask("SELECT 1")
                self._up_to_date_s = asked_s
            except pymysql.err.Error:
                pass  # it is behind: the time goes on
            time.sleep(POLL_S)


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
        wrong = {name: state.get(name) for name, value in WANTED.items() if state.get(name) != value}
        behind_s = self.server.member.behind_s()
        if behind_s > BEHIND_S:
            wrong["seconds behind the group"] = round(behind_s, 1)
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
    address, port, path, *members = sys.argv[1:]
    member = Member(path)
    threading.Thread(target=member.watch, daemon=True).start()
    server = Server((address, int(port)), member, members)
    notify = os.environ.get("NOTIFY_SOCKET")
    if notify:
        with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as manager:
            manager.sendto(b"READY=1", notify.replace("@", "\0", 1))
    server.serve_forever()


if __name__ == "__main__":
    main()
