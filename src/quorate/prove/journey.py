"""Where everything was and went: what became of each instance, and the table of it."""

import textwrap
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass

from quorate.prove.event import (
    Attributed,
    Banned,
    Fails,
    Lost,
    Parted,
    RemoteLost,
    Returned,
    Stopped,
)
from quorate.prove.graph import Action, Kind
from quorate.prove.history import Role
from quorate.prove.properties import Breach
from quorate.prove.settle import Trace, Transition
from quorate.prove.spelling import true
from quorate.prove.state import State
from quorate.prove.words import listed

ROWS = 10
"""How many rows of what merely changed with it are shown."""

NAME_WIDTH = 26
"""The widest that a row's name may be; a longer one is cut."""

NAMED = 6
"""How many names a sentence has at most; of more it says how many."""

_GAP = "  "

_EVERYTHING = frozenset({"start", "cold-start"})
"""The kinds of situation in which everything changes, which says nothing."""

_NODE = ""
"""Stands for the node itself where otherwise a resource is named."""

_BECOMES = {
    "start": "started",
    "migrate_from": "started",
    "stop": "stopped",
    "migrate_to": "stopped",
    "promote": "promoted",
    "demote": "started",
}
_LABELS = {Role.STOPPED: "stopped", Role.STARTED: "started", Role.PROMOTED: "promoted"}

Cells = Mapping[tuple[str, str], Sequence[str]]
"""What a resource was on a node, one after the other; also of the node itself."""


def journeys(trace: Trace) -> Cells:
    """What became of every instance and every node, in the order in which it was done."""
    found = _Journeys({})
    found.look(trace.start)
    for episode in trace.episodes:
        found.look(episode.at)
        for transition in episode.transitions:
            found.follow(transition)
            found.look(transition.after)
    return found.cells


@dataclass(frozen=True, slots=True)
class _Journeys:
    cells: dict[tuple[str, str], list[str]]

    def note(self, resource: str, node: str, label: str) -> None:
        cell = self.cells.setdefault((resource, node), [])
        if not cell or cell[-1] != label:
            cell.append(label)

    def look(self, state: State) -> None:
        for node in state.configuration.nodes:
            there = state.takes_part(node)
            if _NODE not in {resource for resource, where in self.cells if where == node} or there:
                self.note(_NODE, node, _node_label(state, node, there=there))
            elif self.cells[_NODE, node][-1] != "fenced":
                self.note(_NODE, node, "lost" if node in state.unclean else "down")
            for resource in state.configuration.primitives:
                self._instance(state, resource, node, there=there)

    def _instance(self, state: State, resource: str, node: str, *, there: bool) -> None:
        cell = self.cells.get((resource, node), ["stopped"])
        if there:
            role = state.roles.get(node, {}).get(resource, Role.STOPPED)
            failed = (resource, node) in state.failed
            if not (failed and cell[-1].endswith("FAILED")):  # of which it was said what failed
                self.note(resource, node, "FAILED" if failed else _LABELS[role])
        else:
            self.note(resource, node, "stopped" if cell[-1] == "stopped" else "lost")

    def follow(self, transition: Transition) -> None:
        conf = transition.before.configuration
        for number in transition.carried.done:
            action = transition.graph.actions[number]
            failed = number in transition.carried.failed
            if action.node is None:
                continue
            if action.kind is Kind.FENCING and action.meta("stonith_action") != "on":
                self.note(_NODE, action.node, "fencing FAILED" if failed else "fenced")
            elif action.kind is Kind.RESOURCE and action.task in _BECOMES and action.resource:
                label = f"{action.task} FAILED" if failed else _BECOMES[action.task]
                self.note(conf.primitive_id(action.resource), action.node, label)


def _node_label(state: State, node: str, *, there: bool) -> str:
    attributes = state.configuration.node_attributes(node)
    for name in ("standby", "maintenance"):
        if true(attributes.get(name)):
            return name
    return "up" if there else "down"


def accused(trace: Trace, breach: Breach) -> tuple[str, ...]:
    """The primitives that a breach is about, and those that its situation hits."""
    conf = trace.start.configuration
    found = [part for each in breach.resources for part in conf.collectives.get(each, ())]
    for event in trace.situation.events:
        if isinstance(event, Fails | Banned):
            found += conf.collectives.get(event.resource, ())
    between = [(each.first, each.then) for each in conf.orders if each.id == breach.constraint]
    between += [(each.resource, each.with_resource) for each in conf.colocations if each.id == breach.constraint]
    if not breach.resources:
        found += [part for pair in between for name in pair for part in conf.collectives.get(name, ())]
    return tuple(dict.fromkeys(each for each in found if each in conf.primitives))


def hit_nodes(trace: Trace) -> tuple[str, ...]:
    """The nodes that the situation names."""
    found: list[str] = []
    for event in trace.situation.events:
        match event:
            case Lost(nodes):
                found += nodes
            case Parted(side):
                found += side
            case Stopped(node) | RemoteLost(node):
                found.append(node)
            case Attributed() | Banned() | Fails():
                found.append(event.node)
            case Returned(nodes) if len(nodes) == 1:
                found += nodes
    return tuple(dict.fromkeys(found))


def table(trace: Trace, breach: Breach, width: int = 80) -> tuple[str, ...]:
    """One row for each resource, one column for each node, as far as they change or the breach is about them.

    Lines of at most `width` characters; the last ones say what is left out. Empty if nothing is worth showing.
    """
    cells = journeys(trace)
    conf = trace.start.configuration
    about = accused(trace, breach)
    nodes = _columns(cells, conf.nodes, about, (*breach.nodes, *hit_nodes(trace)))
    changed = [each for each in conf.primitives if each not in about and _changes(cells, each, nodes)]
    if about and trace.situation.kind in _EVERYTHING:
        changed = []
    alike: dict[tuple[str, ...], list[str]] = {}
    for each in changed:
        alike.setdefault(tuple(_text(cells, each, node) for node in nodes), []).append(each)
    groups = list(alike.values())
    rows = [(_NODE, "node"), *((each, each) for each in about)]
    rows += [(each[0], each[0] + (f" +{len(each) - 1}" if each[1:] else "")) for each in groups[:ROWS]]
    if not nodes or (not about and not changed and not _changes(cells, _NODE, nodes)):
        return ()
    most = _fitting(_grid(cells, rows, nodes), width)
    nodes = [each for each in conf.nodes if each in nodes[:most]]
    lines = list(_drawn(_grid(cells, rows, nodes), width))
    rest = [one for each in groups[ROWS:] for one in each]
    return (*lines, *_alike(groups[:ROWS], width), *_left_out(cells, nodes, rest, width))


def _grid(cells: Cells, rows: Iterable[tuple[str, str]], nodes: Sequence[str]) -> list[list[str]]:
    """The texts, with the names of the columns and of the rows."""
    return [["", *nodes], *([name, *(_text(cells, each, node) for node in nodes)] for each, name in rows)]


def _columns(cells: Cells, nodes: Sequence[str], about: Iterable[str], named: Iterable[str]) -> list[str]:
    """The nodes to show, the most telling first."""
    first = [each for each in named if each in nodes]
    moved = [node for node in nodes if any(len(cells.get((each, node), ())) > 1 for each in (*about, _NODE))]
    here = {node for (each, node), cell in cells.items() if each in about and cell[0] != "stopped"}
    holding = [node for node in nodes if node in here]
    other = [node for node in nodes if any(len(cell) > 1 for (_, where), cell in cells.items() if where == node)]
    return list(dict.fromkeys((*first, *moved, *holding, *other)))


def _changes(cells: Cells, resource: str, nodes: Iterable[str]) -> bool:
    return any(len(cells.get((resource, node), ())) > 1 for node in nodes)


def _text(cells: Cells, resource: str, node: str) -> str:
    cell = cells.get((resource, node), ("stopped",))
    return "-" if list(cell) == ["stopped"] else " -> ".join(cell)


def _widths(grid: Sequence[Sequence[str]]) -> tuple[int, list[int]]:
    """How wide the names are, and each column at least."""
    names, *columns = zip(*grid, strict=True)
    return min(NAME_WIDTH, max(map(len, names))), [max(map(_least, column)) for column in columns]


def _fitting(grid: Sequence[Sequence[str]], width: int) -> int:
    """How many of the columns there is room for."""
    used, columns = _widths(grid)
    fitting = 0
    for each in columns:
        used += each + len(_GAP)
        fitting += used <= width
    return fitting


def _drawn(grid: Sequence[Sequence[str]], width: int) -> Iterator[str]:
    """The lines; a column is as wide as its texts if there is room for that, otherwise they are stacked."""
    name_width, widths = _widths(grid)
    room = width - name_width - sum(each + len(_GAP) for each in widths)
    for number, column in enumerate(list(zip(*grid, strict=True))[1:]):
        more = max(map(len, column)) - widths[number]
        if more <= room:
            widths[number] += more
            room -= more
    for name, *texts in grid:
        parts = [_stacked(text, each) for text, each in zip(texts, widths, strict=True)]
        for number in range(max(map(len, parts))):
            cells = [part[number] if number < len(part) else "" for part in parts]
            first = _cut(name, name_width) if number == 0 else ""
            aligned = (f"{text:<{each}}" for text, each in zip(cells, widths, strict=True))
            yield _GAP.join([f"{first:<{name_width}}", *aligned]).rstrip()


def _least(text: str) -> int:
    """The width that a cell needs at least: each step may be on a line of its own."""
    return max(len(line) for line in text.replace(" -> ", "\n-> ").split("\n"))


def _stacked(text: str, width: int) -> list[str]:
    return [text] if len(text) <= width else text.replace(" -> ", "\n-> ").split("\n")


def _cut(name: str, width: int) -> str:
    return name if len(name) <= width else f"{name[: width - 2]}.."


def _alike(groups: Iterable[Sequence[str]], width: int) -> Iterator[str]:
    for first, *others in groups:
        if others:
            yield from _sentence(f"+{len(others)}: as {first}, so {listed(others, NAMED)}.", width)


def _left_out(cells: Cells, nodes: Sequence[str], rest: Sequence[str], width: int) -> Iterator[str]:
    """What is said of nodes that are not shown, and of resources that changed and are not."""
    everywhere = list(dict.fromkeys(node for _, node in cells))
    changed = {node for (_, node), cell in cells.items() if len(cell) > 1 and node not in nodes}
    without = [node for node in everywhere if node not in nodes]
    if without:
        number = "all" if len(changed) == len(without) else len(changed)
        also = f", {number} of which changed as well" if changed else ""
        yield from _sentence(
            f"Left out: {len(without)} of {len(everywhere)} nodes{also}: {listed(without, NAMED)}.", width
        )
    if rest:
        yield from _sentence(
            f"Left out: {len(rest)} resources that changed as well: {listed(rest, NAMED)}.", width
        )


def _sentence(text: str, width: int) -> list[str]:
    return textwrap.wrap(text, width, break_on_hyphens=False)


def decided(transition: Transition) -> list[Action]:
    """What Pacemaker does in a transition, in the order in which it is done; what was not begun comes last."""
    return [transition.graph.actions[number] for number in (*transition.carried.done, *transition.carried.left)]
