"""A brick that nobody has as running is started; gluster here is a small script that a file tells the state."""

import signal
import subprocess
import sys
from collections.abc import Callable
from importlib.resources import files

import pytest

from waiting import until

PROGRAMS = str(files("quorate.catalog").joinpath("programs"))
BRICK = "ctl2:/srv/glusterfs/quorate"
START = """
import sys
sys.path.insert(0, {programs!r})
import brick_watch
brick_watch.POLL_S = 0.01
sys.argv[1:] = {argv!r}
brick_watch.main()
"""
# As GlusterFS 11.1 writes it.
STATE = """[Global]
Volume1.name: quorate
Volume1.status: {volume}
Volume1.Brick1.path: ctl1:/srv/glusterfs/quorate
Volume1.Brick1.hostname: ctl1
Volume1.Brick2.path: ctl2:/srv/glusterfs/quorate
Volume1.Brick2.port: 59703
Volume1.Brick2.status: {status}
"""
GLUSTER = """#!{python}
import pathlib, sys
here = pathlib.Path({here!r})
words = sys.argv[2:]
if words[0] == "get-state":
    with (here / "looked").open("a") as stream:
        print("looked", file=stream)
    pathlib.Path(words[3], words[5]).write_text((here / "state").read_text())
else:
    with (here / "asked").open("a") as stream:
        print(*words, file=stream)
    if (here / "refused").exists():
        sys.exit("volume start: quorate: failed: Quorum not met. Volume operation not allowed.")
    state = (here / "state").read_text()
    (here / "state").write_text(state.replace("Stopped", "Started").replace("port: 0\\n", "port: 59703\\n"))
"""


@pytest.fixture
def here(tmp_path, monkeypatch):
    ctl = tmp_path / "gluster"
    ctl.write_text(GLUSTER.format(python=sys.executable, here=str(tmp_path)))
    ctl.chmod(0o755)
    monkeypatch.setenv("PATH", str(tmp_path), prepend=":")
    (tmp_path / "looked").touch()
    return tmp_path


@pytest.fixture
def watch(here):
    """Starts the program; its lines when it is stopped."""
    started = []

    def start(status: str, volume: str = "Started", state: str = STATE) -> Callable[[], str]:
        (here / "state").write_text(state.format(status=status, volume=volume))
        script = START.format(programs=PROGRAMS, argv=["quorate", BRICK, str(here)])
        process = subprocess.Popen([sys.executable, "-c", script], stdout=subprocess.PIPE, text=True)
        started.append(process)

        def stopped() -> str:
            process.terminate()
            return process.communicate(timeout=10)[0]

        return stopped

    yield start
    for process in started:
        process.kill()
        process.wait()


def looks(here) -> int:
    return len((here / "looked").read_text().splitlines())


def test_a_brick_that_runs_is_left_alone(here, watch):
    stop = watch("Started")
    until(lambda: looks(here) >= 4, "four looks")
    assert stop() == ""
    assert not (here / "asked").exists()


@pytest.mark.parametrize("volume", ["Created", "Stopped"])
def test_before_the_volume_runs_its_brick_is_left_alone(here, watch, volume):
    stop = watch("Stopped", volume)
    until(lambda: looks(here) >= 4, "four looks")
    assert stop() == ""
    assert not (here / "asked").exists()


def test_before_there_is_a_volume_nothing_is_started(here, watch):
    stop = watch("Stopped", state="[Global]\n")
    until(lambda: looks(here) >= 4, "four looks")
    assert stop() == ""
    assert not (here / "asked").exists()


@pytest.fixture
def process():
    """A process with these arguments, which the program does not read."""
    started = []

    def start(*argv: str) -> "subprocess.Popen[bytes]":
        started.append(subprocess.Popen([sys.executable, "-c", "import time; time.sleep(60)", *argv]))
        return started[-1]

    yield start
    for each in started:
        each.kill()
        each.wait()


def test_a_process_that_has_the_number_of_one_that_died_is_left_alone(here, watch, process):
    other = process("--brick-name", "/srv/glusterfs/other")
    (here / "ctl2-srv-glusterfs-quorate.pid").write_text(f"{other.pid}\n")
    stop = watch("Stopped")
    until((here / "asked").exists, "it is started")
    stop()
    assert other.poll() is None


def test_a_brick_that_runs_unknown_is_ended_and_started_once(here, watch, process):
    unknown = process("--brick-name", "/srv/glusterfs/quorate")
    (here / "ctl2-srv-glusterfs-quorate.pid").write_text(f"{unknown.pid}\n")
    stop = watch("Stopped")
    assert unknown.wait(timeout=20) == -signal.SIGTERM
    until((here / "asked").exists, "it is started")
    until(lambda: looks(here) >= 5, "more looks")
    assert stop() == "no client was sent to the brick of this host: started\n"
    assert (here / "asked").read_text() == "volume start quorate force\n"


def test_a_brick_that_runs_where_nobody_is_sent_is_ended_and_started(here, watch, process):
    adopted = process("--brick-name", "/srv/glusterfs/quorate")
    (here / "ctl2-srv-glusterfs-quorate.pid").write_text(f"{adopted.pid}\n")
    stop = watch("Started", state=STATE.replace("port: 59703", "port: 0"))
    assert adopted.wait(timeout=20) == -signal.SIGTERM
    until((here / "asked").exists, "it is started")
    until(lambda: looks(here) >= 5, "more looks")
    assert stop() == "no client was sent to the brick of this host: started\n"


def test_a_brick_that_may_not_run_now_is_asked_for_again_and_that_is_said_once(here, watch):
    (here / "refused").touch()
    stop = watch("Stopped")
    until(lambda: (here / "asked").exists() and looks(here) >= 6, "asked again")
    (here / "refused").unlink()
    until(lambda: "Started" in (here / "state").read_text(), "it is started")
    said = stop()
    assert said.count("Quorum not met") == 1
    assert said.startswith("volume start: volume start: quorate: failed: Quorum not met.")
