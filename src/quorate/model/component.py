"""What one component says it wants of the whole."""

from dataclasses import dataclass
from enum import Enum

from quorate.model.item import Command, Directory, Item, KeyRepository, Until
from quorate.model.resource import Constraint, Kind, Resource
from quorate.model.secret import KeySet, Secret


@dataclass(frozen=True, slots=True)
class Requires:
    """Another component this one cannot do without, and how strictly Pacemaker orders the two (None: not at all).

    Kinds are chosen edge by edge; `why` is the reason (docs/adr/0003). With `same_node` this one runs only where
    the other does.
    """

    component: str
    order: Kind | None
    why: str
    same_node: bool = False


class Mode(Enum):
    """What HAProxy understands of a listener's traffic."""

    HTTP = "http"
    TCP = "tcp"


@dataclass(frozen=True, slots=True)
class Listener:
    """A port that clients reach through HAProxy, and how HAProxy knows that a server behind it is well.

    `check` is an HTTP request line without version (`GET /healthcheck`), answered with `status` where all is
    well; `check_port` where it is asked if not on the port itself. A `dear` check is asked less often. A server
    with a `capacity` takes so many requests at a time: others wait in HAProxy for the server that is free first,
    and a check waits as well. With `single_writer` one server at a time gets all sessions. `public` ones are also
    bound to the public virtual IP; `local` ones also to loopback, for consumers on HAProxy's own nodes.
    """

    name: str
    port: int
    mode: Mode
    check: str
    status: int = 200
    check_port: int | None = None
    dear: bool = False
    capacity: int | None = None
    single_writer: bool = False
    public: bool = False
    local: bool = False
    idle_s: int = 60


@dataclass(frozen=True, slots=True)
class Database:
    """A database and the user that owns it, of its own name or `owner`'s; `secret` is that user's password."""

    name: str
    secret: Secret
    owner: str = ""

    @property
    def user(self) -> str:
        """The user's name."""
        return self.owner or self.name


@dataclass(frozen=True, slots=True)
class ServiceUser:
    """Whom a service asks others as: a user in the identity service's project `service`, with its roles there."""

    name: str
    secret: Secret
    roles: tuple[str, ...] = ("service",)


@dataclass(frozen=True, slots=True)
class Domain:
    """A domain of the identity service's with an administrator of its own; `admin` has its roles there."""

    name: str
    admin: ServiceUser


@dataclass(frozen=True, slots=True)
class Service:
    """An entry in the identity service's catalogue, reached through a listener.

    `path` may have `%(project_id)s`, which the identity service fills in.
    """

    name: str
    type: str
    listener: str
    path: str
    description: str


@dataclass(frozen=True, slots=True)
class Step:
    """Items carried out once a cluster, on its first member."""

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
class Option:
    """A choice that a component leaves to the file (`options: COMPONENT: NAME:`).

    `choices` are the words it may be; any text, if there are none, or with `many` a list of texts. What is not
    given is `default`.
    """

    name: str
    about: str
    default: str = ""
    choices: tuple[str, ...] = ()
    many: bool = False

    @property
    def otherwise(self) -> tuple[str, ...]:
        """What holds where the file does not say: the default as one word, or none."""
        return (self.default,) if self.default else ()


@dataclass(frozen=True, slots=True)
class Component:
    """Everything a component wants; what can be derived from it is derived, no central list is edited.

    `prepare` items come before its files are written; `owned_units` are systemd units that only Pacemaker may
    start, `masked_units` ones that nobody may. `ready` is what holds on a member once it serves; `reloadable`
    names the primitives that take up a changed file by a reload, without dropping a connection. `majorities`
    are proved before anything is deployed. `roles` are further ones that the identity service must know. `data`
    are the directories that may fill up, so that a file system of its own is wise; `shared` are those in the
    files that all members share. `early` are the ids of resources that start before the component is prepared,
    `constraints` those among its own resources.
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
    users: tuple[ServiceUser, ...] = ()
    domains: tuple[Domain, ...] = ()
    roles: tuple[str, ...] = ()
    secrets: tuple[Secret, ...] = ()
    key_sets: tuple[KeySet, ...] = ()
    majorities: tuple[Majority, ...] = ()
    data: tuple[str, ...] = ()
    early: tuple[str, ...] = ()
    constraints: tuple[Constraint, ...] = ()
    shared: tuple[Directory, ...] = ()
