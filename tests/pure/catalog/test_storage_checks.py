"""What the program says of copies, and what `verify` makes of it; gluster here prints what two files say."""

import subprocess
import sys

import pytest

from quorate import catalog
from quorate.catalog import storage
from quorate.model.check import no, unknown, yes

INFO = "<cliOutput><opRet>0</opRet><volInfo><volumes>{}</volumes></volInfo></cliOutput>"
VOLUME = "<volume><name>quorate</name><statusStr>{}</statusStr></volume>"
STARTED = INFO.format(VOLUME.format("Started"))
# What gluster 11.1 prints, in short.
BRICK = """<brick><name>{node}:/srv/glusterfs/quorate</name><status>{status}</status>
<numberOfEntriesInHealPending>{pending}</numberOfEntriesInHealPending>
<numberOfEntriesInSplitBrain>{split}</numberOfEntriesInSplitBrain>
<numberOfEntriesPossiblyHealing>{under_way}</numberOfEntriesPossiblyHealing></brick>"""
WELL = {"status": "Connected", "pending": "0", "split": "0", "under_way": "0"}
LOST = {"status": "Transport endpoint is not connected", "pending": "-", "split": "-", "under_way": "-"}
REFUSED = "<cliOutput><opRet>-1</opRet><opErrstr>Volume quorate is locked</opErrstr></cliOutput>"
NODES = ("ctl1", "ctl2", "ctl3")


def heal(**bricks):
    """Of members that are not named all is well."""
    found = "".join(BRICK.format(node=node, **{**WELL, **bricks.get(node, {})}) for node in NODES)
    return f"<cliOutput><opRet>0</opRet><healInfo><bricks>{found}</bricks></healInfo></cliOutput>"


@pytest.fixture
def said(tmp_path, monkeypatch):
    """What the program says as a probe's answer."""

    def ask(heal, info=STARTED, script='cat {here}/"$4"'):
        (tmp_path / "info").write_text(info)
        (tmp_path / "heal").write_text(heal)
        gluster = tmp_path / "gluster"
        gluster.write_text(f"#!/bin/sh\n{script.format(here=tmp_path)}\n")
        gluster.chmod(0o755)
        monkeypatch.setenv("PATH", str(tmp_path), prepend=":")
        argv = [sys.executable, *catalog.program("gluster_copies")[1:], storage.VOLUME]
        done = subprocess.run(argv, capture_output=True, text=True, check=False)
        return {"rc": done.returncode, "stdout": done.stdout, "stderr": done.stderr}

    return ask


def judged(design, answer):
    (check,) = storage.checks(design)
    ((probe, nodes),) = check.probes.items()
    assert nodes == NODES
    assert probe.once
    return list(check.judge({probe: {"ctl1": answer}}))


def test_all_copies_the_same(full, said):
    answer = said(heal())
    assert answer["rc"] == 0
    assert judged(full, answer) == [yes("the same on ctl1, ctl2, ctl3")]


@pytest.mark.parametrize(
    ("brick", "words"),
    [
        (LOST, "its brick is not reached: Transport endpoint is not connected"),
        ({"pending": "2"}, "2 files to be healed"),
        ({"pending": "1", "under_way": "1"}, "2 files to be healed"),
        ({"split": "1", "pending": "1"}, "1 files in split brain: gluster volume heal quorate info split-brain"),
    ],
)
def test_what_is_wrong_with_one(full, said, brick, words):
    answer = said(heal(ctl2=brick))
    assert answer["rc"] == 1
    assert judged(full, answer) == [no(words, "ctl2")]


def test_a_brick_that_the_volume_does_not_have(full, said):
    answer = said(heal().replace("ctl3:", "ctl9:"))
    assert judged(full, answer) == [no("its brick is not in the volume", "ctl3")]


@pytest.mark.parametrize("volumes", ["", VOLUME.format("Created")])
def test_before_the_volume_runs_nothing_is_waited_for_and_nothing_is_well(full, said, volumes):
    answer = said(heal(ctl2=LOST), INFO.format(volumes))
    assert answer["rc"] == 0
    assert judged(full, answer) == [no("its brick is not in the volume", node) for node in NODES]


@pytest.mark.parametrize(
    ("script", "words"),
    [
        ('cat {here}/"$4"', "Volume quorate is locked"),
        ("echo Connection failed. >&2; exit 1", "Connection failed."),
    ],
)
def test_a_daemon_that_does_not_tell_is_not_well(full, said, script, words):
    answer = said(REFUSED, script=script)
    assert answer["rc"] == 1
    assert judged(full, answer) == [unknown(f"gluster: {words}", "ctl1")]


def test_without_bricks_nothing_is_asked(design):
    assert list(storage.checks(design)) == []


@pytest.mark.parametrize(
    ("bricks", "without", "words"),
    [
        ({}, ["ctl1"], []),
        ({"ctl3": LOST}, ["ctl3"], []),
        ({"ctl3": LOST}, ["ctl1"], ["1 of 3 copies of the shared files would be left, too few to write"]),
        ({}, ["ctl1", "ctl2"], ["1 of 3 copies of the shared files would be left, too few to write"]),
        ({"ctl1": {"pending": "2"}}, ["ctl3"], []),
        ({"ctl1": {"pending": "2"}}, ["ctl1"], ["2 of the shared files are newer on ctl1 than elsewhere"]),
        ({"ctl1": {"under_way": "1"}}, ["ctl1"], ["1 of the shared files are newer on ctl1 than elsewhere"]),
    ],
)
def test_what_would_be_missed_of_a_node(full, said, bricks, without, words):
    (check,) = storage.spares(full, without)
    (probe,) = check.probes
    results = list(check.judge({probe: {"ctl1": said(heal(**bricks))}}))
    assert [result.seen for result in results if result.verdict.value != "yes"] == words
    assert results[-1] == yes(f"copies are left on {', '.join(left(bricks, without))}")


def left(bricks, without):
    return [node for node in NODES if node not in without and bricks.get(node) is not LOST]


def test_of_a_node_without_a_brick_nothing_is_missed(full, design):
    assert list(storage.spares(full, ["ctl9"])) == []
    assert list(storage.spares(design, ["ctl1"])) == []
