"""What can befall a cluster, each as a change of its state and of what fails from then on."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Protocol
from xml.etree import ElementTree as ET

from quorate.prove import alter
from quorate.prove.execute import Failing, failed_operation
from quorate.prove.history import NOT_RUNNING
from quorate.prove.spelling import milliseconds
from quorate.prove.state import ONLINE, VANISHED, State
from quorate.prove.words import listed


class Event(Protocol):
    """Something that happens."""

    def happen(self, state: State) -> State:
        """The state right after it, before the cluster has done anything about it."""

    def failing(self, state: State) -> tuple[Failing, ...]:
        """Which actions fail from then on; with the task `stonith` and a device, what that device is to fence."""

    def __str__(self) -> str:
        """What happens, for people."""


class Harmless:
    """An event after which everything works that is tried."""

    def failing(self, _state: State) -> tuple[Failing, ...]:
        """Nothing fails."""
        return ()


@dataclass(frozen=True, slots=True)
class Lost(Harmless):
    """Members vanish at once, with their power; the others judge by themselves whether they have quorum."""

    nodes: tuple[str, ...]

    def happen(self, state: State) -> State:
        """They are silent, and what ran on them may run on."""
        for name in self.nodes:
            state = state.with_node(state.node(name).with_attributes(VANISHED))
        return state.with_quorum(state.majority)

    def __str__(self) -> str:
        return f"{listed(self.nodes)} lost"


@dataclass(frozen=True, slots=True)
class Parted(Harmless):
    """The network parts the members; this is what one side sees, and does."""

    side: tuple[str, ...]

    def happen(self, state: State) -> State:
        """The other side is silent."""
        others = tuple(name for name in state.members if name not in self.side)
        return Lost(others).happen(state)

    def __str__(self) -> str:
        return f"{listed(self.side)} parted from the others"


@dataclass(frozen=True, slots=True)
class QuorumLost(Harmless):
    """The members see each other, and have no quorum (votes of a device or of absent members are missing)."""

    def happen(self, state: State) -> State:
        """Nobody vanished."""
        return state.with_quorum(quorate=False)

    def __str__(self) -> str:
        return "quorum lost"


@dataclass(frozen=True, slots=True)
class Blackout(Harmless):
    """All lose power at once; nothing is known of what ran."""

    def happen(self, state: State) -> State:
        """Nobody is there."""
        return State(state.cib, state.configuration, {}, state.others, state.now).with_quorum(quorate=False)

    def __str__(self) -> str:
        return "all nodes lost"


@dataclass(frozen=True, slots=True)
class Returned(Harmless):
    """Members come (back) up, with nothing running."""

    nodes: tuple[str, ...]

    def happen(self, state: State) -> State:
        """They are members."""
        for name in self.nodes:
            state = state.with_node(state.node(name).forgotten(ONLINE))
        return state.with_quorum(state.majority)

    def __str__(self) -> str:
        return f"{listed(self.nodes)} back"


@dataclass(frozen=True, slots=True)
class Stopped(Harmless):
    """A member's Pacemaker is told to stop, as by `systemctl stop pacemaker` or a shutdown of the host."""

    node: str

    def happen(self, state: State) -> State:
        """It asks to be let go."""
        return state.with_node(state.node(self.node).with_transient({"shutdown": str(state.now)}))

    def __str__(self) -> str:
        return f"{self.node} stopped"


@dataclass(frozen=True, slots=True)
class Passed(Harmless):
    """Time passes, in seconds, and failures expire that may (`failure-timeout`)."""

    seconds: int

    def happen(self, state: State) -> State:
        """It is later."""
        return replace(state, now=state.now + self.seconds)

    def __str__(self) -> str:
        return f"{self.seconds // 3600} hours pass" if self.seconds else "nothing happens"


@dataclass(frozen=True, slots=True)
class Attributed(Harmless):
    """An operator sets or clears one of a node's lasting attributes: `standby`, `maintenance`."""

    node: str
    name: str
    on: bool

    def happen(self, state: State) -> State:
        """The configuration says so."""
        change = alter.node_attribute(self.node, self.name, "on" if self.on else None)
        return state.with_configuration(state.configuration.changed(change))

    def __str__(self) -> str:
        return f"{self.node} {'in' if self.on else 'out of'} {self.name}"


@dataclass(frozen=True, slots=True)
class Banned(Harmless):
    """An operator bans a resource from a node (`pcs resource ban`, `crm resource ban`)."""

    resource: str
    node: str

    def happen(self, state: State) -> State:
        """A constraint says so."""
        about = {"rsc": self.resource, "role": "Started", "node": self.node, "score": "-INFINITY"}
        ban = ET.Element("rsc_location", {"id": f"cli-ban-{self.resource}-on-{self.node}", **about})
        return state.with_configuration(state.configuration.changed(alter.constrained(ban)))

    def __str__(self) -> str:
        return f"{self.resource} banned from {self.node}"


@dataclass(frozen=True, slots=True)
class Fails:
    """An instance's monitor finds that it does not run; from then on `tasks` of it fail there too."""

    resource: str
    node: str
    tasks: tuple[str, ...] = ()

    def happen(self, state: State) -> State:
        """Its history says so."""
        return failed_monitor(state, self.resource, self.node)

    def failing(self, _state: State) -> tuple[Failing, ...]:
        """What the agent cannot do any more on that node."""
        return tuple(Failing(task, self.resource, self.node) for task in self.tasks)

    def __str__(self) -> str:
        then = f" and cannot {' or '.join(self.tasks)}" if self.tasks else ""
        return f"{self.resource} fails on {self.node}{then}"


@dataclass(frozen=True, slots=True)
class DevicesBroken:
    """Fencing devices do not work (any more)."""

    devices: tuple[str, ...]

    def happen(self, state: State) -> State:
        """Nobody notices until one is needed."""
        return state

    def failing(self, _state: State) -> tuple[Failing, ...]:
        """Whatever they are to fence."""
        return tuple(Failing("stonith", device) for device in self.devices)

    def __str__(self) -> str:
        return f"{listed(self.devices)} broken"


@dataclass(frozen=True, slots=True)
class RemoteLost:
    """A remote node vanishes: the member connected to it notices, and none can connect again."""

    node: str

    def happen(self, state: State) -> State:
        """The connection's monitor fails."""
        connection = state.configuration.remotes[self.node]
        for host in state.instances(connection):
            state = failed_monitor(state, connection, host)
        return state

    def failing(self, state: State) -> tuple[Failing, ...]:
        """Connecting to it."""
        return (Failing("start", state.configuration.remotes[self.node], None),)

    def __str__(self) -> str:
        return f"{self.node} lost"


def failed_monitor(state: State, resource: str, node: str) -> State:
    """The state after an instance's recurring monitor found that it does not run.

    Unchanged if nothing monitors it: then nobody ever notices.
    """
    known = state.node(node)
    history = next(
        (each for each in known.histories.values() if state.configuration.primitive_id(each.id) == resource), None
    )
    if history is None:
        return state
    recurring = [each for each in history.operations.values() if milliseconds_of(each)]
    if not recurring:
        return state
    last = max(recurring, key=lambda each: int(each.get("call-id", "0")))
    failure = failed_operation(history, last, NOT_RUNNING, state.now)
    about = f"{history.id}#monitor_{last['interval']}"
    count = int(known.transient.get(f"fail-count-{about}", "0")) + 1
    counted = {f"fail-count-{about}": str(count), f"last-failure-{about}": str(state.now)}
    return state.with_node(known.with_history(history.with_operation(failure)).with_transient(counted))


def milliseconds_of(operation: Mapping[str, str]) -> int:
    """An operation's interval in milliseconds; 0 if it does not recur."""
    interval = operation.get("interval", "0")
    return int(interval) if interval.isdigit() else milliseconds(interval)
