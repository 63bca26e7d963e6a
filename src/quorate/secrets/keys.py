"""Fernet key sets and their rotation, such that no token in flight ever becomes unreadable.

Keystone's scheme (keystone admin guide, Fernet - Frequently Asked Questions): key 0 is staged and will be the next
primary; the highest number is the primary, which makes tokens; every key reads them. A new set is pushed to nodes
one after the other, so for a while some have the old set and some the new. What the new primary makes can be read
by nodes with the old set because it was staged there; what the old primary makes can be read by nodes with the new
set because it is kept. Hence two rules: a set is rotated only after it was pushed to every node, and a key is
dropped only when every token that any node can have made with it has expired.
"""

import base64
import secrets
from collections.abc import Iterable
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta

STAGED = 0
# keystone.conf, [token] allow_expired_window: services may use a token that long after it expired.
ALLOW_EXPIRED_WINDOW_S = 48 * 3600
# How far the nodes' clocks may be apart from the one that times the rotation.
CLOCK_SKEW_S = 300


@dataclass(frozen=True, slots=True)
class Key:
    """One key by its number; `retired_at` is when the last node stopped making tokens with it, if all have."""

    number: int
    value: str = field(repr=False)
    retired_at: datetime | None = None


@dataclass(frozen=True, slots=True)
class KeySetState:
    """A key set, by ascending number; `pushed` is whether every node is known to have exactly these keys."""

    keys: tuple[Key, ...]
    pushed: bool = False

    @property
    def primary(self) -> Key:
        """The key that makes tokens."""
        return self.keys[-1]

    def files(self) -> dict[str, str]:
        """What a key repository holds: the key by the name of its file."""
        return {str(key.number): key.value for key in self.keys}


class NotPushedError(Exception):
    """The set must not be rotated yet: some node may lack the staged key that would become primary."""


def new_key() -> str:
    """A random Fernet key: 32 bytes in URL-safe base64."""
    return base64.urlsafe_b64encode(secrets.token_bytes(32)).decode()


def first(staged: str, primary: str) -> KeySetState:
    """The set a cloud starts with."""
    return KeySetState((Key(STAGED, staged), Key(1, primary)))


def pushed(state: KeySetState, now: datetime) -> KeySetState:
    """The set once every node has it: from now on no node makes tokens with its secondary keys."""
    return KeySetState(tuple(_settled(state.keys, state.primary, now)), pushed=True)


def rotate(state: KeySetState, now: datetime, lifetime_s: float | None, staged: str) -> KeySetState:
    """The next set: the staged key becomes the primary, `staged` the new staged one, and expired keys go.

    A key goes when it was retired longer ago than a token lives (`lifetime_s`) and may be used after that
    (ALLOW_EXPIRED_WINDOW_S); with None, for keys of data at rest, none goes. Raises NotPushedError.
    """
    if not state.pushed:
        raise NotPushedError(
            "some node may not have the present keys, and would refuse tokens made after a rotation; "
            "push them to every node first: quorate keys push"
        )
    kept = (key for key in state.keys if key.number != STAGED and not _expired(key, now, lifetime_s))
    promoted = Key(state.primary.number + 1, state.keys[0].value)
    return KeySetState((Key(STAGED, staged), *kept, promoted))


def _settled(keys: Iterable[Key], primary: Key, now: datetime) -> Iterable[Key]:
    for key in keys:
        secondary = key.number not in {STAGED, primary.number}
        yield replace(key, retired_at=now) if secondary and key.retired_at is None else key


def _expired(key: Key, now: datetime, lifetime_s: float | None) -> bool:
    if key.retired_at is None or lifetime_s is None:
        return False
    kept_s = lifetime_s + ALLOW_EXPIRED_WINDOW_S + CLOCK_SKEW_S
    return now - key.retired_at > timedelta(seconds=kept_s)
