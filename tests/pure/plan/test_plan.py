"""A saved plan is the plan; anything else is refused with the way to a new one."""

import json
import stat
from dataclasses import replace

import pytest

from quorate.model import secret
from quorate.model.design import Design
from quorate.model.item import Renewal, Renewed
from quorate.plan.plan import Change, Plan, UnreadablePlan, read, save, told_once
from quorate.plan.task import Task, tasks

CHANGES = (
    Change("ctl1/packages", "packages", "install haproxy"),
    Change("ctl1/configuration", "/etc/hosts", "changed", ("-a", "+b é"), ()),
    Change("ctl1/cluster", "the cluster's configuration", "", (), ("start haproxy:0 on ctl1",)),
)


def test_it_is_read_back_as_it_was_saved(tmp_path, any_design: Design) -> None:
    plan = Plan("lab", tasks(any_design), CHANGES)
    path = tmp_path / "plan"
    save(plan, path)
    assert read(path) == plan
    assert stat.S_IMODE(path.stat().st_mode) == 0o600


def test_every_kind_of_renewal_is_kept(tmp_path) -> None:
    items = tuple(Renewed("a", "a.service", ("/a", "/b"), renewal, 1.5) for renewal in Renewal)
    plan = Plan("lab", (Task("ctl1", "s", items, ("ctl1/r",)),), ())
    save(plan, tmp_path / "plan")
    assert read(tmp_path / "plan") == plan


def test_it_is_never_written_over_another(tmp_path) -> None:
    path = tmp_path / "plan"
    path.write_text("mine")
    with pytest.raises(FileExistsError):
        save(Plan("lab", (), ()), path)
    assert path.read_text() == "mine"


def test_it_holds_names_of_secrets_only(tmp_path, lab: Design) -> None:
    save(Plan("lab", tasks(lab), ()), tmp_path / "plan")
    assert {"keystone/admin", "corosync/authkey"} <= set(secret.references((tmp_path / "plan").read_text()))


@pytest.mark.parametrize(
    "text",
    [
        "",
        "no JSON",
        "[]",
        "3",
        "{}",
        '{"format": 1}',
        '{"format": 1, "cloud": "lab", "tasks": [1], "changes": []}',
        '{"format": 1, "cloud": "lab", "tasks": [{"node": "a", "step": "b", "items": ["x"]}], "changes": []}',
        '{"format": 1, "cloud": "lab", "tasks": [{"node": "a", "step": "b", "items": [{"kind": "x"}]}]}',
        '{"format": 1, "cloud": "lab", "tasks": [], "changes": [{"item": "x"}]}',
        '{"format": 1, "cloud": "lab", "tasks": [], "changes": ["x"]}',
    ],
)
def test_what_is_no_plan_is_refused_with_the_remedy(tmp_path, text: str) -> None:
    path = tmp_path / "plan"
    path.write_text(text)
    with pytest.raises(UnreadablePlan, match=r"plan: not a plan .*quorate plan --save"):
        read(path)


def test_bytes_that_are_no_text_are_refused(tmp_path) -> None:
    path = tmp_path / "plan"
    path.write_bytes(b"\xff\xfe\x00")
    with pytest.raises(UnreadablePlan, match="not a plan"):
        read(path)


def test_a_plan_of_another_version_is_refused(tmp_path) -> None:
    path = tmp_path / "plan"
    path.write_text(json.dumps({"format": 2, "cloud": "lab", "tasks": [], "changes": []}))
    with pytest.raises(UnreadablePlan, match="another version of Quorate; make a new plan"):
        read(path)


def test_a_plan_that_is_not_there_is_another_matter(tmp_path) -> None:
    with pytest.raises(FileNotFoundError):
        read(tmp_path / "none")


CIB = "the cluster's configuration"


def loaded(step: str, *diff: str, detail: str = "", actions: tuple[str, ...] = ()) -> Change:
    return Change(f"ctl1/{step}", CIB, detail or f"{len(diff)} changes", diff, actions)


def test_what_a_clusters_stages_have_in_common_is_told_once() -> None:
    other = Change("ctl1/configuration", "/etc/a", "content", ("+a",))
    first = loaded("cluster", "+ a", actions=("Start a",))
    assert list(told_once([other, first, loaded("cluster, stage 2", "+ a", actions=("Start a",))], CIB)) == [
        other,
        first,
    ]
    both = loaded("cluster, stage 2", "+ a", "+ b", actions=("Start a", "Start b"))
    (_, rest) = told_once([first, both], CIB)
    assert (rest.detail, rest.diff, rest.actions) == ("1 changes", ("+ b",), ("Start b",))


def test_another_clusters_are_its_own_and_one_that_is_not_up_yet_is_told_once() -> None:
    there = Change("db1/cluster", CIB, "1 changes", ("+ a",))
    assert list(told_once([loaded("cluster", "+ a"), there], CIB)) == [loaded("cluster", "+ a"), there]
    new = loaded("cluster", detail="configures the cluster: 3 resources, 1 constraints")
    assert list(told_once([new, replace(new, task="ctl1/cluster, stage 2")], CIB)) == [new]
