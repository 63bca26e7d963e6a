"""A pool's processes: what they give back, what is left of them, and an end without a wait."""

import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from concurrent.futures import Future
from pathlib import Path

import pytest

from quorate.prove.pool import Pool, WorkerLost

SOON_S = 20.0
LARGE = "x" * 1_000_000
"""More than a pipe holds."""


@pytest.fixture
def pool() -> Iterator[Pool]:
    with Pool(2) as pool:
        yield pool


TOLD = "(__import__('os').getpid(), len(text))"
STUCK = """
import os, threading
with open(f"{path}.new", "w") as file:
    file.write(str(os.getpid()))
os.rename(f"{path}.new", path)
threading.Event().wait()
"""


def wait_for(path: Path) -> None:
    until = time.monotonic() + SOON_S
    while not path.exists():
        assert time.monotonic() < until, f"{path} did not come within {SOON_S:.0f} s"
        time.sleep(0.01)  # between two looks


def pid_of(path: Path) -> int:
    """The process that says there that it is at work."""
    wait_for(path)
    return int(path.read_text())


def stick(pool: Pool, path: Path) -> Future[None]:
    """Work that tells its process, and never ends."""
    return pool.submit(exec, STUCK, {"path": str(path), "text": LARGE})


def gone(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return True
    return False


def test_work_is_done_elsewhere_and_comes_back_whole(pool: Pool) -> None:
    found = [each.result(SOON_S) for each in [pool.submit(eval, TOLD, {"text": LARGE}) for _ in range(8)]]
    assert {size for _, size in found} == {len(LARGE)}
    assert os.getpid() not in {pid for pid, _ in found}
    assert len({pid for pid, _ in found}) <= 2


def test_an_error_is_the_callers(pool: Pool) -> None:
    with pytest.raises(KeyError, match="nothing like that"):
        pool.submit(eval, "{}['nothing like that']").result(SOON_S)
    assert pool.submit(eval, TOLD, {"text": "ab"}).result(SOON_S)[1] == 2


class Unknown:
    """Comes from a place that the processes do not know."""

    def __reduce__(self) -> tuple[object, tuple[str]]:
        return __import__, ("quorate.nowhere",)


def test_so_is_the_one_of_work_that_cannot_be_understood(pool: Pool) -> None:
    with pytest.raises(ModuleNotFoundError, match=r"quorate\.nowhere"):
        pool.submit(len, Unknown()).result(SOON_S)  # type: ignore[arg-type]


def test_a_process_that_is_killed_loses_its_work_and_no_other(tmp_path: Path, pool: Pool) -> None:
    lost = stick(pool, tmp_path / "pid")
    os.kill(pid_of(tmp_path / "pid"), signal.SIGKILL)
    with pytest.raises(WorkerLost, match="ended with -9"):
        lost.result(SOON_S)
    assert [pool.submit(eval, TOLD, {"text": LARGE}).result(SOON_S)[1] for _ in range(4)] == [len(LARGE)] * 4


def test_leaving_it_ends_what_is_not_done(tmp_path: Path) -> None:
    with Pool(1) as pool:
        running, waiting = (stick(pool, tmp_path / name) for name in ("one", "other"))
        pid = pid_of(tmp_path / "one")
    with pytest.raises(WorkerLost):
        running.result(0)
    assert waiting.cancelled()
    assert gone(pid)


SCRIPT = """
import signal
from quorate.prove.pool import Pool
if __name__ == "__main__":
    signal.signal(signal.SIGINT, signal.default_int_handler)  # what runs in the background ignores it
    with Pool(2) as pool:
        for name in ("one", "other", "third"):
            last = pool.submit(exec, {stuck!r}, {{"path": {home!r} + "/" + name}})
        last.result()
"""


@pytest.fixture
def script(tmp_path: Path) -> Path:
    path = tmp_path / "script.py"
    path.write_text(SCRIPT.format(stuck=STUCK, home=str(tmp_path)))
    return path


@pytest.mark.parametrize("signals", [1, 2, 5])
def test_an_interruption_ends_it_at_once_however_often_it_comes(
    tmp_path: Path, script: Path, signals: int
) -> None:
    process = subprocess.Popen([sys.executable, str(script)], stderr=subprocess.PIPE, start_new_session=True)
    pids = [pid_of(tmp_path / name) for name in ("one", "other")]
    for _ in range(signals):  # as a terminal does, to all
        os.killpg(process.pid, signal.SIGINT)
    _, said = process.communicate(timeout=SOON_S)
    assert process.returncode == -signal.SIGINT, said.decode()
    assert [gone(pid) for pid in pids] == [True, True]
    assert not (tmp_path / "third").exists()


def test_its_processes_end_with_one_that_is_killed(tmp_path: Path, script: Path) -> None:
    with subprocess.Popen([sys.executable, str(script)]) as process:
        pids = [pid_of(tmp_path / name) for name in ("one", "other")]
        process.kill()
    until = time.monotonic() + SOON_S
    while not all(gone(pid) for pid in pids):
        assert time.monotonic() < until, f"they did not end within {SOON_S:.0f} s"
        time.sleep(0.01)  # between two looks
