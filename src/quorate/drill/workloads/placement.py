"""Resource providers, of nothing."""

from collections.abc import Iterator, Mapping

from quorate.catalog import placement
from quorate.drill.api import Api
from quorate.drill.collection import Collection
from quorate.drill.lifecycle import LifeCycle
from quorate.model.design import Design

VERSION = "placement 1.20"
"""The first that gives what it has made."""


def workloads(design: Design, secrets: Mapping[str, str]) -> Iterator[LifeCycle]:
    """One, as the cloud's administrator."""
    providers = Collection(
        Api.of(design, placement.SERVICE, secrets, VERSION),
        "/resource_providers",
        one="",
        many="resource_providers",
        body=lambda name: {"name": name},
        identifier="uuid",
    )
    yield LifeCycle("providers", "placement", providers)
