"""Secret values and rotated keys: made at random, kept in one private file, never shown."""

from quorate.secrets.keys import Key, KeySetState, NotPushedError, new_key, pushed, rotate
from quorate.secrets.store import (
    InvalidSecretError,
    Secrets,
    SecretsError,
    SecretsExposedError,
    SecretsNotFoundError,
    beside,
    make,
    missing,
    put,
    read,
    update,
)

__all__ = [
    "InvalidSecretError",
    "Key",
    "KeySetState",
    "NotPushedError",
    "Secrets",
    "SecretsError",
    "SecretsExposedError",
    "SecretsNotFoundError",
    "beside",
    "make",
    "missing",
    "new_key",
    "pushed",
    "put",
    "read",
    "rotate",
    "update",
]
