"""What the cluster's own logs say that happened, and when."""

import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from enum import Enum

IDENTIFIERS = ("corosync", "pacemakerd", "pacemaker-controld", "pacemaker-fenced")


SAME_S = 2.0
"""Within this time the members tell of one and the same fencing."""


class Kind(Enum):
    """What can happen to a node or to a resource on it."""

    DETECTED = "detected"
    """Corosync misses a member."""
    MEMBERSHIP = "membership"
    """Corosync agreed on who is there."""
    FENCED = "fenced"
    """The node's power was cut and that was confirmed."""
    NOT_FENCED = "not fenced"
    """An attempt to fence the node failed."""
    BEGUN = "begun"
    """Pacemaker was started on the node."""
    START = "start"
    STOP = "stop"
    PROMOTE = "promote"
    DEMOTE = "demote"


@dataclass(frozen=True, slots=True)
class Happening:
    """Something that happened to `node` (or was seen by it), and to which resource, if it was to one.

    `at_s` is seconds since the harm began, negative before.
    """

    at_s: float
    kind: Kind
    node: str
    resource: str = ""


_OPERATION = re.compile(r"Result of (start|stop|promote|demote) operation for (\S+) on (\S+): OK")
_FENCED = re.compile(r"Operation '(?:reboot|off)' targeting (\S+) .*?: (OK)?")
_DETECTED = re.compile(r"A processor failed, forming new configuration")
_MEMBERSHIP = re.compile(r"A new membership \(\S+\) was formed")
_BEGUN = re.compile(r"Starting Pacemaker \S+")


def command(since_at: float) -> tuple[str, ...]:
    """What prints a node's journal from then on (seconds of the epoch)."""
    options = ("--no-pager", "--output=short-unix", f"--since=@{since_at:.0f}")
    return ("journalctl", *options, *(f"--identifier={each}" for each in IDENTIFIERS))


def happenings(journals: Iterable[tuple[str, str]], struck_at: float) -> tuple[Happening, ...]:
    """All in order, out of what `command` printed on each node; the same told by several nodes is told once."""
    found = {
        Happening(round(at - struck_at, 3), kind, node, resource)
        for teller, text in journals
        for at, kind, node, resource in _read(teller, text.splitlines())
    }
    return tuple(_once(sorted(found, key=lambda each: (each.at_s, each.node, each.kind.value, each.resource))))


def _read(teller: str, lines: Iterable[str]) -> Iterator[tuple[float, Kind, str, str]]:
    for line in lines:
        stamp, _, said = line.partition(" ")
        if not stamp.replace(".", "", 1).isdigit():
            continue
        at = float(stamp)
        if match := _OPERATION.search(said):
            operation, resource, node = match.groups()
            yield at, Kind(operation), node, resource
        elif "pacemaker-fenced" in said and (match := _FENCED.search(said)):
            yield at, Kind.FENCED if match[2] else Kind.NOT_FENCED, match[1], ""
        elif _DETECTED.search(said):
            yield at, Kind.DETECTED, teller, ""
        elif _MEMBERSHIP.search(said):
            yield at, Kind.MEMBERSHIP, teller, ""
        elif _BEGUN.search(said):
            yield at, Kind.BEGUN, teller, ""


def _once(found: Sequence[Happening]) -> Iterator[Happening]:
    """Without what every member tells of one fencing."""
    last: dict[tuple[Kind, str, str], float] = {}
    for each in found:
        key = (each.kind, each.node, each.resource)
        if each.kind is Kind.FENCED and each.at_s - last.get(key, float("-inf")) < SAME_S:
            continue
        last[key] = each.at_s
        yield each
