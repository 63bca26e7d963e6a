"""The file an operator writes: found, read with every mistake noted, and written from a template."""

from quorate.spec.errors import SpecError, SpecErrors, SpecNotFoundError, SpecUnreadableError
from quorate.spec.file import find, load, path_for

__all__ = ["SpecError", "SpecErrors", "SpecNotFoundError", "SpecUnreadableError", "find", "load", "path_for"]
