"""The design: the one value that everything else is derived from."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from quorate.model.cloud import Cloud
from quorate.model.component import Component, Listener, Service
from quorate.model.item import File
from quorate.model.resource import Configuration
from quorate.model.secret import KeySet, Secret, references
from quorate.model.topology import Cluster, Node, VirtualIp

LOOPBACK = "127.0.0.1"


@dataclass(frozen=True, slots=True)
class ClusterDesign:
    """One cluster with what its components declared and the Pacemaker configuration that follows."""

    cluster: Cluster
    components: tuple[Component, ...]
    configuration: Configuration


@dataclass(frozen=True, slots=True)
class Design:
    """The whole cloud, decided; it holds secret names, never values. `files` maps a node's name to its files."""

    cloud: Cloud
    clusters: tuple[ClusterDesign, ...]
    files: Mapping[str, tuple[File, ...]]

    def components(self) -> Iterator[Component]:
        """Every component of every cluster, in the order of dependence."""
        for cluster in self.clusters:
            yield from cluster.components

    def listeners(self) -> Iterator[tuple[Listener, tuple[Node, ...]]]:
        """Every listener with the nodes that serve it."""
        for cluster in self.clusters:
            for component in cluster.components:
                for listener in component.listeners:
                    yield listener, cluster.cluster.members

    def listener(self, name: str) -> Listener:
        """The listener of that name (KeyError if none)."""
        for listener, _ in self.listeners():
            if listener.name == name:
                return listener
        raise KeyError(name)

    def virtual_ip(self, listener: Listener) -> VirtualIp:
        """Where clients in the cloud reach a listener: its component's own address, or the shared one."""
        owner = next(component.name for component in self.components() if listener in component.listeners)
        return self.cloud.topology.virtual_ip(owner)

    def services(self) -> Iterator[tuple[Service, Component]]:
        """Every catalogue entry with the component that declared it."""
        for component in self.components():
            for service in component.services:
                yield service, component

    def secrets(self) -> Iterator[Secret]:
        """Every secret some component needs, each once."""
        seen: dict[str, Secret] = {}
        for component in self.components():
            for secret in component.secrets:
                seen.setdefault(secret.name, secret)
        yield from seen.values()

    def secret_names(self) -> frozenset[str]:
        """The secrets that components declare, and those an operator's extra settings refer to."""
        extra = (keys.values() for sections in self.cloud.extra.values() for keys in sections.values())
        referred = {name for values in extra for value in values for name in references(value)}
        return frozenset(referred | {secret.name for secret in self.secrets()})

    def key_sets(self) -> Iterator[KeySet]:
        """Every rotated key set."""
        for component in self.components():
            yield from component.key_sets

    def address(self, listener: Listener) -> str:
        """Where services reach a listener: the virtual IP, or a name that stands for two addresses."""
        return proxy_name(listener) if listener.local else self.virtual_ip(listener).address

    def proxies(self, node: Node) -> Mapping[str, tuple[str, ...]]:
        """The names of local listeners by the addresses that stand for them on a node.

        HAProxy on the node itself first, if it runs there: the loss of the node that holds the virtual IP does not
        touch it (docs/adr/0002). The virtual IP is next, for when that proxy is dead.
        """
        topology = self.cloud.topology
        found: dict[str, list[str]] = {}
        for listener, _ in self.listeners():
            if listener.local:
                own = (LOOPBACK,) if node in topology.members_of("haproxy") else ()
                for address in (*own, self.virtual_ip(listener).address):
                    found.setdefault(address, []).append(proxy_name(listener))
        return {address: tuple(names) for address, names in found.items()}

    def url(self, service: Service, *, public: bool = False) -> str:
        """A service's endpoint (`root` of its listener, and its path)."""
        return self.root(self.listener(service.listener), public=public) + service.path

    def root(self, listener: Listener, *, public: bool = False) -> str:
        """A listener's URL: on the public virtual IP if asked and there is one, the internal one otherwise."""
        by_name = {vip.name: vip for vip in self.cloud.topology.virtual_ips}
        vip = by_name.get("public") if public and listener.public else None
        address = (vip or self.virtual_ip(listener)).address
        host = f"[{address}]" if ":" in address else address
        return f"http://{host}:{listener.port}"


def proxy_name(listener: Listener) -> str:
    """The name by which services find a local listener, in every node's /etc/hosts."""
    return f"{listener.name}-proxy"
