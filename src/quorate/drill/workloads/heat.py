"""Stacks, whose API asks an engine for everything; and the APIs' own answers to their proxy's question."""

from collections.abc import Iterator, Mapping
from typing import Any

from quorate.catalog import heat
from quorate.drill.api import Api
from quorate.drill.collection import Collection
from quorate.drill.door import Door
from quorate.drill.judges.lifecycle import State
from quorate.drill.lifecycle import LifeCycle
from quorate.model.design import Design

SLOW_S = 1.8
"""The API asks the engine, for whose reply its messaging library looks twice a second: a busy one takes longer."""
SECONDS = 2
"""A stack takes so long to make and to remove: when an engine dies, it has one in hand."""
TEMPLATE = {
    "heat_template_version": "2021-04-16",
    "resources": {"slow": {"type": "OS::Heat::TestResource", "properties": {"wait_secs": SECONDS}}},
}
_STATES = {
    "CREATE_COMPLETE": State.THERE,
    "DELETE_IN_PROGRESS": State.GOING,
    # Shown by its identifier for a while.
    "DELETE_COMPLETE": State.GONE,
}


def workloads(design: Design, secrets: Mapping[str, str]) -> Iterator[LifeCycle | Door]:
    """The stacks as the cloud's administrator."""
    stacks = Collection(
        Api.of(design, heat.SERVICE, secrets),
        "/stacks",
        one="stack",
        many="stacks",
        body=lambda name: {"stack_name": name, "template": TEMPLATE},
        state=_state,
        named="stack_name",
        place="{name}/{key}",
    )
    yield LifeCycle("stacks", "heat", stacks, slow_s=SLOW_S)
    for api in (heat.API, heat.CFN):
        yield Door.of(design, api.name, "heat")


def _state(said: Mapping[str, Any]) -> State:
    status = said["stack_status"]
    return State.FAILED if status.endswith("_FAILED") else _STATES.get(status, State.COMING)
