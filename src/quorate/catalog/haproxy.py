"""HAProxy on every member, and the virtual IPs, each on a node where it runs."""

from collections.abc import Iterator

from quorate.formats import settings
from quorate.model.cloud import Cloud
from quorate.model.component import Component, Listener, Mode
from quorate.model.design import LOOPBACK, Design
from quorate.model.item import File
from quorate.model.resource import Clone, Op, Primitive
from quorate.model.topology import Cluster, Node, VirtualIp

PEERS_PORT = 10240
ADMIN_SOCKET = "/run/haproxy/admin.sock"


def declare(cloud: Cloud, cluster: Cluster) -> Component:
    """The proxy as a clone, and an address resource for every virtual IP."""
    del cluster
    interval_s = cloud.timers.monitor_interval_s
    proxy = Primitive(
        "haproxy",
        "systemd:haproxy",
        ops=(Op("start", timeout_s=60), Op("stop", timeout_s=60), Op("monitor", interval_s, timeout_s=30)),
    )
    return Component(
        name="haproxy",
        packages=("haproxy",),
        owned_units=("haproxy.service",),
        reloadable=("haproxy",),
        resources=(
            Clone(proxy, meta={"interleave": "true"}),
            *(_address(vip, interval_s) for vip in cloud.topology.virtual_ips),
        ),
    )


def address_id(vip: VirtualIp) -> str:
    """The id of the resource that holds a virtual IP."""
    return f"vip-{vip.name}"


def config(design: Design, node: Node) -> Iterator[File]:
    """haproxy.cfg: one section a listener, whoever declared it."""
    sections = settings.merged(_sections(design, node), design.cloud.extra.get("haproxy.cfg"))
    yield File("/etc/haproxy/haproxy.cfg", settings.haproxy(sections), read_by=("haproxy",))


def _address(vip: VirtualIp, interval_s: int) -> Primitive:
    # A host route: the address must never be chosen as a source for the node's own traffic.
    prefix = vip.network.cidr.max_prefixlen
    return Primitive(
        address_id(vip),
        "ocf:heartbeat:IPaddr2",
        parameters={
            "ip": vip.address,
            "cidr_netmask": str(prefix),
            # Announced at once and often enough for a lost frame: clients hold the dead node's MAC address.
            "arp_interval": "200",
            "arp_count": "5",
        },
        ops=(Op("start", timeout_s=20), Op("stop", timeout_s=20), Op("monitor", interval_s, timeout_s=20)),
    )


def _sections(design: Design, node: Node) -> settings.Settings:
    cloud = design.cloud
    members = cloud.topology.members_of("haproxy")
    sections: dict[str, dict[str, str]] = {
        "global": {
            "log": "/dev/log local0",
            "user": "haproxy",
            "group": "haproxy",
            "maxconn": "10000",
            "localpeer": node.name,
            "stats socket": f"{ADMIN_SOCKET} mode 660 level admin",
            "stats timeout": "30s",
        },
        "defaults": {
            "log": "global",
            "option dontlognull": "",
            "option redispatch": "1",
            "option clitcpka": "",
            "option srvtcpka": "",
            "retries": "3",
            "timeout http-request": "10s",
            "timeout queue": "1m",
            "timeout connect": f"{cloud.timers.haproxy_connect_ms}ms",
            "timeout client": "1m",
            "timeout server": "1m",
            "timeout check": f"{cloud.timers.haproxy_check_ms}ms",
        },
        # The writer that one proxy chose is the writer of all: the table is replicated between them.
        "peers quorate": {f"peer {peer.name}": f"{peer.address}:{PEERS_PORT}" for peer in members},
    }
    for listener, servers in design.listeners():
        sections[f"listen {listener.name}"] = dict(_listen(design, listener, servers))
    return sections


def _listen(design: Design, listener: Listener, servers: tuple[Node, ...]) -> Iterator[tuple[str, str]]:
    timers = design.cloud.timers
    for address in _binds(design, listener):
        yield f"bind {address}:{listener.port}", ""
    yield "mode", listener.mode.value
    yield ("option httplog", "") if listener.mode is Mode.HTTP else ("option tcplog", "")
    if listener.mode is Mode.HTTP:
        yield "balance", "roundrobin"
        yield "option forwardfor", ""
        yield "http-request set-header X-Forwarded-Proto", "http"
        yield "retry-on", "conn-failure empty-response"
    yield "timeout client", f"{listener.idle_s}s"
    yield "timeout server", f"{listener.idle_s}s"
    method, _, uri = listener.check.partition(" ")
    yield "option httpchk", ""
    yield "http-check send", f"meth {method} uri {uri}"
    yield "http-check expect", "status 200"
    if listener.single_writer:
        # A server that comes back stays idle until the present writer fails: no fail-back, one disturbance less.
        yield "stick-table", "type integer size 1k nopurge peers quorate"
        yield "stick on", "int(1)"
    port = f"port {listener.check_port} " if listener.check_port else ""
    pace = f"inter {timers.haproxy_check_ms}ms fall {timers.haproxy_fall} rise {timers.haproxy_rise}"
    yield "default-server", f"{port}{pace} on-marked-down shutdown-sessions"
    for number, server in enumerate(servers):
        backup = " backup" if listener.single_writer and number else ""
        yield f"server {server.name}", f"{server.address}:{listener.port} check{backup}"


def _binds(design: Design, listener: Listener) -> Iterator[str]:
    topology = design.cloud.topology
    if listener.local:
        yield LOOPBACK
    yield topology.virtual_ip(listener.name).address
    if listener.public:
        yield from (vip.address for vip in topology.virtual_ips if vip.name == "public")
