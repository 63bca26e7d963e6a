"""Items as the agent takes them: their secrets filled in, and listed so that it can redact what it reports."""

import shlex
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from quorate.model.item import (
    Cib,
    Command,
    Directory,
    File,
    Item,
    KeyRepository,
    Packages,
    Renewed,
    Unit,
    Until,
)
from quorate.model.secret import fill, references

Json = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Values:
    """What references stand for: secrets by name, and each KeySet's keys by number."""

    secrets: Mapping[str, str] = field(default_factory=dict)
    keys: Mapping[str, Mapping[int, str]] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Probe:
    """A program whose result is judged here; secrets may be referred to in `stdin` only."""

    argv: tuple[str, ...]
    stdin: str = ""
    timeout_s: float = 30


@dataclass(frozen=True, slots=True)
class Stage:
    """Items ready to be sent, their names for events, and what has to be redacted (reference to value)."""

    items: tuple[Json, ...]
    names: tuple[str, ...]
    secrets: Mapping[str, str]


def name_of(item: Item) -> str:
    """What an item is called in events."""
    match item:
        case File(path=path) | Directory(path=path) | KeyRepository(path=path):
            return path
        case Packages():
            return "packages"
        case Unit(name=name) | Command(name=name) | Until(name=name):
            return name
        case Cib():
            return "the cluster's configuration"
        case Renewed(resource=resource):
            return f"{resource} up to date"


def ship(items: Sequence[Item], values: Values) -> Stage:
    """The stage to send. KeyError names a secret that has no value; ValueError a secret in a command line."""
    secrets: dict[str, str] = {}
    shipped = []
    for item in items:
        shipped.append(_shipped(item, values))
        secrets.update(_secrets(item, values))
    return Stage(tuple(shipped), tuple(name_of(item) for item in items), secrets)


def ship_probes(probes: Sequence[Probe], values: Values) -> tuple[list[Json], dict[str, str]]:
    """Probes to send, and what has to be redacted in their results."""
    shipped = [
        {
            "argv": _open(probe.argv, "a probe"),
            "stdin": fill(probe.stdin, values.secrets),
            "timeout_s": probe.timeout_s,
        }
        for probe in probes
    ]
    return shipped, {name: value for probe in probes for name, value in _filled(probe.stdin, values)}


def _shipped(item: Item, values: Values) -> Json:  # noqa: PLR0911 - one a kind of item
    match item:
        case File():
            said: Json = {"path": item.path, "content": fill(item.content, values.secrets), "mode": item.mode}
            return {"kind": "file", **said, "owner": item.owner, "group": item.group}
        case Directory():
            said = {"path": item.path, "mode": item.mode}
            return {"kind": "directory", **said, "owner": item.owner, "group": item.group}
        case KeyRepository():
            keys = {str(number): key for number, key in values.keys[item.keys].items()}
            said = {"path": item.path, "keys": keys}
            return {"kind": "keyrepository", **said, "owner": item.owner, "group": item.group}
        case Packages():
            return {"kind": "packages", "names": item.names}
        case Unit():
            said = {"enabled": item.enabled, "active": item.active, "masked": item.masked}
            return {"kind": "unit", "name": item.name, **said}
        case Command():
            said = {"argv": _open(item.argv, item.name), "unless": _open(item.unless, item.name)}
            said |= {"stdin": fill(item.stdin, values.secrets), "timeout_s": item.timeout_s}
            return {"kind": "command", **said, "unless_stdin": fill(item.unless_stdin, values.secrets)}
        case Until():
            said = {"argv": _open(item.argv, item.name), "stdin": fill(item.stdin, values.secrets)}
            return {"kind": "until", **said, "within_s": item.within_s, "every_s": item.every_s}
        case Cib():
            return {
                "kind": "cib",
                "xml": _open((item.xml,), "the cluster's configuration")[0],
                "later": item.later,
            }
        case Renewed():
            said = {"resource": item.resource, "unit": item.unit, "files": item.files}
            return {
                "kind": "renewed",
                **said,
                "renewal": item.renewal.value,
                "timeout_s": item.timeout_s,
                "once": item.once,
            }


def _open(words: tuple[str, ...], where: str) -> tuple[str, ...]:
    """Words that every user of the host may read, so none may be a secret."""
    for name in references(shlex.join(words)):
        raise ValueError(f"{where}: the secret {name} would be readable by every user; give it on standard input")
    return words


def _secrets(item: Item, values: Values) -> Iterator[tuple[str, str]]:
    match item:
        case File(content=text) | Until(stdin=text):
            yield from _filled(text, values)
        case Command():
            yield from _filled(item.stdin + item.unless_stdin, values)
        case KeyRepository(keys=name):
            yield from ((f"${{secret:{name}/{number}}}", key) for number, key in values.keys[name].items())
        case _:
            return


def _filled(text: str, values: Values) -> Iterator[tuple[str, str]]:
    return ((f"${{secret:{name}}}", values.secrets[name]) for name in references(text))
