"""What a cluster's resources are meant to be, which a CIB says only in part."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from enum import Enum

from quorate.prove.configuration import REMOTE, Configuration, Primitive
from quorate.prove.spelling import INFINITY


class Active(Enum):
    """How many instances of a service are meant to run: one (active/passive) or one on every node it may use."""

    ONE = "one"
    ALL = "all"


GALERA = "ocf:heartbeat:galera"

VIRTUAL_IPS = frozenset({"IPaddr2", "IPaddr", "IPv6addr", "IPsrcaddr"})

ACTIVE_PASSIVE = frozenset({"cinder-volume", "heat-engine", "ceilometer-agent-central", "ceilometer-central"})
"""Daemons that run once unless they share a lock service, by the names of their units (OpenStack HA guide)."""


@dataclass(frozen=True)
class Intent:
    """What is meant: services with how often they run, virtual addresses, proxies, and how many are promoted.

    `promoted` maps a promotable service to the greatest number of its promoted instances; of `majorities` more
    than half of the instances are to keep on whatever one thing fails.
    """

    services: Mapping[str, Active]
    virtual_ips: frozenset[str]
    proxies: frozenset[str]
    promoted: Mapping[str, int]
    majorities: frozenset[str] = frozenset()

    @property
    def single(self) -> frozenset[str]:
        """What must never run twice."""
        return frozenset(name for name, active in self.services.items() if active is Active.ONE)


def of(
    configuration: Configuration, said: Mapping[str, Active] | None = None, majorities: Iterable[str] = ()
) -> Intent:
    """What can be told from a configuration, and what is `said` beside it about primitives, clones and groups.

    Of a promotable clone that is said about the promoted role.

    A primitive that is not cloned runs once, a clone on every node that it may use, except for daemons that are
    known to bear no second one.
    """
    parts = configuration.collectives
    meant = {part: active for name, active in (said or {}).items() for part in parts.get(name, ())}
    services = {
        each.id: Active.ALL if each.promotable else meant.get(each.id, _usual(each))
        for each in configuration.primitives.values()
        if not each.fencing and each.agent != REMOTE
    }
    return Intent(
        services=services,
        virtual_ips=frozenset(each.id for each in configuration.primitives.values() if _type(each) in VIRTUAL_IPS),
        proxies=frozenset(each.id for each in configuration.primitives.values() if "haproxy" in _type(each)),
        promoted={
            each.id: _promoted(each, meant.get(each.id))
            for each in configuration.primitives.values()
            if each.promotable
        },
        majorities=frozenset(each for each in majorities if each in services),
    )


def _promoted(primitive: Primitive, active: Active | None) -> int:
    """How many instances are meant to be promoted: all of Galera, which serves only where it is promoted."""
    if active is Active.ONE:
        return 1
    if primitive.agent == GALERA or active is Active.ALL:
        return INFINITY
    return int(primitive.meta.get("promoted-max", primitive.meta.get("master-max", "1")))


def _usual(primitive: Primitive) -> Active:
    if (primitive.clone is None and primitive.bundle is None) or _type(primitive) in VIRTUAL_IPS:
        return Active.ONE
    if _type(primitive).removeprefix("openstack-") in ACTIVE_PASSIVE:
        return Active.ONE
    return Active.ONE if primitive.meta.get("clone-max") == "1" else Active.ALL


def _type(primitive: Primitive) -> str:
    return primitive.agent.rpartition(":")[2]
