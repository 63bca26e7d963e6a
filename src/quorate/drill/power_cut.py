"""The drill: the node that holds the virtual IP loses power while a client asks for tokens."""

import json
import re
import time
from collections.abc import Awaitable, Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass

from quorate.drill.history import AFTERSHOCK_S, Outage, outages
from quorate.drill.probe import Probe, Target
from quorate.model.topology import VirtualIp
from quorate.remote.session import Session
from quorate.remote.shipping import Probe as Question
from quorate.remote.until import until

EVERY_S = 0.1
SETTLE_S = 3.0
AFTER_S = 60.0
RECOVERY_WITHIN_S = 180.0


class NoHolder(Exception):
    """The virtual IP is not on exactly one node, so there is no one node to cut."""


@dataclass(frozen=True, slots=True)
class Moment:
    """Something that happened, in seconds after the power cut."""

    seconds: float
    what: str


@dataclass(frozen=True, slots=True)
class PowerCut:
    """What the client lived through: the outage, and every lack of service in the minute after it."""

    node: str
    outage: Outage | None
    after: tuple[Outage, ...]
    attempts: int
    failed: int
    timeline: tuple[Moment, ...]

    @property
    def outage_s(self) -> float:
        """How long no token was to be had; 0 if the client noticed nothing."""
        return self.outage.seconds if self.outage else 0.0

    @property
    def aftershocks(self) -> tuple[Outage, ...]:
        """Those after the outage that a client calls one: longer than AFTERSHOCK_S."""
        return tuple(outage for outage in self.after if outage.seconds > AFTERSHOCK_S)


async def holder(vip: VirtualIp, hosts: Mapping[str, Session]) -> str:
    """The node that has the address; raises NoHolder."""
    question = Question(("ip", "-json", "address", "show", "to", vip.address))
    found = []
    for name, session in hosts.items():
        (answer,) = await session.run([question])
        if any(interface for interface in json.loads(answer.stdout or "[]")):
            found.append(name)
    if len(found) != 1:
        raise NoHolder(f"{vip.address} is on {' and '.join(found) or 'no node'}; see: quorate verify")
    return found[0]


async def power_cut(
    vip: VirtualIp,
    target: Target,
    hosts: Mapping[str, Session],
    cut: Callable[[str], Awaitable[None]],
    report: Callable[[str], None],
) -> PowerCut:
    """Cut the power of the node that holds the address, and watch until a minute after tokens are issued again.

    Raises NoHolder, and Deadline if service does not come back within RECOVERY_WITHIN_S.
    """
    node = await holder(vip, hosts)
    probe = Probe(target, EVERY_S)
    async with probe.running():
        await until("three seconds of service before the cut", _observer(probe), _steady, within_s=60)
        report(f"cutting the power of {node}, which holds {vip.address}")
        wall_s, cut_s = time.time(), probe.now_s()
        await cut(node)

        async def recovered_s() -> float:
            return _served_since_s(probe, cut_s)

        # The probe's own patience passes before a lack of service can be seen.
        await until(
            "tokens are issued again", recovered_s, lambda since_s: since_s >= SETTLE_S, within_s=RECOVERY_WITHIN_S
        )
        report("tokens are issued again; watching for a minute")
        await until(
            "a minute after",
            recovered_s,
            lambda _: probe.now_s() - cut_s >= AFTER_S + SETTLE_S,
            within_s=AFTER_S + RECOVERY_WITHIN_S,
        )
    attempts = [attempt for attempt in probe.attempts if attempt.ended_s >= cut_s]
    first, *after = outages(attempts) or (None,)
    survivors = {name: session for name, session in hosts.items() if name != node}
    return PowerCut(
        node,
        first,
        tuple(after),
        len(attempts),
        sum(bool(attempt.error) for attempt in attempts),
        await _timeline(survivors, node, wall_s, first, cut_s),
    )


def _observer(probe: Probe) -> Callable[[], Awaitable[float]]:
    async def observe() -> float:
        return _served_since_s(probe, 0.0)

    return observe


def _steady(since_s: float) -> bool:
    return since_s >= SETTLE_S


def _served_since_s(probe: Probe, begin_s: float) -> float:
    """For how long, up to now, every attempt that has ended was answered, since `begin_s` at the most."""
    ended = [attempt for attempt in probe.attempts if attempt.ended_s >= begin_s]
    bad = [attempt.ended_s for attempt in ended if attempt.error]
    good = [attempt.ended_s for attempt in ended if not attempt.error]
    if not good:
        return 0.0
    return max(good) - (max(bad) if bad else begin_s)


_WHAT: tuple[tuple[str, str], ...] = (
    (r"corosync.*A new membership .* was formed", "membership"),
    (r"pacemaker-fenced.*Operation '(?:reboot|off)' targeting {node} .*: (?:OK|complete)", "fenced"),
    (r"Result of start operation for vip-\S+ on (\S+): OK", "address on {0}"),
)


async def _timeline(
    hosts: Mapping[str, Session], node: str, wall_s: float, outage: Outage | None, cut_s: float
) -> tuple[Moment, ...]:
    """The first time each thing happened, as the survivors' journals have it."""
    question = Question(
        (
            "journalctl",
            "--no-pager",
            "--output",
            "short-unix",
            "--since",
            f"@{wall_s:.0f}",
            "--identifier",
            "corosync",
            "--identifier",
            "pacemaker-fenced",
            "--identifier",
            "pacemaker-controld",
        )
    )
    moments: dict[str, float] = {}
    for session in hosts.values():
        (answer,) = await session.run([question])
        for what, at_s in _happened(answer.stdout.splitlines(), node):
            moments[what] = min(at_s - wall_s, moments.get(what, at_s - wall_s))
    if outage:
        moments["tokens again"] = outage.ended_s - cut_s
    timeline = (Moment(seconds, what) for what, seconds in moments.items() if seconds >= 0)
    return tuple(sorted(timeline, key=lambda moment: moment.seconds))


def _happened(lines: Iterable[str], node: str) -> Iterator[tuple[str, float]]:
    for line in lines:
        for pattern, what in _WHAT:
            match = re.search(pattern.replace("{node}", re.escape(node)), line)
            if match:
                yield what.format(*match.groups()), float(line.split(" ", 1)[0])
