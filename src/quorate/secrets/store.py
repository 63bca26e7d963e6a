"""The one file that holds secrets: beside the spec, readable by its owner only, replaced in one step."""

import fcntl
import json
import os
import secrets
import stat
import string
import tempfile
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from datetime import datetime
from pathlib import Path
from types import MappingProxyType
from typing import Any

from quorate.model.secret import KeySet, Secret
from quorate.secrets import keys
from quorate.secrets.keys import Key, KeySetState

MODE = 0o600
_FORMAT = 1
_ALPHABET = string.ascii_letters + string.digits
_NAME_LETTERS = frozenset(_ALPHABET + "_./-")
# Rendered between single quotes in shell scripts and unquoted in INI files.
_REFUSED = frozenset("'\\")


@dataclass(frozen=True, slots=True)
class Secrets:
    """Every secret value and key set by name; never shown."""

    values: Mapping[str, str] = field(default_factory=lambda: MappingProxyType({}), repr=False)
    key_sets: Mapping[str, KeySetState] = field(default_factory=lambda: MappingProxyType({}), repr=False)


class SecretsError(Exception):
    """The secrets file cannot be used; the message names it and the remedy, and no value."""


class SecretsNotFoundError(SecretsError):
    """There is no secrets file yet."""


class SecretsExposedError(SecretsError):
    """Others than the caller can read, or own, the secrets file."""


class InvalidSecretError(SecretsError):
    """A name or a value that cannot be a secret."""


def beside(spec: Path) -> Path:
    """Where the secrets of a spec are: `quorate.yaml` has `quorate.secrets.json` beside it."""
    return spec.with_name(f"{spec.stem}.secrets.json")


def read(spec: Path) -> Secrets:
    """The secrets of a spec.

    Raises SecretsNotFoundError, SecretsExposedError, or SecretsError for a file that is no secrets file.
    """
    path = beside(spec)
    try:
        with path.open(encoding="utf-8") as file:
            _refuse_exposed(path, os.fstat(file.fileno()))
            text = file.read()
    except FileNotFoundError:
        raise SecretsNotFoundError(f"there is no {path}; make it: quorate secrets init") from None
    except OSError as error:
        raise SecretsError(f"cannot read {path}: {error.strerror}; its owner can") from error
    try:
        return _parsed(json.loads(text))
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        # The parser's message and traceback may quote a value.
        kind = type(error).__name__
        raise SecretsError(f"{path} is no secrets file ({kind}); restore it from a backup") from None


def make(spec: Path, wanted: Iterable[Secret], key_sets: Iterable[KeySet]) -> tuple[str, ...]:
    """Make every wanted secret and key set that is not there yet; the names of those made, in order."""
    made: list[str] = []

    def completed(present: Secrets) -> Secrets:
        values, states = dict(present.values), dict(present.key_sets)
        for secret in wanted:
            if secret.name not in values:
                values[secret.name] = random_value(secret.length)
                made.append(secret.name)
        for key_set in key_sets:
            if key_set.name not in states:
                states[key_set.name] = keys.first(keys.new_key(), keys.new_key())
                made.append(key_set.name)
        return Secrets(values, states)

    update(spec, completed)
    return tuple(made)


def put(spec: Path, name: str, value: str) -> None:
    """Set one secret to a value given by the operator (InvalidSecretError if it cannot be one)."""
    if not name or not _NAME_LETTERS.issuperset(name):
        raise InvalidSecretError(f"{name!r} is no name of a secret; use letters, digits, and any of _ . / -")
    if not value:
        raise InvalidSecretError(f"the value of {name} is empty; give one on standard input")
    if not value.isascii() or not value.isprintable() or " " in value or not _REFUSED.isdisjoint(value):
        raise InvalidSecretError(
            f"the value of {name} has a character that configuration files would change: use ASCII without "
            "spaces, single quotes and backslashes"
        )
    update(spec, lambda present: replace(present, values={**present.values, name: value}))


def missing(present: Secrets, wanted: Iterable[Secret], key_sets: Iterable[KeySet]) -> tuple[str, ...]:
    """The names of those wanted that are not there."""
    values = [secret.name for secret in wanted if secret.name not in present.values]
    return (*values, *(key_set.name for key_set in key_sets if key_set.name not in present.key_sets))


def random_value(length: int) -> str:
    """Letters and digits from the operating system's generator: 5.95 bits each."""
    return "".join(secrets.choice(_ALPHABET) for _ in range(length))


def update(spec: Path, change: Callable[[Secrets], Secrets]) -> Secrets:
    """Change the file in one step, alone: what it held, or nothing yet, through `change`; returns the result.

    Nothing is written if nothing changed. Raises as `read` does, and SecretsError if another is changing it.
    """
    path = beside(spec)
    with _alone(path):
        try:
            present = read(spec)
        except SecretsNotFoundError:
            present = Secrets()
        changed = change(present)
        if changed != present or not path.exists():
            _replace(path, json.dumps(_document(changed), indent=2) + "\n")
    return changed


@contextmanager
def _alone(path: Path) -> Iterator[None]:
    try:
        directory = os.open(path.absolute().parent, os.O_RDONLY | os.O_DIRECTORY)
    except OSError as error:
        raise SecretsError(f"cannot write {path}: {error.strerror}") from error
    try:
        fcntl.flock(directory, fcntl.LOCK_EX | fcntl.LOCK_NB)
        yield
    except BlockingIOError:
        raise SecretsError(f"another quorate is changing {path}; run this again when it is done") from None
    finally:
        os.close(directory)


def _replace(path: Path, text: str) -> None:
    """A new file of mode 0600, on disk before it takes the place of the old one."""
    try:
        descriptor, name = tempfile.mkstemp(prefix=f".{path.name}.", dir=path.absolute().parent)
    except OSError as error:
        raise SecretsError(f"cannot write {path}: {error.strerror}; make its directory writable") from error
    try:
        with os.fdopen(descriptor, "w", encoding="utf-8") as file:
            file.write(text)
            file.flush()
            os.fsync(file.fileno())
        Path(name).replace(path)
    except OSError as error:
        Path(name).unlink(missing_ok=True)
        raise SecretsError(f"cannot write {path}: {error.strerror}; the old one is as it was") from error


def _refuse_exposed(path: Path, status: os.stat_result) -> None:
    mode = stat.S_IMODE(status.st_mode)
    if status.st_uid != os.geteuid():
        raise SecretsExposedError(
            f"{path} belongs to user {status.st_uid}, not to you; "
            f"run this as its owner, or: chown {os.geteuid()} {path}"
        )
    if mode & 0o077:
        raise SecretsExposedError(
            f"{path} has mode {mode:04o}, so others can read it; run: chmod 600 {path} "
            "(and change the secrets if others had access)"
        )


def _parsed(document: Any) -> Secrets:
    if document["format"] != _FORMAT:
        raise ValueError(document["format"])
    values = {str(name): str(value) for name, value in document["values"].items()}
    states = {str(name): _key_set(state) for name, state in document["key_sets"].items()}
    return Secrets(MappingProxyType(values), MappingProxyType(states))


def _key_set(state: Any) -> KeySetState:
    found = (
        Key(int(number), str(key["value"]), datetime.fromisoformat(at) if (at := key.get("retired_at")) else None)
        for number, key in state["keys"].items()
    )
    return KeySetState(tuple(sorted(found, key=lambda key: key.number)), pushed=bool(state["pushed"]))


def _document(held: Secrets) -> dict[str, Any]:
    return {
        "about": "Made by quorate secrets init. Keep it private, back it up, never commit it.",
        "format": _FORMAT,
        "values": dict(sorted(held.values.items())),
        "key_sets": {
            name: {
                "pushed": state.pushed,
                "keys": {
                    str(key.number): {
                        "value": key.value,
                        "retired_at": key.retired_at.isoformat() if key.retired_at else None,
                    }
                    for key in state.keys
                },
            }
            for name, state in sorted(held.key_sets.items())
        },
    }
