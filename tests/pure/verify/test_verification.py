import asyncio
import json
import time

import pytest

from quorate.model.check import Check, Probe, no, unknown, yes
from quorate.model.finding import Verdict
from quorate.remote.errors import AgentLost, Unreachable
from quorate.remote.session import Output
from quorate.remote.shipping import Values
from quorate.verify import checks, hosts, names, verify
from quorate.verify.verification import judged

NODES = ("ctl1", "ctl2", "ctl3")
PROBE = Probe(("say",))
ONCE = Probe(("say", "once"), once=True)
RAW = Probe(("crm_mon",), json=False)


def output(stdout="{}", rc=0, stderr=""):
    return Output(("say",), rc, stdout, stderr, 0.01)


def everyone_says(value):
    def judge(answers):
        (views,) = answers.values()
        for node, said in views.items():
            yield yes("fine", node) if said == value else no(f"said {said}", node)

    return judge


def check(probe=PROBE, value=None):
    return Check("c", "x", "about", {probe: NODES}, everyone_says(value or {}))


def test_an_answer_is_judged_and_a_missing_one_is_unknown():
    outcome = judged(check(), {PROBE: {"ctl1": output(), "ctl2": "lost"}}, ["ctl1", "ctl2"])
    assert outcome.results == (yes("fine", "ctl1"), unknown("lost", "ctl2"), unknown("not reached", "ctl3"))
    assert outcome.verdict is Verdict.UNKNOWN


def test_a_no_counts_more_than_what_is_unknown():
    outcome = judged(check(), {PROBE: {"ctl1": output('{"a": 1}')}}, ["ctl1"])
    assert outcome.verdict is Verdict.NO


@pytest.mark.parametrize(
    ("said", "reason"),
    [
        (output(rc=None), "say gave no answer within 20 s"),
        (
            output(rc=127, stderr="say: No such file or directory"),
            "say exited 127, saying say: No such file or directory",
        ),
        (output(rc=1), "say exited 1, saying nothing"),
        (output("not json"), "say answered 'not json'"),
    ],
)
def test_a_probe_that_fails_is_unknown_never_yes(said, reason):
    assert judged(check(), {PROBE: {"ctl1": said}}, ["ctl1"]).results[0] == unknown(reason, "ctl1")


def test_an_answer_that_makes_no_sense_is_unknown():
    def judge(answers):
        return [yes(views["ctl1"]["absent"]) for views in answers.values()]

    outcome = judged(Check("c", "x", "", {PROBE: ("ctl1",)}, judge), {PROBE: {"ctl1": output()}}, ["ctl1"])
    assert outcome.results == (unknown("an answer that makes no sense: KeyError: 'absent'"),)


def test_raw_answers_come_whatever_the_exit_code():
    outcome = judged(
        check(RAW, {"rc": 102, "stdout": "x", "stderr": "y"}), {RAW: {"ctl1": output("x", 102, "y")}}, ["ctl1"]
    )
    assert outcome.results[0] == yes("fine", "ctl1")


def test_once_takes_the_first_that_is_reached():
    outcome = judged(check(ONCE), {ONCE: {"ctl2": output()}}, ["ctl2", "ctl3"])
    assert outcome.results == (yes("fine", "ctl2"),)
    assert judged(check(ONCE), {}, []).verdict is Verdict.UNKNOWN


class Node:
    """A session that answers each probe from a table, by the first word of its command line."""

    def __init__(self, table=None, clock_s=0.0, lost=False):
        self.table, self.clock_s, self.lost = table or {}, clock_s, lost
        self.asked = []

    async def run(self, probes, *, at_once=True, values=None):
        assert at_once
        assert values is not None or probes[0].argv[0] == "date"
        if self.lost:
            raise AgentLost("ctl2", "running probes", "the connection broke")
        self.asked += [probe.argv for probe in probes]
        return tuple(self.say(probe) for probe in probes)

    def say(self, probe):
        if probe.argv[0] == "date":
            return output(str(time.time() + self.clock_s))
        return self.table.get(probe.argv[0], output(rc=1))


def run(design, sessions, unreachable=(), **options):
    return asyncio.run(verify(design, Values(), sessions, unreachable, **options))


PACKAGES = ("packages", "clocks")


def installed(design):
    (probe,) = next(each for each in checks(design) if each.name == "packages").probes
    return {"dpkg-query": output("".join(f"{name} installed\n" for name in probe.argv[4:]))}


def test_all_nodes_answer(design):
    report = run(design, {name: Node(installed(design)) for name in NODES}, only=PACKAGES)
    assert [(each.name, each.verdict) for each in report.outcomes] == [
        ("nodes", Verdict.YES),
        ("clocks", Verdict.YES),
        ("packages", Verdict.YES),
    ]
    assert report.verdict is Verdict.YES


def test_a_node_that_cannot_be_reached_is_a_no_once_and_unknown_elsewhere(design):
    sessions = {name: Node(installed(design)) for name in ("ctl1", "ctl3")}
    report = run(design, sessions, [Unreachable("ctl2", "timed out", "switch it on")], only=PACKAGES)
    assert report.outcome("nodes").results == (no("timed out; switch it on", "ctl2"),)
    assert unknown("not reached", "ctl2") in report.outcome("packages").results
    assert unknown("not reached", "ctl2") in report.outcome("clocks").results
    assert report.verdict is Verdict.NO


def test_a_node_that_is_lost_while_asked(design):
    sessions = {"ctl1": Node(installed(design)), "ctl2": Node(lost=True), "ctl3": Node(installed(design))}
    report = run(design, sessions, only=PACKAGES)
    reason = "lost while running probes: the connection broke"
    assert report.outcome("nodes").results == (no(reason, "ctl2"),)
    assert unknown(reason, "ctl2") in report.outcome("packages").results


def test_a_wrong_clock_names_its_node(design):
    sessions = {"ctl1": Node(), "ctl2": Node(clock_s=30), "ctl3": Node()}
    report = run(design, sessions, only=["clocks"])
    assert [(result.verdict, result.node) for result in report.outcome("clocks").results] == [(Verdict.NO, "ctl2")]


def test_a_clock_that_is_read_too_slowly_is_read_again(design, monkeypatch):
    class Slow(Node):
        async def run(self, probes, *, at_once=True, values=None):
            if len(self.asked) < 2:
                await asyncio.sleep(0.3)
            return await super().run(probes, at_once=at_once, values=values)

    monkeypatch.setattr(hosts, "APART_S", 0.2)
    sessions = {"ctl1": Node(), "ctl2": Slow(), "ctl3": Node()}
    report = run(design, sessions, only=["clocks"])
    assert report.outcome("clocks").verdict is Verdict.YES
    assert len(sessions["ctl2"].asked) == 3


def test_a_question_is_put_once_a_node_whoever_asks(design):
    sessions = {name: Node() for name in NODES}
    run(design, sessions, only=["quorum", "resources", "held-by-hand", "virtual-ip-internal"])
    for node in sessions.values():
        assert len(set(node.asked)) == len(node.asked)
        assert sum(argv[0] == "crm_mon" for argv in node.asked) == 1
    assert sum(argv[0] == "cibadmin" for node in sessions.values() for argv in node.asked) == 1


def test_names_are_unique_and_cover_every_component(design):
    known = names(design)
    assert len(set(known)) == len(known)
    assert {check.component for check in checks(design)} == {
        "pacemaker",
        "haproxy",
        "galera",
        "memcached",
        "rabbitmq",
        "hosts",
    }
    assert known[-2:] == ("token", "token-backends")


def test_what_checks_ask_holds_no_secret_in_a_command_line(design):
    for each in checks(design):
        for probe in each.probes:
            assert not any("${secret:" in word for word in probe.argv)
            assert probe.json or not probe.stdin
            assert json.loads(probe.stdin) if probe.stdin else True
