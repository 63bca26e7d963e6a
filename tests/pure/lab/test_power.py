"""The switch against real processes: a stand-in for a container's PID 1 that carries the container's id."""

import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from quorate.lab.power import PowerError, Switch, answer

ID = "0123456789abcdef" * 4


def switch_in(runtime: Path, start: tuple[str, ...] = ("true",), exit_code: str = "0") -> Switch:
    fields = {
        "node": ("ctl1",),
        "container": ("quorate_trial_ctl1",),
        "id": (ID,),
        "netns": ("quorate_trial_ctl1",),
        "start": start,
        "exit_code": ("echo", exit_code),
        "unplug": ("link delete no-such-device",),
        "plug": ("link add a type veth", "link set a up"),
        "configure": (),
    }
    return Switch(str(runtime), fields)


@pytest.fixture
def init(tmp_path: Path) -> Iterator[subprocess.Popen[str]]:
    """A process that ignores SIGTERM, as PID 1 does, and says when it does."""
    ignoring = "import signal, time; signal.signal(15, signal.SIG_IGN); print('up', flush=True); time.sleep(60)"
    with subprocess.Popen([sys.executable, "-c", ignoring, ID], stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == "up\n"
        (tmp_path / "init.pid").write_text(f"{process.pid}\n")
        yield process
        process.kill()


def test_a_saved_switch_is_the_same_switch(tmp_path):
    switch_in(tmp_path).save()
    assert Switch.load(str(tmp_path)).fields == switch_in(tmp_path).fields


def test_the_bmc_sees_whether_the_first_process_lives(tmp_path, init):
    switch = switch_in(tmp_path)
    assert answer(switch, ["get", "power"]) == "power:1\n"
    init.kill()
    init.wait()
    assert answer(switch, ["get", "power", "boot"]) == "power:0\nboot:0\n"


def test_a_dead_process_that_nobody_has_reaped_yet_has_no_power(tmp_path, init):
    switch_in(tmp_path).off()  # returns once it is dead, though this process has not waited for it
    assert Path(f"/proc/{init.pid}").exists()
    assert answer(switch_in(tmp_path), ["get", "power"]) == "power:0\n"


def test_power_off_kills_what_ignores_a_polite_request(tmp_path, init):
    assert answer(switch_in(tmp_path), ["set", "power", "0"]) == ""
    assert init.wait(timeout=5) == -9


def test_a_recycled_process_id_is_never_killed(tmp_path):
    with subprocess.Popen(["sleep", "60"]) as stranger:
        (tmp_path / "init.pid").write_text(f"{stranger.pid}\n")
        assert answer(switch_in(tmp_path), ["get", "power"]) == "power:0\n"
        switch_in(tmp_path).off()
        assert stranger.poll() is None
        stranger.kill()


@pytest.mark.parametrize("text", ["", "not a number\n", "999999999\n"])
def test_a_useless_pid_file_is_a_host_without_power(tmp_path, text):
    (tmp_path / "init.pid").write_text(text)
    assert answer(switch_in(tmp_path), ["get", "power"]) == "power:0\n"


def test_a_host_is_on_while_it_is_being_started_and_not_before_or_after(tmp_path):
    switch = switch_in(tmp_path)
    (tmp_path / "wanted").write_text("on")
    assert not switch.is_on()
    with switch._lock():
        assert switch.is_on()
        (tmp_path / "wanted").write_text("off")
        assert not switch.is_on()


def test_a_container_runtime_that_never_became_the_hosts_init_has_not_booted(tmp_path, init):
    switch = switch_in(tmp_path)
    assert switch.init_pid() == init.pid
    assert not switch.has_booted()


def test_what_the_bmc_may_not_ask_is_said(tmp_path):
    with pytest.raises(PowerError, match="ctl1: its BMC asked for `make coffee`"):
        answer(switch_in(tmp_path), ["make", "coffee"])


@pytest.mark.parametrize(
    ("ending", "booted"),
    [(("129", "on"), True), (("130", "on"), False), (("137", "on"), False), (("129", "off"), False)],
    ids=["it rebooted", "it was shut down", "it crashed", "its power was cut"],
)
def test_a_host_that_rebooted_itself_is_booted_again(tmp_path, init, monkeypatch, ending, booted):
    boots = []
    exit_code, wanted = ending
    monkeypatch.setattr(Switch, "_boot", lambda switch: boots.append(switch.node))
    (tmp_path / "wanted").write_text(wanted)
    init.kill()
    switch_in(tmp_path, exit_code=exit_code).stay()
    assert boots == (["ctl1"] if booted else [])
