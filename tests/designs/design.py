"""What is judged: a design that is good, and one that is broken in one way."""

from collections.abc import Mapping
from dataclasses import dataclass, field


@dataclass(frozen=True, slots=True)
class Good:
    """A whole `<cib>` of which a proof has nothing to complain."""

    name: str
    cib: str
    about: str


@dataclass(frozen=True, slots=True)
class Broken:
    """The good design called `base` with one thing wrong, which a proof refutes.

    `about` says in which situation it shows. At least one of `properties` is refuted, and what is named as the
    cause has all words of `cause` in it. `intent` is what the CIB alone cannot say (see `designs`).
    """

    name: str
    base: str
    cib: str
    about: str
    properties: frozenset[str]
    cause: tuple[str, ...]
    intent: Mapping[str, str] = field(default_factory=dict)
