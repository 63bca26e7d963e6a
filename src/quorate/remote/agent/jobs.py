"""A request being served, and what becomes of its items."""

from __future__ import annotations

import re
import threading
from typing import Any, Iterable

from quorate.remote.agent.channel import Agent, Json

SENSITIVE = re.compile(  # settings whose old values are not shown
    r"passw|passphrase|pass\b|secret|credential|cookie|(auth|admin|api|access|private)[_ -]?(token|key)"
    r"|://[^/\s]*:[^/\s]*@",
    re.IGNORECASE,
)


class Stopped(Exception):
    """The controller went away or cancelled; begin nothing further."""


class Result:
    """What became of an item: status is ok, changed (in check mode: would change) or pending."""

    def __init__(
        self, status: str = "ok", detail: str = "", diff: Iterable[str] = (), actions: Iterable[str] = ()
    ) -> None:
        self.status, self.detail, self.diff, self.actions = status, detail, list(diff), list(actions)


class Job:
    """A request being served, in a thread of its own."""

    def __init__(self, agent: Agent, request: Json, cancelled: threading.Event) -> None:
        self.agent, self.request, self.cancelled = agent, request, cancelled
        self.check: bool = bool(request.get("check"))
        self.node: str = request.get("node", "")
        self.item = 0
        self.dpkg: dict[str, list[str]] | None = None
        self.secrets = redactions(request.get("secrets", {}))

    def redact(self, value: Any) -> Any:
        """The value with every secret in any of its strings replaced by its reference."""
        if isinstance(value, str):
            for secret, reference in self.secrets:
                value = value.replace(secret, reference)
            return value
        if isinstance(value, list):
            return [self.redact(element) for element in value]
        if isinstance(value, dict):
            return {key: self.redact(element) for key, element in value.items()}
        return value

    def emit(self, **event: Any) -> None:
        self.agent.send(dict(self.redact(event), id=self.request["id"]))

    def tell(self, status: str, detail: str) -> None:
        """Report on the item that is being worked on: `running` or `waiting`."""
        self.emit(i=self.item, status=status, detail=detail)

    def go_on(self) -> None:
        if self.cancelled.is_set() or self.agent.gone.is_set():
            raise Stopped


def redactions(secrets: dict[str, str]) -> list[tuple[str, str]]:
    """What to replace by what: each value and each of its lines, the longest first, as one may hold another."""
    found = {
        line: name for name, value in secrets.items() for line in [*value.splitlines(), value] if line.strip()
    }
    return sorted(found.items(), key=lambda pair: -len(pair[0]))
