import os
import pickle
import select
import subprocess
import sys
from pathlib import Path

import pytest

from quorate.prove.scheduler import (
    LOCAL,
    Place,
    ScheduleFailed,
    Scheduler,
    SchedulerUnavailable,
    scheduler_at,
)

ENDED_S = 20.0


def alive(pid: int) -> bool:
    stat = Path(f"/proc/{pid}/stat")
    return stat.exists() and stat.read_text().rpartition(")")[2].split()[0] != "Z"


def test_it_answers(stray) -> None:
    with Scheduler(stray.place) as scheduler:
        assert (scheduler.version, scheduler.engine, scheduler.why) == ("3.0.0", "library", "")
        large = b"x" * 3_000_000
        assert scheduler.schedule(large) == large
        assert scheduler.schedule("ü") == "ü".encode()
    assert len(stray.started) == 1
    assert not alive(stray.started[0])


@pytest.mark.parametrize(
    ("cib", "why"),
    [
        ("abort", "schedule at stray: it was ended by SIGABRT:\nTriggered fatal assertion"),
        ("exit", "schedule at stray: it ended with 3"),
        ("hang", "schedule at stray: it did not end within 0.5 s"),
        ("garbage", "schedule at stray: it said 'Last login: yesterday' instead of an answer"),
        ("short", "schedule at stray: it ended with 0"),
    ],
)
def test_a_worker_that_is_lost_is_told_and_replaced(stray, cib: str, why: str) -> None:
    with Scheduler(stray.place, within_s=0.5) as scheduler:
        assert scheduler.schedule("before") == b"before"
        with pytest.raises(ScheduleFailed) as failed:
            scheduler.schedule(cib)
        assert str(failed.value) == why
        assert scheduler.schedule("after") == b"after"
    assert len(stray.started) == 2
    assert not any(map(alive, stray.started))


def test_noise_of_earlier_questions_is_not_told(stray) -> None:
    with Scheduler(stray.place) as scheduler:
        scheduler.schedule("fine")
        with pytest.raises(ScheduleFailed, match=r"ended with 3$"):
            scheduler.schedule("exit")


@pytest.mark.parametrize(
    ("place", "why"),
    [
        (Place("nowhere", ("/nonesuch/podman",)), "nowhere: .*No such file or directory: '/nonesuch/podman'"),
        (Place("closed", ("sh", "-c", "echo no route >&2; exit 255")), "closed: it ended with 255:\nno route"),
        (Place("motd", ("echo", "Welcome!")), "motd: it said .Welcome! .* instead of an answer"),
    ],
)
def test_a_place_that_runs_nothing_is_unavailable(place: Place, why: str) -> None:
    with pytest.raises(SchedulerUnavailable, match=why):
        Scheduler(place)


def test_a_shell_s_place(host) -> None:
    path = host.place.argv[1]
    with Scheduler(Place("shell", ("env", path, "sh", "-c"), shell=True)) as scheduler:
        assert scheduler.version == "9.9.9"


def test_errors_and_places_go_to_other_processes() -> None:
    unavailable = pickle.loads(pickle.dumps(SchedulerUnavailable({"ctl1": "no route"})))
    assert str(unavailable) == "Pacemaker's scheduler cannot be asked: ctl1: no route"
    assert str(pickle.loads(pickle.dumps(ScheduleFailed("bad")))) == "bad"
    assert pickle.loads(pickle.dumps(LOCAL)) == LOCAL


def test_a_process_has_one_scheduler_a_place(stray) -> None:
    scheduler = scheduler_at(stray.place)
    try:
        assert scheduler_at(Place("stray", stray.place.argv)) is scheduler
    finally:
        scheduler.close()


FORKED = """
import os, sys
from quorate.prove.scheduler import Place, scheduler_at
place = Place("stray", tuple(sys.argv[1:]))
scheduler = scheduler_at(place)
child = os.fork()
if not child:
    assert scheduler_at(place) is not scheduler
    assert scheduler_at(place).schedule("a") == b"a"
    sys.exit()
assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0
assert scheduler.schedule("b") == b"b"
"""


def test_a_forked_process_has_its_own(stray) -> None:
    subprocess.run((sys.executable, "-c", FORKED, *stray.place.argv), check=True, timeout=ENDED_S)
    assert len(stray.started) == 2
    assert not any(map(alive, stray.started))


SCRIPT = """
import sys
from quorate.prove.scheduler import Place, scheduler_at
scheduler_at(Place("stray", tuple(sys.argv[1:])))
print("started", flush=True)
sys.stdin.read()
"""


@pytest.mark.parametrize("killed", [True, False])
def test_workers_end_with_their_caller(stray, killed: bool) -> None:
    caller = (sys.executable, "-c", SCRIPT, *stray.place.argv)
    with subprocess.Popen(caller, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout
        assert process.stdout.readline() == "started\n"
        (worker,) = stray.started
        ended = os.pidfd_open(worker)
        try:
            if killed:
                process.kill()
            process.communicate()
            assert has_ended(ended)
        finally:
            os.close(ended)


def has_ended(pidfd: int) -> bool:
    """Whether a process ends within the deadline."""
    return bool(select.select([pidfd], [], [], ENDED_S)[0])
