"""Filling a disk: never one that the host itself lives on; the programs here are small scripts."""

import subprocess

import pytest

from quorate.drill.faults.fill import BALLAST, LAST_BYTES, _full

STUBS = {
    "stat": 'case "$2" in / ) echo 1 ;; *) echo {device} ;; esac',
    "df": f"echo Avail; echo {LAST_BYTES + 4096}",
    "fallocate": 'head -c "$2" /dev/zero > "$3"',
    "dd": "exit 1",
    # The last argument is the file that its process holds and unlinks.
    "systemd-run": 'for last; do :; done; stat_of "$last" >> {told}; rm "$last"',
    "stat_of": 'wc -c < "$1"',
    "systemctl": 'echo "$@" >> {told}',
}


@pytest.fixture
def run(tmp_path, monkeypatch):
    def carried_out(device: int) -> tuple[subprocess.CompletedProcess[str], ...]:
        programs = tmp_path / "bin"
        programs.mkdir()
        for name, text in STUBS.items():
            program = programs / name
            program.write_text(f"#!/bin/sh\n{text.format(device=device, told=tmp_path / 'told')}\n")
            program.chmod(0o755)
        monkeypatch.setenv("PATH", str(programs), prepend=":")
        data = tmp_path / "its data"
        data.mkdir()
        affliction = _full((str(data),), None, "ctl1")["ctl1"]
        scripts = (affliction.harm, affliction.undo, affliction.undo)
        done = [
            subprocess.run(["sh", "-ec", script], capture_output=True, text=True, check=False)
            for script in scripts
        ]
        assert not (data / BALLAST).exists()
        return tuple(done)

    return carried_out


def test_a_file_system_of_its_own_is_filled_and_emptied(run, tmp_path):
    assert [each.returncode for each in run(2)] == [0, 0, 0]
    stopped = "--quiet stop quorate-drill-ballast-1"
    assert (tmp_path / "told").read_text().splitlines() == ["4096", stopped, stopped]


def test_the_hosts_own_is_left_alone(run):
    refused, *_ = run(1)
    assert refused.returncode == 1
    assert "has no file system of its own" in refused.stderr
