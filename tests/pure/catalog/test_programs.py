"""The probes that need nothing but the standard library, run as on a node, against small servers on loopback."""

import grp
import json
import os
import pwd
import socketserver
import subprocess
import sys
import threading
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler

import pytest

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
            ("web", web, "GET /healthcheck", 200),
            ("web", ("127.0.0.1", 1), "GET /healthcheck", 200),
            ("ill", web, "GET /other", 200),
            ("as wanted", web, "GET /other", 503),
            ("closing", closing, None, 200),
            ("greeting", greeting, None, 200),
            ("client first", mute, None, 200),
        ]
        keys = ("name", "address", "port", "request", "status")
        seen = run("listeners_answer", [dict(zip(keys, (n, *at, r, s), strict=True)) for n, at, r, s in asked])
    assert seen["web"] == {f"127.0.0.1:{web[1]}": None, "127.0.0.1:1": "Connection refused"}
    assert list(seen["as wanted"].values()) == [None]
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


def asked(name, question, *arguments, environment=None):
    argv = [sys.executable, "-c", program(name)[-1], *arguments]
    return subprocess.run(
        argv, input=question, capture_output=True, text=True, timeout=30, check=False, env=environment
    )


REVISIONS = {
    "a1_initial.py": 'revision = "a1"\ndown_revision = None\n',
    "b2_more.py": "revision: str = 'b2'\ndown_revision: str | None = 'a1'\n",
    "deep/c3_merge.py": 'revision = "c3"\ndown_revision = (\n    "b2",\n    "x9",\n)\n',
    "x9_other.py": 'revision = "x9"\ndown_revision = "a1"\n',
    "contract/d4.py": 'revision = "d4"\ndown_revision = "a1"\ndepends_on = "e5"\n',
    "expand/e5.py": 'revision = "e5"\ndown_revision = "a1"\n',
}
# In place of the client library: says what the table has.
PYMYSQL = """
import contextlib
class Cursor:
    def execute(self, statement):
        assert statement == "SELECT version_num FROM alembic_version"
    def fetchall(self):
        return [(each,) for each in {!r}]
@contextlib.contextmanager
def shown(value):
    yield value
class Connection:
    def __enter__(self):
        return self
    def __exit__(self, *_):
        pass
    def cursor(self):
        return shown(Cursor())
def connect(host, user, password, database):
    assert (host, user, password, database) == ("proxy", "glance", "s3cret", "glance")
    return Connection()
"""


@pytest.mark.parametrize(
    ("present", "code"), [(["c3", "d4"], 0), (["c3"], 1), (["b2", "d4"], 1), (["c3", "d4", "e5"], 1)]
)
def test_tables_are_as_wanted_at_the_revisions_that_no_other_follows(tmp_path, present, code):
    for name, text in REVISIONS.items():
        path = tmp_path / "service" / "db" / "versions" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
    (tmp_path / "service" / "__init__.py").write_text("raise ImportError('importing it takes seconds')")
    (tmp_path / "pymysql.py").write_text(PYMYSQL.format(present))
    said = asked(
        "tables",
        "proxy glance s3cret glance\n",
        "service/db/versions",
        environment={"PYTHONPATH": str(tmp_path), "PATH": os.environ["PATH"]},
    )
    assert said.returncode == code, said.stderr
    assert said.stdout.startswith("wanted ['c3', 'd4'], found [")


def test_directories_are_looked_for_where_the_files_are_mounted(tmp_path):
    """That they are made is seen on a cluster: it takes a mount."""
    user, group = pwd.getpwuid(os.getuid()).pw_name, grp.getgrgid(os.getgid()).gr_name
    wanted = {"device": "server:/files", "fstype": "nfs", "mount": str(tmp_path)}
    wanted["directories"] = [{"path": "images", "owner": user, "group": group, "mode": 0o750}]
    absent = asked("shared_directories", json.dumps(wanted), "check")
    assert (absent.returncode, absent.stdout) == (1, f"{tmp_path} is not mounted\n")
    wanted["mount"] = "/proc"
    missing = asked("shared_directories", json.dumps(wanted), "check")
    assert (missing.returncode, missing.stdout) == (1, "there is no /proc/images\n")
    wanted["directories"] = [{"path": "sys", "owner": "root", "group": "root", "mode": 0o700}]
    other = asked("shared_directories", json.dumps(wanted), "check")
    assert (other.returncode, other.stdout) == (1, "/proc/sys is dr-xr-xr-x of 0:0\n")
