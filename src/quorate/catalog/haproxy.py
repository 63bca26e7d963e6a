"""HAProxy on every member, and the virtual IPs, each on a node where it runs."""

import csv
import json
from collections.abc import Iterator, Mapping
from functools import partial
from itertools import chain
from typing import Any

from quorate.catalog import program, source
from quorate.formats import settings, status
from quorate.model.check import Answers, Check, Probe, Result, dead_ends, listing, no, troubles, unknown, yes
from quorate.model.cloud import Cloud
from quorate.model.component import Component, Listener, Mode
from quorate.model.design import LOOPBACK, Design
from quorate.model.item import File
from quorate.model.resource import Clone, Op, Primitive, systemd
from quorate.model.topology import Cluster, Node, VirtualIp

CONNECTIONS = 4000
PATIENCE = 3
# An answer that may have to wait for others to be given is waited for so many times longer.
FORBEARANCE = 4
# After a failed check the next ones follow so many times faster.
HASTE = 5
# A check that costs its server much is asked so many times less often.
DEAR = 4
# A node that has just come back starts everything at once: so long its APIs get less than their share of requests,
# which is the more even the higher the weights.
WARMING = "weight 16 slowstart 300s"
# Of so many servers drawn by weight (one may be drawn again) the one with the fewest requests gets the next one.
DRAWS = 5
# Where each proxy says which APIs of its own node are well, and which of all it gives requests to.
HEALTH_PORT = 9300
# What a listener's section for the API of the proxy's own node adds to its name.
OWN = "-here"
ADMIN_SOCKET = "/run/haproxy/admin.sock"
DRAINED_PROGRAM = "/usr/local/lib/quorate/haproxy-drained"


def declare(cloud: Cloud, cluster: Cluster) -> Component:
    """The proxy as a clone, and an address resource for every virtual IP."""
    del cluster
    interval_s = cloud.timers.monitor_interval_s
    proxy = systemd("haproxy", "haproxy", monitor_s=interval_s, start_s=60, stop_s=60)
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
    """haproxy.cfg: one section a listener, whoever declared it, and one for each API of the node itself."""
    sections = settings.merged(_sections(design, node), design.cloud.extra.get("haproxy.cfg"))
    yield File("/etc/haproxy/haproxy.cfg", settings.haproxy(sections), read_by=("haproxy",))
    # Two descriptors a connection, and some for checks; systemd's default is 1024.
    drop_in = {"Service": {"LimitNOFILE": str(CONNECTIONS * 2 + 2000)}}
    yield File("/etc/systemd/system/haproxy.service.d/quorate.conf", settings.unit(drop_in))


def drained(design: Design, listener: Listener) -> Mapping[str, str]:
    """For an API's unit: it starts once every proxy has missed it, or a while has passed."""
    proxies = design.cloud.topology.members_of("haproxy")
    asked = (_given("%l", listener), str(HEALTH_PORT), *(proxy.address for proxy in proxies))
    return {"ExecStartPre": f"-{DRAINED_PROGRAM} {' '.join(asked)}"}


def drained_program() -> File:
    """What those units run."""
    return File(DRAINED_PROGRAM, source("haproxy_drained"), mode=0o755)


def _given(server: str, listener: Listener) -> str:
    """Where a proxy says whether it gives requests to the API of a server."""
    return f"/{server}/{listener.name}"


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
    sections: dict[str, dict[str, str]] = {
        "global": {
            "log": "/dev/log local0",
            "user": "haproxy",
            "group": "haproxy",
            "maxconn": str(CONNECTIONS),
            # After a reload the old process keeps its sessions but watches no server any more: not for long.
            "hard-stop-after": "30s",
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
            # A server that takes no connection is noticed within the interval; a busy one gets longer to answer.
            "timeout check": f"{cloud.timers.haproxy_check_ms * PATIENCE}ms",
        },
    }
    sections["frontend health"] = dict(_health(design))
    for listener, servers in design.listeners():
        if node in servers and _told(design, listener, servers):
            sections[f"backend {listener.name}{OWN}"] = dict(_own(design, listener, node))
        sections[f"listen {listener.name}"] = dict(_listen(design, listener, servers))
    return sections


def _health(design: Design) -> Iterator[tuple[str, str]]:
    yield "bind", f"*:{HEALTH_PORT}"
    yield "mode", "http"
    yield "no log", ""
    yield "http-request return status 200 if { path,field(2,/),nbsrv gt 0 }", ""
    for listener, servers in design.listeners():
        for server in servers if listener.mode is Mode.HTTP else ():
            given = f"{{ path {_given(server.name, listener)} }} {{ srv_is_up({listener.name}/{server.name}) }}"
            yield f"http-request return status 200 if {given}", ""
    yield "http-request return status 503", ""


def _told(design: Design, listener: Listener, servers: tuple[Node, ...]) -> bool:
    """Whether the proxy on a server's node says how it is, so that each API is asked by one proxy, not by all.

    An API whose proxy is silent counts as lost with it: without the proxy it does not reach its database.
    """
    proxies = design.cloud.topology.members_of("haproxy")
    return listener.mode is Mode.HTTP and all(server in proxies for server in servers)


def _own(design: Design, listener: Listener, node: Node) -> Iterator[tuple[str, str]]:
    """Watches the API of the proxy's own node, and gets no requests."""
    yield "mode", "http"
    yield from _check(listener.check, listener.status)
    if listener.capacity:
        yield "timeout check", f"{design.cloud.timers.haproxy_check_ms * PATIENCE * FORBEARANCE}ms"
    yield "default-server", _pace(design, listener)
    yield f"server {node.name}", f"{node.address}:{listener.port} check"


def _check(check: str, status: int = 200) -> Iterator[tuple[str, str]]:
    method, _, uri = check.partition(" ")
    yield "option httpchk", ""
    yield "http-check send", f"meth {method} uri {uri}"
    yield "http-check expect", f"status {status}"


def _pace(design: Design, listener: Listener | None = None) -> str:
    timers = design.cloud.timers
    interval_ms = timers.haproxy_check_ms * (DEAR if listener and listener.dear else 1)
    return (
        f"inter {interval_ms}ms fastinter {interval_ms // HASTE}ms "
        f"fall {timers.haproxy_fall} rise {timers.haproxy_rise}"
    )


def _listen(design: Design, listener: Listener, servers: tuple[Node, ...]) -> Iterator[tuple[str, str]]:
    for address in binds(design, listener):
        yield f"bind {address}:{listener.port}", ""
    yield "mode", listener.mode.value
    yield ("option httplog", "") if listener.mode is Mode.HTTP else ("option tcplog", "")
    if listener.mode is Mode.HTTP:
        # One that hangs, or has much to do, keeps what it has been given: it gets no more. By `leastconn` one that
        # has nothing to do would count in full, also while its node starts.
        yield "balance", f"random({DRAWS})"
        yield "option forwardfor", ""
        yield "http-request set-header X-Forwarded-Proto", "http"
        yield "retry-on", "conn-failure empty-response"
    yield "timeout client", f"{listener.idle_s}s"
    yield "timeout server", f"{listener.idle_s}s"
    # A demoted writer loses its sessions at once; a request to a busy API may still be answered.
    change = "on-marked-down shutdown-sessions" if listener.single_writer else WARMING
    if _told(design, listener, servers):
        yield from _check(f"GET /{listener.name}{OWN}")
        yield "default-server", f"port {HEALTH_PORT} {_pace(design)} {change}"
    else:
        yield from _check(listener.check, listener.status)
        port = f"port {listener.check_port} " if listener.check_port else ""
        yield "default-server", f"{port}{_pace(design, listener)} {change}"
    for rank, server in enumerate(servers):
        options = _rank(rank, len(servers)) if listener.single_writer else ""
        options += f" maxconn {listener.capacity}" if listener.capacity else ""
        yield f"server {server.name}", f"{server.address}:{listener.port} check{options}"


def _rank(rank: int, servers: int) -> str:
    """One writer: the first server that is well gets all sessions, and takes those given to later ones back.

    A choice that follows from the servers' health alone is the same in every proxy, without any of them having to
    tell the others (docs/adr/0002).
    """
    backup = " backup" if rank else ""
    return backup + (" on-marked-up shutdown-backup-sessions" if rank < servers - 1 else "")


def binds(design: Design, listener: Listener) -> Iterator[str]:
    """The addresses at which a listener is reached on HAProxy's nodes."""
    topology = design.cloud.topology
    if listener.local:
        yield LOOPBACK
    yield design.virtual_ip(listener).address
    if listener.public:
        yield from (vip.address for vip in topology.virtual_ips if vip.name == "public")


def checks(design: Design) -> Iterator[Check]:
    """Every backend up, one database writer, each address on one node, every listener answering."""
    nodes = tuple(node.name for node in design.cloud.topology.members_of("haproxy"))
    singles = tuple(listener.name for listener, _ in design.listeners() if listener.single_writer)
    said = Probe((*program("haproxy_say"), ADMIN_SOCKET, "show stat"))
    yield Check(
        "haproxy-backends",
        "haproxy",
        "each server of each listener up, seen from each proxy",
        {said: nodes},
        lambda answers: _backends(design, answers[said]),
    )
    for name in singles:
        yield Check(
            f"haproxy-writer-{name}",
            "haproxy",
            "all proxies give sessions to one and the same server",
            {said: nodes},
            partial(_writer, said, name),
        )
    addresses = Probe(("ip", "-json", "address", "show"))
    view = Probe(status.COMMAND, json=False)
    for vip in design.cloud.topology.virtual_ips:
        yield Check(
            f"virtual-ip-{vip.name}",
            "haproxy",
            "on one node, the one that Pacemaker says",
            {addresses: nodes, view: nodes},
            partial(_holder, nodes, addresses, view, vip),
        )
    yield from _listener_checks(design, nodes)


def _listener_checks(design: Design, nodes: tuple[str, ...]) -> Iterator[Check]:
    asked = [
        {
            "name": listener.name,
            "address": address,
            "port": listener.port,
            "request": listener.check if listener.mode is Mode.HTTP and not listener.check_port else None,
            "status": listener.status,
        }
        for listener, _ in design.listeners()
        for address in binds(design, listener)
    ]
    probe = Probe(program("listeners_answer"), json.dumps(asked), timeout_s=60)
    for listener, _ in design.listeners():
        yield Check(
            f"listener-{listener.name}",
            "haproxy",
            "answers through each of its addresses, asked from each proxy's node",
            {probe: nodes},
            partial(_answering, probe, listener.name),
        )


def _answering(probe: Probe, name: str, answers: Answers) -> Iterator[Result]:
    views = {asker: answer[name] for asker, answer in answers[probe].items()}
    addresses = sorted({address for view in views.values() for address in view})
    yield from list(dead_ends(views)) or [yes(f"{listing(addresses)}, from {listing(views)}")]


def _servers(stat: str) -> dict[tuple[str, str], Mapping[str, str]]:
    """The servers in the CSV that `show stat` gives, by listener and name."""
    rows = csv.DictReader(stat.lstrip("# ").splitlines())
    return {(row["pxname"], row["svname"]): row for row in rows if row["svname"] not in {"FRONTEND", "BACKEND"}}


def chosen_server(stat: str, listener: str) -> str | None:
    """The server that gets a single writer's sessions, by what `haproxy_say ... "show stat"` answers."""
    said = json.loads(stat or "{}").get("show stat", "")
    rows = _servers(said)
    return _first_up({server: row for (name, server), row in rows.items() if name == listener})


def _first_up(servers: Mapping[str, Mapping[str, str]]) -> str | None:
    return next((server for server, row in servers.items() if row["status"].startswith("UP")), None)


def _silent(answers: Mapping[str, Any]) -> list[Result]:
    return [
        no(f"HAProxy does not answer: {said['error']}", name) for name, said in answers.items() if "error" in said
    ]


def _backends(design: Design, answers: Mapping[str, Any]) -> Iterator[Result]:
    wanted = [(listener.name, node.name) for listener, servers in design.listeners() for node in servers]
    views: dict[str, dict[str, str | None]] = {}
    wrong = _silent(answers)
    for asker, said in answers.items():
        if "error" not in said:
            servers = _servers(said["show stat"])
            downs = {server: list(_downs(servers, wanted, server)) for _, server in wanted}
            if asker in downs:
                own = [key for key in servers if key[0].endswith(OWN)]
                downs[asker] += _downs(servers, own, asker)
            views[asker] = {server: "; ".join(down) or None for server, down in downs.items()}
    wrong += troubles(views)
    yield from wrong or [yes(f"{len(wanted)} backends up, seen from {listing(views)}")]


def _downs(
    servers: Mapping[tuple[str, str], Mapping[str, str]], wanted: list[tuple[str, str]], server: str
) -> Iterator[str]:
    for listener in (listener for listener, name in wanted if name == server):
        row = servers.get((listener, server))
        if row is None:
            yield f"{listener} is not configured"
        elif not row["status"].startswith("UP"):
            why = " ".join(part for part in (row.get("check_status"), row.get("last_chk")) if part)
            yield f"{listener} is {row['status']}" + (f" ({why})" if why else "")


def _writer(probe: Probe, name: str, answers: Answers) -> Iterator[Result]:
    """The writer is the first server that is up."""
    wrong = _silent(answers[probe])
    writers: dict[str, str | None] = {}
    busy: dict[str, set[str]] = {}
    for asker, said in answers[probe].items():
        if "error" in said:
            continue
        servers = {
            server: row for (listener, server), row in _servers(said["show stat"]).items() if listener == name
        }
        writers[asker] = _first_up(servers)
        busy[asker] = {server for server, row in servers.items() if int(row["scur"] or 0)}
    chosen = set(writers.values())
    if None in chosen:
        wrong += [no("has no server for it", asker) for asker, writer in writers.items() if writer is None]
    elif len(chosen) > 1:
        wrong += [no(f"gives sessions to {writer}", asker) for asker, writer in writers.items()]
    else:
        others = {asker: sorted(servers - chosen) for asker, servers in busy.items()}
        wrong += [
            no(f"has sessions on {listing(it)}, while {listing(filter(None, chosen))} is the writer", asker)
            for asker, it in others.items()
            if it
        ]
    if not wrong and writers:
        wrong = [yes(f"{listing(filter(None, chosen))}, agreed on by {listing(writers)}")]
    yield from wrong


def _holder(
    nodes: tuple[str, ...], addresses: Probe, view: Probe, vip: VirtualIp, answers: Answers
) -> Iterator[Result]:
    seen = answers[addresses]
    holders = [
        name
        for name, links in seen.items()
        if any(
            each.get("local") == vip.address for each in chain.from_iterable(link["addr_info"] for link in links)
        )
    ]
    views = [status.read(said["stdout"]) for said in answers[view].values() if said["rc"] == 0]
    said = {where for each in views for where in each.active(address_id(vip))}
    if len(holders) > 1:
        yield from (
            no(f"{vip.address} is here, and on {listing(h for h in holders if h != name)}", name)
            for name in holders
        )
    elif not holders and len(seen) < len(nodes):
        yield unknown(f"{vip.address} is on none of {listing(seen)}")
    elif not holders:
        yield no(f"{vip.address} is on no node; Pacemaker says {listing(sorted(said))}")
    elif not views:
        yield unknown(f"{vip.address} is on {holders[0]}; Pacemaker does not answer")
    elif said != set(holders):
        yield no(f"{vip.address} is here; Pacemaker says {listing(sorted(said))}", holders[0])
    else:
        yield yes(f"{vip.address} on {holders[0]}, as Pacemaker says")
