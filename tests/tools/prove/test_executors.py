"""A proof by other pools than this machine's own: any `concurrent.futures.Executor` will do."""

from concurrent.futures import Executor, Future, ThreadPoolExecutor
from typing import Any

import pytest
from distributed import Client, LocalCluster

from designs import GOOD
from quorate.model.finding import Verdict
from quorate.prove import intent, state
from quorate.prove.pool import WorkerLost
from quorate.prove.proof import Proof, Question, prove
from quorate.prove.scheduler import Place


def proved(place: Place, executor: Executor | None) -> Proof:
    design = next(each for each in GOOD if each.name == "lab")
    start = state.read(design.cib)
    classes = {"node-lost", "monitor-fails"}
    question = Question(
        start, intent.of(start.configuration), place, wanted=lambda situation: situation.kind in classes
    )
    return prove(question, executor=executor)


@pytest.fixture(scope="module")
def own(request: pytest.FixtureRequest) -> Proof:
    """What this machine's own pool finds."""
    return proved(request.getfixturevalue("place"), None)


def same(one: Proof, other: Proof) -> bool:
    return (one.properties, one.coverage.classes, one.coverage.transitions) == (
        other.properties,
        other.coverage.classes,
        other.coverage.transitions,
    )


def test_two_workers_of_dask_find_the_same(place: Place, own: Proof) -> None:
    with (
        LocalCluster(n_workers=2, threads_per_worker=1, dashboard_address=None, host="127.0.0.1") as cluster,
        Client(cluster) as client,
    ):
        found = proved(place, client.get_executor())
    assert own.coverage.classes["node-lost"] == 3
    assert same(found, own)


class Losing(ThreadPoolExecutor):
    """Loses the process of everything it is given."""

    def submit(self, *_: object, **__: object) -> Future[Any]:
        lost: Future[Any] = Future()
        lost.set_exception(WorkerLost("a worker process ended with -9"))
        return lost


def test_what_a_lost_process_was_about_stays_open(place: Place) -> None:
    found = proved(place, Losing())
    assert found.verdict is Verdict.UNKNOWN
    assert set(found.undecided.values()) == {"a worker process ended with -9"}
    assert {name for name in found.undecided if name.endswith("-lost")} == {
        f"ctl{number}-lost" for number in (1, 2, 3)
    }


def test_so_does_a_single_thread(place: Place, own: Proof) -> None:
    with ThreadPoolExecutor(1) as executor:
        assert same(proved(place, executor), own)
