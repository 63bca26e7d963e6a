"""What galera-check says of a member, over HTTP, by the state that its server tells."""

import threading
import urllib.error
import urllib.request

import pymysql
import pytest

import programs

WELL = {
    "wsrep_local_state_comment": "Synced",
    "wsrep_cluster_status": "Primary",
    "wsrep_ready": "ON",
    "read_only": "0",
    "datadir": "/",
}


class Member:
    def __init__(self, state):
        self._state = state

    def state(self):
        if isinstance(self._state, Exception):
            raise self._state
        return self._state


@pytest.fixture
def check():
    return programs.load("galera_check")


def said(check, state) -> tuple[int, str]:
    server = check.Server(("127.0.0.1", 0), Member(state), [])
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    try:
        with urllib.request.urlopen(f"http://127.0.0.1:{server.server_address[1]}/", timeout=10) as answer:
            return answer.status, answer.read().decode()
    except urllib.error.HTTPError as error:
        with error:
            return error.code, error.read().decode()
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


def test_a_member_that_is_well_may_be_given_sessions(check):
    assert said(check, WELL) == (200, "synced\n")


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("wsrep_local_state_comment", "Donor/Desynced"),
        ("wsrep_cluster_status", "non-Primary"),
        ("wsrep_ready", "OFF"),
        ("read_only", "1"),
    ],
)
def test_one_that_is_not_may_not_and_says_why(check, name, value):
    code, text = said(check, WELL | {name: value})
    assert code == 503
    assert f"'{name}': '{value}'" in text


def test_one_whose_disk_is_full_may_not(check):
    check.LEAST_FREE_BYTES = 1 << 60
    code, text = said(check, WELL)
    assert code == 503
    assert "free bytes" in text


def test_one_that_does_not_answer_may_not(check):
    assert said(check, pymysql.err.OperationalError("timed out")) == (
        503,
        "the server does not answer: timed out\n",
    )


class Connection:
    """A server that notes what it is asked; a causal read fails until it has caught up."""

    open = False

    def __init__(self, state, asked):
        self.state, self.asked, self.behind = state, asked, False

    def cursor(self):
        return self

    def __enter__(self):
        return self

    def __exit__(self, *_):
        return None

    def execute(self, statement):
        self.asked.append(statement)
        if self.behind and statement == "SELECT 1":
            raise pymysql.err.OperationalError(1205, "Lock wait timeout exceeded")

    def fetchall(self):
        return list(self.state.items())


@pytest.fixture
def member(check, monkeypatch):
    """A member whose clock stands, heard of a moment ago; `asked` is what its server has been asked since."""
    asked = []
    server = Connection(dict(WELL), asked)
    monkeypatch.setattr(check.pymysql, "connect", lambda **_: server)
    clock = [100.0]
    monkeypatch.setattr(check, "now_s", lambda: clock[0])
    one = check.Member("/nowhere", 1.5)
    one.state()
    asked.clear()
    return one, server, clock


def causal_reads(server) -> int:
    return server.asked.count("SELECT 1")


def test_one_that_answers_all_the_time_is_not_asked_to_catch_up(member):
    one, server, clock = member
    for _ in range(5):
        clock[0] += 1.4
        one.state()
    assert causal_reads(server) == 0


def test_one_that_was_silent_catches_up_before_it_answers(member):
    one, server, clock = member
    clock[0] += 1.6
    server.behind = True
    for _ in range(2):
        with pytest.raises(pymysql.err.Error):
            one.state()
    server.behind = False
    assert one.state() == WELL
    assert causal_reads(server) == 3
    one.state()
    assert causal_reads(server) == 3


def test_one_that_joins_says_so_and_catches_up_once_it_has(member):
    one, server, clock = member
    clock[0] += 60
    server.state["wsrep_local_state_comment"] = "Joined"
    assert one.state()["wsrep_local_state_comment"] == "Joined"
    assert causal_reads(server) == 0
    server.state["wsrep_local_state_comment"] = "Synced"
    one.state()
    assert causal_reads(server) == 1
