"""What a node has done with one resource, and what follows from it: whether it is active there, and in which role.

The rules are those of Pacemaker's scheduler (lib/pengine/unpack.c: unpack_rsc_op, update_resource_state,
unpack_rsc_op_failure).
"""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from enum import IntEnum
from functools import cached_property
from typing import Self
from xml.etree import ElementTree as ET
from xml.sax.saxutils import quoteattr

Operation = Mapping[str, str]
"""The attributes of one `<lrm_rsc_op>`."""

OK = 0
NOT_INSTALLED = 5
NOT_RUNNING = 7
RUNNING_PROMOTED = 8
FAILED_PROMOTED = 9
DONE = 0
PENDING = -1

_COUNTERS = frozenset(
    {
        "call-id",
        "transition-key",
        "transition-magic",
        "crm-debug-origin",
        "last-rc-change",
        "last-run",
        "exec-time",
    }
    | {"queue-time", "exit-reason", "crm_feature_set"},
)
"""What tells apart two operations that mean the same."""

_TELLING = frozenset({"monitor", "start", "stop", "promote", "demote", "migrate_to", "migrate_from"})
"""The operations that tell something about the role."""


class Role(IntEnum):
    """What an instance is doing on a node; `STARTED` also stands for the unpromoted role."""

    STOPPED = 0
    STARTED = 1
    PROMOTED = 2


@dataclass(frozen=True)
class History:
    """One resource's `<lrm_resource>` on a node: its agent, and its last operations by their id."""

    id: str
    agent: Mapping[str, str]
    operations: Mapping[str, Operation] = field(default_factory=dict)

    @classmethod
    def of(cls, root: ET.Element) -> Self:
        """From its element."""
        agent = {name: value for name, value in root.attrib.items() if name != "id"}
        return cls(root.get("id", ""), agent, {each.get("id", ""): dict(each.attrib) for each in root})

    def with_operation(self, operation: Operation) -> Self:
        """The same after an operation, which takes the place of the one with its id."""
        return replace(self, operations={**self.operations, operation["id"]: operation})

    def without(self, *ids: str) -> Self:
        """The same without some operations."""
        return replace(self, operations={key: op for key, op in self.operations.items() if key not in ids})

    @cached_property
    def xml(self) -> str:
        """Its element."""
        about = "".join(f" {name}={quoteattr(value)}" for name, value in {"id": self.id, **self.agent}.items())
        operations = (
            "<lrm_rsc_op" + "".join(f" {name}={quoteattr(value)}" for name, value in operation.items()) + "/>"
            for operation in self.operations.values()
        )
        return "\n".join([f"<lrm_resource{about}>", *operations, "</lrm_resource>"])

    @cached_property
    def key(self) -> str:
        """What was done and how it ended, in its order, without counters and times."""
        told = (
            sorted((name, value) for name, value in operation.items() if name not in _COUNTERS)
            for operation in self._in_order
        )
        return f"{self.id} {list(told)}"

    @property
    def next_call(self) -> int:
        """The number of the next operation: they are counted."""
        return max((_number(operation, "call-id") for operation in self.operations.values()), default=0) + 1

    @property
    def role(self) -> Role:
        """Its role on the node."""
        return self._outcome[0]

    @property
    def failed(self) -> bool:
        """Whether its last operation failed, and nothing since has made up for that."""
        return self._outcome[1]

    @cached_property
    def _in_order(self) -> tuple[Operation, ...]:
        return tuple(sorted(self.operations.values(), key=lambda each: _number(each, "call-id")))

    @cached_property
    def _outcome(self) -> tuple[Role, bool]:
        role, failed = Role.STOPPED, False
        for operation in self._in_order:
            role, failed = _after(role, failed, operation)
        return role, failed


def _after(role: Role, failed: bool, operation: Operation) -> tuple[Role, bool]:
    task, code, status = (
        operation.get("operation", ""),
        _number(operation, "rc-code"),
        _number(operation, "op-status"),
    )
    if status == PENDING or task not in _TELLING:
        return role, failed
    if task == "monitor" and operation.get("interval", "0") == "0" and code in _PROBED:
        return max(role, _PROBED[code]), failed
    if code != target(operation) or status != DONE:
        return _after_failure(role, task, code), True
    if task == "monitor":
        return max(role, Role.PROMOTED if code == RUNNING_PROMOTED else Role.STARTED), failed
    return _AFTER[task], failed and task == "demote"


_PROBED = {
    OK: Role.STARTED,
    RUNNING_PROMOTED: Role.PROMOTED,
    NOT_RUNNING: Role.STOPPED,
    NOT_INSTALLED: Role.STOPPED,
}
"""What a probe found, whichever of these it is it did not fail."""

_AFTER = {
    "start": Role.STARTED,
    "migrate_from": Role.STARTED,
    "stop": Role.STOPPED,
    "migrate_to": Role.STOPPED,
    "promote": Role.PROMOTED,
    "demote": Role.STARTED,
}


def _after_failure(role: Role, task: str, code: int) -> Role:
    match task:
        case "promote":
            return Role.PROMOTED
        case "demote":
            return Role.STOPPED if code == NOT_RUNNING else Role.STARTED
    return max(role, Role.STARTED)


def target(operation: Operation) -> int:
    """The exit code that the cluster wanted: the third part of the transition's key."""
    parts = operation.get("transition-key", "").split(":")
    return int(parts[2]) if len(parts) > 3 and parts[2].lstrip("-").isdigit() else OK  # noqa: PLR2004


def _number(operation: Operation, name: str) -> int:
    value = operation.get(name, "0")
    return int(value) if value.lstrip("-").isdigit() else 0
