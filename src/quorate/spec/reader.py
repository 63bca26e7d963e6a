"""Typed reading of YAML nodes that notes every mistake with its position and carries on.

Every reader returns None where it noted a mistake, so that the caller can go on with the rest of the file.
What YAML made of a plain word (`yes`, `0755`, `2025.1`) never counts: a reader asks for text, for a number, for
an address, and refuses what another YAML program would read as something else.
"""

import difflib
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network, ip_address, ip_network
from typing import TypeVar

from ruamel.yaml import YAML
from ruamel.yaml.error import MarkedYAMLError, StringMark, YAMLError
from ruamel.yaml.nodes import MappingNode, Node, ScalarNode, SequenceNode

from quorate.spec.errors import SpecError, SpecErrors

IPAddress = IPv4Address | IPv6Address
IPNetwork = IPv4Network | IPv6Network

_T = TypeVar("_T")
_NUMBER = re.compile(r"0|[1-9][0-9]*")
_NULL = "tag:yaml.org,2002:null"
_TYPES = {
    "tag:yaml.org,2002:bool": "a truth value",
    "tag:yaml.org,2002:int": "a number",
    "tag:yaml.org,2002:float": "a number",
    "tag:yaml.org,2002:timestamp": "a date",
}
# Truth values and sexagesimal numbers of YAML 1.1, which most other programs still read.
_OLD_TRUTH = re.compile(r"(?i:y|yes|n|no|on|off|true|false)")
_OLD_NUMBER = re.compile(r"[0-9][0-9_]*(:[0-5]?[0-9])+")
# RFC 1123, section 2.1, by way of RFC 952; a label ends and begins with a letter or digit.
_LABEL = re.compile(r"[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?")


class Mistakes:
    """Collects the mistakes of one file."""

    def __init__(self, file: str) -> None:
        self.file = file
        self.errors: list[SpecError] = []

    def add(self, line: int, column: int, message: str) -> None:
        """Note one, at a line and column counted from 0, as YAML's marks are."""
        self.errors.append(SpecError(self.file, line + 1, column + 1, message))


@dataclass(frozen=True, slots=True)
class Value:
    """A YAML node, the dotted path and the key that lead to it, and where its mistakes are noted."""

    node: Node
    path: str
    mistakes: Mistakes
    key: Node | None = None

    def wrong(self, message: str) -> None:
        """Note a mistake where this value stands, or at its key where nothing stands."""
        # An empty value's own mark is where the next thing begins, lines below perhaps.
        empty = self.key is not None and self.raw == "" and self._plain
        mark = (self.key if self.key and empty else self.node).start_mark
        self.mistakes.add(mark.line, mark.column, message)

    @property
    def label(self) -> str:
        """How messages name it."""
        return self.path or "the file"

    @property
    def absent(self) -> bool:
        """Whether nothing, or YAML's null, stands there."""
        return isinstance(self.node, ScalarNode) and self.node.tag == _NULL

    @property
    def raw(self) -> str | None:
        """A scalar as it is written; None for anything else."""
        return self.node.value if isinstance(self.node, ScalarNode) else None

    @property
    def is_mapping(self) -> bool:
        """Whether it has keys and values (and so did not count as a mistake already)."""
        return isinstance(self.node, MappingNode)

    @property
    def is_sequence(self) -> bool:
        """Whether it is a list."""
        return isinstance(self.node, SequenceNode)

    def has(self, key: str) -> bool:
        """Whether it is a mapping with that key."""
        return isinstance(self.node, MappingNode) and any(each.value == key for each, _ in self.node.value)

    def pairs(self, what: str) -> list[tuple["Value", "Value"]]:
        """The keys and values of a mapping `what` ("of names to numbers"); duplicate keys are left out."""
        if not isinstance(self.node, MappingNode):
            self.wrong(f"{self.label} is {self.kind}, but must be a mapping {what}")
            return []
        seen: dict[str, Value] = {}
        found = []
        for key_node, value_node in self.node.value:
            key = Value(key_node, f"a key of {self.label}", self.mistakes)
            if key.raw is None or key.absent:
                key.wrong(f"a key of {self.label} is {key.kind}; write one word")
            elif key.raw in seen:
                first = seen[key.raw].node.start_mark.line + 1
                key.wrong(f"{key.raw} was given in line {first} already; keep one of the two")
            else:
                seen[key.raw] = key
                found.append((key, Value(value_node, self._below(key.raw), self.mistakes, key_node)))
        return found

    def fields(self, required: Iterable[str], optional: Iterable[str] = ()) -> dict[str, "Value"]:
        """The values of a mapping with fixed keys; unknown and missing ones are noted."""
        required, optional = tuple(required), tuple(optional)
        known = required + optional
        pairs = self.pairs("with " + ", ".join(known))
        found: dict[str, Value] = {}
        for key, value in pairs:
            name = key.raw or ""
            if name in known:
                found[name] = value
            else:
                key.wrong(f"unknown key {name}{among(known, name)}")
        if isinstance(self.node, MappingNode):
            for name in required:
                if name not in found and not _misspelt(name, pairs, known):
                    self.wrong(f"{self.label} has no {name}; add {name}:")
        return found

    def items(self, what: str) -> list["Value"]:
        """The items of a sequence; `what` says what belongs there."""
        if not isinstance(self.node, SequenceNode):
            self.wrong(f"{self.path} is {self.kind}, but must be a list {what}")
            return []
        return [Value(node, f"{self.path}[{index}]", self.mistakes) for index, node in enumerate(self.node.value)]

    def scalar(self) -> str | None:
        """One word or number of any type, as it is written; null is refused."""
        if self.raw is None or self.absent:
            self.wrong(f'{self.path} is {self.kind}, but must be one value; write "" for an empty one')
            return None
        return self.raw

    def text(self) -> str | None:
        """A text that every YAML program reads as a text, and not an empty one."""
        raw = self.raw
        if raw is None or self.absent or not raw.strip():
            self.wrong(f"{self.path} is {self.kind}, but must be a text")
            return None
        if self._plain and (kind := self._misread(raw)):
            self.wrong(f'{self.path} must be a text, but YAML reads {raw} as {kind}; put it in quotes: "{raw}"')
            return None
        return raw

    def number(self, least: int, most: int) -> int | None:
        """A whole number between two bounds, both allowed."""
        raw = self.raw
        if raw is None or not self._plain or not _NUMBER.fullmatch(raw):
            shown = self.kind if raw is None or self.absent else f'"{raw}"' if not self._plain else raw
            self.wrong(f"{self.path} is {shown}, but must be a whole number from {least} to {most}")
            return None
        if not least <= int(raw) <= most:
            self.wrong(f"{self.path} is {raw}, but must be from {least} to {most}")
            return None
        return int(raw)

    def choice(self, known: Iterable[str], what: str) -> str | None:
        """One of the known names; otherwise the nearest is proposed."""
        known = tuple(known)
        word = self.text()
        if word is not None and word not in known:
            self.wrong(f"unknown {what} {word}{among(known, word)}")
            return None
        return word

    def host_name(self) -> str | None:
        """A host's short name (RFC 1123, section 2.1), which here also names clusters and networks.

        One label, as RabbitMQ and Pacemaker know a host; in small letters, since case does not tell names apart.
        """
        raw = self.raw or ""
        name = raw if raw.isdigit() else self.text()
        if name is None:
            return None
        if "." in name:
            self.wrong(f"{name} has a dot, but a host is known by its short name; write {name.split('.')[0]}")
        elif not _LABEL.fullmatch(name):
            self.wrong(f"{name} is no host name; use small letters, digits and inner hyphens, at most 63")
        elif name.isdigit():
            self.wrong(f"{name} is no host name, for it has digits only, as an address does; add a letter")
        else:
            return name
        return None

    def address(self) -> IPAddress | None:
        """An IPv4 or IPv6 address."""
        raw = self.raw
        try:
            return ip_address(raw or "")
        except ValueError:
            shown = self.kind if raw is None or self.absent else raw
            self.wrong(f"{self.path} is {shown}, which is no address; write one like 10.20.0.11")
            return None

    def network(self) -> IPNetwork | None:
        """A network as address and prefix length, without bits set beyond the prefix."""
        raw = self.raw or ""
        if "/" not in raw:
            shown = raw or self.kind
            self.wrong(f"{self.path} is {shown}, but must be a network and its prefix, like 10.20.0.0/24")
            return None
        try:
            return ip_network(raw)
        except ValueError:
            pass
        try:
            network = ip_network(raw, strict=False)
            self.wrong(f"{self.path} is {raw}, a host's address; the network is {network}")
        except ValueError:
            self.wrong(f"{self.path} is {raw}, which is no network; write one like 10.20.0.0/24")
        return None

    @property
    def _plain(self) -> bool:
        """Whether a scalar is written without quotes, so that YAML guesses its type."""
        return isinstance(self.node, ScalarNode) and self.node.style is None

    def _below(self, key: str) -> str:
        return f"{self.path}.{key}" if self.path else key

    def _misread(self, raw: str) -> str | None:
        if _OLD_TRUTH.fullmatch(raw):
            return "a truth value"
        if _OLD_NUMBER.fullmatch(raw):
            return "a number"
        return _TYPES.get(self.node.tag or "")

    @property
    def kind(self) -> str:
        """What it is, for messages."""
        if isinstance(self.node, MappingNode):
            return "a mapping"
        if isinstance(self.node, SequenceNode):
            return "a list"
        if self.absent or not self.node.value.strip():
            return "empty"
        kind = self._misread(self.node.value) if self._plain else None
        return f"{kind or 'a text'} ({self.node.value})"


def nearest(known: Iterable[str], word: str | None) -> str | None:
    """The known word that was probably meant."""
    matches = difflib.get_close_matches(word or "", tuple(known), n=1, cutoff=0.6)
    return matches[0] if matches else None


def among(known: Iterable[str], word: str) -> str:
    """The end of a message about an unknown word: the nearest known one, or all of them."""
    known = tuple(known)
    if near := nearest(known, word):
        return f"; did you mean {near}?"
    return f"; known are {', '.join(known)}" if known else "; there are none"


def compose(text: str, file: str) -> Value:
    """The root of a YAML text (SpecErrors if it is no YAML, or empty)."""
    mistakes = Mistakes(file)
    try:
        root = YAML().compose(text)
    except MarkedYAMLError as error:
        mark: StringMark | None = error.problem_mark or error.context_mark
        detail = ", ".join(part for part in (error.context, error.problem) if part)
        mistakes.add(mark.line if mark else 0, mark.column if mark else 0, f"this is no YAML: {detail}")
        raise SpecErrors(mistakes.errors) from None
    except YAMLError as error:
        position = getattr(error, "position", 0)
        before = text[:position]
        line, column = before.count("\n"), position - (before.rfind("\n") + 1)
        mistakes.add(line, column, f"this is no YAML: {getattr(error, 'reason', error)}")
        raise SpecErrors(mistakes.errors) from None
    if root is None:
        mistakes.add(0, 0, "the file is empty; quorate init -f FILE writes one to start from")
        raise SpecErrors(mistakes.errors)
    return Value(root, "", mistakes)


def present(values: Mapping[str, _T | None]) -> dict[str, _T]:
    """Those that could be read."""
    return {name: value for name, value in values.items() if value is not None}


def _misspelt(name: str, pairs: list[tuple[Value, Value]], known: tuple[str, ...]) -> bool:
    """Whether an unknown key was already taken for this one: one mistake, one message."""
    unknown = [key.raw for key, _ in pairs if key.raw and key.raw not in known]
    return any(nearest(known, word) == name for word in unknown)
