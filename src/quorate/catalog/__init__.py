"""The components: one module each, found by being here.

A module has `declare(cloud, cluster) -> Component` and may have `config(design, node) -> Iterator[File]`,
`preparations(design) -> tuple[Command | Until, ...]`, `bootstrap(design) -> tuple[Step, ...]` and
`checks(design) -> Iterator[Check]`, which are asked once all have declared, `leftovers(design) -> Probe`,
`spares(design, nodes) -> Iterator[Check]`, and `OPTIONS`, what a file may choose. One with `IMPLIED = True` is on
every cluster and not named in a file.
"""

import pkgutil
from collections.abc import Collection, Iterator
from functools import cache
from importlib import import_module
from importlib.resources import files as resources
from typing import Protocol, cast

from quorate.model.check import Check, Probe
from quorate.model.cloud import Cloud
from quorate.model.component import Component, Option, Step
from quorate.model.design import Design
from quorate.model.item import Command, File, Until
from quorate.model.topology import Cluster, Node

PYTHON = ("python3", "-I", "-c")


class CatalogModule(Protocol):
    """What a component's module offers."""

    def declare(self, cloud: Cloud, cluster: Cluster) -> Component:
        """What the component wants on that cluster."""
        ...


@cache
def _modules() -> dict[str, CatalogModule]:
    names = sorted(module.name for module in pkgutil.iter_modules(__path__) if not module.ispkg)
    return {name: cast(CatalogModule, import_module(f"{__name__}.{name}")) for name in names}


@cache
def implied() -> tuple[str, ...]:
    """The components every cluster has without being asked."""
    return tuple(name for name, module in _modules().items() if getattr(module, "IMPLIED", False))


@cache
def names() -> tuple[str, ...]:
    """The components a file may name."""
    return tuple(name for name in _modules() if name not in implied())


@cache
def options(name: str) -> tuple[Option, ...]:
    """The choices the component leaves to the file (KeyError if there is no such component)."""
    return getattr(_modules()[name], "OPTIONS", ())


def component(name: str, cloud: Cloud, cluster: Cluster) -> Component:
    """What the named component declares (KeyError if there is no such component)."""
    return _modules()[name].declare(cloud, cluster)


def files(name: str, design: Design, node: Node) -> Iterator[File]:
    """The files a component wants on a node."""
    config = getattr(_modules()[name], "config", None)
    yield from config(design, node) if config else ()


def preparations(name: str, design: Design) -> tuple[Command | Until, ...]:
    """What is done once, on the first member, before the component's resources start, but for its early ones."""
    own = getattr(_modules()[name], "preparations", None)
    return cast(tuple[Command | Until, ...], own(design)) if own else ()


def bootstrap(name: str, design: Design) -> tuple[Step, ...]:
    """What a deployment does once the component's resources run."""
    own = getattr(_modules()[name], "bootstrap", None)
    return cast(tuple[Step, ...], own(design)) if own else ()


def checks(name: str, design: Design) -> Iterator[Check]:
    """The component's own checks."""
    own = getattr(_modules()[name], "checks", None)
    yield from own(design) if own else ()


def spares(name: str, design: Design, nodes: Collection[str]) -> Iterator[Check]:
    """What says no while the component would miss what is on these nodes, of which Pacemaker knows nothing."""
    own = getattr(_modules()[name], "spares", None)
    yield from own(design, nodes) if own else ()


def leftovers(name: str, design: Design) -> Probe | None:
    """What asks a member for things that no component has any more: answered as [[what, how to remove it]]."""
    own = getattr(_modules()[name], "leftovers", None)
    return cast(Probe, own(design)) if own else None


def program(name: str) -> tuple[str, ...]:
    """The command line that runs one of `programs/` on a node, under its own python3 and out of no file there."""
    return (*PYTHON, source(name))


def source(name: str) -> str:
    """The text of one of `programs/`."""
    return resources(__name__).joinpath("programs", f"{name}.py").read_text()
