"""What holds of every host, whatever runs there: packages, units at boot, clocks."""

from collections.abc import Iterator, Mapping
from functools import partial

from quorate.model.check import Answers, Check, Probe, Result, listing, no, unknown, yes
from quorate.model.design import ClusterDesign, Design

APART_S = 0.5
"""How far clocks may be apart: less than what tokens, logs and failure timeouts can bear."""


def checks(design: Design) -> Iterator[Check]:
    """Every package installed; no unit that Pacemaker owns, or that nobody may start, started at boot."""
    packages = {_packages(cluster): _nodes(cluster) for cluster in design.clusters}
    yield Check("packages", "hosts", "every package installed", packages, partial(_installed, packages))
    units = {_units(cluster): _nodes(cluster) for cluster in design.clusters}
    wanted = {probe: _wanted(cluster) for probe, cluster in zip(units, design.clusters, strict=True)}
    yield Check(
        "boot", "hosts", "nothing starts at boot outside the cluster's control", units, partial(_at_boot, wanted)
    )


def _nodes(cluster: ClusterDesign) -> tuple[str, ...]:
    return tuple(member.name for member in cluster.cluster.members)


def _packages(cluster: ClusterDesign) -> Probe:
    names = sorted({name.partition("=")[0] for component in cluster.components for name in component.packages})
    return Probe(("dpkg-query", "--show", "--showformat", "${Package} ${db:Status-Status}\\n", *names), json=False)


def _installed(probes: Mapping[Probe, tuple[str, ...]], answers: Answers) -> Iterator[Result]:
    wrong, count = [], 0
    for probe in probes:
        names = probe.argv[4:]
        count = max(count, len(names))
        for node, said in answers[probe].items():
            words = [line.split() for line in said["stdout"].splitlines()]
            present = {name for name, state in words if state == "installed"}
            missing = [name for name in names if name not in present]
            if missing:
                wrong.append(no(f"not installed: {listing(missing)}", node))
    yield from wrong or [yes(f"all {count} on every node")]


def _wanted(cluster: ClusterDesign) -> dict[str, tuple[str, ...]]:
    """The states of a unit's file that keep it from starting by itself, by unit."""
    wanted: dict[str, tuple[str, ...]] = {}
    for component in cluster.components:
        wanted |= dict.fromkeys(component.owned_units, _QUIET)
    for component in cluster.components:
        wanted |= dict.fromkeys(component.masked_units, ("masked",))
    return wanted


_QUIET = ("disabled", "static", "indirect", "generated", "alias", "masked")


def _units(cluster: ClusterDesign) -> Probe:
    return Probe(("systemctl", "show", "--property=Id,UnitFileState", "--", *_wanted(cluster)), json=False)


def _at_boot(wanted: Mapping[Probe, Mapping[str, tuple[str, ...]]], answers: Answers) -> Iterator[Result]:
    wrong, count = [], 0
    for probe, units in wanted.items():
        count = max(count, len(units))
        for node, said in answers[probe].items():
            if said["rc"] != 0:
                wrong.append(unknown(f"systemctl show exited {said['rc']}: {said['stderr'].strip()}", node))
                continue
            # One block a unit, in the order asked for: an alias is shown under the unit's own name.
            blocks = [
                dict(line.partition("=")[::2] for line in block.splitlines()) for block in _blocks(said["stdout"])
            ]
            for (unit, states), block in zip(units.items(), blocks, strict=True):
                state = block["UnitFileState"] or "not there"
                if state not in states:
                    wrong.append(no(f"{unit} is {state}, not {states[0]}", node))
    yield from wrong or [yes(f"{count} units are left to Pacemaker, or to nobody")]


def _blocks(text: str) -> list[str]:
    return [block for block in text.strip().split("\n\n") if block]


def clocks(offsets: Mapping[str, tuple[float, float]]) -> Iterator[Result]:
    """Judge how far clocks are apart.

    `offsets` are bounds in s of each node's clock against ours: it was read between the sending of the question
    and the arrival of its answer.
    """
    apart = {a: [b for b in offsets if b != a and _at_least(offsets, a, b) > APART_S] for a in offsets}
    worst = max((len(others) for others in apart.values()), default=0)
    pairs = [(a, b) for a in offsets for b in offsets if a < b]
    doubtful = [(a, b) for a, b in pairs if _at_most(offsets, a, b) > APART_S and b not in apart[a]]
    for node, others in apart.items():
        # A wrong clock is apart from all that are right, a right one only from those that are wrong.
        if worst and len(others) == worst:
            least = min(_at_least(offsets, node, other) for other in others)
            yield no(f"at least {least:.1f} s apart from {listing(others)}: is time synchronised there?", node)
    for a, b in doubtful:
        yield unknown(
            f"up to {_at_most(offsets, a, b):.1f} s apart from {b}: the way there is too slow to tell", a
        )
    if offsets and not worst and not doubtful:
        most = max((_at_most(offsets, *pair) for pair in pairs), default=0.0)
        yield yes(f"{len(offsets)} clocks within {most:.2f} s")


def _at_least(offsets: Mapping[str, tuple[float, float]], a: str, b: str) -> float:
    return max(0.0, offsets[a][0] - offsets[b][1], offsets[b][0] - offsets[a][1])


def _at_most(offsets: Mapping[str, tuple[float, float]], a: str, b: str) -> float:
    return max(offsets[a][1] - offsets[b][0], offsets[b][1] - offsets[a][0])
