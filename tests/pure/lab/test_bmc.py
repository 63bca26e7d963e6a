import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import pytest

from quorate.lab import bmc
from quorate.lab.command import LabError
from quorate.lab.layout import layout


def test_the_bmc_listens_where_the_file_says_and_knows_its_user(cloud):
    text = bmc.config(layout(cloud, Path("/spec")).hosts[1], "pass word")
    assert "    addr 10.77.1.1 6232\n" in text
    assert '  user 2 true "quorate" "pass word" admin 10 md5\n' in text
    assert "straight" not in text
    assert "none" not in text


@pytest.mark.parametrize("password", ["", "x" * 21])
def test_a_password_that_ipmi_has_no_room_for_is_refused_by_name_and_not_shown(cloud, tmp_path, password):
    host = replace(layout(cloud, tmp_path).hosts[0], runtime=tmp_path)
    with pytest.raises(LabError, match="the secret bmc/ctl1 has") as failure:
        bmc.start(host, password)
    assert "xxx" not in str(failure.value)
    assert not list(tmp_path.iterdir())


def test_a_password_that_would_end_its_quotes_is_refused(cloud):
    with pytest.raises(LabError, match="double quote"):
        bmc.config(layout(cloud, Path("/spec")).hosts[0], 'a"b')


def test_a_bmc_is_known_by_the_configuration_it_was_started_with(tmp_path):
    mine, other = tmp_path / "trial" / "ctl1", tmp_path / "trial-2" / "ctl1"
    program = tmp_path / "ipmi_sim"
    program.symlink_to(sys.executable)
    script = tmp_path / "wait.py"
    script.write_text("import time; print('up', flush=True); time.sleep(60)")
    with subprocess.Popen(
        ["ipmi_sim", "-S", str(script), "-c", str(mine / "bmc.conf")],
        executable=program,
        stdout=subprocess.PIPE,
        text=True,
    ) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == "up\n"
        assert bmc.running(mine) == bmc.running(mine.parent) == (process.pid,)
        assert bmc.running(other) == bmc.running(other.parent) == ()
        bmc.stop(other.parent)
        assert process.poll() is None
        bmc.stop(mine.parent)
        assert process.wait(timeout=5) == -9
