"""Flavours, which are Nova's own without a compute node; and the metadata API's answer to its proxy's question."""

from collections.abc import Iterator, Mapping
from typing import Any

from quorate.catalog import nova
from quorate.drill.api import Api
from quorate.drill.collection import Collection
from quorate.drill.door import Door
from quorate.drill.judges.lifecycle import State
from quorate.drill.lifecycle import LifeCycle
from quorate.model.design import Design

SIZE = {"ram": 64, "vcpus": 1, "disk": 1}


def workloads(design: Design, secrets: Mapping[str, str]) -> Iterator[LifeCycle | Door]:
    """The flavours as the cloud's administrator."""
    flavors = Collection(
        Api.of(design, nova.SERVICE, secrets),
        "/flavors",
        one="flavor",
        many="flavors",
        body=lambda name: {"flavor": {"name": name, **SIZE}},
        state=_state,
        listing="/detail",
    )
    yield LifeCycle("flavors", "nova", flavors)
    yield Door.of(design, nova.METADATA.name, "nova", "metadata")


def _state(said: Mapping[str, Any]) -> State:
    return State.THERE if {key: said[key] for key in SIZE} == SIZE else State.CHANGED
