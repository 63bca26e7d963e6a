"""A broker that stays parted is restarted; rabbitmqctl here is a small script with a table of answers."""

import json
import subprocess
import sys
from importlib.resources import files
from pathlib import Path

import pytest

from waiting import until

PROGRAMS = str(files("quorate.catalog").joinpath("programs"))
MEMBERS = ["rabbit@ctl1", "rabbit@ctl2", "rabbit@ctl3"]
START = """
import sys
sys.path.insert(0, {programs!r})
import rabbitmq_watch
rabbitmq_watch.GRACE_S, rabbitmq_watch.POLL_S = 0.05, 0.01
sys.argv[1:] = {argv!r}
rabbitmq_watch.main()
"""
CTL = """#!{python}
import json, pathlib, sys
here = pathlib.Path({here!r})
with (here / "asked").open("a") as stream:
    print(sys.argv[4], file=stream)
answers = json.loads((here / "answers").read_text())
if sys.argv[4] == "cluster_status":
    answer = answers.pop(0) if len(answers) > 1 else answers[0]
    (here / "answers").write_text(json.dumps(answers))
    if answer is None:
        sys.exit("timed out")
    partitions = {{"rabbit@ctl2": ["x"]}} if len(answer) < 3 else {{}}
    print(json.dumps({{"running_nodes": answer, "partitions": partitions}}))
"""
TOLD = "[error] Mnesia(rabbit@ctl2): mnesia_event got {inconsistent_database, running_partitioned_network, x}\n"


@pytest.fixture
def watched(tmp_path, monkeypatch):
    """What rabbitmqctl is asked for, up to the last of `expected`, when the log tells of a partition."""
    log = tmp_path / "rabbitmq.log"
    asked = tmp_path / "asked"
    ctl = tmp_path / "rabbitmqctl"
    ctl.write_text(CTL.format(python=sys.executable, here=str(tmp_path)))
    ctl.chmod(0o755)
    monkeypatch.setenv("PATH", str(tmp_path), prepend=":")

    def run(answers, expected: int, told: str = TOLD, *, rotated: bool = False) -> list[str]:
        (tmp_path / "answers").write_text(json.dumps(answers))
        log.write_text(TOLD)  # from before, and no news
        script = START.format(programs=PROGRAMS, argv=[str(log), *MEMBERS])
        with subprocess.Popen([sys.executable, "-c", script], stdout=subprocess.PIPE, text=True) as process:
            try:
                until(lambda: str(log) in opened(process.pid), "the log is followed")
                if rotated:
                    log.rename(tmp_path / "rabbitmq.log.1")
                with log.open("a") as stream:
                    stream.write(f"[info] nothing of interest\n{told}")
                until(lambda: asked.exists() and len(asked.read_text().split()) >= expected, "the broker is asked")
            finally:
                process.kill()
        return asked.read_text().split()[:expected]

    return run


def opened(pid: int) -> list[str]:
    return [str(link.readlink()) for link in Path(f"/proc/{pid}/fd").iterdir() if link.is_symlink()]


def test_one_that_runs_alone_is_restarted_until_it_is_not(watched):
    asked = watched([["rabbit@ctl2"], ["rabbit@ctl2"], MEMBERS], 7)
    assert asked == [*["cluster_status", "stop_app", "start_app"] * 2, "cluster_status"]


def test_the_majority_goes_on(watched):
    assert watched([["rabbit@ctl1", "rabbit@ctl3"]], 1) == ["cluster_status"]


def test_what_has_healed_is_left_alone(watched):
    assert watched([MEMBERS], 1) == ["cluster_status"]


def test_it_asks_again_if_the_broker_does_not_answer(watched):
    assert watched([None, ["rabbit@ctl2"], MEMBERS], 5) == [
        *["cluster_status", "cluster_status", "stop_app", "start_app", "cluster_status"]
    ]


def test_a_log_that_was_rotated_is_followed(watched):
    assert watched([MEMBERS], 1, rotated=True) == ["cluster_status"]
