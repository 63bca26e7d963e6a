"""The probes that need nothing but the standard library, run as on a node, against small servers on loopback."""

import json
import socketserver
import subprocess
import sys
import threading
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler

from quorate.catalog import program


def run(name, question=None, *arguments):
    argv = [sys.executable, *program(name)[1:], *arguments]
    ran = subprocess.run(argv, input=json.dumps(question), capture_output=True, text=True, timeout=30, check=True)
    return json.loads(ran.stdout)


@contextmanager
def served(handler, server=socketserver.ThreadingTCPServer, at=("127.0.0.1", 0)):
    with server(at, handler) as serving:
        serving.daemon_threads = True
        thread = threading.Thread(target=serving.serve_forever, args=(0.01,))
        thread.start()
        try:
            yield serving.server_address
        finally:
            serving.shutdown()
            thread.join()


class Cache(socketserver.StreamRequestHandler):
    """As much of memcached as a set and a get need."""

    keeps = True

    def handle(self):
        _, key, *_, size = self.rfile.readline().split()
        value = self.rfile.read(int(size) + 2)[:-2]
        self.wfile.write(b"STORED\r\n")
        self.rfile.readline()
        kept = b"VALUE %s 0 %d\r\n%s\r\n" % (key, len(value), value) if self.keeps else b""
        self.wfile.write(kept + b"END\r\n")


class Forgetful(Cache):
    keeps = False


class Full(socketserver.StreamRequestHandler):
    def handle(self):
        self.rfile.readline()
        self.wfile.write(b"SERVER_ERROR out of memory storing object\r\n")


class Mute(socketserver.BaseRequestHandler):
    def handle(self):
        while self.request.recv(1024):
            pass


class Closing(socketserver.BaseRequestHandler):
    """As HAProxy when no server is up."""


class Greeting(socketserver.BaseRequestHandler):
    def handle(self):
        self.request.sendall(b"5.5.5-10.11")


class Web(BaseHTTPRequestHandler):
    def do_GET(self):
        self.send_response(200 if self.path == "/healthcheck" else 503)
        self.end_headers()

    def log_message(self, *_):
        pass


def test_caches():
    with served(Cache) as well, served(Forgetful) as forgets, served(Full) as full, served(Mute) as mute:
        servers = {"well": well, "forgets": forgets, "full": full, "mute": mute, "gone": ["127.0.0.1", 1]}
        seen = run("memcached_reach", {"servers": servers, "within_s": 0.5})
    assert seen.pop("forgets").startswith("gave back")
    assert seen == {
        "well": None,
        "full": "answered 'SERVER_ERROR out of memory storing object' to a set",
        "mute": "does not answer: timed out",
        "gone": "does not answer: Connection refused",
    }


def test_listeners():
    with served(Web) as web, served(Closing) as closing, served(Greeting) as greeting, served(Mute) as mute:
        asked = [
            ("web", web, "GET /healthcheck"),
            ("web", ("127.0.0.1", 1), "GET /healthcheck"),
            ("ill", web, "GET /other"),
            ("closing", closing, None),
            ("greeting", greeting, None),
            ("client first", mute, None),
        ]
        seen = run(
            "listeners_answer", [{"name": n, "address": at[0], "port": at[1], "request": r} for n, at, r in asked]
        )
    assert seen["web"] == {f"127.0.0.1:{web[1]}": None, "127.0.0.1:1": "Connection refused"}
    assert [list(seen[name].values()) for name in ("ill", "closing", "greeting", "client first")] == [
        ["HTTP status 503"],
        ["closed the connection: no server behind it"],
        [None],
        [None],
    ]


class Admin(socketserver.StreamRequestHandler):
    def handle(self):
        self.wfile.write(b"answer to " + self.rfile.readline())


def test_haproxy_is_given_each_command(tmp_path):
    path = str(tmp_path / "admin.sock")
    with served(Admin, socketserver.ThreadingUnixStreamServer, path):
        said = run("haproxy_say", None, path, "show stat", "show table galera")
    assert said == {"show stat": "answer to show stat\n", "show table galera": "answer to show table galera\n"}


def test_haproxy_that_does_not_run(tmp_path):
    path = str(tmp_path / "admin.sock")
    assert run("haproxy_say", None, path, "show stat") == {"error": f"{path}: No such file or directory"}
