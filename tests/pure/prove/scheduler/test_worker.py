"""The worker with programs that stand in for Pacemaker's; its library is asked in the tools tier."""

import ast
from pathlib import Path

import pytest

from quorate.prove.scheduler import COMMAND, LIBRARY, ScheduleFailed, Scheduler, SchedulerUnavailable, worker

from .conftest import host_at

CIB = "<cib>\n</cib>\n"


def test_it_can_be_read_by_the_oldest_python() -> None:
    ast.parse(Path(worker.__file__).read_text(), feature_version=(3, 9))


def test_it_falls_back_and_says_why(host) -> None:
    with Scheduler(host.place) as scheduler:
        assert (scheduler.version, scheduler.engine) == ("9.9.9", COMMAND)
        assert scheduler.why == "the structures in memory of Pacemaker 9.9.9 are not known"


def test_it_does_not_when_the_library_is_demanded(host) -> None:
    with pytest.raises(SchedulerUnavailable, match=r"host: the structures in memory of Pacemaker 9\.9\.9"):
        Scheduler(host.place, LIBRARY)


def test_the_command_can_be_demanded(tmp_path: Path) -> None:
    with Scheduler(host_at(tmp_path / "known", worker.KNOWN[0]).place, COMMAND) as scheduler:
        assert (scheduler.engine, scheduler.why) == (COMMAND, "")


def test_it_asks_the_programs(host) -> None:
    with Scheduler(host.place) as scheduler:
        assert scheduler.schedule(CIB) == b"<transition_graph>\n</transition_graph>\n"
        assert scheduler.schedule(CIB.encode()) == b"<transition_graph>\n</transition_graph>\n"
        assert scheduler.simulate(CIB) == b"<after>\n</after>\n"
        assert scheduler.status(CIB) == b"<cluster_status/>\n"
        verified = scheduler.verify(CIB)
        assert (verified.code, verified.lines) == (78, ("error: one", "Configuration invalid"))
    assert [" --run " in command for command in host.commands] == [True, True, False, False]
    assert [" --simulate " in command for command in host.commands] == [False, False, True, False]


def test_nothing_is_left_behind(host) -> None:
    with Scheduler(host.place) as scheduler:
        scheduler.schedule(CIB)
    given = Path(host.commands[0].split()[-1])
    assert given.name == "before.xml"
    assert not given.parent.exists()


def test_what_is_refused_is_told_with_the_program_s_words(host) -> None:
    with Scheduler(host.place) as scheduler:
        with pytest.raises(ScheduleFailed, match=r"schedule at host: crm_simulate ended with 65: .*it is bad"):
            scheduler.schedule("<refuse/>")
        with pytest.raises(ScheduleFailed, match="simulate at host"):
            scheduler.simulate("<refuse/>")
        with pytest.raises(ScheduleFailed, match="status at host"):
            scheduler.status("<refuse/>")
        assert scheduler.schedule(CIB)


def test_a_program_that_hangs_is_ended(host) -> None:
    with Scheduler(host.place, within_s=0.3) as scheduler:
        with pytest.raises(ScheduleFailed, match=r"it did not end within 0\.3 s"):
            scheduler.schedule("<hang/>")
        assert scheduler.verify(CIB).code == 78


def test_it_says_that_pacemaker_is_not_there(tmp_path: Path) -> None:
    with pytest.raises(SchedulerUnavailable, match="bare: crm_simulate is not installed"):
        Scheduler(host_at(tmp_path / "bare", None).place)


def test_it_says_that_a_program_is_another(tmp_path: Path) -> None:
    other = host_at(tmp_path / "other")
    (other.directory / "crm_simulate").write_text("#!/bin/sh\necho usage: nothing of the kind\n")
    with pytest.raises(SchedulerUnavailable, match="`crm_simulate --version` said usage: nothing of the kind"):
        Scheduler(other.place)
