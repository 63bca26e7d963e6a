"""`quorate drill` without a cluster: what is planned, refused, and printed."""

import argparse
import asyncio
import json
import sys
from dataclasses import replace
from pathlib import Path

import pytest

from quorate.cli import drill, drill_text
from quorate.cli.exit import UsageError
from quorate.cli.main import main
from quorate.drill.archive import Kept
from quorate.drill.faults import faults
from quorate.drill.judges import Judgement, Wrong
from quorate.drill.result import Drilled, Service, Term
from quorate.drill.workloads import workloads
from quorate.spec import template
from waiting import until

FAULTS = {
    *("power-cut", "reboot", "isolate", "one-way-loss", "packet-loss", "management-cut", "bmc-cut", "quorum-lost"),
    *("blackout", "blackout-one-missing", "rolling-restart", "reinstall", "fill-galera"),
    *(
        f"{how}-{daemon}"
        for how in ("kill", "hang")
        for daemon in ("corosync", "pacemakerd", "pacemaker-controld", "haproxy", "galera", "galera-check")
    ),
    *(f"{how}-{daemon}" for how in ("kill", "hang") for daemon in ("rabbitmq", "memcached", "keystone")),
}


@pytest.fixture
def known(lab):
    return faults(lab)


def args(*faults_: str, **more: object) -> argparse.Namespace:
    given = {"faults": list(faults_), "on": None, "hold_s": None, "repeat": 1, "seed": 0, "suite": None}
    return argparse.Namespace(**given | more)


def names(known, *faults_: str, **more: object) -> list[str]:
    return [each.fault.name for each in drill.planned(args(*faults_, **more), known)]


def test_every_fault_of_the_lab_is_known(known):
    assert known.keys() == FAULTS


def test_every_fault_says_what_it_does_and_what_should_happen(known):
    for fault in known.values():
        assert all((fault.does, fault.heals, fault.expects, fault.aim)), fault.name


def test_named_ones_are_done_in_their_order(known):
    assert names(known, "reboot", "isolate", repeat=2) == ["reboot", "isolate", "reboot", "isolate"]


def test_the_standard_suite_is_all_in_a_seeded_order(known):
    first = names(known, suite="standard", seed=1)
    assert set(first) == FAULTS
    assert len(first) == len(FAULTS)
    assert first == names(known, suite="standard", seed=1)
    assert first != names(known, suite="standard", seed=2)


def test_the_random_suite_is_as_long_as_asked(known):
    first = names(known, suite="random", repeat=50, seed=1)
    assert (len(first), first) == (50, names(known, suite="random", repeat=50, seed=1))


def test_where_and_how_long_is_the_fault_s_own_unless_given(known):
    (own,) = drill.planned(args("hang-galera"), known)
    assert (own.aim, own.hold_s) == ("writer", 30)
    (given,) = drill.planned(args("hang-galera", on="ctl2", hold_s=150.0), known)
    assert (given.aim, given.hold_s) == ("ctl2", 150.0)
    (anywhere,) = drill.planned(args(suite="random"), known)
    assert anywhere.aim == "random"


def test_what_runs_once_is_hit_where_it_runs(full):
    known = faults(full)
    assert known["kill-cinder-volume"].aim == "runner-of-cinder-volume"
    assert known["kill-cinder-api"].aim == "random"
    for each in drill.planned(args(suite="random", repeat=200), known):
        assert each.aim == (each.fault.aim if each.fault.aim.startswith("runner-of-") else "random")


@pytest.mark.parametrize(
    ("asked", "said"),
    [
        (args("power-cutt"), "did you mean power-cut?"),
        (args(), "name faults, or --suite"),
        (args("reboot", suite="standard"), "name faults, or --suite"),
        (args("reboot", repeat=0), "at least 1"),
    ],
)
def test_nonsense_is_refused(known, asked, said):
    with pytest.raises(UsageError) as refused:
        drill.planned(asked, known)
    assert said in str(refused.value)


@pytest.fixture
def file(tmp_path):
    path = tmp_path / "quorate.yaml"
    template.write(path, template.cloud())
    return path


def allowed(file: Path) -> None:
    with file.open("a") as stream:
        stream.write("\ndrills: allowed\n")


def test_a_cloud_that_does_not_allow_it_is_not_broken(file, capsys):
    assert main(["drill", "reboot", "-f", str(file)]) == 2
    assert "drills: allowed" in capsys.readouterr().err


@pytest.mark.parametrize("typed", [[], ["--yes-break", "other"]])
def test_its_name_has_to_be_typed(file, capsys, typed, monkeypatch):
    monkeypatch.setattr("sys.stdin.isatty", lambda: False)
    allowed(file)
    assert main(["drill", "reboot", "-f", str(file), *typed]) == 2
    assert "--yes-break cloud" in capsys.readouterr().err


def test_clients_may_be_those_of_some_components(lab):
    every = workloads(lab, {each.name: "" for each in lab.secrets()})
    assert drill.chosen(every, ()) == every
    assert {each.component for each in drill.chosen(every, ("galera", "keystone"))} == {"galera", "keystone"}
    with pytest.raises(UsageError, match="no clients use glance; there are some of galera, memcached"):
        drill.chosen(every, ("galera", "glance"))


def test_the_list_fits_a_terminal(file, capsys):
    assert main(["drill", "--list", "-f", str(file)]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert "power-cut (on vip-holder, for 30 s)" in lines
    assert max(map(len, lines)) <= 80
    assert main(["drill", "--list", "-o", "json", "-f", str(file)]) == 0
    assert {each["name"] for each in json.loads(capsys.readouterr().out)} == FAULTS


def test_without_runs_the_history_says_so(file, capsys):
    assert main(["drill", "--history", "-f", str(file)]) == 0
    assert capsys.readouterr().out == "no drill was kept\n"
    assert main(["drill", "--history", "x", "-f", str(file)]) == 2


CUT = Drilled(
    "power-cut",
    "ctl1",
    "2026-11-21T16:00:00+00:00",
    services=(
        Service("bank", "galera", 346, 6, 4.0, 0.1, (), 2.0, ("Lost connection",)),
        Service("tokens", "keystone", 358, 13, 3.4, -0.04, (1.9, 1.3), 2.0, ()),
        Service("cache", "memcached", 389, 0, 0.0, 0.0, (), 0.1, ()),
    ),
    judgements=(
        Judgement("bank", (), {"transfer ok": 185, "read ok": 187}),
        Judgement("set", (Wrong("lost", "acknowledged, and not there at the end", 1, ("add 7",)),), {"add ok": 9}),
        Judgement("lists", (Wrong("stale", "misses it", 2, (), promised=False),), {}),
    ),
    terms=(Term("fenced", 3.2, 3.9), Term("promoted", None, None)),
    healed_s=30.0,
    healthy_s=32.1,
)


def test_a_drill_is_told_in_80_columns():
    lines = list(drill_text.as_text([CUT]))
    text = "\n".join(lines)
    assert max(len(line) for line in text.splitlines()) <= 80
    assert lines[0] == "power-cut on ctl1: no; outage 4.0 s, aftershocks 2; whole after 32 s"
    for words in (
        "bank    4.0 s   +0.1 s  none          6 of 346   2.0 s",
        "tokens  3.4 s   -0.0 s  1.9 s, 1.3 s  13 of 358  2.0 s",
        "cache   none            none          0 of 389   0.1 s",
        "budget  fenced 3.2 s (3.9), promoted not seen",
        "judged  bank yes: 185 transfer ok, 187 read ok",
        "lost: 1: acknowledged, and not there at the end",
        "stale (never promised): 2: misses it",
        "1 drill: no",
    ):
        assert words in text, text


def test_a_dozen_components_are_told_in_80_columns():
    names = ("galera", "rabbitmq", "memcached", "keystone", "placement", "nova", "neutron", "cinder", "horizon")
    services = tuple(
        Service("nova-api-metadata", name, 1234, 123, 12.3, 100.1, (10.5, 11.2, 13.0, 9.9), 10.0, ())
        for name in names
    )
    cut = replace(CUT, fault="fill-galera", services=services)
    lines = "\n".join(drill_text.as_text([cut])).splitlines()
    assert max(map(len, lines)) <= 80
    assert "10.5 s, 11.2 s +2" in lines[2]
    *_, head, row, _, more, again, _, _ = lines
    assert head.split()[:6] == ["FAULT", "N", "HELD", "SHOCKS", "WHOLE", "GALERA"]
    assert row.split()[:7] == ["fill-galera", "1", "no", "36", "32", "s", "12.3"]
    assert more.split()[-1] == "HORIZON"
    assert again.startswith("fill-galera  12.3 s")


def test_json_has_everything():
    said = drill_text.as_json([CUT])
    assert said["verdict"] == "no"
    assert said["faults"][0]["outages_s"] == {"galera": 4.0, "keystone": 3.4, "memcached": 0.0}
    assert Drilled.of_json(json.loads(json.dumps(said["drills"][0]))) == CUT


def test_two_runs_are_compared_by_fault_and_component():
    before, after = Kept("first", (CUT,)), Kept("second", (CUT,))
    lines = "\n".join(drill_text.compared(before, after, "text")).splitlines()
    assert lines[0].split() == ["FAULT", "COMPONENT", "first", "second", "CHANGE"]
    assert lines[1].split() == ["power-cut", "galera", "4.0", "s", "4.0", "s", "+0.0", "s"]
    assert list(drill_text.compared(before, Kept("other", ()), "text")) == ["no fault in both"]


CLEANS_UP = """
import pathlib, sys, time
made = pathlib.Path(sys.argv[1])
made.touch()
try:
    time.sleep(60)
finally:
    time.sleep(0.2)
    made.unlink()
"""


def test_what_is_interrupted_removes_what_it_has_made(tmp_path):
    made = tmp_path / "made"

    async def interrupted() -> None:
        command = asyncio.create_task(drill.carried_out([sys.executable, "-c", CLEANS_UP, str(made)]))
        await asyncio.to_thread(until, made.exists, "it is at work")
        command.cancel()
        with pytest.raises(asyncio.CancelledError):
            await command

    asyncio.run(interrupted())
    assert not made.exists()


def test_a_command_says_what_it_printed_and_how_it_ended():
    program = "import sys; print('seen'); sys.exit('not so')"
    assert asyncio.run(drill.carried_out([sys.executable, "-c", program])) == (1, "seen\nnot so\n")
