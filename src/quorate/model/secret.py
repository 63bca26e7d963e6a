"""Secrets by name: the design holds references, the secrets file the values, a deployment joins them."""

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass

_REFERENCE = re.compile(r"\$\{secret:([A-Za-z0-9_./-]+)\}")


@dataclass(frozen=True, slots=True)
class Secret:
    """A password-like value of `length` letters and digits; safe in URLs, INI files and SQL without quoting."""

    name: str
    length: int = 32

    @property
    def reference(self) -> str:
        """What stands in rendered text where the value will be."""
        return f"${{secret:{self.name}}}"


@dataclass(frozen=True, slots=True)
class KeySet:
    """A set of Fernet keys that is rotated: staged, primary and secondary keys, by number.

    `lifetime_s` is how long what a key made is used, None if for ever; `migrate` is a command, run on one node
    after a rotation, that makes what the old keys made anew.
    """

    name: str
    lifetime_s: int | None = None
    migrate: tuple[str, ...] = ()


def references(text: str) -> Iterator[str]:
    """The names of the secrets a text refers to, in order of appearance."""
    return (match[1] for match in _REFERENCE.finditer(text))


def fill(text: str, values: Mapping[str, str]) -> str:
    """The text with every reference replaced (KeyError names a missing secret)."""
    return _REFERENCE.sub(lambda match: values[match[1]], text)
