"""The worker where Pacemaker is: its library and its programs, and that nothing of it is left behind."""

import asyncio
import os
import pickle
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from xml.etree import ElementTree as ET

import pytest

from quorate.lab.machine import Machine
from quorate.prove.scheduler import COMMAND, LIBRARY, Place, ScheduleFailed, Scheduler, in_image
from quorate.prove.scheduler.worker import KNOWN
from quorate.remote.until import until

GOLDEN = Path(__file__).parents[2] / "golden/lab/control.cib"
CIB = GOLDEN.read_text().replace("<cib ", '<cib execution-date="1735689600" ', 1)
COUNTED = ("transition_id",)
"""What a graph says of how many its process has made."""
GONE_S = 30.0


@pytest.fixture(scope="module")
def scheduler(place: Place) -> Iterator[Scheduler]:
    with Scheduler(place) as scheduler:
        yield scheduler


@pytest.fixture(scope="module")
def command(place: Place) -> Iterator[Scheduler]:
    with Scheduler(place, COMMAND) as scheduler:
        yield scheduler


def changed(old: str, new: str) -> str:
    assert old in CIB
    return CIB.replace(old, new)


def actions(graph: bytes | str) -> int:
    return len(ET.fromstring(graph).findall("synapse"))


def timeless(cib: bytes) -> bytes:
    """Without the times at which crm_simulate says that it did something."""
    return re.sub(rb'(last-rc-change|cib-last-written)="[^"]*"', b"", cib)


def test_the_library_is_used(scheduler: Scheduler, command: Scheduler) -> None:
    assert (scheduler.version, scheduler.engine, scheduler.why) == (KNOWN[0], LIBRARY, "")
    assert (command.version, command.engine) == (KNOWN[0], COMMAND)


def test_both_engines_make_the_same_graphs(scheduler: Scheduler, command: Scheduler) -> None:
    cib: bytes | str = CIB
    numbers = []
    for _ in range(3):
        graphs = [each.schedule(cib).decode() for each in (scheduler, command)]
        assert len({ET.canonicalize(graph, strip_text=True, exclude_attrs=COUNTED) for graph in graphs}) == 1
        numbers.append(actions(graphs[0]))
        after = scheduler.simulate(cib)
        assert timeless(command.simulate(cib)) == timeless(after)
        cib = after
    # Galera's instances start, and without its agent none is promoted
    assert numbers[0] > numbers[1] == 0


def test_status_is_of_what_runs_where(scheduler: Scheduler) -> None:
    before, after = (running(scheduler.status(cib)) for cib in (CIB, scheduler.simulate(CIB)))
    assert before == {}
    assert after["haproxy"] == ["ctl1", "ctl2", "ctl3"]
    assert len(after["vip-internal"]) == 1


def running(status: bytes) -> dict[str, list[str]]:
    """Where each resource is, by crm_mon's XML."""
    found: dict[str, list[str]] = {}
    for resource in ET.fromstring(status).iterfind("cluster_status/resources//resource"):
        for node in resource.iterfind("node"):
            found.setdefault(resource.attrib["id"], []).append(node.attrib["name"])
    return {name: sorted(nodes) for name, nodes in found.items()}


@pytest.mark.parametrize("engine", [LIBRARY, COMMAND])
def test_the_date_is_the_cib_s(place: Place, engine: str) -> None:
    """A failure of 2025-01-01 00:00:00 expires after an hour, by the date in the CIB rather than today's."""
    with Scheduler(place, engine) as scheduler:
        ran = ET.fromstring(scheduler.simulate(CIB))
        failed = ran.find(".//lrm_resource[@id='haproxy']/lrm_rsc_op[@operation='start']")
        assert failed is not None
        haproxy = ran.find(".//primitive[@id='haproxy']")
        assert haproxy is not None
        meta = ET.SubElement(haproxy, "meta_attributes", {"id": "expiring"})
        ET.SubElement(meta, "nvpair", {"id": "expiring-t", "name": "failure-timeout", "value": "1h"})
        failed.attrib.update({"rc-code": "1", "op-status": "4", "id": "haproxy_last_failure_0"})
        failed.attrib.update({"last-rc-change": "1735689600", "last-run": "1735689600"})
        stops = []
        for date in (1735689600 + 60, 1735689600 + 86400):
            ran.set("execution-date", str(date))
            stops.append(b'operation="stop"' in scheduler.schedule(ET.tostring(ran)))
        assert stops == [True, False]


def test_verify_finds_what_the_schema_cannot(scheduler: Scheduler) -> None:
    assert scheduler.verify(CIB).code == 0
    assert scheduler.verify(CIB).lines == ()
    dangling = scheduler.verify(changed('with-rsc="haproxy-clone"', 'with-rsc="haprox-clone"'))
    assert "haprox-clone" in " ".join(dangling.lines)
    assert dangling.code == 78


def test_what_is_not_valid_is_not_scheduled(scheduler: Scheduler, command: Scheduler) -> None:
    wrong = CIB.replace("<clone ", "<klone ").replace("</clone>", "</klone>")
    with pytest.raises(ScheduleFailed, match=r"not valid by its schema:\n.*Did not expect element klone"):
        scheduler.schedule(wrong)
    with pytest.raises(ScheduleFailed, match=r"ended with 78: .*klone"):
        command.schedule(wrong)
    assert scheduler.verify(wrong).code == 78
    for each in (scheduler, command):
        with pytest.raises(ScheduleFailed):
            each.schedule("<cib")
        assert actions(each.schedule(CIB))


def test_a_schedule_that_takes_too_long_is_ended(place: Place, corpus) -> None:
    slow = next(case for case in corpus if case.name == "load-stopped-loop")
    with Scheduler(place, LIBRARY, within_s=0.01) as scheduler:
        with pytest.raises(ScheduleFailed, match=r"it did not end within 0\.01 s"):
            scheduler.schedule(slow.cib)
        assert scheduler.version == KNOWN[0]


SCRIPT = """
import pickle, sys
from quorate.prove.scheduler import scheduler_at
scheduler_at(pickle.load(sys.stdin.buffer))
print("started", flush=True)
sys.stdin.read()
"""


class TestContainer:
    @pytest.fixture
    def label(self) -> str:
        return f"quorate.test={os.getpid()}"

    @pytest.fixture
    def image(self, machine: Machine, host_image: str, label: str) -> Place:
        return in_image(machine.podman, host_image, (*machine.create_options(), f"--label={label}"))

    @staticmethod
    def containers(machine: Machine, label: str) -> list[str]:
        listing = (*machine.podman, "ps", "--all", "--quiet", f"--filter=label={label}")
        return subprocess.run(listing, capture_output=True, text=True, check=True).stdout.split()

    def test_it_goes_with_its_scheduler(self, machine: Machine, image: Place, label: str) -> None:
        with Scheduler(image) as scheduler:
            assert len(self.containers(machine, label)) == 1
            assert actions(scheduler.schedule(CIB))
        assert self.containers(machine, label) == []

    def test_it_goes_with_a_caller_that_is_killed(self, machine: Machine, image: Place, label: str) -> None:
        with subprocess.Popen(
            (sys.executable, "-c", SCRIPT), stdin=subprocess.PIPE, stdout=subprocess.PIPE
        ) as caller:
            assert caller.stdin
            assert caller.stdout
            pickle.dump(image, caller.stdin)
            caller.stdin.flush()
            assert caller.stdout.readline() == b"started\n"
            assert len(self.containers(machine, label)) == 1
            caller.kill()
        self.assert_gone(machine, label)

    def test_it_goes_when_a_schedule_takes_too_long(
        self, machine: Machine, image: Place, label: str, corpus
    ) -> None:
        slow = next(case for case in corpus if case.name == "load-stopped-loop")
        with Scheduler(image, LIBRARY, within_s=0.01) as scheduler:
            with pytest.raises(ScheduleFailed, match="did not end"):
                scheduler.schedule(slow.cib)
            self.assert_gone(machine, label)

    def assert_gone(self, machine: Machine, label: str) -> None:
        async def left() -> list[str]:
            return self.containers(machine, label)

        asyncio.run(until("the container is gone", left, lambda names: not names, within_s=GONE_S))
