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
}


class Member:
    def __init__(self, state, behind_s=0.0):
        self._state = state
        self._behind_s = behind_s

    def behind_s(self):
        return self._behind_s

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


def said(check, state, behind_s=0.0) -> tuple[int, str]:
    server = check.Server(("127.0.0.1", 0), Member(state, behind_s), [])
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


def test_one_that_does_not_answer_may_not(check):
    assert said(check, pymysql.err.OperationalError("timed out")) == (
        503,
        "the server does not answer: timed out\n",
    )


@pytest.mark.parametrize(("behind_s", "code"), [(1.9, 200), (2.1, 503)])
def test_one_that_is_behind_may_not(check, behind_s, code):
    assert said(check, WELL, behind_s)[0] == code


class Answers:
    """What the server answers when it is asked whether it is up to date; the end of the list ends the watching."""

    class OverError(Exception):
        pass

    def __init__(self, answers):
        self._answers = answers

    def ask(self, _query):
        if not self._answers:
            raise self.OverError
        if not self._answers.pop(0):
            raise pymysql.err.OperationalError(1205, "Lock wait timeout exceeded")


@pytest.mark.parametrize(("answers", "fresh"), [([True], True), ([True, False, False, False], False)])
def test_it_is_behind_since_it_was_last_up_to_date(check, answers, fresh):
    check.POLL_S = 0.05
    member = check.Member("/nowhere")
    member._up_to_date_s = float("-inf")
    member._causal = Answers(answers)
    with pytest.raises(Answers.OverError):
        member.watch()
    assert (member.behind_s() < 0.1) is fresh
