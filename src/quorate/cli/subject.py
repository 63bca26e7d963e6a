"""What is asked about: a design's clusters, anybody's CIB in a file, or clusters that run."""

import argparse
import asyncio
import sys
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from difflib import get_close_matches
from pathlib import Path
from xml.etree import ElementTree as ET

from quorate.cli import places
from quorate.cli.cloud import Opened
from quorate.cli.exit import UsageError
from quorate.formats import cib
from quorate.model.cloud import Ssh
from quorate.model.design import ClusterDesign
from quorate.model.resource import Clone
from quorate.model.topology import Node
from quorate.prove import live
from quorate.prove import state as states
from quorate.prove.configuration import Configuration
from quorate.prove.intent import Active, Intent
from quorate.prove.intent import of as intent_of
from quorate.prove.scheduler import Place
from quorate.prove.state import State
from quorate.remote.errors import Unreachable
from quorate.remote.openssh_transport import OpensshTransport
from quorate.remote.session import open_all
from quorate.spec.errors import SpecError, SpecErrors

STDIN = "-"
_MAKE_ONE = "save one on a member: cibadmin --query > FILE"


@dataclass(frozen=True)
class Subject:
    """A cluster in some state: its name, who tells it, the Pacemaker that decides, and its members' hosts."""

    name: str
    told_by: str
    state: State
    intent: Intent
    version: str
    members: tuple[Node, ...] = ()
    ssh: Ssh | None = None
    design: ClusterDesign | None = None

    def __str__(self) -> str:
        return self.name if self.name == self.told_by else f"{self.name}, by {self.told_by}"

    def place(self) -> Place:
        """Where its Pacemaker can be asked. Raises NoPlace."""
        return places.place(self.version, self.members, self.ssh)


def add_intent_options(parser: argparse.ArgumentParser) -> None:
    """--one and --all: what a CIB does not say."""
    about = "RESOURCE is meant to run {} (where the CIB does not show it)"
    parser.add_argument("--one", action="append", default=[], metavar="RESOURCE", help=about.format("once"))
    parser.add_argument(
        "--all", action="append", default=[], metavar="RESOURCE", help=about.format("on every node")
    )


def designed(cloud: Opened, said: argparse.Namespace | None = None) -> Iterator[Subject]:
    """Each cluster of a design, with all members up and nothing started yet."""
    for cluster in cloud.design.clusters:
        members = cluster.cluster.members
        numbered = [(node.name, number) for number, node in enumerate(members, 1)]
        state = states.read(cib.document(cluster.configuration, numbered))
        yield Subject(
            name=cluster.cluster.name,
            told_by="the design",
            state=state,
            intent=intended(state.configuration, said, cluster),
            version=places.DESIGNED,
            members=members,
            ssh=cloud.design.cloud.ssh,
            design=cluster,
        )


def saved(path: str, said: argparse.Namespace) -> Subject:
    """The cluster in a CIB's file; `-` is standard input. Raises SpecErrors, OSError, UsageError."""
    name = "standard input" if path == STDIN else path
    text = sys.stdin.read() if path == STDIN else Path(path).read_text(encoding="utf-8")
    state = read_cib(text, name)
    version = state.configuration.properties.get("dc-version", places.DESIGNED)
    return Subject(name, name, state, intended(state.configuration, said), version)


def running(cloud: Opened, args: argparse.Namespace, nodes: Iterable[str] = ()) -> Iterator[Subject]:
    """The design's clusters as they run, or only the one that these nodes are members of.

    Raises Unreachable, NotRunning, UsageError.
    """
    wanted = _of(cloud, tuple(nodes))
    for subject in designed(cloud):
        if subject.design in wanted:
            told = asyncio.run(_told(subject.members, cloud.design.cloud.ssh, openssh=args.openssh))
            yield of_live(subject, told, args)


def of_live(subject: Subject, told: live.Live, said: argparse.Namespace | None = None) -> Subject:
    """The cluster as it runs, instead of as it is designed."""
    return replace(
        subject,
        told_by=told.node,
        state=told.state,
        intent=intended(told.state.configuration, said, subject.design),
        version=told.version or places.DESIGNED,
        members=tuple(sorted(subject.members, key=lambda node: node.name != told.node)),
    )


def read_cib(text: str, name: str) -> State:
    """A CIB's state. Raises SpecErrors as NAME:LINE:COLUMN."""

    def wrong(message: str, line: int = 1, column: int = 1) -> SpecErrors:
        return SpecErrors([SpecError(name, line, column, f"{message}; {_MAKE_ONE}")])

    try:
        ET.fromstring(text)  # noqa: S314 - expat expands no external entities
    except ET.ParseError as error:
        line, column = error.position
        raise wrong(f"not XML: {str(error).partition(':')[0]}", line, column + 1) from error
    try:
        state = states.read(text)
    except ValueError as error:
        raise wrong(str(error)) from error
    if not state.configuration.members:
        raise wrong("no member in <nodes>, so there is no cluster")
    return state


def intended(
    configuration: Configuration, said: argparse.Namespace | None, design: ClusterDesign | None = None
) -> Intent:
    """What is meant to run how often. Raises UsageError for a resource that is not there."""
    active = [] if said is None else [(Active.ONE, said.one), (Active.ALL, said.all)]
    meant = {} if design is None else dict(_cloned(configuration, design))
    for how, names in active:
        for name in names:
            if name not in configuration.collectives:
                raise UsageError(f"no resource is called {name}{did_you_mean(name, configuration.collectives)}")
            meant[name] = how
    components = () if design is None else design.components
    return intent_of(configuration, meant, [each.resource for one in components for each in one.majorities])


def _cloned(configuration: Configuration, design: ClusterDesign) -> Iterator[tuple[str, Active]]:
    """What the design clones bears it, also where another's clone of the same daemon would be a mistake."""
    for each in design.configuration.resources:
        if isinstance(each, Clone) and not each.promotable and each.id in configuration.collectives:
            yield each.id, Active.ALL


def did_you_mean(name: str, known: Iterable[str]) -> str:
    """The end of a message about a name that nothing has."""
    names = list(known)
    near = get_close_matches(name, names, n=1)
    return f"; did you mean {near[0]}?" if near else f"; there are {', '.join(names)}"


def _of(cloud: Opened, nodes: tuple[str, ...]) -> tuple[ClusterDesign, ...]:
    members: Mapping[str, ClusterDesign] = {
        node.name: cluster for cluster in cloud.design.clusters for node in cluster.cluster.members
    }
    for node in nodes:
        if node not in members:
            raise UsageError(f"no node is called {node}{did_you_mean(node, members)}")
    found = {members[node].cluster.name: members[node] for node in nodes}
    if len(found) > 1:
        raise UsageError(f"the nodes are of {len(found)} clusters, {', '.join(found)}; ask about each by itself")
    return tuple(found.values()) if nodes else cloud.design.clusters


async def _told(members: Iterable[Node], ssh: Ssh, *, openssh: bool) -> live.Live:
    async with open_all(members, ssh, transport=OpensshTransport() if openssh else None) as hosts:
        if not hosts.sessions:
            raise _unreachable(hosts.unreachable)
        return await live.read(hosts.sessions)


def _unreachable(failures: tuple[Unreachable, ...]) -> Unreachable:
    reasons = "\n".join(f"  {each.host}: {each.reason}; {each.remedy}" for each in failures)
    return Unreachable("any member", "none lets us in", f"mend one of these:\n{reasons}")


def with_configuration(subject: Subject, configuration: str) -> Subject:
    """The same cluster with another configuration (`live.with_configuration`)."""
    state = live.with_configuration(subject.state, configuration)
    return replace(subject, state=state, intent=intended(state.configuration, None))
