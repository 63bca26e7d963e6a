"""A running cluster's state, by its own word: its CIB, read on a member through a session."""

import asyncio
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Protocol
from xml.etree import ElementTree as ET

from quorate.prove.configuration import Configuration
from quorate.prove.state import State
from quorate.prove.state import read as read_state
from quorate.remote.agent.cib import merged
from quorate.remote.errors import AgentLost
from quorate.remote.session import Output
from quorate.remote.shipping import Probe

QUERY = Probe(("cibadmin", "--query"))
CLOCK = Probe(("date", "+%s"))


class Asked(Protocol):
    """What is needed of a session with a node's agent."""

    async def run(self, probes: Sequence[Probe], *, at_once: bool = True) -> tuple[Output, ...]:
        """Run programs and return what each gave, in the order asked for. Raises `AgentLost`."""


class NotRunning(Exception):
    """The cluster runs on none of the nodes that were asked; `reasons` says why by the node's name."""

    def __init__(self, reasons: Mapping[str, str]) -> None:
        said = "; ".join(f"{node}: {reason}" for node, reason in reasons.items()) or "no node was asked"
        super().__init__(f"the cluster's state cannot be read: {said}")
        self.reasons = dict(reasons)


@dataclass(frozen=True, slots=True)
class Live:
    """A cluster's state and the member that told it; `version` is its Pacemaker's, as 3.0.0-abcdef."""

    node: str
    state: State

    @property
    def version(self) -> str | None:
        """By the word of its designated controller; None if there never was one."""
        return self.state.configuration.properties.get("dc-version")


async def read(sessions: Mapping[str, Asked]) -> Live:
    """The state of the cluster whose members' sessions these are.

    Of several views the one with quorum, and of those the newest. Its `now` is the member's clock. Raises
    NotRunning if no member has a view.
    """
    said = await asyncio.gather(*(_asked(session) for session in sessions.values()))
    views, reasons = [], {}
    for node, view in zip(sessions, said, strict=True):
        if isinstance(view, State):
            views.append(Live(node, view))
        else:
            reasons[node] = view
    if not views:
        raise NotRunning(reasons)
    return max(views, key=lambda live: (live.state.quorate, _age(live.state)))


def with_configuration(state: State, configuration: str) -> State:
    """The same cluster with a `<configuration>` in place of its own, merged as a deployment merges it.

    Its nodes, what it writes itself and what is known of its nodes stay.
    """
    root = ET.fromstring(state.xml)  # noqa: S314 - our own text
    desired = ET.fromstring(configuration)  # noqa: S314 - our own text
    return state.with_configuration(Configuration(merged(root, desired).find("configuration")))


async def _asked(session: Asked) -> State | str:
    """A member's view, or why it has none."""
    try:
        query, clock = await session.run((QUERY, CLOCK))
    except AgentLost as error:
        return str(error)
    if query.rc is None:
        return "cibadmin does not answer"
    if query.rc != 0:
        lines = query.stderr.strip().splitlines()
        return lines[-1] if lines else f"cibadmin ended with {query.rc}"
    return replace(read_state(query.stdout), now=int(clock.stdout))


def _age(state: State) -> tuple[int, ...]:
    return tuple(int(state.cib.get(name, 0)) for name in ("admin_epoch", "epoch", "num_updates"))
