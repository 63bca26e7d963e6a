"""Reading networks, nodes, clusters and virtual IPs: everything with an address or a name."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from ipaddress import IPv4Network

from quorate.model.topology import MANAGEMENT, PUBLIC, Bmc, Cluster, Network, Node, Topology, VirtualIp, Wire
from quorate.spec.reader import IPAddress, Value, among, nearest, present

BMC = "bmc"
INTERNAL = "internal"


@dataclass(slots=True)
class Addresses:
    """Who has which address, so that the owner of one that is given twice can be named."""

    owners: dict[IPAddress, list[tuple[int | None, str]]] = field(default_factory=dict)

    def claim(self, value: Value, address: IPAddress, owner: str, port: int | None = None) -> None:
        """Note that an owner has an address, or only one port of it; a mistake if it is taken."""
        owners = self.owners.setdefault(address, [])
        for taken_port, taken_by in owners:
            if port is None or taken_port is None or taken_port == port:
                shown = f"{address} port {port}" if port and taken_port else str(address)
                value.wrong(f"{shown} is already {taken_by}; choose another for {owner}")
                return
        owners.append((port, owner))


def networks(value: Value) -> dict[str, Network | Wire | None]:
    """The networks by name, those without addresses too; None for one that is named but cannot be read."""
    found: dict[str, Network | Wire | None] = {}
    for key, body in value.pairs("of network names to {cidr: 10.20.0.0/24}"):
        name = key.host_name()
        if name == BMC:
            key.wrong("bmc is a node's management controller; give the network another name")
        if name is None or name == BMC:
            continue
        if name != MANAGEMENT and body.has("interface"):
            interface = body.fields(("interface",))["interface"].text()
            found[name] = Wire(name, interface) if interface else None
            continue
        fields = body.fields(("cidr",))
        cidr_value = fields.get("cidr")
        cidr = cidr_value.network() if cidr_value else None
        if cidr_value is not None and cidr is not None:
            for other in present(found).values():
                if isinstance(other, Network) and other.cidr.overlaps(cidr):
                    cidr_value.wrong(f"{cidr} overlaps {other.name}, {other.cidr}; a network needs its own")
        found[name] = Network(name, cidr) if cidr else None
    if value.is_mapping and MANAGEMENT not in found:
        value.wrong(f"networks has no {MANAGEMENT}, which clusters live on; add {MANAGEMENT}: {{cidr: ...}}")
    return found


def nodes(value: Value, known: Mapping[str, Network | None], taken: Addresses) -> dict[str, Node | None]:
    """The nodes by name; None for one that is named but cannot be read."""
    found: dict[str, Node | None] = {}
    for key, body in value.pairs("of node names to {management: 10.20.0.11, bmc: {...}}"):
        name = key.host_name()
        node = _node(key.raw or "", body, known, taken)
        found[key.raw or ""] = node if name else None
    if value.is_mapping and not found:
        value.wrong("nodes is empty; add at least one, NAME: {management: ADDRESS}")
    return found


def _node(name: str, body: Value, known: Mapping[str, Network | None], taken: Addresses) -> Node | None:
    optional = (*(network for network in known if network != MANAGEMENT), BMC)
    fields = body.fields((MANAGEMENT,), optional)
    addresses: dict[str, str] = {}
    for network_name, address_value in fields.items():
        if network_name == BMC:
            continue
        address = address_value.address()
        if address is None:
            continue
        network = known.get(network_name)
        if network is None or _in_network(address_value, address, network):
            taken.claim(address_value, address, f"the {network_name} address of {name}")
            addresses[network_name] = str(address)
    bmc = _bmc(name, fields[BMC], taken) if BMC in fields else None
    return Node(name, addresses, bmc) if MANAGEMENT in addresses else None


def _bmc(name: str, value: Value, taken: Addresses) -> Bmc | None:
    fields = value.fields(("address", "username"), ("port",))
    address = fields["address"].address() if "address" in fields else None
    username = fields["username"].text() if "username" in fields else None
    port = fields["port"].number(1, 65535) if "port" in fields else 623
    if address is None or username is None or port is None:
        return None
    taken.claim(fields["address"], address, f"the BMC of {name}", port)
    return Bmc(str(address), username, port)


def clusters(
    value: Value, nodes: Mapping[str, Node | None], requires: Mapping[str, tuple[str, ...]]
) -> tuple[Cluster, ...]:
    """The clusters that could be read; `requires` has what each known component cannot do without."""
    found: list[Cluster] = []
    node_home: dict[str, str] = {}
    placed: dict[str, tuple[str, Value]] = {}
    for key, body in value.pairs("of cluster names to {nodes: [...], components: [...]}"):
        name = key.host_name() or key.raw or ""
        fields = body.fields(("nodes", "components"))
        members = _members(name, fields.get("nodes"), nodes, node_home)
        components = _components(name, fields.get("components"), requires, placed)
        found.append(Cluster(name, members, components))
    for component, (_, where) in placed.items():
        for required in requires[component]:
            if required not in placed:
                where.wrong(f"{component} requires {required}, which is on no cluster; add {required}")
    if value.is_mapping and not found:
        value.wrong("clusters is empty; add at least one, NAME: {nodes: [...], components: [...]}")
    return tuple(found)


def _members(
    cluster: str, value: Value | None, nodes: Mapping[str, Node | None], home: dict[str, str]
) -> tuple[Node, ...]:
    found = []
    items = value.items("of node names") if value else []
    if value is not None and value.is_sequence and not items:
        value.wrong(f"{value.path} is empty; name the cluster's members")
    for item in items:
        name = item.text()
        if name is None:
            continue
        if name not in nodes:
            item.wrong(f"unknown node {name}{among(nodes, name)}")
        elif home.get(name) == cluster:
            item.wrong(f"node {name} is named twice; remove one")
        elif name in home:
            item.wrong(f"node {name} is a member of {home[name]} already; a node belongs to one cluster")
        else:
            home[name] = cluster
            if (node := nodes[name]) is not None:
                found.append(node)
    return tuple(found)


def _components(
    cluster: str,
    value: Value | None,
    requires: Mapping[str, tuple[str, ...]],
    placed: dict[str, tuple[str, Value]],
) -> tuple[str, ...]:
    found = []
    for item in value.items("of component names") if value else []:
        name = item.choice(requires, "component") or nearest(requires, item.raw)
        if name is None:
            continue
        if name not in placed:
            placed[name] = (cluster, item)
            found.append(name)
        elif placed[name][0] == cluster:
            item.wrong(f"component {name} is named twice; remove one")
        else:
            item.wrong(f"component {name} is on cluster {placed[name][0]} already; keep it on one")
    return tuple(found)


def virtual_ips(
    value: Value,
    known: Mapping[str, Network | None],
    components: tuple[str, ...],
    taken: Addresses,
) -> tuple[VirtualIp, ...]:
    """The virtual IPs that could be read: the shared internal one, a public one, one a service."""
    fields = value.fields((INTERNAL,), (PUBLIC, "services"))
    found = []
    if INTERNAL in fields:
        found.append(_virtual_ip(INTERNAL, fields[INTERNAL], known.get(MANAGEMENT), taken))
    if PUBLIC in fields and PUBLIC not in known:
        fields[PUBLIC].wrong("a public virtual IP needs a public network; add networks.public: {cidr: ...}")
    elif PUBLIC in fields:
        found.append(_virtual_ip(PUBLIC, fields[PUBLIC], known[PUBLIC], taken))
    services = fields["services"].pairs("of component names to addresses") if "services" in fields else []
    for key, address in services:
        name = placed_component(key, components)
        if name is not None:
            found.append(_virtual_ip(name, address, known.get(MANAGEMENT), taken))
    return tuple(vip for vip in found if vip is not None)


def placed_component(value: Value, components: tuple[str, ...]) -> str | None:
    """The name of a component that some cluster runs."""
    name = value.text()
    if name is not None and name not in components:
        value.wrong(f"component {name} is on no cluster{among(components, name)}")
        return None
    return name


def _virtual_ip(name: str, value: Value, network: Network | None, taken: Addresses) -> VirtualIp | None:
    address = value.address()
    if address is None:
        return None
    if network is not None and not _in_network(value, address, network):
        return None
    taken.claim(value, address, f"the virtual IP {name}")
    return VirtualIp(name, str(address), network) if network else None


def _in_network(value: Value, address: IPAddress, network: Network) -> bool:
    cidr = network.cidr
    # A /31 or /127 has two hosts and nothing else; IPv6 has no broadcast.
    has_edges = cidr.prefixlen < cidr.max_prefixlen - 1
    if address not in cidr:
        value.wrong(f"{address} is outside the {network.name} network {cidr}; choose an address within it")
    elif has_edges and address == cidr.network_address:
        value.wrong(f"{address} is the {network.name} network's own address; choose another within {cidr}")
    elif has_edges and isinstance(cidr, IPv4Network) and address == cidr.broadcast_address:
        value.wrong(f"{address} is the {network.name} network's broadcast address; choose another within {cidr}")
    else:
        return True
    return False


def topology(fields: Mapping[str, Value], requires: Mapping[str, tuple[str, ...]]) -> Topology:
    """All of it, as far as it could be read; mistakes are noted where they stand."""
    taken = Addresses()
    all_ = networks(fields["networks"]) if "networks" in fields else {}
    wires = tuple(each for each in all_.values() if isinstance(each, Wire))
    known = {name: each for name, each in all_.items() if not isinstance(each, Wire)}
    hosts = nodes(fields["nodes"], known, taken) if "nodes" in fields else {}
    groups = clusters(fields["clusters"], hosts, requires) if "clusters" in fields else ()
    placed = tuple(component for cluster in groups for component in cluster.components)
    vips = virtual_ips(fields["virtual_ips"], known, placed, taken) if "virtual_ips" in fields else ()
    return Topology(tuple(present(known).values()), tuple(present(hosts).values()), groups, vips, wires)
