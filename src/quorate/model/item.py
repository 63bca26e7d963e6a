"""What can be asked of one host: the desired states a node agent compares and changes.

Text fields may hold secret references (`model.secret`); they are filled as an item is shipped.
"""

from dataclasses import dataclass
from enum import Enum


@dataclass(frozen=True, slots=True)
class File:
    """A file's whole content, owner and mode. `read_by` names the primitives that read it when they start."""

    path: str
    content: str
    owner: str = "root"
    group: str = "root"
    mode: int = 0o644
    read_by: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Directory:
    """A directory with its owner and mode."""

    path: str
    owner: str = "root"
    group: str = "root"
    mode: int = 0o755


@dataclass(frozen=True, slots=True)
class KeyRepository:
    """A directory that holds exactly the keys of a KeySet, one file a key, named by its number."""

    path: str
    keys: str
    owner: str
    group: str


@dataclass(frozen=True, slots=True)
class Packages:
    """Debian packages that must be installed (`name` or `name=version`), without recommended ones."""

    names: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Unit:
    """A systemd unit's state; None leaves that aspect alone."""

    name: str
    enabled: bool | None = None
    active: bool | None = None
    masked: bool | None = None


@dataclass(frozen=True, slots=True)
class Command:
    """A command run unless its guard, `unless`, exits 0: the guard probes the real state, never a marker.

    Both get their secrets on standard input. Without a guard the command runs every time.
    """

    name: str
    argv: tuple[str, ...]
    unless: tuple[str, ...] = ()
    stdin: str = ""
    unless_stdin: str = ""
    timeout_s: float = 300


@dataclass(frozen=True, slots=True)
class Until:
    """A wait: the command is repeated until it exits 0; its last output is what was seen last."""

    name: str
    argv: tuple[str, ...]
    within_s: float
    stdin: str = ""
    every_s: float = 0.5


@dataclass(frozen=True, slots=True)
class Cib:
    """The configuration part of a cluster's CIB, as XML; shown and carried out as Pacemaker would.

    The resources in `later` are not added yet, nor what constrains them; those already there are as the XML says.
    """

    xml: str
    later: tuple[str, ...] = ()


class Renewal(Enum):
    """How a running daemon takes up a changed file."""

    RELOAD = "reload"
    RESTART = "restart"


@dataclass(frozen=True, slots=True)
class Renewed:
    """A resource instance on this node started (or reloaded) after the files it reads were last written.

    RESTART goes through Pacemaker, RELOAD through systemd. A resource that runs `once` may move by it.
    """

    resource: str
    unit: str
    files: tuple[str, ...]
    renewal: Renewal
    timeout_s: float = 120
    once: bool = False


Item = File | Directory | KeyRepository | Packages | Unit | Command | Until | Cib | Renewed
