"""Each service used as a person would: a module each, named as the component, found by being here.

A module has `NAME` (the check's), `ABOUT`, and `use(at) -> str`, which says what was seen. What it makes it names
`at.name` and gives to `at.remove` at once, so that nothing is left, also when it fails half-way.
"""

import pkgutil
import secrets as random
from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from dataclasses import dataclass, field
from functools import partial
from importlib import import_module
from threading import Event
from typing import Any, Protocol, cast

from quorate.catalog.keystone import ADMIN, SERVICE
from quorate.model.check import Result, no, unknown, yes
from quorate.model.design import Design
from quorate.verify.cloud import client_errors, connection, short, way
from quorate.verify.report import Outcome

PREFIX = "quorate-verify-"
PATIENCE_S = 60
"""For the answer to one request; what is made of many takes its time."""
AT_ONCE = 2
"""Services used at the same time: a look at a cloud must not be what its clients wait for."""
On = Callable[[str, tuple[str, ...]], str]


class Wrong(Exception):
    """A service answered, and not as it should."""


def all_up(services: list[Any]) -> None:
    """Raise Wrong for those of a service's own processes that it says are down."""
    down = [f"{each.binary} on {each.host}" for each in services if each.state != "up"]
    if down:
        raise Wrong(f"down: {', '.join(down)}")


@dataclass(frozen=True, slots=True)
class At:
    """A cloud to be used: its design, a connection to it as administrator, a name, and what is to be removed.

    `password` is the administrator's, `on` gives what a program prints on a node.
    """

    design: Design
    cloud: Any
    password: str = field(repr=False)
    name: str
    on: On
    leaving: ExitStack

    def remove(self, how: Callable[..., Any], *what: Any, **options: Any) -> None:
        """Do this in the end, the last first."""
        self.leaving.callback(how, *what, **options)


class Use(Protocol):
    """What a module here offers."""

    NAME: str
    ABOUT: str

    def use(self, at: At) -> str:
        """Use the service; what was seen. Raises Wrong, or what the client library raises."""
        ...


def _uses(design: Design) -> Iterator[tuple[str, Use]]:
    for module in pkgutil.iter_modules(__path__):
        if design.cloud.topology.has(module.name):
            yield module.name, cast(Use, import_module(f"{__name__}.{module.name}"))


def names(design: Design) -> tuple[str, ...]:
    """The checks that `outcomes` gives."""
    return tuple(use.NAME for _, use in _uses(design))


def outcomes(
    design: Design, secrets: Mapping[str, str], wanted: frozenset[str], on: On, ended: Event
) -> tuple[Outcome, ...]:
    """Each wanted use of a service, some at once, by the virtual IP; none begins once it has `ended`. Blocks."""
    uses = [(component, use) for component, use in _uses(design) if use.NAME in wanted]
    if not uses:
        return ()
    address = design.cloud.topology.virtual_ip(SERVICE.listener).address
    silent = way(address, design.listener(SERVICE.listener).port)
    if silent and "cannot" in silent:
        trouble = unknown(f"{address} {silent}")
        return tuple(Outcome(use.NAME, component, use.ABOUT, (trouble,)) for component, use in uses)
    with ThreadPoolExecutor(AT_ONCE) as threads:
        used = partial(_used, design, secrets[ADMIN.name], on, ended)
        results = list(threads.map(used, (use for _, use in uses)))
    return tuple(
        Outcome(use.NAME, component, use.ABOUT, tuple(seen))
        for (component, use), seen in zip(uses, results, strict=True)
    )


def _used(design: Design, password: str, on: On, ended: Event, use: Use) -> list[Result]:
    """A yes or a no; and another no for whatever could not be removed."""
    if ended.is_set():
        return [unknown("interrupted before")]
    errors = (Wrong, client_errors(), import_module("openstack.exceptions").SDKException, OSError)
    cloud = connection(design.url(SERVICE), design.cloud.region, password, PATIENCE_S)
    results: list[Result] = []
    leaving = ExitStack()
    try:
        with leaving:
            at = At(design, cloud, password, PREFIX + random.token_hex(3), on, leaving)
            try:
                results.append(yes(use.use(at)))
            except errors as error:
                results.append(no(short(error)))
    except errors as error:
        results.append(no(f"something of it is left behind: {short(error)}"))
    finally:
        cloud.close()
    return results
