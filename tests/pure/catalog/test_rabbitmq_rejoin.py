"""A broker that lost its disk is forgotten by the others before it starts; rabbitmqctl here is a small script."""

import json
import subprocess
import sys
from importlib.resources import files

import pytest

PROGRAM = str(files("quorate.catalog").joinpath("programs", "rabbitmq_rejoin.py"))
MEMBERS = ("rabbit@ctl1", "rabbit@ctl2", "rabbit@ctl3")
OTHERS = ("rabbit@ctl1", "rabbit@ctl3")
ASKED = ["rabbit@ctl1 cluster_status", "rabbit@ctl3 cluster_status"]
FORGET = "forget_cluster_node rabbit@ctl2"

CTL = """#!{python}
import json, pathlib, sys
here = pathlib.Path({here!r})
argv = sys.argv[1:]
with (here / "asked").open("a") as stream:
    print(*argv[2:3], *argv[5:6], *(argv[6:7] if argv[5] == "forget_cluster_node" else []), file=stream)
peer, command = argv[2], argv[5]
table = json.loads((here / "table").read_text())
if peer not in table:
    sys.exit("unable to connect to node " + peer)
if command == "cluster_status":
    print(json.dumps({{"disk_nodes": table[peer]}}))
elif (here / "running").exists():
    (here / "running").unlink()
    sys.exit("Error: the node is running")
"""


@pytest.fixture
def rejoin(tmp_path, monkeypatch):

    def run(table: dict[str, list[str]], *, data: bool = False, running: bool = False) -> tuple[int, list[str]]:
        ctl = tmp_path / "rabbitmqctl"
        ctl.write_text(CTL.format(python=sys.executable, here=str(tmp_path)))
        ctl.chmod(0o755)
        (tmp_path / "table").write_text(json.dumps(table))
        if running:
            (tmp_path / "running").touch()
        if data:
            (tmp_path / "mnesia" / "rabbit@ctl2").mkdir(parents=True)
        monkeypatch.setenv("PATH", str(tmp_path), prepend=":")
        argv = [sys.executable, PROGRAM, str(tmp_path / "mnesia"), "rabbit@ctl2", *MEMBERS]
        done = subprocess.run(argv, capture_output=True, text=True, check=False, timeout=30)
        asked = tmp_path / "asked"
        return done.returncode, asked.read_text().splitlines() if asked.exists() else []

    return run


def test_one_with_data_asks_nobody(rejoin):
    assert rejoin({"rabbit@ctl1": list(MEMBERS)}, data=True) == (0, [])


def test_the_first_of_all_finds_nobody_and_starts(rejoin):
    assert rejoin({}) == (0, ASKED)


def test_one_that_is_not_counted_joins_as_a_new_one(rejoin):
    others = ["rabbit@ctl1", "rabbit@ctl3"]
    assert rejoin(dict.fromkeys(others, others)) == (
        0,
        ["rabbit@ctl1 cluster_status", "rabbit@ctl3 cluster_status"],
    )


def test_one_that_is_counted_is_forgotten_once(rejoin):
    assert rejoin({"rabbit@ctl3": list(MEMBERS)}) == (0, [*ASKED, f"rabbit@ctl3 {FORGET}"])


def test_it_waits_until_the_others_have_noticed_that_it_is_down(rejoin):
    code, asked = rejoin({"rabbit@ctl1": list(MEMBERS)}, running=True)
    assert (code, asked) == (
        0,
        ["rabbit@ctl1 cluster_status", *["rabbit@ctl1 forget_cluster_node rabbit@ctl2"] * 2],
    )
