"""The way of a drill: from health to health, whatever goes wrong between."""

import asyncio
import contextlib
import json
import random
import time
from collections.abc import Iterator, Sequence
from types import SimpleNamespace
from typing import Any

import pytest

from quorate.drill import aims, archive
from quorate.drill import drill as drills
from quorate.drill.drill import Pace, healthy
from quorate.drill.fault import Fault
from quorate.drill.judges import Judgement, elements
from quorate.drill.ledger import Harm, Ledger
from quorate.drill.operation import Operation
from quorate.drill.result import Drilled
from quorate.drill.scene import Scene
from quorate.formats.status import Instance, Status
from quorate.model.check import no, yes
from quorate.model.finding import Verdict
from quorate.remote.until import Deadline, rest, until
from quorate.verify import Outcome, Report, looks, names, uses

WELL = Report((Outcome("nodes", "hosts", "every node answers", (yes("all"),)),), 0.1)
SILENT = Report((Outcome("network", "neutron", "a network", (no("silent"),)),), 0.1)
ILL = Report((Outcome("quorum", "pacemaker", "a quorum", (no("none"),)),), 0.1)


class World:
    """A set that keeps what is added unless it is broken; everything that happens joins `happened`."""

    def __init__(self) -> None:
        self.elements: list[int] = []
        self.broken = False
        self.forgets = False
        self.happened: list[str] = []

    # a workload, its only client, and the hosts

    name, component, every_s, patience_s, slow_s = "set", "galera", 0.005, 0.2, 1.0
    asks = frozenset({"add"})

    async def prepare(self) -> None:
        self.happened.append("prepared")

    async def remove(self) -> None:
        self.happened.append("removed")

    def clients(self) -> Sequence["World"]:
        return (self,)

    def operations(self) -> Iterator[tuple[str, Any]]:
        return (("add", number) for number in range(1_000_000))

    def last(self) -> Sequence[tuple[str, Any]]:
        return (("read", None),)

    async def call(self, does: str, value: Any) -> Any:
        if self.broken:
            raise ConnectionResetError("reset by peer")
        if does == "read":
            return self.elements[1:] if self.forgets else list(self.elements)
        self.elements.append(value)
        return None

    async def close(self) -> None:
        """Nothing is held."""

    def judge(self, operations: Sequence[Operation]) -> Judgement:
        return elements.judge(operations)

    nodes = dict.fromkeys(("ctl1", "ctl2", "ctl3"))

    async def views(self) -> dict[str, Any]:
        return {}

    async def ask(self, probes: Sequence[Any]) -> dict[str, tuple[Any, ...]]:
        return {node: tuple(SimpleNamespace(rc=1, stdout="") for _ in probes) for node in self.nodes}


@pytest.fixture
def world() -> World:
    return World()


@pytest.fixture
def scene(world, cloud) -> Scene:
    return Scene(cloud, world, None, None, random.Random(1), 0.05, world.happened.append)


@pytest.fixture
def ledger(tmp_path) -> Ledger:
    return Ledger(tmp_path)


def fault(world, *, harm=None, heal=None, look=None) -> Fault:
    async def breaks(scene: Scene, node: str) -> None:
        scene.strike()
        world.broken = True
        world.happened.append(f"broken {node}")

    async def mends(_scene: Scene, node: str) -> None:
        world.broken = False
        world.happened.append(f"mended {node}")

    extra = {"look": look} if look else {}
    return Fault("breakage", "breaks", "mends", "little", "ctl2", 0.05, harm or breaks, heal or mends, **extra)


SOON = Pace(work_s=0.1, steady_s=0.1, healthy_within_s=0.5, healthy_every_s=0.01, after_s=0.05, last_within_s=5)


def drill(world, scene, ledger, tmp_path, *, health=None, **parts) -> Drilled:
    path = tmp_path / "run" / "01"

    async def healthy(_only: Sequence[str]) -> Report:
        world.happened.append("verified")
        return WELL

    chosen = fault(world, **parts)
    with ledger.alone():
        drilling = drills.drill(
            chosen, "ctl2", scene, [world], health or healthy, ledger=ledger, path=path, pace=SOON
        )
        return asyncio.run(drilling)


@pytest.fixture
def drilled(world, scene, ledger, tmp_path):
    def run(**parts: Any) -> Drilled:
        return drill(world, scene, ledger, tmp_path, **parts)

    return run


def steps(world) -> list[str]:
    """What happened, without what is said on the way."""
    words = ("prepared", "removed", "broken", "mended", "verified")
    return [each for each in world.happened if each.startswith(words)]


def test_it_goes_from_health_through_harm_to_health_and_leaves_nothing(world, drilled, ledger):
    found = drilled()
    order = ["verified", "removed", "prepared", "broken ctl2", "mended ctl2", "verified", "removed"]
    assert steps(world) == order
    assert (found.fault, found.node, found.trouble) == ("breakage", "ctl2", "")
    (service,) = found.services
    assert service.failed > 0
    assert 0.03 < service.outage_s < 2
    assert service.errors == ("reset by peer",)
    assert found.judgements[0].verdict is Verdict.YES
    assert found.healthy_s >= found.healed_s >= 0
    assert ledger.harm() is None


def test_what_was_acknowledged_and_lost_is_found(world, drilled):
    world.forgets = True
    found = drilled()
    assert found.verdict is Verdict.NO
    assert [each.kind for each in found.judgements[0].wrongs] == ["lost"]


def test_it_is_kept_and_read_again(drilled, tmp_path):
    found = drilled()
    (kept,) = archive.runs(tmp_path)
    assert kept.drills == (found,)
    operations = archive.histories(found)["set"]
    assert {each.client for each in operations} == {0, 1}
    assert [each.does for each in operations if each.client == 0] == ["read"]


def test_harm_that_fails_is_healed_and_told(world, drilled, ledger):
    async def fails(_scene: Scene, _node: str) -> None:
        raise OSError("no such plug")

    found = drilled(harm=fails)
    assert "mended ctl2" in world.happened
    assert found.trouble == "harm: no such plug"
    assert found.verdict is Verdict.UNKNOWN
    assert ledger.harm() is None


def test_a_failed_healing_stays_in_the_ledger(world, drilled, ledger):
    async def fails(_scene: Scene, _node: str) -> None:
        world.broken = False
        raise OSError("no way there")

    found = drilled(heal=fails)
    assert found.trouble == "healing: no way there"
    assert ledger.harm() == Harm("breakage", "ctl2", 0.05)


def test_what_does_not_become_whole_is_refuted(world, drilled):
    seen = iter([WELL])

    async def never_again(_only: Sequence[str]) -> Report:
        return next(seen, ILL)

    found = drilled(health=never_again)
    assert found.healthy_s is None
    assert "quorum" in found.trouble
    assert found.verdict is Verdict.NO
    assert "not yet: quorum (none)" in world.happened


def asked_until_well(design, world, *answers: Report) -> list[tuple[str, ...]]:
    """The names of the checks that are asked, time after time, where these are the answers."""
    said, asked = iter(answers), []

    async def health(only: Sequence[str]) -> Report:
        asked.append(tuple(only))
        return next(said)

    scene = Scene(design, world, None, None, random.Random(1), 0.05, world.happened.append)
    asyncio.run(healthy(health, scene, Pace(healthy_every_s=0)))
    assert next(said, None) is None
    return asked


def test_what_is_not_whole_is_asked_alone_until_it_is_and_then_everything(world, lab):
    asked = asked_until_well(lab, world, ILL, ILL, WELL, WELL)
    assert asked == [names(lab), ("quorum",), ("quorum",), names(lab)]


def test_services_are_used_once_the_rest_is_well_each_until_that_has_gone_well(world, full):
    looked, used = looks(full), uses.names(full)
    asked = asked_until_well(full, world, WELL, SILENT, ILL, WELL, WELL)
    assert asked == [looked, (*looked, *used), (*looked, "network"), ("quorum",), looked]


@pytest.fixture
def full_scene(world, full) -> Scene:
    return Scene(full, world, None, None, random.Random(1), 0.05, world.happened.append)


USE_S = 0.2


def drilled_with(world, full_scene, ledger, tmp_path, *used: Report) -> tuple[Drilled, list[str], float]:
    """A drill whose services are used with these ends, what happened before each use, when all looked well."""
    ends, before = iter((WELL, *used)), []

    async def health(only: Sequence[str]) -> Report:
        if not {*only} & {*uses.names(full_scene.design)}:
            return WELL
        before.append(world.happened[-1] if world.happened else "nothing")
        await rest(USE_S)
        return next(ends)

    found = drill(world, full_scene, ledger, tmp_path, health=health)
    (said,) = (each for each in world.happened if each.startswith("everything is as designed again"))
    return found, before, float(said.split()[5])


def test_services_are_used_before_the_clients_begin_and_after_they_have_ended(world, full_scene, ledger, tmp_path):
    found, before, looked_s = drilled_with(world, full_scene, ledger, tmp_path, WELL)
    assert before == ["nothing", "removed"]
    assert (found.healthy_s, found.trouble) == (looked_s, "")


def test_it_is_not_whole_before_services_can_be_used(world, full_scene, ledger, tmp_path):
    found, _, looked_s = drilled_with(world, full_scene, ledger, tmp_path, SILENT, WELL)
    assert found.trouble == ""
    assert found.healthy_s > looked_s + USE_S
    assert "not yet: network (silent)" in world.happened


def test_it_is_never_whole_if_a_service_cannot_be_used(world, full_scene, ledger, tmp_path):
    found, *_ = drilled_with(world, full_scene, ledger, tmp_path, *[SILENT] * 10)
    assert (found.healthy_s, found.verdict) == (None, Verdict.NO)
    assert "network (silent)" in found.trouble


def test_nothing_is_broken_that_is_not_whole(world, drilled):
    async def ill(_only: Sequence[str]) -> Report:
        return ILL

    with pytest.raises(Deadline, match="quorum"):
        drilled(health=ill)
    assert steps(world) == []


def test_what_is_looked_at_while_it_is_broken_is_judged(drilled):
    async def look(_scene: Scene, node: str) -> tuple[Any, ...]:
        return (no("runs on, though it must not", node),)

    found = drilled(look=look)
    assert found.verdict is Verdict.NO
    assert [each.seen for each in found.looked] == ["runs on, though it must not"]


def test_an_interrupted_drill_is_healed_first(world, scene, ledger, tmp_path):
    scene.hold_s = 60.0

    async def healthy(_only: Sequence[str]) -> Report:
        return WELL

    async def interrupted() -> None:
        path = tmp_path / "run" / "01"
        running = asyncio.create_task(
            drills.drill(fault(world), "ctl2", scene, [world], healthy, ledger=ledger, path=path, pace=SOON)
        )
        await until("harm", lambda: asyncio.sleep(0, world.broken), bool, within_s=20, every_s=0.01)
        assert json.loads((tmp_path / "harm.json").read_text())["node"] == "ctl2"
        running.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await running
        assert running.cancelled()

    began_s = time.monotonic()
    asyncio.run(interrupted())
    assert time.monotonic() - began_s < 30
    assert steps(world)[-2:] == ["mended ctl2", "removed"]
    assert ledger.harm() is None


def test_what_runs_once_is_aimed_at_where_it_runs(world, scene):
    async def views() -> dict[str, Any]:
        return {
            "ctl1": Status(
                True, "ctl1", {}, (), (Instance("vip-internal", "Started", "ctl3", True, *[False] * 3),), ()
            )
        }

    world.views = views
    assert asyncio.run(aims.node(scene, aims.runner("vip-internal"))) == "ctl3"
    with pytest.raises(aims.NoAim, match="no node is runner-of-other now"):
        asyncio.run(aims.node(scene, aims.runner("other")))
    with pytest.raises(aims.NoAim, match="runner-of-RESOURCE"):
        asyncio.run(aims.node(scene, "ctl9"))
