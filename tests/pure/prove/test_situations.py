"""Which situations are made: of remotes that are alike a sample, and what belongs to them alone with them."""

from collections.abc import Callable

import pytest

from quorate.prove import situations
from quorate.prove.state import State

REMOTES = tuple(f"compute{number}" for number in range(1, 6))


def device(name: str, targets: str) -> str:
    return (
        f'<primitive id="{name}" class="stonith" type="fence_ipmilan"><instance_attributes id="{name}-i">'
        f'<nvpair id="{name}-l" name="pcmk_host_list" value="{targets}"/></instance_attributes></primitive>'
    )


@pytest.fixture
def steady(cluster: Callable[..., State], history: Callable[..., str]) -> State:
    """Three members and five remotes that are alike, each with a device of its own, and one for the rack."""
    connections = "".join(
        f'<primitive id="{name}" class="ocf" provider="pacemaker" type="remote"/>' for name in REMOTES
    )
    devices = {f"fence-{name}": name for name in ("n1", *REMOTES)} | {"fence-rack": " ".join(REMOTES)}
    told = [device(name, targets) for name, targets in devices.items()]
    runs = "".join(history(each, "start=0") for each in (*devices, *REMOTES))
    return cluster("".join([connections, *told]), histories={"n2": runs})


def hit(scope: situations.Scope, kind: str) -> set[str]:
    return {each.name.partition("-on-")[0] for each in situations.CLASSES[kind](scope)}


def test_of_remotes_that_are_alike_a_sample_is_tried(steady: State) -> None:
    scope = situations.scope(steady, sample=2, seed=1)
    assert len(scope.remotes) == 2
    assert situations.scope(steady, sample=2, seed=1) == scope
    assert {each.name for each in situations.remote_lost(scope)} == {f"{name}-lost" for name in scope.remotes}


@pytest.mark.parametrize("kind", ["monitor-fails", "start-fails", "stop-fails"])
def test_a_device_that_fences_none_but_remotes_left_out_is_left_out_too(steady: State, kind: str) -> None:
    scope = situations.scope(steady, sample=2, seed=1)
    assert hit(scope, kind) == {"fence-n1", "fence-rack", *(f"fence-{name}" for name in scope.remotes)}
    assert len(hit(situations.scope(steady), kind)) == len(REMOTES) + 2
