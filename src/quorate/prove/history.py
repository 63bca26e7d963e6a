"""What a node has done with one resource, and what follows from it: whether it is active there, and in which role.

The rules are those of Pacemaker's scheduler (lib/pengine/unpack.c: unpack_rsc_op, update_resource_state,
unpack_rsc_op_failure).
"""

from collections.abc import Collection, Mapping
from dataclasses import dataclass, field, replace
from enum import IntEnum
from functools import cached_property, cmp_to_key
from typing import Self
from xml.etree import ElementTree as ET
from xml.sax.saxutils import quoteattr

Operation = Mapping[str, str]
"""The attributes of one `<lrm_rsc_op>`."""

OK = 0
INVALID_PARAMETER = 2
NOT_INSTALLED = 5
NOT_RUNNING = 7
RUNNING_PROMOTED = 8
FAILED_PROMOTED = 9

PENDING = -1
DONE = 0
CANCELLED = 1
ERROR = 4
NO_AGENT = 7

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

_LOOKING = frozenset({"monitor", "asyncmon"})
"""What only looks; the second is how a failure that somebody else reports is told (crm_resource --fail)."""

_TELLING = _LOOKING | {"start", "stop", "promote", "demote", "migrate_to", "migrate_from"}
"""The operations that tell something about the role."""

_MOVING = frozenset({"start", "stop", "migrate_to", "migrate_from"})

_MASKED = frozenset({INVALID_PARAMETER, NOT_INSTALLED})
"""A probe that finds this has found that the resource cannot be there (pcmk_xe_mask_probe_failure)."""

_DEGRADED = {190: OK, 191: RUNNING_PROMOTED}


class Role(IntEnum):
    """What an instance is doing on a node; `STARTED` also stands for the unpromoted role."""

    STOPPED = 0
    STARTED = 1
    PROMOTED = 2


_BEGUN = {"start": Role.STARTED, "promote": Role.PROMOTED}
"""What an operation that is under way may have made of it already."""

_AFTER = {
    "start": Role.STARTED,
    "migrate_from": Role.STARTED,
    "stop": Role.STOPPED,
    "migrate_to": Role.STARTED,
    "promote": Role.PROMOTED,
    "demote": Role.STARTED,
}


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
        operations = (dict(each.attrib) for each in root if "id" in each.attrib)
        return cls(root.get("id", ""), agent, {each["id"]: each for each in operations})

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
        """What was done and how it ended, in its order, without counters; when it failed, for failures expire."""
        others = (each for each in self.operations.values() if each.get("operation") not in _TELLING)
        return f"{self.id} {[_lasting(operation) for operation in (*self._in_order, *others)]}"

    @property
    def next_call(self) -> int:
        """The number of the next operation: they are counted."""
        return max([0, *(_number(operation, "call-id") for operation in self.operations.values())]) + 1

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
        # what tells nothing may be said to be under way for ever, and would upset the order
        telling = (each for each in self.operations.values() if each.get("operation") in _TELLING)
        return tuple(sorted(telling, key=cmp_to_key(_age)))

    @cached_property
    def _outcome(self) -> tuple[Role, bool]:
        role, failure = Role.STOPPED, None
        for operation in self._in_order:
            role, failure = _after(role, failure, operation)
        return role, failure is not None

    def unexpired(self, since_s: int, blocking: Collection[tuple[str, int]] = ()) -> Self:
        """The same without failures that happened before, which count no more (check_operation_expiry).

        What a probe found is none, what is not installed stays so, and failures of `blocking` operations (name and
        interval in ms) are kept for somebody to look at.
        """
        old = [
            each["id"]
            for each in self._failures
            if _number(each, "last-rc-change") <= since_s
            and (each["operation"], _number(each, "interval")) not in blocking
        ]
        return self.without(*old) if old else self

    @cached_property
    def _failures(self) -> tuple[Operation, ...]:
        return tuple(each for each in self._in_order if _expires(each) and "last-rc-change" in each)

    @cached_property
    def departure(self) -> Operation | None:
        """Its migration away, if that went well and it was not stopped, started or brought back here since."""
        moves = [each for each in self._in_order if each["operation"] in _MOVING]
        last = moves[-1] if moves else None
        return last if last and last["operation"] == "migrate_to" and _code(last) == OK else None

    def arrived(self, departure: Operation) -> bool:
        """Whether that migration, from another node, was brought to its end here."""
        source = departure.get("migrate_source")
        return any(
            each["operation"] == "migrate_from" and each.get("migrate_source") == source and _code(each) == OK
            for each in self._in_order
        )

    def may_hold(self, departure: Operation) -> bool:
        """Whether that migration, from another node, may have left it active here, for all that is known here.

        Not if nothing is known, for then it will be asked, or if something newer is (newer_state_after_migrate).
        """
        since = _number(departure, "last-rc-change")
        newer = (each for each in self._in_order if _number(each, "last-rc-change") >= since)
        return bool(self.operations) and not any(each["operation"] in _MOVING for each in newer)


def _lasting(operation: Operation) -> list[tuple[str, object]]:
    """What of an operation the scheduler decides by."""
    wanted = target(operation)
    expires = _code(operation) != wanted
    lasting = [
        (name, value)
        for name, value in operation.items()
        if name not in _COUNTERS or (expires and name == "last-rc-change")
    ]
    return sorted([*lasting, ("wanted", wanted)])


def _expires(operation: Operation) -> bool:
    """Whether it is a failure, of a kind that is forgotten after a time."""
    code = _code(operation)
    probe = operation["operation"] == "monitor" and operation.get("interval", "0") == "0"
    found = probe and code in {OK, NOT_RUNNING, RUNNING_PROMOTED}
    return code != target(operation) and not found and _number(operation, "op-status") != NO_AGENT


def _age(one: Operation, other: Operation) -> int:
    """Which of two operations is the older one (pe__is_newer_op): negative if `one` is."""
    calls = _number(one, "call-id", PENDING), _number(other, "call-id", PENDING)
    if PENDING not in calls:
        times = _number(one, "last-rc-change"), _number(other, "last-rc-change")
        return calls[0] - calls[1] or times[0] - times[1]
    if calls[0] == calls[1]:
        return 0
    transitions = _transition(one), _transition(other)
    if transitions[0][1] == transitions[1][1] and transitions[0] != transitions[1]:
        return transitions[0][0] - transitions[1][0]
    return 1 if calls[0] == PENDING else -1


def _transition(operation: Operation) -> tuple[int, str]:
    """The number of the transition in which it was done, and the controller that counted."""
    parts = operation.get("transition-key", "").split(":")
    return (int(parts[1]), parts[3]) if len(parts) > 3 and parts[1].isdigit() else (0, "")  # noqa: PLR2004 - the parts of a transition key


def _after(role: Role, failure: Operation | None, operation: Operation) -> tuple[Role, Operation | None]:
    """The role after an operation, and the failure that nothing has made up for."""
    task, status = operation["operation"], _number(operation, "op-status", CANCELLED)
    if status == CANCELLED or "rc-code" not in operation:
        return role, failure
    if status == PENDING:
        newer = failure is not None and _repeats(failure, operation)
        return (role if newer else max(role, _BEGUN.get(task, role))), failure
    code, probe = _code(operation), task == "monitor" and operation.get("interval", "0") == "0"
    if probe and (code in _MASKED or status == NO_AGENT):
        return Role.STOPPED, None
    if status in {DONE, ERROR}:
        if code == NOT_RUNNING and (probe or target(operation) == code):
            return Role.STOPPED, None
        if code in {RUNNING_PROMOTED, FAILED_PROMOTED}:
            role = Role.PROMOTED
        if code == target(operation) or (probe and code in {OK, RUNNING_PROMOTED}):
            return _after_success(role, failure, operation)
    return _after_failure(role, task), operation


def _after_success(role: Role, failure: Operation | None, operation: Operation) -> tuple[Role, Operation | None]:
    task = operation["operation"]
    if task in _LOOKING:
        same = failure is not None and failure.get("operation_key") == operation.get("operation_key")
        return max(role, Role.STARTED), None if same else failure
    # what a failed instance needs is a stop, not a demotion
    return _AFTER[task], failure if task in {"demote", "migrate_to"} else None


def _after_failure(role: Role, task: str) -> Role:
    """What failed may be active all the same, until it was stopped."""
    match task:
        case "promote":
            return Role.PROMOTED
        case "demote":
            return Role.STARTED
    return max(role, Role.STARTED)


def _repeats(failure: Operation, pending: Operation) -> bool:
    """Whether a failure is that of the operation that is said to be under way."""
    same = all(failure.get(name) == pending.get(name) for name in ("operation", "interval"))
    return same and _number(failure, "last-rc-change") >= _number(pending, "last-rc-change")


def target(operation: Operation) -> int:
    """The exit code that the cluster wanted: the third part of the transition's key; -1 if there is none."""
    parts = operation.get("transition-key", "").split(":")
    return int(parts[2]) if len(parts) > 3 and parts[2].lstrip("-").isdigit() else -1  # noqa: PLR2004 - the parts of a transition key


def _code(operation: Operation) -> int:
    """Its exit code; a degraded success is one (pcmk__effective_rc)."""
    code = _number(operation, "rc-code")
    return _DEGRADED.get(code, code)


def _number(operation: Operation, name: str, default: int = 0) -> int:
    value = operation.get(name, "")
    return int(value) if value.lstrip("-").isdigit() else default
