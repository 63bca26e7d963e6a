"""Neutron, networks: API, workers and Open vSwitch on every member, agents on every one or on one at a time."""

import json
from collections.abc import Iterator

from quorate.catalog import nova, program, rabbitmq
from quorate.catalog.openstack import clients, database
from quorate.catalog.openstack.process import NEEDS, Api, Process, conf
from quorate.formats import settings
from quorate.model.cloud import Cloud
from quorate.model.component import Component, Database, Option, Requires, Service, ServiceUser, Step
from quorate.model.design import Design
from quorate.model.item import Command, File, Until
from quorate.model.resource import Clone, Colocation, Constraint, Group, Kind, Order, Resource, systemd
from quorate.model.secret import Secret
from quorate.model.topology import Cluster, Node

CONF = "/etc/neutron/neutron.conf"
ML2 = "/etc/neutron/plugins/ml2/ml2_conf.ini"
SWITCH_CONF = "/etc/neutron/plugins/ml2/openvswitch_agent.ini"
L3_CONF = "/etc/neutron/l3_agent.ini"
DHCP_CONF = "/etc/neutron/dhcp_agent.ini"
METADATA_CONF = "/etc/neutron/metadata_agent.ini"
DATABASE = Database("neutron", Secret("database/neutron"))
# Nova is told of ports by events, which its policy leaves to administrators.
USER = ServiceUser("neutron", Secret("service/neutron"), roles=("service", "admin"))
API = Api("neutron-api", "neutron", 9696, "/usr/bin/neutron-api", threads=1)
WORKERS = Process.daemon("neutron-rpc-server", "neutron", CONF, ML2)
PERIODIC = Process.daemon("neutron-periodic-workers", "neutron", CONF, ML2)
# What agents start for a network or a router (dnsmasq, keepalived, haproxy) outlives them.
KEEP = {"KillMode": "process"}
SWITCH = "openvswitch"
SWITCH_AGENT = Process.daemon("neutron-openvswitch-agent", "neutron", CONF, SWITCH_CONF, **KEEP)
AGENTS = (
    Process.daemon("neutron-l3-agent", "neutron", CONF, L3_CONF, **KEEP),
    Process.daemon("neutron-dhcp-agent", "neutron", CONF, DHCP_CONF, **KEEP),
    Process.daemon("neutron-metadata-agent", "neutron", CONF, METADATA_CONF),
)
# After which Neutron takes an agent for dead (its agent_down_time).
SILENT_S = 75
# On which agents call the workers, from the moment that they start.
QUEUES = ("q-plugin", "q-reports-plugin", "q-server-resource-versions", "q-l3-plugin")
SERVICE = Service("neutron", "network", API.name, "", "OpenStack Networking")

PASSIVE, ACTIVE = "active-passive", "active-active"
SYSTEM, NETDEV = "system", "netdev"
VLAN, VXLAN = "vlan", "vxlan"
OPTIONS = (
    Option(
        "agents",
        "whether agents for routers, DHCP and metadata run on one member or on all",
        ACTIVE,
        (ACTIVE, PASSIVE),
    ),
    Option("tenant_networks", "what separates the networks that users make", VXLAN, (VXLAN, VLAN)),
    Option("vlans", "the VLANs they may have on each network without addresses, FROM:TO", "1000:1999"),
    Option(
        "datapath",
        "Open vSwitch in the kernel, or (netdev) in a process where the kernel lacks it",
        SYSTEM,
        (SYSTEM, NETDEV),
    ),
)


def declare(cloud: Cloud, cluster: Cluster) -> Component:
    """API, workers, switch and its agent on every member; the other agents on every member, or as one group."""
    del cluster
    # The daemons' own units: that of both runs nothing that could be seen to fail. Each is started when what it
    # needs is there: one that systemd has wait for the other Pacemaker would take for failed.
    daemons = tuple(
        systemd(name, unit, monitor_s=cloud.timers.monitor_interval_s, start_s=120, stop_s=60)
        for name, unit in (("openvswitch-database", "ovsdb-server"), (SWITCH, "ovs-vswitchd"))
    )
    switches = Clone(Group("switch", daemons), meta={"interleave": "true"})
    switch_agent = SWITCH_AGENT.clone(cloud)
    agents = _agents(cloud)
    processes = (API.process, WORKERS, PERIODIC, SWITCH_AGENT, *AGENTS)
    return Component(
        name="neutron",
        requires=(*NEEDS, Requires("nova", None, "told of ports, when it is there")),
        packages=(
            *("neutron-api", "neutron-rpc-server", "neutron-openvswitch-agent"),
            *("neutron-l3-agent", "neutron-dhcp-agent", "neutron-metadata-agent"),
            *("keepalived", "conntrack", "uwsgi-plugin-python3", "python3-pymysql", "python3-memcache"),
        ),
        owned_units=(
            *("ovsdb-server.service", "ovs-vswitchd.service"),
            *(process.unit for process in processes),
        ),
        masked_units=("keepalived.service", "openvswitch-switch.service"),
        resources=(
            API.process.clone(cloud),
            WORKERS.clone(cloud),
            PERIODIC.clone(cloud),
            switches,
            switch_agent,
            *agents,
        ),
        constraints=tuple(_constraints(switches, switch_agent, agents)),
        ready=(API.answers(),),
        listeners=(API.listener(cloud),),
        databases=(DATABASE,),
        services=(SERVICE,),
        users=(USER,),
        secrets=(DATABASE.secret, USER.secret, nova.METADATA_SECRET),
    )


def _agents(cloud: Cloud) -> tuple[Resource, ...]:
    if cloud.option("neutron", "agents") == PASSIVE:
        return (Group("neutron-agents", tuple(agent.primitive(cloud) for agent in AGENTS)),)
    return tuple(agent.clone(cloud) for agent in AGENTS)


def _constraints(switches: Clone, switch_agent: Clone, agents: tuple[Resource, ...]) -> Iterator[Constraint]:
    """The agent works on the node's own switch; other agents' ports wait for it, if they must."""
    yield Order(switches.id, switch_agent.id, Kind.OPTIONAL, why="the agent goes on when the switch is back")
    yield Colocation(switch_agent.id, switches.id)
    for agent in agents:
        yield Order(switch_agent.id, agent.id, Kind.OPTIONAL, why="ports are plugged in when the agent is there")


def preparations(design: Design) -> tuple[Command, ...]:
    """The tables; and the queues: a broker drops a call for which there is none, and its agent waits a minute."""
    argv = ("neutron-db-manage", "--config-file", CONF, "--config-file", ML2, "upgrade", "heads")
    revisions = "neutron/db/migration/alembic_migrations/versions"
    queues = Command(
        "queues of the workers",
        ("runuser", "-u", "neutron", "--", *program("neutron_queues"), CONF),
        unless=program("queues_there"),
        stdin="\n".join(QUEUES),
        unless_stdin=" ".join((rabbitmq.login(design), *QUEUES)),
    )
    return (database.migration(design, DATABASE, revisions, argv, "neutron"), queues)


def bootstrap(design: Design) -> tuple[Step, ...]:
    """Agents that run are of use once the server knows them, which takes longer than their start."""
    members = [node.name for node in design.cloud.topology.members_of("neutron")]
    everywhere = design.cloud.option("neutron", "agents") == ACTIVE
    agents: list[tuple[str, str | None]] = [(SWITCH_AGENT.name, member) for member in members]
    agents += [(agent.name, member) for agent in AGENTS for member in (members if everywhere else [None])]
    login = (design.address(design.listener("galera")), DATABASE.user, DATABASE.secret.reference, DATABASE.name)
    asked = json.dumps({"database": login, "agents": agents, "within_s": SILENT_S})
    heard = Until("Neutron has heard of every agent", program("neutron_agents"), within_s=300, stdin=asked)
    return (Step("wait for the agents", (heard,)),)


def config(design: Design, node: Node) -> Iterator[File]:
    """Everybody's settings, each agent's, uWSGI's, the units, and the switch's bridges."""
    servers = (API.name, WORKERS.name, PERIODIC.name)
    agents = tuple(agent.name for agent in AGENTS)
    everybody = (*servers, SWITCH_AGENT.name, *agents)
    yield conf(
        design, CONF, settings.merged(_neutron(design), clients.messaging(design, "neutron")), "neutron", everybody
    )
    yield conf(design, ML2, _ml2(design), "neutron", servers)
    yield conf(design, SWITCH_CONF, _switch(design, node), "neutron", (SWITCH_AGENT.name,))
    interfaces = {"DEFAULT": {"interface_driver": "openvswitch"}, "agent": _ROOT}
    yield conf(design, L3_CONF, interfaces, "neutron", agents[:1])
    dhcp: settings.Settings = {"DEFAULT": {"enable_isolated_metadata": "true"}}
    merged = {**interfaces, "DEFAULT": {**interfaces["DEFAULT"], **dhcp["DEFAULT"]}}
    yield conf(design, DHCP_CONF, merged, "neutron", agents[1:2])
    yield conf(design, METADATA_CONF, _metadata(design), "neutron", agents[2:])
    yield from API.files(design, node)
    for process in (WORKERS, PERIODIC, SWITCH_AGENT, *AGENTS):
        yield process.file()
    yield from _bridges(design)


_ROOT = {
    "root_helper": "sudo /usr/bin/neutron-rootwrap /etc/neutron/rootwrap.conf",
    "root_helper_daemon": "sudo /usr/bin/neutron-rootwrap-daemon /etc/neutron/rootwrap.conf",
}


def _neutron(design: Design) -> settings.Settings:
    cloud = design.cloud
    members = len(cloud.topology.members_of("neutron"))
    everywhere = cloud.option("neutron", "agents") == ACTIVE
    workers = str(cloud.workers.get("neutron", 4))
    return {
        "DEFAULT": {
            "core_plugin": "ml2",
            "service_plugins": "router",
            "api_workers": workers,
            "rpc_workers": workers,
            "rpc_state_report_workers": "1",
            "state_path": "/var/lib/neutron",
            # A router and a network's DHCP on several members, or both moved with the agents.
            "l3_ha": "true" if everywhere and members > 1 else "false",
            "max_l3_agents_per_router": str(min(3, members)),
            "dhcp_agents_per_network": str(min(2, members)) if everywhere else "1",
            "allow_automatic_l3agent_failover": "true",
            "allow_automatic_dhcp_failover": "true",
            "notify_nova_on_port_status_changes": "true" if cloud.topology.has("nova") else "false",
            "notify_nova_on_port_data_changes": "true" if cloud.topology.has("nova") else "false",
        },
        "agent": _ROOT,
        "database": database.connection(design, DATABASE),
        "keystone_authtoken": clients.tokens(design, USER),
        "nova": {**clients.session(design, USER), "region_name": cloud.region, "endpoint_type": "internal"},
        "placement": {**clients.session(design, USER), "region_name": cloud.region, "endpoint_type": "internal"},
        **clients.proxied(),
    }


def _ml2(design: Design) -> settings.Settings:
    cloud = design.cloud
    tenants = cloud.option("neutron", "tenant_networks")
    wires = [wire.name for wire in cloud.topology.wires]
    vlans = cloud.option("neutron", "vlans")
    return {
        "ml2": {
            "type_drivers": "flat,vlan,vxlan",
            "tenant_network_types": tenants,
            "mechanism_drivers": "openvswitch" + (",l2population" if tenants == VXLAN else ""),
            "extension_drivers": "port_security",
        },
        "ml2_type_flat": {"flat_networks": ",".join(wires)},
        "ml2_type_vlan": {"network_vlan_ranges": ",".join(f"{name}:{vlans}" for name in wires)},
        "ml2_type_vxlan": {"vni_ranges": "1:65536"},
    }


def _switch(design: Design, node: Node) -> settings.Settings:
    cloud = design.cloud
    tunnels = cloud.option("neutron", "tenant_networks") == VXLAN
    return {
        "agent": {**_ROOT, **({"tunnel_types": VXLAN, "l2_population": "true"} if tunnels else {})},
        "ovs": {
            "bridge_mappings": ",".join(f"{wire.name}:br-{wire.name}" for wire in cloud.topology.wires),
            "datapath_type": cloud.option("neutron", "datapath"),
            **({"local_ip": node.address} if tunnels else {}),
        },
        "securitygroup": {"firewall_driver": "openvswitch", "enable_security_group": "true"},
    }


def _metadata(design: Design) -> settings.Settings:
    return {
        "DEFAULT": {
            "nova_metadata_host": design.cloud.topology.virtual_ip("nova").address,
            "nova_metadata_port": str(nova.METADATA.port),
            "metadata_proxy_shared_secret": nova.METADATA_SECRET.reference,
            "metadata_workers": str(design.cloud.workers.get("neutron", 4)),
        },
        "agent": _ROOT,
    }


def _bridges(design: Design) -> Iterator[File]:
    """What is made when the switch starts: where agents reach its database, and bridges for networks without
    addresses; and a switch without the kernel's.
    """
    datapath = design.cloud.option("neutron", "datapath")
    made = [
        f"/usr/bin/ovs-vsctl --may-exist add-br {bridge} -- set bridge {bridge} datapath_type={datapath}"
        f" -- --may-exist add-port {bridge} {wire.interface}"
        for wire in design.cloud.topology.wires
        for bridge in (f"br-{wire.name}",)
    ]
    service = {"ExecStartPost": "\n".join((_MANAGER, *made))}
    if datapath == NETDEV:
        # the package's script wants the kernel's module first
        start = (
            "/usr/sbin/ovs-vswitchd unix:/run/openvswitch/db.sock -vconsole:emer -vsyslog:err -vfile:info"
            " --log-file=/var/log/openvswitch/ovs-vswitchd.log"
            " --pidfile=/run/openvswitch/ovs-vswitchd.pid --detach"
        )
        service["ExecStart"] = f"\n{start}"
    yield File(
        "/etc/systemd/system/ovs-vswitchd.service.d/quorate.conf",
        settings.unit({"Service": service}),
        read_by=(SWITCH,),
    )


# The agents would make it themselves, all at once, so that it is there several times.
_MANAGER = (
    "/usr/bin/ovs-vsctl --id=@agents create Manager 'target=\"ptcp:6640:127.0.0.1\"' inactivity_probe=10000"
    " -- set Open_vSwitch . manager_options=@agents"
)
