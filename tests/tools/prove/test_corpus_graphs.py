"""Pacemaker's own corpus: what our worker schedules is what Pacemaker's developers expect, in every case."""

from dataclasses import replace
from xml.etree import ElementTree as ET

import pytest

from quorate.prove.scheduler import COMMAND, LIBRARY, Place, ScheduleFailed, Scheduler

REGISTERED = 851
UNCOMPARED = ("transition_id", "batch-limit", "crm_feature_set")
"""The first counts what a process has scheduled; cts-scheduler itself does not compare the others."""


@pytest.mark.timeout(600, func_only=True)
def test_the_library_schedules_every_case_as_expected(place: Place, corpus) -> None:
    assert len(corpus) == REGISTERED
    with Scheduler(place, LIBRARY) as scheduler:
        assert differing(scheduler, corpus) == {}


def test_no_schedule_depends_on_those_before(place: Place, corpus) -> None:
    with Scheduler(place, LIBRARY) as scheduler:
        assert differing(scheduler, corpus[::-8]) == {}


def test_the_command_schedules_the_same(place: Place, corpus) -> None:
    """Cases with a date, and a few of the others: it takes many times as long."""
    cases = [case for case in corpus if case.options] + [case for case in corpus if not case.options][::60]
    with Scheduler(place, COMMAND) as scheduler:
        assert differing(scheduler, cases) == {}


def test_a_difference_would_be_seen(place: Place, corpus) -> None:
    by_name = {case.name: case for case in corpus}
    group = by_name["group1"]
    without_an_edge = group.expected.replace(b"<trigger>", b"<!-- ", 1).replace(b"</trigger>", b" -->", 1)
    cases = [
        group,
        replace(group, name="edge", expected=without_an_edge),
        replace(group, name="other", text=by_name["simple2"].text),
        replace(group, name="bad", text=b"<cib/>"),
    ]
    with Scheduler(place, LIBRARY) as scheduler:
        found = differing(scheduler, cases)
    assert set(found) == {"edge", "other", "bad"}
    assert "not valid by its schema" in found["bad"]


def differing(scheduler: Scheduler, cases) -> dict[str, str]:
    """The cases whose graph is not as expected in every action, parameter and edge, and what it is instead."""
    found = {}
    for case in cases:
        try:
            scheduled = comparable(scheduler.schedule(case.cib))
        except ScheduleFailed as failed:
            found[case.name] = str(failed)
            continue
        if scheduled != comparable(case.expected):
            found[case.name] = scheduled
    return found


def comparable(graph: bytes) -> str:
    root = ET.fromstring(graph)
    for element in root.iter():
        for name in UNCOMPARED:
            element.attrib.pop(name, None)
    return ET.canonicalize(ET.tostring(root, encoding="unicode"), strip_text=True)
