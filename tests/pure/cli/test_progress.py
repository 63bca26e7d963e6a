"""How a running deployment is shown."""

import io
import json
import re

import pytest

from quorate.cli.progress import JsonLines, Lines, Live, progress, said
from quorate.remote.event import Event, Failure, Status

CHANGED = Event("ctl1", "configuration", "/etc/hosts", Status.CHANGED, 0.2, "content", ("+x",))
RUNNING = Event("ctl2", "packages", "packages", Status.RUNNING)
FAILED = Event(
    "ctl2", "packages", "packages", Status.FAILED, 3.25, "apt", failure=Failure(("apt",), 100, "", "no")
)


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


@pytest.mark.parametrize(
    ("event", "line"),
    [
        (CHANGED, "configuration: /etc/hosts changed: content"),
        (RUNNING, "packages: …"),
        (FAILED, "packages: FAILED: apt (3.2 s)"),
        (Event("a", "s", "i", Status.OK), "s: i as it should be"),
        (Event("a", "s", "i", Status.WAITING, 1.0, "members: a"), "s: i waiting: members: a (1.0 s)"),
        (Event("a", "s", "i", Status.PENDING), "s: i not yet"),
    ],
)
def test_an_event_in_a_line(event: Event, line: str) -> None:
    assert said(event) == line


def test_lines_have_the_time_and_leave_out_beginnings() -> None:
    stream = io.StringIO()
    with Lines(stream) as report:
        for event in (CHANGED, RUNNING, FAILED):
            report(event)
    first, second = stream.getvalue().splitlines()
    assert re.fullmatch(r"\d\d:\d\d:\d\d ctl1: configuration: /etc/hosts changed: content", first)
    assert re.fullmatch(r"\d\d:\d\d:\d\d ctl2: packages: FAILED: apt \(3\.2 s\)", second)


def test_json_is_an_object_an_event(capsys: pytest.CaptureFixture[str]) -> None:
    with JsonLines() as report:
        report(CHANGED)
        report(FAILED)
    first, second = map(json.loads, capsys.readouterr().out.splitlines())
    assert (first["host"], first["status"], first["diff"]) == ("ctl1", "changed", ["+x"])
    assert (second["status"], second["failure"]["rc"]) == ("failed", 100)


def test_live_has_one_line_a_node_drawn_in_place(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COLUMNS", "60")
    stream = Terminal()
    with Live(stream, ("ctl1", "controller2")) as report:
        report(CHANGED)
        report(Event("controller2", "s", "i", Status.FAILED, detail="long " * 30))
    frames = stream.getvalue().split("\x1b[2A")
    assert len(frames) == 3
    lines = [line.removeprefix("\r\x1b[K") for line in frames[-1].split("\n")[:-1]]
    assert re.fullmatch(r"ctl1          +\d s   1 changed  configuration: /etc/hosts.*", lines[0])
    assert re.fullmatch(r"controller2 +\d s   0 changed  s: i FAILED: long .*", lines[1])
    assert all(len(line) < 60 for line in lines)


def test_the_way_suits_where_the_output_goes(monkeypatch: pytest.MonkeyPatch) -> None:
    assert isinstance(progress("json", ("a",)), JsonLines)
    monkeypatch.setattr("sys.stderr", Terminal())
    assert isinstance(progress("text", ("a",)), Live)
    monkeypatch.setattr("sys.stderr", io.StringIO())
    assert isinstance(progress("text", ("a",)), Lines)
