"""What galera-check says of a member, over HTTP, by the state that its server tells."""

import importlib.util
import threading
import urllib.error
import urllib.request
from importlib.resources import files

import pymysql
import pytest

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
    path = str(files("quorate.catalog").joinpath("programs", "galera_check.py"))
    spec = importlib.util.spec_from_file_location("galera_check", path)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


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
