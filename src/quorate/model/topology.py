"""What the cloud stands on: networks, nodes, clusters and virtual addresses."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from ipaddress import IPv4Network, IPv6Network

MANAGEMENT = "management"
PUBLIC = "public"


@dataclass(frozen=True, slots=True)
class Network:
    """A network the nodes share."""

    name: str
    cidr: IPv4Network | IPv6Network


@dataclass(frozen=True, slots=True)
class Wire:
    """A network without addresses of the nodes', for Neutron's networks: each node's `interface` is on it."""

    name: str
    interface: str


@dataclass(frozen=True, slots=True)
class Bmc:
    """A node's baseboard management controller, reached over IPMI by the fencing agent.

    Its password is the secret `bmc/NODE`.
    """

    address: str
    username: str
    port: int = 623


@dataclass(frozen=True, slots=True)
class Node:
    """A host; `addresses` maps a network's name to the node's address there."""

    name: str
    addresses: Mapping[str, str]
    bmc: Bmc | None = None

    @property
    def address(self) -> str:
        """Its address on the management network."""
        return self.addresses[MANAGEMENT]


@dataclass(frozen=True, slots=True)
class Cluster:
    """One Pacemaker cluster: its full members, in the order of their node ids, and what runs on it."""

    name: str
    members: tuple[Node, ...]
    components: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class VirtualIp:
    """An address that Pacemaker keeps on exactly one node that runs HAProxy.

    `name` is `internal`, `public` or the name of the one component it serves.
    """

    name: str
    address: str
    network: Network


@dataclass(frozen=True, slots=True)
class Topology:
    """The whole of the cloud's machines; one cluster when collapsed, several when segregated or mixed."""

    networks: tuple[Network, ...]
    nodes: tuple[Node, ...]
    clusters: tuple[Cluster, ...]
    virtual_ips: tuple[VirtualIp, ...]
    wires: tuple[Wire, ...] = ()

    def node(self, name: str) -> Node:
        """The node of that name (KeyError if there is none)."""
        for node in self.nodes:
            if node.name == name:
                return node
        raise KeyError(name)

    def cluster_of(self, component: str) -> Cluster:
        """The cluster a component is placed on (KeyError if none)."""
        for cluster in self.clusters:
            if component in cluster.components:
                return cluster
        raise KeyError(component)

    def has(self, component: str) -> bool:
        """Whether any cluster runs the component."""
        return any(component in cluster.components for cluster in self.clusters)

    def members_of(self, component: str) -> tuple[Node, ...]:
        """The nodes that run a component."""
        return self.cluster_of(component).members

    def clusters_of_node(self, node: Node) -> Iterator[Cluster]:
        """Every cluster the node is a member of (one, unless the file is wrong)."""
        return (cluster for cluster in self.clusters if node in cluster.members)

    def virtual_ip(self, component: str) -> VirtualIp:
        """The address clients inside the cloud use to reach a component: its own, or the shared internal one."""
        by_name = {vip.name: vip for vip in self.virtual_ips}
        return by_name.get(component) or by_name["internal"]
