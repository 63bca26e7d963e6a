"""What one component says it wants of the whole."""

from dataclasses import dataclass
from enum import Enum

from quorate.model.item import Command, Directory, Item, KeyRepository, Until
from quorate.model.resource import Kind, Resource
from quorate.model.secret import KeySet, Secret


@dataclass(frozen=True, slots=True)
class Requires:
    """Another component this one cannot do without, and how strictly Pacemaker orders the two (None: not at all).

    Kinds are chosen edge by edge; `why` is the reason (docs/adr/0003).
    """

    component: str
    order: Kind | None
    why: str


class Mode(Enum):
    """What HAProxy understands of a listener's traffic."""

    HTTP = "http"
    TCP = "tcp"


@dataclass(frozen=True, slots=True)
class Listener:
    """A port that clients reach through HAProxy, and how HAProxy knows that a server behind it is well.

    `check` is an HTTP request line without version (`GET /healthcheck`); `check_port` where it is asked if
    not on the port itself. With `single_writer` one server at a time gets all sessions. `public` ones are also
    bound to the public virtual IP; `local` ones also to loopback, for consumers on HAProxy's own nodes.
    """

    name: str
    port: int
    mode: Mode
    check: str
    check_port: int | None = None
    single_writer: bool = False
    public: bool = False
    local: bool = False
    idle_s: int = 60


@dataclass(frozen=True, slots=True)
class Database:
    """A database and the user of the same name that owns it; `secret` is that user's password."""

    name: str
    secret: Secret


@dataclass(frozen=True, slots=True)
class Service:
    """An entry in the identity service's catalogue, reached through a listener."""

    name: str
    type: str
    listener: str
    path: str
    description: str


@dataclass(frozen=True, slots=True)
class Step:
    """Items carried out once a cluster, on its first member, when the component is ready on every member."""

    name: str
    items: tuple[Item, ...]


@dataclass(frozen=True, slots=True)
class Majority:
    """More than half of a clone's instances keep on (promoted, if it has that role) whatever one thing fails.

    `why` is what would be lost otherwise.
    """

    resource: str
    why: str


@dataclass(frozen=True, slots=True)
class Component:
    """Everything a component wants; what can be derived from it is derived, no central list is edited.

    `prepare` items come before its files are written; `owned_units` are systemd units that only Pacemaker
    may start, `masked_units` ones that nobody may. `ready` is what holds on a member once it serves; `reloadable`
    names the primitives that take up a changed file by a reload, without dropping a connection. `majorities` are
    proved before anything is deployed. `data` are the directories that may fill up, so that a file system of its
    own is wise.
    """

    name: str
    requires: tuple[Requires, ...] = ()
    packages: tuple[str, ...] = ()
    owned_units: tuple[str, ...] = ()
    masked_units: tuple[str, ...] = ()
    prepare: tuple[Directory | KeyRepository, ...] = ()
    resources: tuple[Resource, ...] = ()
    reloadable: tuple[str, ...] = ()
    ready: tuple[Command | Until, ...] = ()
    listeners: tuple[Listener, ...] = ()
    databases: tuple[Database, ...] = ()
    services: tuple[Service, ...] = ()
    secrets: tuple[Secret, ...] = ()
    key_sets: tuple[KeySet, ...] = ()
    majorities: tuple[Majority, ...] = ()
    data: tuple[str, ...] = ()
