"""What `quorate may-stop` and `may-lose` print: the answer first, then why and what would follow."""

import json
from dataclasses import replace
from pathlib import Path

import pytest

from quorate.cli import may as command
from quorate.cli.may import Question
from quorate.cli.subject import Subject, read_cib
from quorate.design.budget import Term
from quorate.model.check import no, unknown
from quorate.model.check import yes as yes_
from quorate.model.finding import Verdict
from quorate.prove.history import Role
from quorate.prove.intent import of as intent_of
from quorate.prove.may import Answer, Moved, Reason, Trouble, Votes
from quorate.prove.settle import Situation, Trace
from quorate.verify import Outcome

WIDTH = 80
CIB = Path(__file__).parents[2] / "golden" / "lab" / "control.cib"
STATE = read_cib(CIB.read_text(), "control.cib")
SUBJECT = Subject("control", "ctl1", STATE, intent_of(STATE.configuration), "3.0")
TRACE = Trace(Situation("may", "may", ()), STATE, ())
UP, LEFT, TOO_FEW = Votes(3, 3, quorate=True), Votes(2, 3, quorate=True), Votes(1, 3, quorate=False)
EVERYWHERE = dict.fromkeys(("ctl1", "ctl2", "ctl3"), Role.STARTED)
STAYS = dict.fromkeys(("ctl1", "ctl3"), Role.STARTED)
STOPS = tuple(Moved(name, EVERYWHERE, STAYS) for name in ("haproxy", "keystone"))
VIP = Moved("vip-internal", {"ctl2": Role.STARTED}, {"ctl3": Role.STARTED}, away_s=40.0)
DEVICE = Moved("fence-ctl1", {"ctl2": Role.STARTED}, {"ctl3": Role.STARTED}, away_s=120.0)
TERMS = (
    Term("detect", 1.1, ""),
    Term("agree", 1.6, ""),
    Term("fence", 1.2, ""),
    Term("start", 0.4, ""),
    Term("clients", 3.0, ""),
)
JOINING = Trouble(
    "galera is not promoted on ctl3 yet", "wait for it: quorate verify --only galera", service="galera"
)


def asked(what="stop", nodes=("ctl2",), terms=()):
    return Question(
        what, nodes, SUBJECT, "Pacemaker 3.0.0 at image localhost/quorate-host:0123456789abcdef", terms
    )


def yes(*moved, **more):
    known = {"before": UP, "after": LEFT, "transitions": 1, "actions": 10, "trace": TRACE}
    return Answer(Verdict.YES, moved=moved, **{**known, **more})


def text(question, answer):
    lines = list(command.as_text(question, answer))
    assert [line for line in lines if len(line) > WIDTH] == []
    return lines


def test_a_yes_and_what_follows():
    assert text(asked(), yes(VIP, *STOPS, DEVICE)) == [
        "yes: ctl2 may be stopped now",
        "  would move       vip-internal: ctl2 -> ctl3",
        "  away for         vip-internal: at most 40 s, by the timeouts of its actions",
        "  would stop       haproxy, keystone on ctl2; goes on, on ctl1 and ctl3",
        "  fencing devices  fence-ctl1: ctl2 -> ctl3",
        "  quorum           3 of 3 votes now, 2 of 3 then: kept",
        "  judged           1 transition, 10 actions, from the state that ctl1 tells, by",
        "                   Pacemaker 3.0.0 at image",
        "                   localhost/quorate-host:0123456789abcdef",
    ]


def test_what_is_predicted_and_what_is_a_bound_are_told_apart():
    lines = text(asked("lose", terms=TERMS), yes(VIP, fenced=("ctl2",)))
    assert lines[0] == "yes: ctl2 may be lost now"
    assert lines[2:7] == [
        "  away for         3.9 s and its start (0.4 s for an address), predicted: detect",
        "                   1.1 s, agree 1.6 s, fence 1.2 s (quorate show timers)",
        "                   vip-internal: from the fencing on, at most 40 s, by the",
        "                   timeouts of its actions",
        "  fenced           ctl2",
    ]


def test_a_no_says_why_and_what_to_wait_for_on_the_first_line():
    reasons = (Reason("galera would have no quorum: 1 of 3 promoted", (JOINING,)), Reason("and more"))
    answer = Answer(Verdict.NO, reasons, present=(JOINING,))
    assert command.headline(asked(), answer) == (
        "no: ctl2 may not be stopped now: galera would have no quorum: 1 of 3 promoted "
        "(galera is not promoted on ctl3 yet; wait for it: quorate verify --only galera)"
    )
    lines = text(asked(), answer)
    assert lines[2] == "  wrong already    galera is not promoted on ctl3 yet; wait for it: quorate"
    assert lines[-1] == "  also against it  and more"


def test_what_ends_nowhere_is_one_line():
    gone = [Moved(name, EVERYWHERE, {}) for name in ("haproxy", "galera")]
    answer = Answer(Verdict.NO, (Reason("no quorum"),), moved=tuple(gone), before=UP, after=TOO_FEW, trace=TRACE)
    lines = text(asked(nodes=("ctl1", "ctl2")), answer)
    assert lines[0] == "no: ctl1 and ctl2 may not be stopped now: no quorum"
    assert "  no longer run    haproxy, galera" in lines
    assert "  quorum           3 of 3 votes now, 1 of 3 then: lost: everything stops" in lines


def test_unknown_says_what_is():
    answer = Answer(Verdict.UNKNOWN, (Reason("schedule at here: it aborted"),))
    assert text(asked(), answer) == ["unknown: whether ctl2 may be stopped now: schedule at here: it aborted"]


def test_a_change_of_roles_and_a_restart_in_place():
    roles = Moved("galera", EVERYWHERE, {**EVERYWHERE, "ctl1": Role.PROMOTED}, restarted=("ctl3",))
    assert command._moved(roles) == "galera: promoted on ctl1; restarted on ctl3"


def test_what_a_changed_configuration_does_to_a_running_cluster():
    said = list(command.foreseen(yes(VIP), SUBJECT))
    assert said == [
        "proved: the running cluster takes no harm from its new configuration (control,",
        "by ctl1)",
        "  would move       vip-internal: ctl2 -> ctl3",
        "  away for         vip-internal: at most 40 s, by the timeouts of its actions",
    ]
    assert list(command.foreseen(yes(), SUBJECT))[2:] == ["  would move       nothing"]
    no = Answer(Verdict.NO, (Reason("no instance of db runs"),), trace=TRACE)
    assert list(command.foreseen(no, SUBJECT))[2:] == ["  because          no instance of db runs"]


@pytest.mark.parametrize("answer", [yes(VIP, *STOPS), Answer(Verdict.NO, (Reason("no", (JOINING,)),))])
def test_json_has_the_same(answer):
    said = json.loads(json.dumps(command.as_json(asked(), answer)))
    assert said["verdict"] == answer.verdict.value
    assert said["says"] == command.headline(asked(), answer)
    assert (said["question"], said["nodes"], said["judged"]["told_by"]) == ("may-stop", ["ctl2"], "ctl1")
    if answer.moved:
        assert said["moved"][0] == {
            "resource": "vip-internal",
            "before": {"ctl2": "started"},
            "after": {"ctl3": "started"},
            "restarted": [],
            "interrupted": True,
            "away_at_most_s": 40.0,
        }
        assert said["votes"]["after"] == {"up": 2, "of": 3, "quorate": True}
    else:
        assert said["reasons"][0]["wait_for"][0]["remedy"].startswith("wait for it")


def test_what_a_component_says_against_it_is_waited_for():
    newer = no("2 of the shared files are newer on ctl2 than elsewhere")
    outcomes = [Outcome("storage-spares", "storage", "enough without", (newer, yes_("copies are left on ctl1")))]
    lines = text(asked(), command.spared(yes(VIP), outcomes))
    assert " ".join(lines[:3]).startswith(
        "no: ctl2 may not be stopped now: 2 of the shared files are newer on ctl2 than elsewhere "
        "(wait for it: quorate verify --only storage)"
    )
    silent = [replace(outcomes[0], results=(unknown("not reached", "ctl1"),))]
    assert command.spared(yes(VIP), silent).verdict is Verdict.UNKNOWN
    assert command.spared(yes(VIP), [replace(outcomes[0], results=(yes_("all left"),))]) == yes(VIP)
    assert command.spared(yes(VIP), []) == yes(VIP)
