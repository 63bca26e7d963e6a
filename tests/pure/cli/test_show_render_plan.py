"""What the commands that touch no host print, and how every command ends when it is asked for nonsense."""

import json
from pathlib import Path

import pytest

from quorate.cli import deploy
from quorate.cli.exit import ERRORS, NO, UNKNOWN, USAGE, UsageError, code
from quorate.cli.main import main
from quorate.cli.plan import DIFF_LINES, described
from quorate.cli.table import table
from quorate.deploy.deployment import Progress
from quorate.drill.aims import NoAim
from quorate.drill.bmc import NoPower
from quorate.drill.ledger import AnotherDrill, NotHealed
from quorate.drill.scene import CannotWipe
from quorate.lab.command import LabError
from quorate.model.design import Design
from quorate.plan.plan import Change, Plan, UnreadablePlan
from quorate.plan.task import tasks
from quorate.remote.errors import AgentLost, CommandFailed, Locked, Unreachable
from quorate.remote.event import Event, Outcome, Status

WIDTH = 80
VIEWS = ("nodes", "resources", "listeners", "services", "files", "timers")


@pytest.fixture(autouse=True)
def directory(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, lab_text: str) -> Path:
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("QUORATE_FILE", raising=False)
    (tmp_path / "quorate.yaml").write_text(lab_text)
    return tmp_path


@pytest.mark.parametrize("view", [*VIEWS, None])
def test_show_fits_a_terminal(view: str | None, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["show", *([view] if view else [])]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert len(lines) > 1
    if view != "files":  # paths are as long as they are
        assert [line for line in lines if len(line) > WIDTH] == []
    assert [line for line in lines if line != line.rstrip()] == []


def test_show_without_a_view_shows_all_but_files(capsys: pytest.CaptureFixture[str]) -> None:
    main(["show"])
    out = capsys.readouterr().out
    assert [line.lower() for line in out.splitlines() if line.isupper()] == [
        each for each in VIEWS if each != "files"
    ]


def test_show_says_what_there_is(capsys: pytest.CaptureFixture[str]) -> None:
    main(["show", "nodes"])
    assert capsys.readouterr().out == (
        "node  cluster  id  management  bmc\n"
        "ctl1  control  1   10.77.0.11  10.77.0.1:6231\n"
        "ctl2  control  2   10.77.0.12  10.77.0.1:6232\n"
        "ctl3  control  3   10.77.0.13  10.77.0.1:6233\n"
    )
    main(["show", "listeners"])
    out = capsys.readouterr().out
    assert "galera    10.77.0.10:3306  tcp, one writer  GET / on port 9200  ctl1 ctl2 ctl3\n" in out


@pytest.mark.parametrize("view", VIEWS)
def test_show_as_json_has_the_same_rows(view: str, capsys: pytest.CaptureFixture[str]) -> None:
    main(["show", view])
    head, *lines = capsys.readouterr().out.splitlines()
    main(["show", view, "-o", "json"])
    rows = json.loads(capsys.readouterr().out)
    assert len(rows) == len(lines)
    for row, line in zip(rows, lines, strict=True):
        assert " ".join(head.split()) == " ".join(row)
        assert line.split() == " ".join(map(str, row.values())).split()


def test_show_as_json_of_all(capsys: pytest.CaptureFixture[str]) -> None:
    main(["show", "-o", "json"])
    assert list(json.loads(capsys.readouterr().out)) == [each for each in VIEWS if each != "files"]


def test_the_budget_is_the_sum_of_its_terms(capsys: pytest.CaptureFixture[str]) -> None:
    main(["show", "timers", "-o", "json"])
    rows = json.loads(capsys.readouterr().out)
    *terms, total = (float(row["value"][:-2]) for row in rows if row["timer"].startswith("outage: "))
    assert len(terms) == 5
    assert total == pytest.approx(sum(terms), abs=0.3)


def test_render_writes_every_file_and_says_that_secrets_are_left_out(
    directory: Path, capsys: pytest.CaptureFixture[str], lab: Design
) -> None:
    assert main(["render", "-d", "out"]) == 0
    said = capsys.readouterr()
    written = [path for path in (directory / "out").rglob("*") if path.is_file()]
    assert len(written) == sum(map(len, lab.files.values())) + 3
    assert (said.out, said.err) == ("", f"{len(written)} files in out; secrets stand as ${{secret:NAME}}\n")
    assert "${secret:keystone/admin}" in (directory / "out/ctl1/etc/openstack/clouds.yaml").read_text()


@pytest.mark.parametrize(("dialect", "begins"), [("cib", "<cib "), ("pcs", "#!/bin/sh"), ("crm", "")])
def test_render_prints_what_it_would_write(
    directory: Path, capsys: pytest.CaptureFixture[str], dialect: str, begins: str
) -> None:
    main(["render", "-d", "out"])
    capsys.readouterr()
    assert main(["render", "--as", dialect]) == 0
    out = capsys.readouterr().out
    assert out == (directory / f"out/control.{dialect}").read_text()
    assert out.startswith(begins)
    assert "vip-internal" in out


@pytest.mark.parametrize(
    ("argv", "says"),
    [
        (("render", "--as", "cib", "--cluster", "x"), "name one cluster with --cluster: control"),
        (("show", "-f", "none.yaml"), "none.yaml"),
        (("plan", "--save", "quorate.yaml"), "quorate.yaml exists; name another file to save the plan in"),
        (("plan",), "quorate secrets init"),
        (("deploy", "none.plan"), "none.plan"),
        (("deploy", "quorate.yaml"), "not a plan"),
        (("render", "-d", "quorate.yaml"), "quorate.yaml"),
        (("init",), "quorate.yaml is there already"),
    ],
    ids=" ".join,
)
def test_nonsense_ends_with_2_and_a_sentence(
    argv: tuple[str, ...], says: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(argv) == USAGE
    said = capsys.readouterr()
    assert says in said.err
    assert said.err.startswith("quorate: ") or "\n" in said.err
    assert said.out == ""


@pytest.mark.parametrize("argv", [(), ("shwo",), ("show", "nodez"), ("render",), ("show", "-o", "xml")])
def test_what_argparse_refuses_ends_with_2(argv: tuple[str, ...], capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as ended:
        main(argv)
    assert ended.value.code == USAGE
    assert "usage: quorate" in capsys.readouterr().err


def test_all_mistakes_of_a_file_at_once(
    directory: Path, capsys: pytest.CaptureFixture[str], lab_text: str
) -> None:
    (directory / "quorate.yaml").write_text(
        lab_text.replace("internal: 10.77.0.10", "internal: 10.77.0.11") + "x: 1\n"
    )
    assert main(["show"]) == USAGE
    lines = capsys.readouterr().err.splitlines()
    assert len(lines) == 2
    assert all(line.startswith("quorate.yaml:") or "/quorate.yaml:" in line for line in lines)


def test_a_deployment_that_rules_forbid_is_refused_before_secrets_are_read(
    directory: Path, capsys: pytest.CaptureFixture[str], lab_text: str
) -> None:
    (directory / "quorate.yaml").write_text(lab_text.replace("[ctl1, ctl2, ctl3]", "[ctl1, ctl2]"))
    assert main(["deploy", "--yes"]) == NO
    assert "error Q101: control has 2 members" in capsys.readouterr().err


EVENT = Event("ctl1", "packages", "packages", Status.FAILED, detail="no such package")
FAILED = CommandFailed(EVENT, Outcome("ctl1", "packages", (EVENT,), 1.0))
LOST = AgentLost("ctl2", "applying packages", "the connection broke")


@pytest.mark.parametrize(
    ("error", "ends"),
    [
        (UsageError("x"), USAGE),
        (UnreadablePlan("x"), USAGE),
        (FAILED, NO),
        (Locked("ctl1", "me"), NO),
        (AnotherDrill("x"), NO),
        (NotHealed("x"), NO),
        (CannotWipe("x"), USAGE),
        (NoAim("x"), UNKNOWN),
        (NoPower("x"), UNKNOWN),
        (Unreachable("ctl1", "x", "y"), UNKNOWN),
        (LOST, UNKNOWN),
        (LabError("x"), UNKNOWN),
    ],
    ids=lambda value: type(value).__name__,
)
def test_every_expected_error_has_its_code(error: Exception, ends: int) -> None:
    assert isinstance(error, ERRORS)
    assert code(error) == ends


CHANGES = (
    Change("ctl1/packages", "packages", "install haproxy"),
    Change("ctl1/configuration", "/etc/a", "changed", ("--- a", "+++ b", "+x")),
    Change("ctl1/configuration", "/etc/b", ""),
    Change("ctl1/cluster", "the cluster's configuration", "changed", (), ("start haproxy on ctl1",)),
)


def test_a_plan_is_told_by_task_with_diffs_and_what_pacemaker_would_do() -> None:
    assert list(described(CHANGES)) == [
        "ctl1/packages",
        "  packages: install haproxy",
        "ctl1/configuration",
        "  /etc/a: changed",
        "    --- a",
        "    +++ b",
        "    +x",
        "  /etc/b",
        "ctl1/cluster",
        "  the cluster's configuration: changed",
        "    Pacemaker: start haproxy on ctl1",
    ]
    assert not [line for line in described(CHANGES, diffs=False) if line.startswith("    ")]


def test_hosts_that_moved_since_the_plan_are_named_by_what_differs(lab: Design) -> None:
    wanted = tasks(lab)
    said = deploy._moved(Plan("lab", wanted, CHANGES[:2]), Plan("lab", wanted, CHANGES[1:3]))
    first, *rest = said.splitlines()
    assert first.endswith("nothing was changed. Make a new plan.")
    assert rest == [
        "  planned, but not so now: ctl1/packages: packages",
        "  not planned: ctl1/configuration: /etc/b",
    ]


def test_the_end_of_a_failed_deployment_states_the_condition_of_every_node() -> None:
    done = Progress({"ctl2/packages": Outcome("ctl2", "packages", (), 1.0)}, {"ctl1/packages": FAILED})
    done.left = ["ctl1/configuration", "ctl1/membership", "ctl2/configuration"]
    assert list(deploy._ended(done)) == [
        "ctl1: packages: packages: no such package",
        "1 tasks were done and hold; 3 were not completed:",
        "  ctl1: configuration, membership",
        "  ctl2: configuration",
        "mend what failed and run quorate deploy again: it goes on from there",
    ]


def test_the_end_of_one_that_was_interrupted_and_of_one_that_was_not() -> None:
    assert list(deploy._ended(Progress(left=["ctl1/packages"])))[-1] == (
        "run quorate deploy again: it goes on from there"
    )
    changed = Event("ctl1", "packages", "packages", Status.CHANGED)
    done = Progress({"ctl1/packages": Outcome("ctl1", "packages", (changed,), 1.0)})
    assert list(deploy._ended(done)) == ["deployed: 1 changes, 1 tasks; see: quorate verify"]


def test_where_the_time_of_a_deployment_went_is_told_in_its_end() -> None:
    outcomes = [
        Outcome("ctl1", "galera: serves", (), 40.25),
        Outcome("ctl2", "galera: serves", (), 57.31),
        Outcome("ctl1", "packages", (), 0.4),
        Outcome("ctl1", "nova: prepared", (), 120.0),
    ]
    done = Progress({f"{each.host}/{each.stage}": each for each in outcomes})
    shown, last = deploy._ended(done)
    assert shown == ("LONGEST  NODE  STEP\n120.0 s  ctl1  nova: prepared\n 57.3 s  ctl2  galera: serves")
    assert last.startswith("deployed: ")


def test_columns_are_as_wide_as_they_need_to_be() -> None:
    assert table(["a", "bb"], [["long", 1], ["", "last is long"]]) == "a     bb\nlong  1\n      last is long"
    assert table(["a", "b"], []) == "a  b"


def test_a_long_diff_is_cut_where_people_read_it() -> None:
    change = Change("ctl1/configuration", "/etc/a.conf", "content", tuple(f"+{number}" for number in range(100)))
    lines = list(described([change]))
    assert lines[:3] == ["ctl1/configuration", "  /etc/a.conf: content", "    +0"]
    assert lines[-1] == f"    … {100 - DIFF_LINES} further lines; all of them with -o json"
    assert len(lines) == 2 + DIFF_LINES + 1
