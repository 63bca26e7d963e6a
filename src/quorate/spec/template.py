"""The files that `quorate init` writes: commented, and free of mistakes as they are."""

from collections.abc import Iterable
from ipaddress import IPv4Network
from pathlib import Path

LAB_NETWORKS = tuple(IPv4Network((10 << 24 | second << 16, 24)) for second in range(77, 97))
MOST_LAB_NODES = 9
_FIRST_BMC_PORT = 6231
_FIRST_HOST = 11
_LAB_VIP = 10


class NoFreeNetworkError(Exception):
    """Every network a lab may take is in use; the message names them."""


def lab_network(used: Iterable[IPv4Network]) -> IPv4Network:
    """The first network of LAB_NETWORKS that overlaps none of those in use (NoFreeNetworkError if none is)."""
    used = tuple(used)
    for network in LAB_NETWORKS:
        if not any(network.overlaps(other) for other in used):
            return network
    raise NoFreeNetworkError(
        f"every network from {LAB_NETWORKS[0]} to {LAB_NETWORKS[-1]} overlaps one that this machine uses; "
        "take a lab down (quorate lab down) or name a free network in the file"
    )


def lab(name: str, cidr: IPv4Network, nodes: int, *, full: bool = False) -> str:
    """A laptop's lab of 1 to 9 nodes on a network of 32 addresses or more (ValueError otherwise).

    With the identity service and what it needs, or `full`, with every component there is.
    """
    if not 1 <= nodes <= MOST_LAB_NODES:
        raise ValueError(f"a lab has 1 to {MOST_LAB_NODES} nodes, not {nodes}")
    if cidr.num_addresses < 2 * MOST_LAB_NODES + _FIRST_HOST:
        raise ValueError(f"a lab's network has 32 addresses or more, not {cidr.num_addresses}")
    names = [f"ctl{number}" for number in range(1, nodes + 1)]
    hosts = "\n".join(
        f"  {node}: {{management: {cidr[_FIRST_HOST + index]}, "
        f"bmc: {{address: {cidr[1]}, port: {_FIRST_BMC_PORT + index}, username: quorate}}}}"
        for index, node in enumerate(names)
    )
    return _LAB.format(
        name=name,
        cidr=cidr,
        hosts=hosts,
        members=", ".join(names),
        vip=cidr[_LAB_VIP],
        components=_FULL_COMPONENTS if full else _COMPONENTS,
        more=_FULL if full else "",
        wire=_WIRE if full else "",
    )


def cloud() -> str:
    """Three real controllers; every address is to be replaced, and the file is one to start from."""
    return _CLOUD


def write(path: Path, text: str) -> None:
    """Make a new file; FileExistsError if there is one, which is never overwritten."""
    with path.open("x", encoding="utf-8") as file:
        file.write(text)


_COMPONENTS = " [haproxy, galera, rabbitmq, memcached, keystone]"
_FULL_COMPONENTS = """
      [haproxy, galera, rabbitmq, memcached, keystone, storage, glance, placement, nova, neutron, cinder,
       heat, horizon, chrony]"""
_WIRE = """\
  provider: {interface: eth1}        # no addresses: Neutron's networks are on it
"""
_FULL = """\
  glance: 1
  placement: 1
  nova: 1
  neutron: 1
  cinder: 1
  heat: 1
  horizon: 1

options:
  # The hosts share this machine's clock, and its kernel, which may lack Open vSwitch's part.
  chrony: {clock: watch}
  neutron: {datapath: netdev, tenant_networks: vlan}
"""

_LAB = """\
# A lab: hosts are containers on this machine, deployed to as real hosts are.
#   quorate lab up; quorate deploy; quorate verify; quorate lab down
cloud: {name}
release: "2025.1"

networks:
  management: {{cidr: {cidr}}}
{wire}
# Each node's BMC is simulated at the network's gateway, one port a node, and spoken to by the real fencing agent.
nodes:
{hosts}

clusters:
  control:
    nodes: [{members}]
    components:{components}

virtual_ips:
  internal: {vip}

failover:
  profile: fast            # fast, balanced or careful: quorate show timers

fencing:
  levels:
    - agent: fence_ipmilan
      # cipher: without it the agent asks for a list, which this BMC gives late: 14 s. power_wait: the agent rests
      # 2 s after each switching by default, which real BMCs may need; every second of it is a second of outage.
      parameters: {{lanplus: 1, cipher: 3, power_wait: 0}}

ssh:
  user: root
  config: .quorate/lab/ssh_config    # written by quorate lab up

# One API process a node: the nodes share this machine's memory and processors.
workers:
  keystone: 1
{more}
extra:
  keystone.conf:
    identity:
      # bcrypt with 2^4 rounds, so that a laptop that plays all controllers has time for the rest.
      # Never in production: passwords hashed so cheaply are guessed quickly.
      password_hash_rounds: 4
  cib:
    properties:
      # Pacemaker begins fewer actions at once on a loaded node (80% by default); in a lab all nodes see the load
      # of the one machine that plays them, and would begin one after the other.
      load-threshold: 1000%
"""

_CLOUD = (
    """\
# A highly available OpenStack control plane. Replace the names and addresses, then:
#   quorate check; quorate secrets init; quorate secrets set bmc/ctl1 (each node's); quorate plan; quorate deploy
cloud: cloud
release: "2025.1"
region: RegionOne

# Management carries the cluster, the database, the queues and, without another network, everything else.
# Further networks that all members are on become further links of Corosync: two are better than one.
networks:
  management: {cidr: 192.0.2.0/24}
  # public: {cidr: 198.51.100.0/24}

# Each node: its address on every network, and the controller (IPMI) that can cut its power.
nodes:
  ctl1: {management: 192.0.2.11, bmc: {address: 192.0.2.111, username: quorate}}
  ctl2: {management: 192.0.2.12, bmc: {address: 192.0.2.112, username: quorate}}
  ctl3: {management: 192.0.2.13, bmc: {address: 192.0.2.113, username: quorate}}

# Three members or more, and an odd number of them: a majority must remain when one is lost.
clusters:
  control:
    nodes: [ctl1, ctl2, ctl3]
    components:"""
    + _COMPONENTS
    + """

# Addresses that move to a living node; none may be a node's own.
virtual_ips:
  internal: 192.0.2.10
  # public: 198.51.100.10          # needs networks.public
  # services: {keystone: 192.0.2.9}   # a component's own address

# fast: a second of silence counts as a loss; balanced: Corosync's defaults; careful: members that stall.
# Every timer can be given besides the profile, and what depends on it follows: quorate show timers.
failover:
  profile: balanced
  # corosync_token_ms: 4000

# Tried in this order until one cut the power. Address, user name and password are filled in from each node's BMC.
# To run without, which risks data: fencing: {none: "the reason, which is shown everywhere"}
fencing:
  levels:
    - agent: fence_ipmilan
      parameters: {lanplus: 1}

ssh:
  user: root
  # config: ssh_config     # an OpenSSH client configuration, relative to this file

# API worker processes a node.
# workers: {keystone: 8}

# Settings merged into any rendered configuration, by file, section and key.
# extra:
#   keystone.conf:
#     token: {expiration: 7200}

# Whether `quorate drill` may break this cloud on purpose; it asks for the cloud's name before it does.
# drills: allowed
"""
)
