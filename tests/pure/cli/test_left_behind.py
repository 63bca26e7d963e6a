"""`quorate plan` tells what components that were taken out have left behind, and how to remove it."""

import asyncio
import json

from quorate.cli.plan import left_behind
from quorate.remote.session import Output
from quorate.remote.shipping import Values


class Member:
    """A host that answers each program by a word in it."""

    def __init__(self, answers):
        self.answers = answers
        self.asked = []

    async def run(self, probes, **_):
        (probe,) = probes
        self.asked.append(probe)
        return (next(output for word, output in self.answers.items() if word in " ".join(probe.argv)),)


def said(rc, stdout="", stderr=""):
    return Output((), rc, stdout, stderr, 0.1)


def told(design, members):
    async def main():
        return [line async for line in left_behind(design, members, Values())]

    return asyncio.run(main())


def test_each_thing_is_told_with_how_to_remove_it(lab):
    answers = {
        "SHOW DATABASES": said(0, json.dumps([["database heat", "mariadb -e 'DROP DATABASE `heat`'"]])),
        "list_queues": said(0, "[]"),
        "role_assignments": said(0, json.dumps([["service user heat", "openstack user delete heat"]])),
    }
    member = Member(answers)
    assert told(lab, {"ctl1": member}) == [
        "  database heat; to remove it, on ctl1: mariadb -e 'DROP DATABASE `heat`'",
        "  service user heat; to remove it, on ctl1: openstack user delete heat",
    ]
    asked = json.loads(next(probe.stdin for probe in member.asked if "SHOW DATABASES" in probe.argv[-1]))
    assert asked["databases"] == ["quorate", "keystone"]


def test_who_does_not_answer_is_named(lab):
    answers = {
        "SHOW DATABASES": said(1, "", "Traceback\npymysql.err.OperationalError: no server"),
        "list_queues": said(None),
        "role_assignments": said(0, "[]"),
    }
    assert told(lab, {"ctl1": Member(answers)}) == [
        "  of galera nobody knows: ctl1 says pymysql.err.OperationalError: no server",
        "  of rabbitmq nobody knows: ctl1 says no answer in time",
    ]


def test_a_host_that_has_nothing_yet_is_not_asked(lab):
    assert told(lab, {}) == []
