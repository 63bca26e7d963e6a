"""A plan: tasks, and what each would change on which host; a value that can be saved and carried out exactly."""

import json
import os
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, fields, replace
from enum import Enum
from pathlib import Path
from typing import Any

from quorate.model import item as items
from quorate.model.item import Item
from quorate.plan.task import Task

FORMAT = 1

_KINDS: Mapping[str, type[Item]] = {
    kind.__name__: kind
    for kind in (
        items.File,
        items.Directory,
        items.KeyRepository,
        items.Packages,
        items.Unit,
        items.Command,
        items.Until,
        items.Cib,
        items.Renewed,
    )
}


class UnreadablePlan(Exception):
    """A file that is no plan of this version."""


@dataclass(frozen=True, slots=True)
class Change:
    """One item that would change: what about it, as lines; `diff` and `actions` hold no secrets."""

    task: str
    item: str
    detail: str
    diff: tuple[str, ...] = ()
    actions: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Plan:
    """The tasks of a deployment and the changes they would make to the hosts as they were seen."""

    cloud: str
    tasks: tuple[Task, ...]
    changes: tuple[Change, ...]


def told_once(changes: Iterable[Change], item: str) -> Iterator[Change]:
    """The changes, of those of one item only what no earlier one on its node has told.

    A cluster's configuration is loaded in stages, and before the first of them each would do what those before do.
    """
    told: dict[str, list[Change]] = {}
    for change in changes:
        if change.item != item:
            yield change
            continue
        earlier = told.setdefault(change.task.partition("/")[0], [])
        lines = {line for each in earlier for line in each.diff}
        actions = {action for each in earlier for action in each.actions}
        diff = tuple(line for line in change.diff if line not in lines)
        if not earlier:
            yield change
        elif diff:
            new = tuple(action for action in change.actions if action not in actions)
            yield replace(change, detail=f"{len(diff)} changes", diff=diff, actions=new)
        earlier.append(change)


def save(plan: Plan, path: Path) -> None:
    """Write the plan, mode 0600; raises FileExistsError rather than replace one."""
    text = json.dumps({"format": FORMAT, **_plain(plan)}, indent=1, sort_keys=True)
    with os.fdopen(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w") as stream:
        stream.write(text + "\n")


def read(path: Path) -> Plan:
    """A saved plan; raises UnreadablePlan, or OSError if the file cannot be read."""
    try:
        data = json.loads(path.read_text())
        if data["format"] != FORMAT:
            raise UnreadablePlan(f"{path}: written by another version of Quorate; make a new plan")
        return Plan(
            data["cloud"],
            tuple(_task(task) for task in data["tasks"]),
            tuple(Change(**_tuples(change)) for change in data["changes"]),
        )
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise UnreadablePlan(f"{path}: not a plan ({error}); make one with: quorate plan --save {path}") from error


def _plain(value: Any) -> Any:
    match value:
        case Enum():
            return value.value
        case tuple():
            return [_plain(part) for part in value]
        case Plan() | Task() | Change():
            return _fields(value)
        case _ if type(value).__name__ in _KINDS:
            return {"kind": type(value).__name__, **_fields(value)}
        case _:
            return value


def _fields(value: Any) -> dict[str, Any]:
    return {field.name: _plain(getattr(value, field.name)) for field in fields(value)}


def _task(data: dict[str, Any]) -> Task:
    return Task(data["node"], data["step"], tuple(_item(part) for part in data["items"]), tuple(data["after"]))


def _item(data: dict[str, Any]) -> Item:
    values = _tuples(data)
    kind = _KINDS[values.pop("kind")]
    if kind is items.Renewed:
        values["renewal"] = items.Renewal(values["renewal"])
    return kind(**values)


def _tuples(data: dict[str, Any]) -> dict[str, Any]:
    return {key: tuple(value) if isinstance(value, list) else value for key, value in data.items()}
