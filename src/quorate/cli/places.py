"""Where Pacemaker's scheduler is asked: on this host, in the lab's image, or on a member of the cluster."""

import asyncio
from collections.abc import Callable, Iterable, Iterator
from functools import partial
from itertools import chain

from quorate.lab.command import LabError
from quorate.lab.image import REPOSITORY, images
from quorate.lab.machine import this_machine
from quorate.model.cloud import Ssh
from quorate.model.topology import Node
from quorate.prove.scheduler import LOCAL, Place, SchedulerUnavailable, in_image, scheduler_at
from quorate.remote.errors import Unreachable
from quorate.remote.openssh_transport import ssh_command

DESIGNED = "3.0"
"""The Pacemaker that a deployment installs: Debian 13's."""

IMAGE = "the lab's image"
CONNECT_S = 5.0

Candidate = tuple[str, Callable[[], Place]]
"""A place's name, and what finds it: raises LabError or Unreachable, saying what to do, if it is not there."""


class NoPlace(Exception):
    """Pacemaker of the version that is wanted can be asked nowhere; the message says why not, and what to do."""

    def __init__(self, version: str, reasons: Iterable[tuple[str, str]]) -> None:
        said = "\n".join(f"  {name}: {reason}" for name, reason in reasons)
        super().__init__(f"quorate: nowhere can Pacemaker {version} be asked what it would do:\n{said}")


def place(version: str, members: Iterable[Node] = (), ssh: Ssh | None = None) -> Place:
    """The first place whose Pacemaker is of a version: `3.0` means any 3.0.x. Raises NoPlace."""
    return chosen(version, chain(_here(), _there(members, ssh or Ssh())))


def chosen(version: str, candidates: Iterable[Candidate]) -> Place:
    """The first candidate with Pacemaker of a version; its scheduler stays started. Raises NoPlace."""
    reasons: list[tuple[str, str]] = []
    for name, find in candidates:
        try:
            found = find()
            has = scheduler_at(found).version
        except SchedulerUnavailable as unavailable:
            why = "; ".join(unavailable.reasons.values())
            reasons.append((name, f"{why}{_remedy(name, version)}"))
        except (LabError, Unreachable) as error:
            reasons.append((name, str(error)))
        else:
            if is_of(has, version):
                return found
            reasons.append((name, f"it has Pacemaker {has}"))
    raise NoPlace(version, reasons)


def is_of(found: str, wanted: str) -> bool:
    """Whether a version is the one that is wanted; the build in a dc-version (3.0.0-1234abc) apart."""
    return f"{found}.".startswith(f"{wanted.partition('-')[0]}.")


def _remedy(name: str, version: str) -> str:
    install = f"; install Pacemaker {version.partition('-')[0]} there: apt-get install pacemaker-cli-utils"
    return install if name == LOCAL.name else ""


def _here() -> Iterator[Candidate]:
    yield LOCAL.name, lambda: LOCAL
    yield from _images()


def _there(members: Iterable[Node], ssh: Ssh) -> Iterator[Candidate]:
    for node in members:
        yield f"node {node.name}", partial(_member, node, ssh)


def _images() -> Iterator[Candidate]:
    try:
        machine = this_machine()
        found = images(machine.podman)
    except LabError as error:
        yield IMAGE, partial(_missing, str(error))
        return
    if not found:
        yield IMAGE, partial(_missing, f"there is no {REPOSITORY}; build it, once, in minutes: quorate lab up")
    for name in found:
        yield f"image {name}", partial(in_image, machine.podman, name, machine.create_options())


def _missing(reason: str) -> Place:
    raise LabError(reason)


def _member(node: Node, ssh: Ssh) -> Place:
    argv = asyncio.run(ssh_command(node, ssh, CONNECT_S))
    return Place(f"node {node.name}", argv, shell=True)  # noqa: S604 - which runs no shell here
