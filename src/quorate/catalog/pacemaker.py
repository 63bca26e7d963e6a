"""Corosync and Pacemaker: membership, quorum and fencing; on every cluster."""

from collections.abc import Iterator

from quorate.formats import settings
from quorate.model.cloud import Cloud, Fencing, FencingDevice
from quorate.model.component import Component, Step
from quorate.model.design import LOOPBACK, Design
from quorate.model.item import Command, Directory, File
from quorate.model.resource import Op, Primitive
from quorate.model.secret import Secret
from quorate.model.topology import Bmc, Cluster, Node

IMPLIED = True
PASSWORDS = "/etc/quorate/fencing"
# corosync wants at least 1024 bits of key (TOTEM_... in corosync-keygen(8)).
AUTHKEY = Secret("corosync/authkey", length=256)


def declare(cloud: Cloud, cluster: Cluster) -> Component:
    """The cluster stack itself, and a fencing device for every member at every level."""
    return Component(
        name="pacemaker",
        packages=(
            "corosync",
            "pacemaker",
            "pacemaker-cli-utils",
            "resource-agents",
            "fence-agents-common",
            *sorted({agent_package(level.agent) for level in cloud.fencing.levels}),
        ),
        prepare=(Directory("/etc/quorate", mode=0o755), Directory(PASSWORDS, mode=0o700)),
        resources=tuple(
            _device(cloud, device, member, level)
            for level, device in enumerate(cloud.fencing.levels, 1)
            for member in cluster.members
        ),
        secrets=(AUTHKEY, *(_password(node) for node in cluster.members if node.bmc)),
    )


def device_id(node: Node, level: int) -> str:
    """The id of a node's fencing device at a level (1 is tried first)."""
    return f"fence-{node.name}" if level == 1 else f"fence-{node.name}-{level}"


def bootstrap(design: Design) -> tuple[Step, ...]:
    """A running corosync takes up changed timers, on every member at once (corosync-cfgtool(8), -R)."""
    timers = design.cloud.timers
    wanted = {
        "totem.token": timers.corosync_token_ms,
        "totem.token_coefficient": timers.corosync_token_coefficient_ms,
        "totem.consensus": timers.corosync_consensus_ms,
    }
    held = " && ".join(f"corosync-cmapctl -g {key} | grep -q ' = {value}$'" for key, value in wanted.items())
    reload = Command("corosync's timers", ("corosync-cfgtool", "-R"), unless=("sh", "-c", held))
    return (Step("corosync's timers", (reload,)),)


def config(design: Design, node: Node) -> Iterator[File]:
    """corosync.conf, its key, name resolution, sysctls and the scripts that tell fencing agents a password."""
    cloud = design.cloud
    (cluster,) = cloud.topology.clusters_of_node(node)
    extra = cloud.extra.get("corosync.conf")
    yield File(
        "/etc/corosync/corosync.conf",
        settings.corosync(settings.merged(_corosync(cloud, cluster), extra)),
        read_by=("corosync",),
    )
    yield File("/etc/corosync/authkey", AUTHKEY.reference, mode=0o400, read_by=("corosync",))
    yield File("/etc/hosts", settings.flat(settings.merged(_hosts(design, node), cloud.extra.get("hosts")), "\t"))
    for member in cluster.members:
        if member.bmc:
            script = f"#!/bin/sh\necho '{_password(member).reference}'\n"
            yield File(f"{PASSWORDS}/{member.name}", script, mode=0o700)
    yield File(
        "/etc/sysctl.d/90-quorate.conf",
        settings.flat(settings.merged(_sysctl(cloud), cloud.extra.get("sysctl"))),
    )


def rest_s(fencing: Fencing) -> float:
    """How long the first level's agent rests in a reboot: `power_wait` after off and after on.

    The IPMI agents' default is 2 s (fence_ipmilan(8)), the others' none.
    """
    if not fencing.levels:
        return 0
    device = fencing.levels[0]
    default = "2" if _family(device.agent) == "ipmilan" else "0"
    return 2 * float(device.parameters.get("power_wait", default))


def agent_package(agent: str) -> str:
    """The Debian package that brings a fencing agent."""
    return f"fence-agents-{_family(agent)}"


def _family(agent: str) -> str:
    """Debian packages each agent as fence-agents-NAME; the IPMI ones share fence-agents-ipmilan."""
    name = agent.removeprefix("fence_")
    return "ipmilan" if name in {"idrac", "ilo3", "ilo4", "ilo5", "imm", "ipmilan", "ipmilanplus"} else name


def _password(node: Node) -> Secret:
    return Secret(f"bmc/{node.name}", length=16)


def _device(cloud: Cloud, device: FencingDevice, node: Node, level: int) -> Primitive:
    parameters = dict(device.parameters)
    if node.bmc:
        # The agent asks the script, so that the password is not in the CIB, which every node can read.
        password = {"password_script": f"{PASSWORDS}/{node.name}"}
        parameters = {**bmc_parameters(node.bmc), **password, **parameters}
    return Primitive(
        device_id(node, level),
        f"stonith:{device.agent}",
        parameters={**parameters, "pcmk_host_list": node.name},
        ops=(Op("monitor", interval_s=60, timeout_s=cloud.timers.fencing_timeout_s),),
    )


def bmc_parameters(bmc: Bmc) -> dict[str, str]:
    """What a fencing agent is told of a BMC, but for its password."""
    return {"ip": bmc.address, "ipport": str(bmc.port), "username": bmc.username}


def _corosync(cloud: Cloud, cluster: Cluster) -> settings.Settings:
    timers = cloud.timers
    links = [net.name for net in cloud.topology.networks if all(net.name in m.addresses for m in cluster.members)]
    sections = {
        "totem": {
            "version": "2",
            "cluster_name": cluster.name,
            "transport": "knet",
            "crypto_cipher": "aes256",
            "crypto_hash": "sha256",
            "token": str(timers.corosync_token_ms),
            "token_coefficient": str(timers.corosync_token_coefficient_ms),
            "consensus": str(timers.corosync_consensus_ms),
        },
        "quorum": {"provider": "corosync_votequorum"},
        "logging": {"to_logfile": "no", "to_syslog": "yes", "timestamp": "hires"},
    }
    for nodeid, member in enumerate(cluster.members, 1):
        rings = {f"ring{number}_addr": member.addresses[name] for number, name in enumerate(links)}
        sections[f"nodelist.{nodeid}"] = {"nodeid": str(nodeid), "name": member.name, **rings}
    return sections


def _hosts(design: Design, node: Node) -> settings.Settings:
    names = {
        LOOPBACK: "localhost",
        "::1": "localhost ip6-localhost ip6-loopback",
        **{each.address: each.name for each in design.cloud.topology.nodes},
    }
    for address, proxies in design.proxies(node).items():
        names[address] = " ".join((*names.get(address, "").split(), *proxies))
    return {settings.MAIN: names}


def _sysctl(cloud: Cloud) -> settings.Settings:
    timers = cloud.timers
    return {
        settings.MAIN: {
            # HAProxy binds the virtual IPs on every node, also where they are not.
            "net.ipv4.ip_nonlocal_bind": "1",
            "net.ipv6.ip_nonlocal_bind": "1",
            # A peer that lost power answers nothing: without these a connection to it lives for minutes.
            "net.ipv4.tcp_keepalive_time": str(timers.tcp_keepalive_idle_s),
            "net.ipv4.tcp_keepalive_intvl": str(timers.tcp_keepalive_interval_s),
            "net.ipv4.tcp_keepalive_probes": str(timers.tcp_keepalive_probes),
            "net.ipv4.tcp_retries2": str(timers.tcp_retries),
        }
    }
