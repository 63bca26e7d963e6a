"""What is broken now, what was drilled before, and what several drills come to."""

import json
from dataclasses import replace

import pytest

from quorate.drill import archive, summary
from quorate.drill.happening import Happening, Kind
from quorate.drill.judges import Judgement, Wrong
from quorate.drill.ledger import AnotherDrill, Harm, Ledger, NotHealed
from quorate.drill.result import Drilled, Service, Term
from quorate.model.check import no
from quorate.model.finding import Verdict

WELL = Judgement("bank", (), {"read ok": 5})
LOST = Judgement("set", (Wrong("lost", "acknowledged, and not there", 2, ("add 1", "add 2")),), {"add ok": 9})
STALE = Judgement("lists", (Wrong("stale", "misses what was there", 1, ("read",), promised=False),), {})
UNSEEN = Judgement("tokens", (), {}, why_unknown="no token was ever validated")


def service(workload: str, component: str, outage_s: float, *aftershocks_s: float) -> Service:
    return Service(workload, component, 100, 7, outage_s, 0.1, aftershocks_s, 2.0, ("refused",))


def drilled(fault: str = "power-cut", *services: Service, **more: object) -> Drilled:
    told = {"judgements": (WELL,), "healthy_s": 50.0, "healed_s": 30.0} | more
    return Drilled(fault, "ctl1", "2026-11-21T16:00:00+00:00", services=services, **told)


def test_the_ledger_says_what_is_broken_until_it_is_healed(tmp_path):
    ledger = Ledger(tmp_path / "drill")
    with ledger.alone():
        assert ledger.harm() is None
        ledger.write(Harm("isolate", "ctl2", 30.0))
        assert Ledger(tmp_path / "drill").harm() == Harm("isolate", "ctl2", 30.0)
        ledger.clear()
        ledger.clear()
        assert ledger.harm() is None


def test_two_drills_at_once_are_refused(tmp_path):
    with Ledger(tmp_path).alone(), pytest.raises(AnotherDrill, match="under way"), Ledger(tmp_path).alone():
        pass
    with Ledger(tmp_path).alone():
        pass


@pytest.mark.parametrize("text", ["", "[]", '{"fault": "isolate"}'])
def test_a_ledger_that_cannot_be_read_is_not_taken_for_an_empty_one(tmp_path, text):
    (tmp_path / "harm.json").write_text(text)
    with pytest.raises(NotHealed, match=r"harm\.json cannot be read"):
        Ledger(tmp_path).harm()


@pytest.mark.parametrize(
    ("found", "verdict"),
    [
        (drilled(), Verdict.YES),
        (drilled(judgements=(WELL, STALE)), Verdict.YES),
        (drilled(judgements=(WELL, LOST)), Verdict.NO),
        (drilled(judgements=(WELL, UNSEEN)), Verdict.UNKNOWN),
        (drilled(judgements=(UNSEEN, LOST)), Verdict.NO),
        (drilled(looked=(no("runs on", "ctl1"),)), Verdict.NO),
        (drilled(trouble="harm: no way there"), Verdict.UNKNOWN),
        (drilled(trouble="not whole", healthy_s=None), Verdict.NO),
        (drilled(judgements=()), Verdict.UNKNOWN),
    ],
)
def test_what_a_drill_comes_to(found, verdict):
    assert found.verdict is verdict


def test_all_of_a_drill_is_kept_and_read_again(tmp_path):
    path = tmp_path / "20261121T160000Z" / "01-power-cut"
    path.mkdir(parents=True)
    found = drilled(
        "power-cut",
        service("bank", "galera", 3.5, 1.5),
        judgements=(WELL, LOST, STALE, UNSEEN),
        looked=(no("runs on", "ctl1"),),
        terms=(Term("fenced", 3.2, 3.9), Term("promoted", None, None)),
        happenings=(Happening(3.2, Kind.FENCED, "ctl1"), Happening(3.4, Kind.START, "ctl2", "vip-internal")),
        struck_s=5.25,
        trouble="a word",
        directory=str(path),
    )
    archive.keep(found)
    (kept,) = archive.runs(tmp_path)
    assert kept == archive.Kept("20261121T160000Z", (found,))
    assert json.loads((path / "result.json").read_text())["verdict"] == "no"


def test_a_drill_that_was_killed_has_no_result(tmp_path):
    (tmp_path / "20261121T160000Z" / "01-power-cut").mkdir(parents=True)
    assert list(archive.runs(tmp_path)) == []


def test_a_result_of_another_shape_is_named(tmp_path):
    path = tmp_path / "20261121T160000Z" / "01-power-cut"
    path.mkdir(parents=True)
    (path / "result.json").write_text("{}")
    with pytest.raises(ValueError, match=r"01-power-cut/result\.json is no result of a drill"):
        list(archive.runs(tmp_path))


def test_a_fault_s_row_has_medians_by_component_over_its_repeats():
    found = [
        drilled("kill", service("bank", "galera", outage_s), service("set", "galera", 0.5), service("x", "k", 0.0))
        for outage_s in (1.0, 9.0, 2.0)
    ]
    found[1] = replace(found[1], healthy_s=None, judgements=(LOST,))
    found.append(drilled("cut", service("bank", "galera", 4.0, 1.5, 2.5)))
    kill, cut = summary.rows(found)
    assert (kill.fault, kill.drills, kill.verdict) == ("kill", 3, Verdict.NO)
    assert kill.outages_s == {"galera": 2.0, "k": 0.0}
    assert (kill.failed, kill.aftershocks, kill.healthy_s) == (21, 0, 50.0)
    assert (cut.verdict, cut.outages_s, cut.aftershocks) == (Verdict.YES, {"galera": 4.0}, 2)
    assert summary.verdict(found) is Verdict.NO
    assert summary.verdict([]) is Verdict.UNKNOWN
