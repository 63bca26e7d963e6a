"""What `quorate prove` prints, how it ends, what it takes; and where Pacemaker is looked for."""

import argparse
import io
import json
import re
from dataclasses import replace
from pathlib import Path

import pytest

from quorate.cli import deploy, places, prove, proved, subject
from quorate.cli.cloud import Opened
from quorate.cli.exit import NO, UNKNOWN, USAGE, YES, UsageError, code
from quorate.cli.main import main
from quorate.cli.subject import Subject, read_cib
from quorate.design import build
from quorate.formats import cib
from quorate.lab.command import LabError
from quorate.model.finding import Verdict
from quorate.model.item import Cib
from quorate.plan.task import tasks
from quorate.prove import alter, situations
from quorate.prove import state as states
from quorate.prove.event import Lost
from quorate.prove.intent import Active
from quorate.prove.intent import of as intent_of
from quorate.prove.live import NotRunning
from quorate.prove.proof import Coverage, Proof, PropertyOutcome, Refutation
from quorate.prove.properties import ALL, Breach
from quorate.prove.scheduler import Place, ScheduleFailed, SchedulerUnavailable
from quorate.prove.settle import Situation
from quorate.spec import template
from quorate.spec.errors import SpecErrors
from quorate.spec.file import read

WIDTH = 80
CIB = Path(__file__).parents[2] / "golden" / "lab" / "control.cib"
LOST = Situation("ctl1-lost", "node-lost", (Lost(("ctl1",)),))
HOLDS = PropertyOutcome("once", "what is active/passive never runs twice", True, 42, True)
NOT_ABOUT = PropertyOutcome("remotes", "remotes carry what is meant for them alone", False, 0, True)
VACUOUS = PropertyOutcome("order", "orders hold", True, 0, True)
ELSEWHERE = replace(VACUOUS, everywhere=False)
OPEN = PropertyOutcome("settles", "the cluster comes to rest", True, 12, False)
REFUTED = PropertyOutcome(
    "service-running",
    "every service keeps a running instance while there is quorum",
    True,
    300,
    True,
    Refutation(Breach("service-running", "no instance of vip runs after: ctl1 lost", resources=("vip",)), LOST, 3),
)


def state():
    return read_cib(CIB.read_text(), "control.cib")


def result(*outcomes, undecided=None, limits=None, sampled=None, left_out=0):
    cluster = state()
    coverage = Coverage(
        classes={"start": 1, "steady": 1, "node-lost": 3, "cold-start": 7},
        left_out=left_out,
        sampled=sampled or {},
        transitions=40,
        pacemaker="3.0.0",
        engine="library",
        place="image localhost/quorate-host:0123456789abcdef",
        seconds=4.25,
        seed=0,
    )
    about = Subject("control", "the design", cluster, intent_of(cluster.configuration), "3.0")
    proof = Proof(tuple(outcomes), coverage, cluster, undecided or {})
    return prove.Result(about, proof, limits or prove.Limits())


def text(*args, **kwargs):
    lines = list(prove.as_text(result(*args, **kwargs)))
    assert [line for line in lines if len(line) > WIDTH] == []
    return lines


def joined(lines):
    return " ".join(" ".join(lines).split())


# -- how it ends


@pytest.mark.parametrize(
    ("outcomes", "undecided", "verdict"),
    [
        ([HOLDS], {}, Verdict.YES),
        ([HOLDS, NOT_ABOUT], {}, Verdict.YES),
        ([HOLDS, VACUOUS], {}, Verdict.NO),
        ([HOLDS, REFUTED], {}, Verdict.NO),
        ([OPEN], {"ctl1-lost": "it aborted"}, Verdict.UNKNOWN),
        ([OPEN, REFUTED], {"ctl1-lost": "it aborted"}, Verdict.NO),
        ([HOLDS, ELSEWHERE], {}, Verdict.YES),
        ([ELSEWHERE, NOT_ABOUT], {}, Verdict.UNKNOWN),
        ([NOT_ABOUT], {}, Verdict.YES),
    ],
)
def test_verdicts(outcomes, undecided, verdict):
    assert result(*outcomes, undecided=undecided).proof.verdict is verdict


def test_what_none_of_the_situations_asked_for_is_about_is_no_failure():
    limits = prove.Limits(situations=("node-lost",))
    lines = text(HOLDS, ELSEWHERE, limits=limits)
    assert lines[0] == "proved: control, by the design"
    assert "none of the situations asked for is about it" in joined(lines)


def test_no_goes_before_unknown_before_yes():
    assert prove.worst([Verdict.YES, Verdict.UNKNOWN, Verdict.NO]) is Verdict.NO
    assert prove.worst([Verdict.YES, Verdict.UNKNOWN]) is Verdict.UNKNOWN
    assert prove.worst([Verdict.YES, Verdict.YES]) is Verdict.YES
    assert [prove.CODES[each] for each in (Verdict.YES, Verdict.NO, Verdict.UNKNOWN)] == [YES, NO, UNKNOWN]


@pytest.mark.parametrize(
    "error",
    [
        places.NoPlace("3.0", [("this host", "no")]),
        NotRunning({"ctl1": "not connected"}),
        ScheduleFailed("it aborted"),
        SchedulerUnavailable({"here": "no"}),
    ],
)
def test_what_cannot_be_asked_is_unknown(error):
    assert code(error) == UNKNOWN


# -- what it prints


def test_a_line_a_property_with_what_became_of_it():
    lines = text(HOLDS, VACUOUS, NOT_ABOUT, OPEN, REFUTED)
    assert lines[:6] == [
        "refuted: control, by the design",
        "yes      once                 42 checks",
        "vacuous  order                 0 checks",
        "-        remotes                 does not apply: nothing here that it is about",
        "unknown  settles              12 checks",
        "no       service-running     300 checks",
    ]


def test_the_coverage_is_told_in_sentences():
    lines = text(HOLDS)
    assert lines[0] == "proved: control, by the design"
    assert joined(lines[2:]) == (
        "Covered: 10 situations (every one of each class): node-lost 3, cold-start 7. Decided by Pacemaker 3.0.0 "
        "(library) at image localhost/quorate-host:0123456789abcdef: 40 transitions, in 4.2 s. "
        "Not judged: second faults (--depth 2)."
    )


def test_what_is_a_sample_and_what_stays_open_is_told():
    sampled = text(HOLDS, sampled={"remotes": "3 of 20, those alike by 3, seed 0"})
    assert "except a sample: of remotes 3 of 20, those alike by 3, seed 0" in joined(sampled)
    names = {f"ctl{number}-lost": "the budget was used up" for number in range(7)}
    lines = text(OPEN, undecided={**names, "x": "it aborted"})
    assert lines[0] == "not decided: control, by the design"
    assert "ctl4-lost and 2 more: the budget was used up. Not decided: x: it aborted." in joined(lines)


def test_how_many_situations_were_not_asked_for_is_told():
    lines = joined(text(HOLDS, limits=prove.Limits(situations=("node-lost",)), left_out=113))
    assert "10 situations (those asked for)" in lines
    assert "Not judged: 113 situations that were not asked for; second faults (--depth 2)." in lines


def test_a_summary_fits_a_line():
    assert prove.summary(result(HOLDS, NOT_ABOUT).proof) == "1 properties in 10 situations, by Pacemaker 3.0.0"


def test_json_has_everything():
    said = prove.as_json([result(HOLDS, NOT_ABOUT, REFUTED), result(HOLDS)])
    assert json.loads(json.dumps(said))["verdict"] == "no"
    first, second = said["clusters"]
    assert second["verdict"] == "yes"
    assert [each["verdict"] for each in first["properties"]] == ["yes", "does not apply", "no"]
    refutation = first["properties"][2]["refutation"]
    assert refutation["situation"] == {"name": "ctl1-lost", "class": "node-lost", "events": "ctl1 lost"}
    assert (refutation["others"], refutation["resources"]) == (3, ["vip"])
    assert first["coverage"]["situations"] == {"node-lost": 3, "cold-start": 7}


def test_the_list_names_all_and_fits_a_terminal(capsys):
    assert main(["prove", "--list"]) == YES
    lines = capsys.readouterr().out.splitlines()
    assert [line for line in lines if len(line) > WIDTH] == []
    named = {line.split()[0] for line in lines if line and line[0].islower()}
    assert named == {*situations.CLASSES, *ALL, "second-fault", "interrupted"}


# -- progress


class Terminal(io.StringIO):
    def isatty(self):
        return True


def test_on_a_terminal_one_line_is_written_again_and_taken_away():
    stream = Terminal()
    with prove.Estimate(stream, quiet=True) as report:
        report(0, 120, 0.5)
        report(30, 120, 2.0)
    assert stream.getvalue().split("\r\x1b[K") == [
        "",
        "proving: 0 of 120 situations, 0 s",
        "proving: 30 of 120 situations, 2 s, about 6 s left",
        "",
    ]


def test_elsewhere_lines_are_sparse_and_none_with_json():
    stream, silent = io.StringIO(), io.StringIO()
    with prove.Estimate(stream) as report, prove.Estimate(silent, quiet=True) as quiet:
        for second in range(25):
            report(second, 100, float(second))
            quiet(second, 100, float(second))
    assert stream.getvalue().splitlines() == [
        "proving: 10 of 100 situations, 10 s, about 90 s left",
        "proving: 20 of 100 situations, 20 s, about 80 s left",
    ]
    assert silent.getvalue() == ""


# -- what it takes


def limits(**given):
    usual = {"situation": [], "property": [], "depth": 1, "budget": None, "seed": 0}
    return prove.Limits.of(argparse.Namespace(**{**usual, **given}))


def test_properties_are_taken_by_name_and_pattern():
    assert limits().everything
    assert limits(property=["once", "fenc*"]).properties == ("once", "fencible", "fenced-first")
    with pytest.raises(UsageError, match="no property is called oncee; did you mean once"):
        limits(property=["oncee"])


def test_situations_are_taken_by_name_class_and_pattern():
    assert limits().wants(LOST)
    for pattern in ("node-lost", "ctl1-lost", "ctl1-*", "node-*"):
        assert limits(situation=[pattern]).wants(LOST)
    assert not limits(situation=["ctl2-*", "banned"]).wants(LOST)


@pytest.mark.parametrize(
    ("given", "said"),
    [
        ("", "bad.cib:1:1: not XML: no element found"),
        ("<cib>\n  <oops>\n</cib>", "bad.cib:3:3: not XML: mismatched tag"),
        ("<html/>", "bad.cib:1:1: not a CIB: <html>"),
        ("<cib><configuration/></cib>", "bad.cib:1:1: no member in <nodes>, so there is no cluster"),
    ],
)
def test_a_file_that_is_no_cib_is_told_where_and_what_to_do(given, said):
    with pytest.raises(SpecErrors) as raised:
        read_cib(given, "bad.cib")
    message = str(raised.value)
    assert message.startswith(said)
    assert message.endswith("; save one on a member: cibadmin --query > FILE")


def test_a_cib_is_read_from_a_file_and_from_standard_input(monkeypatch):
    said = argparse.Namespace(one=[], all=[])
    assert subject.saved(str(CIB), said).name == str(CIB)
    monkeypatch.setattr("sys.stdin", io.StringIO(CIB.read_text()))
    read = subject.saved("-", said)
    assert (read.name, read.version, read.members) == ("standard input", places.DESIGNED, ())
    assert main(["prove", "--cib", "/nowhere/x.cib"]) == USAGE


def test_what_is_meant_can_be_said():
    conf = state().configuration
    meant = subject.intended(conf, argparse.Namespace(one=["keystone-clone"], all=[]))
    assert meant.services["keystone"] is Active.ONE
    assert subject.intended(conf, None).services["keystone"] is Active.ALL
    with pytest.raises(UsageError, match="no resource is called keyston; did you mean keystone"):
        subject.intended(conf, argparse.Namespace(one=[], all=["keyston"]))


def test_what_a_design_clones_is_meant_to_run_on_all_though_another_may_not_clone_it():
    text = template.lab("lab", template.LAB_NETWORKS[0], 3, full=True)
    several = text.replace("\noptions:\n", "\noptions:\n  heat: {engine: active-active}\n")
    files = {"alone": text, "cloned": several}
    designs = {name: build(read(each, "f", Path("/cloud"))).clusters[0] for name, each in files.items()}
    cibs = {name: cib.document(each.configuration, [("ctl1", 1)]) for name, each in designs.items()}
    single = [
        (there, told)
        for there, document in cibs.items()
        for told, design in designs.items()
        if "heat-engine" in subject.intended(states.read(document).configuration, None, design).single
    ]
    assert single == [("alone", "alone"), ("alone", "cloned"), ("cloned", "alone")]


# -- proofs that are remembered


def test_a_proof_is_remembered_for_the_same_design_alone(tmp_path, monkeypatch):
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    about = result(HOLDS).subject
    assert proved.recall(about) is None
    proved.remember(about, "18 properties in 123 situations")
    assert re.fullmatch(r"18 properties in 123 situations \(\d{4}-.*\)", str(proved.recall(about)))
    assert (tmp_path / "quorate" / "proofs").stat().st_mode & 0o777 == 0o700
    conf = about.state.configuration.changed(alter.cluster_property("no-quorum-policy", "freeze"))
    other = Subject(about.name, about.told_by, about.state.with_configuration(conf), about.intent, about.version)
    elsewhere = Subject(about.name, about.told_by, about.state, about.intent, "3.1")
    meant = subject.intended(about.state.configuration, argparse.Namespace(one=["keystone"], all=[]))
    otherwise = Subject(about.name, about.told_by, about.state, meant, about.version)
    majority = replace(about, intent=replace(about.intent, majorities=frozenset({"galera"})))
    assert [proved.recall(each) for each in (other, elsewhere, otherwise, majority)] == [None] * 4


def test_what_is_damaged_is_not_remembered(tmp_path, monkeypatch):
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    about = result(HOLDS).subject
    proved.remember(about, "all")
    (file,) = (tmp_path / "quorate" / "proofs").iterdir()
    file.write_text("{")
    assert proved.recall(about) is None


def test_a_design_that_was_proved_is_deployed_without_asking_anybody(lab, tmp_path, monkeypatch, capsys):
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    cloud = Opened(tmp_path / "quorate.yaml", lab)
    (about,) = subject.designed(cloud)
    proved.remember(about, "18 properties in 123 situations")
    assert deploy._proved(cloud, tasks(lab)) == YES
    said = capsys.readouterr().err
    assert said.startswith("proved before, with the same design: control: 18 properties in 123 situations (")


def test_a_saved_plan_is_proved_with_the_configuration_it_has(lab, tmp_path):
    (about,) = subject.designed(Opened(tmp_path / "quorate.yaml", lab))
    wanted = tasks(lab)
    assert deploy._loaded(about, wanted) == about
    older = [
        replace(
            task,
            items=tuple(
                replace(it, xml=it.xml.replace("keystone", "old")) if isinstance(it, Cib) else it
                for it in task.items
            ),
        )
        for task in wanted
    ]
    loaded = deploy._loaded(about, older)
    assert "old" in loaded.state.configuration.primitives
    assert loaded.state.members == about.state.members
    assert "old" in loaded.intent.services


# -- where Pacemaker is


def absent(reason):
    def find():
        raise LabError(reason)

    return find


def test_each_place_that_is_not_there_is_told_with_what_to_do():
    nowhere = Place("this host", ("/nowhere/python",))
    with pytest.raises(places.NoPlace) as raised:
        places.chosen(
            "3.0", [("this host", lambda: nowhere), ("the lab's image", absent("there is none; build it"))]
        )
    said = str(raised.value)
    assert said.startswith("quorate: nowhere can Pacemaker 3.0 be asked what it would do:\n")
    assert "\n  this host: " in said
    assert "apt-get install pacemaker-cli-utils" in said
    assert said.endswith("\n  the lab's image: there is none; build it")


@pytest.mark.parametrize(
    ("found", "wanted", "same"),
    [
        ("3.0.0", "3.0", True),
        ("3.0.1", "3.0", True),
        ("3.0.0", "3.0.0-3.0.0", True),
        ("3.0.1", "3.0.0-abc", False),
        ("3.10.0", "3.1", False),
        ("2.1.9", "3.0", False),
    ],
)
def test_versions_are_told_apart(found, wanted, same):
    assert places.is_of(found, wanted) is same


def test_a_refused_deployment_names_the_way_around():
    assert "quorate deploy --unproven" in deploy._UNPROVEN
