"""Pacemaker's configuration as values: resources, constraints, fencing levels and properties."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from enum import Enum

INFINITY = "INFINITY"


class Kind(Enum):
    """How strictly an order holds: Mandatory stops and restarts `then` with `first`; Optional only sorts."""

    MANDATORY = "Mandatory"
    OPTIONAL = "Optional"


@dataclass(frozen=True, slots=True)
class Op:
    """An operation: its name, interval (0 for none), timeout, and what follows when it fails."""

    name: str
    interval_s: float = 0
    timeout_s: float = 20
    on_fail: str | None = None
    role: str | None = None


@dataclass(frozen=True, slots=True)
class Primitive:
    """One resource; `agent` is `ocf:heartbeat:IPaddr2`, `systemd:haproxy`, `stonith:fence_ipmilan`, ..."""

    id: str
    agent: str
    parameters: Mapping[str, str] = field(default_factory=dict)
    meta: Mapping[str, str] = field(default_factory=dict)
    ops: tuple[Op, ...] = ()

    @property
    def primitives(self) -> tuple["Primitive", ...]:
        """Itself: every resource answers this with what it is made of."""
        return (self,)


def systemd(
    name: str,
    unit: str,
    *,
    monitor_s: float,
    start_s: float = 30,
    stop_s: float = 30,
    monitor_timeout_s: float = 30,
) -> Primitive:
    """A systemd unit (without `.service`) as a resource: looked at every `monitor_s`; the others are timeouts."""
    ops = (Op("start", timeout_s=start_s), Op("stop", timeout_s=stop_s))
    return Primitive(name, f"systemd:{unit}", ops=(*ops, Op("monitor", monitor_s, timeout_s=monitor_timeout_s)))


@dataclass(frozen=True, slots=True)
class Group:
    """Primitives kept together on one node and started in order."""

    id: str
    primitives: tuple[Primitive, ...]
    meta: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Clone:
    """A primitive or group that runs on every member; `promotable` ones also have a promoted role."""

    child: Primitive | Group
    meta: Mapping[str, str] = field(default_factory=dict)

    @property
    def id(self) -> str:
        """The clone's id, after the field's habit."""
        return f"{self.child.id}-clone"

    @property
    def primitives(self) -> tuple[Primitive, ...]:
        """What is cloned."""
        return self.child.primitives

    @property
    def promotable(self) -> bool:
        """Whether its instances have a promoted role."""
        return self.meta.get("promotable") == "true"


Resource = Primitive | Group | Clone


@dataclass(frozen=True, slots=True)
class Order:
    """`first` (its `first_action`) before `then`; `why` is for people."""

    first: str
    then: str
    kind: Kind
    first_action: str = "start"
    why: str = ""

    @property
    def id(self) -> str:
        """Derived from what it orders, so that it never changes."""
        return f"order-{self.first}-{self.then}"


@dataclass(frozen=True, slots=True)
class Colocation:
    """`resource` runs where `with_resource` runs."""

    resource: str
    with_resource: str
    score: str = INFINITY

    @property
    def id(self) -> str:
        """Derived from what it joins."""
        return f"colocation-{self.resource}-{self.with_resource}"


@dataclass(frozen=True, slots=True)
class Location:
    """How much `resource` wants to be on `node`."""

    resource: str
    node: str
    score: str

    @property
    def id(self) -> str:
        """Derived from what it places."""
        return f"location-{self.resource}-{self.node}"


@dataclass(frozen=True, slots=True)
class FencingLevel:
    """The devices tried together, at this level, to fence `target`."""

    target: str
    index: int
    devices: tuple[str, ...]


Constraint = Order | Colocation | Location


@dataclass(frozen=True, slots=True)
class Configuration:
    """One cluster's CIB configuration, as far as Quorate decides it."""

    properties: Mapping[str, str]
    resources: tuple[Resource, ...]
    constraints: tuple[Constraint, ...]
    fencing_levels: tuple[FencingLevel, ...] = ()
    resource_defaults: Mapping[str, str] = field(default_factory=dict)
    op_defaults: Mapping[str, str] = field(default_factory=dict)

    def primitives(self) -> Iterator[Primitive]:
        """Every primitive, also those inside clones and groups."""
        for resource in self.resources:
            yield from resource.primitives
