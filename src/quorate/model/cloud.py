"""What one quorate.yaml says: a topology and the choices made for it."""

from collections.abc import Mapping
from dataclasses import dataclass, field

from quorate.model.timers import Timers
from quorate.model.topology import Topology

Settings = Mapping[str, Mapping[str, str]]


@dataclass(frozen=True, slots=True)
class FencingDevice:
    """One way to cut a node's power; address, port and user name come from the node's BMC unless given."""

    agent: str
    parameters: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Fencing:
    """Fencing levels in the order Pacemaker tries them; none only with a reason, which is shown everywhere."""

    levels: tuple[FencingDevice, ...]
    disabled_because: str | None = None


@dataclass(frozen=True, slots=True)
class Ssh:
    """How the hosts are reached: the user to log in as and an OpenSSH client configuration file, if any."""

    user: str = "root"
    config: str | None = None


@dataclass(frozen=True, slots=True)
class Cloud:
    """Everything the file says; the design is a pure function of it.

    `workers` maps a component to its number of API worker processes a node, `options` every component to the
    choices made for it, those by default too. `extra` maps a rendered configuration (`keystone.conf`,
    `haproxy.cfg`, ...) to settings merged into it by section. `drills_allowed` says whether this cloud may be
    broken on purpose; a lab always may.
    """

    name: str
    release: str
    region: str
    topology: Topology
    timers: Timers
    fencing: Fencing
    ssh: Ssh = Ssh()
    workers: Mapping[str, int] = field(default_factory=dict)
    options: Mapping[str, Mapping[str, tuple[str, ...]]] = field(default_factory=dict)
    extra: Mapping[str, Settings] = field(default_factory=dict)
    drills_allowed: bool = False

    def option(self, component: str, name: str) -> str:
        """The one word chosen; empty if there is none."""
        return " ".join(self.options[component][name])
