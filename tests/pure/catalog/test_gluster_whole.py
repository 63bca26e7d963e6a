"""Who restarts bricks one after the other waits for each; gluster here prints what two files say."""

import subprocess
import sys

import pytest

from quorate import catalog

INFO = "<cliOutput><volInfo><volumes>{}</volumes></volInfo></cliOutput>"
VOLUME = "<volume><name>quorate</name><statusStr>{}</statusStr></volume>"
BRICK = """<brick><name>{}:/srv/glusterfs/quorate</name><status>{}</status>
<totalNumberOfEntries>{}</totalNumberOfEntries><numberOfEntriesInHealPending>{}</numberOfEntriesInHealPending></brick>"""
HEAL = "<cliOutput><healInfo><bricks>{}</bricks></healInfo></cliOutput>"
WELL, HEALING = BRICK.format("ctl1", "Connected", 0, 0), BRICK.format("ctl2", "Connected", 3, 2)
LOST = BRICK.format("ctl2", "Transport endpoint is not connected", "-", "-")


@pytest.fixture
def asked(tmp_path, monkeypatch):
    def ask(info, heal):
        (tmp_path / "info").write_text(info)
        (tmp_path / "heal").write_text(heal)
        gluster = tmp_path / "gluster"
        gluster.write_text(f'#!/bin/sh\ncat {tmp_path}/"$4"\n')
        gluster.chmod(0o755)
        monkeypatch.setenv("PATH", str(tmp_path), prepend=":")
        argv = [sys.executable, *catalog.program("gluster_whole")[1:], "quorate"]
        done = subprocess.run(argv, capture_output=True, text=True, check=False)
        return done.returncode, done.stdout.strip() + done.stderr.strip()

    return ask


STARTED = INFO.format(VOLUME.format("Started"))


@pytest.mark.parametrize(
    ("heal", "said"),
    [
        (WELL * 2, (0, "whole")),
        (WELL + HEALING, (1, "ctl2:/srv/glusterfs/quorate: Connected, 3 to heal")),
        (WELL + LOST, (1, "ctl2:/srv/glusterfs/quorate: Transport endpoint is not connected, - to heal")),
    ],
)
def test_every_brick_is_reached_and_has_nothing_to_heal(asked, heal, said):
    assert asked(STARTED, HEAL.format(heal)) == said


@pytest.mark.parametrize("volumes", ["", VOLUME.format("Created")])
def test_before_there_is_a_volume_nothing_is_waited_for(asked, volumes):
    assert asked(INFO.format(volumes), HEAL.format(LOST)) == (0, "")
