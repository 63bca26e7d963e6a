"""The good designs: controllers alone, with compute nodes as remotes, with groups, with a promoted one of many."""

from collections.abc import Iterator
from dataclasses import replace
from itertools import pairwise
from pathlib import Path
from xml.etree import ElementTree as ET

from designs.design import Good
from designs.edit import parsed, promote_anywhere, rule, text
from quorate.formats import cib
from quorate.model.resource import (
    INFINITY,
    Clone,
    Colocation,
    Configuration,
    Constraint,
    FencingLevel,
    Group,
    Kind,
    Location,
    Op,
    Order,
    Primitive,
    Resource,
)

LAB = Path(__file__).parents[1] / "golden" / "lab" / "control.cib"
"""What the lab's design renders to; `test_golden` holds that it does."""

PROPERTIES = {
    "stonith-enabled": "true",
    "stonith-timeout": "60s",
    "no-quorum-policy": "stop",
    "cluster-recheck-interval": "120s",
}
RESOURCE_DEFAULTS = {"resource-stickiness": "100", "migration-threshold": "3", "failure-timeout": "120s"}
OP_DEFAULTS = {"timeout": "60s"}

VIRTUAL_IPS = ("vip-internal", "vip-public")
APIS = ("glance-api", "nova-api", "neutron-server", "heat-api", "horizon")
ACTIVE_PASSIVE = ("cinder-volume", "heat-engine", "ceilometer-central")


def controllers(n: int) -> str:
    """`n` controllers with every service of a control plane, each fenced by a device of its own."""
    return _document(_controllers(n), n)


def two_levels(n: int) -> str:
    """`controllers` with a second fencing device for each, tried when the first fails."""
    names = _names("ctl", n)
    conf = _controllers(n)
    second = replace(
        conf,
        resources=(*(_device(f"fence-{name}-2", name) for name in names), *conf.resources),
        constraints=(*(Location(f"fence-{name}-2", name, f"-{INFINITY}") for name in names), *conf.constraints),
        fencing_levels=tuple(
            FencingLevel(name, level, (device,))
            for name in names
            for level, device in enumerate((f"fence-{name}", f"fence-{name}-2"), 1)
        ),
    )
    return _document(second, n)


def with_remotes(n: int, remotes: int, rack: int = 1) -> str:
    """`controllers` and `remotes` compute nodes, `rack` of them to a fencing device.

    Where a resource runs is a rule on the node attribute `osprole`, which is `controller` or `compute`.
    """
    computes = _names("compute", remotes)
    racks = [computes[start : start + rack] for start in range(0, remotes, rack)]
    devices = tuple(_device(f"fence-{members[0]}", ",".join(members)) for members in racks)
    on_computes = ("neutron-ovs-agent-compute", "libvirtd", "nova-compute")
    conf = _controllers(n, {"clone-max": str(n)})
    mixed = replace(
        conf,
        resources=(
            *devices,
            *conf.resources,
            *(_remote(name) for name in computes),
            *(_clone(name, {"clone-max": str(remotes)}) for name in on_computes),
        ),
        constraints=(*conf.constraints, *_chain(*on_computes)),
    )
    root = parsed(_document(mixed, n))
    for resource in conf.resources:
        if not resource.primitives[0].agent.startswith("stonith:"):
            rule(root, resource.id, "osprole", "controller")
    for name in on_computes:
        rule(root, f"{name}-clone", "osprole", "compute")
    nodes = root.find("configuration/nodes")
    assert nodes is not None
    for node in nodes:
        _attribute(node, "osprole", "controller")
    for name in computes:
        _attribute(
            ET.SubElement(nodes, "node", {"id": name, "uname": name, "type": "remote"}), "osprole", "compute"
        )
    return text(root)


def groups() -> str:
    """Three nodes that run everything active/passive, in groups of which each has two nodes (seed 002).

    Beside the groups a file system and the service on it, joined by constraints.
    """
    names = _names("ctl", 3)
    homes = {
        "g_controller": ("Controller_VIP", "p_keystone", "p_glance-api", "p_nova-api", "p_apache"),
        "g_network": ("Network_VIP", "p_neutron-server", "p_neutron-l3-agent"),
        "g_database": ("p_mysql-fs", "Database_VIP", "p_mysql"),
    }
    away = {"g_controller": "ctl3", "g_network": "ctl1", "g_database": "ctl2"}
    return _document(
        Configuration(
            PROPERTIES,
            (
                *(_device(f"fence-{name}", name) for name in names),
                *(Group(group, tuple(_member(name) for name in members)) for group, members in homes.items()),
                _member("p_cinder-fs"),
                _member("p_cinder-volume"),
            ),
            (
                *(Location(f"fence-{name}", name, f"-{INFINITY}") for name in names),
                *(Location(group, name, f"-{INFINITY}") for group, name in away.items()),
                Colocation("p_cinder-volume", "p_cinder-fs"),
                Order("p_cinder-fs", "p_cinder-volume", Kind.MANDATORY),
            ),
            (),
            RESOURCE_DEFAULTS,
            OP_DEFAULTS,
        ),
        3,
    )


def replicated() -> str:
    """Three nodes with OVN's databases, of which one is promoted, and an address that follows it.

    Any node may be promoted: a rule says so, so that it needs no word of the agent.
    """
    names = _names("ctl", 3)
    database = Primitive("ovndb", "ocf:ovn:ovndb-servers", ops=_ops(10, promotable=True))
    root = parsed(
        _document(
            Configuration(
                PROPERTIES,
                (
                    *(_device(f"fence-{name}", name) for name in names),
                    Clone(database, {"promotable": "true", "promoted-max": "1", "interleave": "true"}),
                    _address("vip-ovn", 30),
                ),
                (
                    *(Location(f"fence-{name}", name, f"-{INFINITY}") for name in names),
                    Order("ovndb-clone", "vip-ovn", Kind.MANDATORY, "promote"),
                    Colocation("vip-ovn", "ovndb-clone"),
                ),
                (),
                RESOURCE_DEFAULTS,
                OP_DEFAULTS,
            ),
            3,
        )
    )
    follows = root.find(".//rsc_colocation")
    assert follows is not None
    follows.set("with-rsc-role", "Promoted")
    promote_anywhere(root, "ovndb-clone")
    return text(root)


def _controllers(n: int, clone_meta: dict[str, str] | None = None) -> Configuration:
    names = _names("ctl", n)
    meta = clone_meta or {}
    galera = Primitive("galera", "ocf:heartbeat:galera", ops=_ops(10, promotable=True))
    many = {"promotable": "true", "promoted-max": str(n), "interleave": "true"}
    return Configuration(
        PROPERTIES,
        (
            *(_device(f"fence-{name}", name) for name in names),
            _clone("haproxy", meta),
            *(_address(name, 10 + number) for number, name in enumerate(VIRTUAL_IPS)),
            Clone(galera, many | meta),
            *(
                _clone(name, meta)
                for name in ("galera-check", "memcached", "rabbitmq", "keystone", *APIS, "cinder-scheduler")
            ),
            _clone("neutron-ovs-agent", meta),
            _clone("neutron-l3-agent", meta),
            *(_service(name) for name in ACTIVE_PASSIVE),
        ),
        (
            *(Location(f"fence-{name}", name, f"-{INFINITY}") for name in names),
            *_proxied(),
            Order("galera-clone", "keystone-clone", Kind.OPTIONAL, "promote"),
            Order("memcached-clone", "keystone-clone", Kind.OPTIONAL),
            *(Order("keystone-clone", f"{name}-clone", Kind.OPTIONAL) for name in APIS),
            Order("rabbitmq-clone", "nova-api-clone", Kind.OPTIONAL),
            *_chain("neutron-ovs-agent", "neutron-l3-agent"),
            Order("heat-api-clone", "heat-engine", Kind.OPTIONAL),
            Order("keystone-clone", "ceilometer-central", Kind.OPTIONAL),
            Order("cinder-scheduler-clone", "cinder-volume", Kind.OPTIONAL),
            Colocation("cinder-volume", "cinder-scheduler-clone"),
        ),
        (),
        RESOURCE_DEFAULTS,
        OP_DEFAULTS,
    )


def _proxied() -> Iterator[Constraint]:
    for name in VIRTUAL_IPS:
        yield Colocation(name, "haproxy-clone")
        yield Order("haproxy-clone", name, Kind.OPTIONAL)


def _chain(*names: str) -> Iterator[Constraint]:
    """Clones of which each needs its own node's instance of the one before."""
    for first, then in pairwise(names):
        yield Order(f"{first}-clone", f"{then}-clone", Kind.MANDATORY)
        yield Colocation(f"{then}-clone", f"{first}-clone")


def _names(stem: str, n: int) -> tuple[str, ...]:
    return tuple(f"{stem}{number}" for number in range(1, n + 1))


def _document(conf: Configuration, n: int) -> str:
    return cib.document(conf, tuple((name, number) for number, name in enumerate(_names("ctl", n), 1)))


def _ops(monitor_s: int, *, promotable: bool = False) -> tuple[Op, ...]:
    if not promotable:
        return (Op("start", timeout_s=60), Op("stop", timeout_s=60), Op("monitor", monitor_s, 30))
    return (
        *(Op(name, timeout_s=120) for name in ("start", "stop", "promote", "demote")),
        Op("monitor", 2 * monitor_s, 30),
        Op("monitor", monitor_s, 30, role="Promoted"),
    )


def _device(name: str, targets: str) -> Primitive:
    parameters = {"ip": f"{name}.bmc", "username": "admin", "password": "x", "pcmk_host_list": targets}
    # a BMC is one machine's; what reaches several is the power distribution unit of their rack
    agent = "fence_apc_snmp" if "," in targets else "fence_ipmilan"
    return Primitive(name, f"stonith:{agent}", parameters, ops=(Op("monitor", 60, 60),))


def _address(name: str, number: int) -> Primitive:
    return Primitive(name, "ocf:heartbeat:IPaddr2", {"ip": f"192.0.2.{number}"}, ops=_ops(5))


def _service(name: str) -> Primitive:
    return Primitive(name, f"systemd:{name}", ops=_ops(10))


def _clone(name: str, meta: dict[str, str]) -> Resource:
    return Clone(_service(name), {"interleave": "true", **meta})


def _remote(name: str) -> Primitive:
    parameters = {"server": f"{name}.internal", "reconnect_interval": "60"}
    return Primitive(name, "ocf:pacemaker:remote", parameters, ops=(Op("monitor", 20, 30),))


def _member(name: str) -> Primitive:
    """A member of a group, by its name after the seed's habit."""
    if name.endswith("_VIP"):
        return _address(name, 20 + len(name))
    if name.endswith("-fs"):
        parameters = {"device": f"/dev/shared/{name}", "directory": f"/srv/{name}", "fstype": "xfs"}
        return Primitive(name, "ocf:heartbeat:Filesystem", parameters, ops=_ops(20))
    return Primitive(name, f"systemd:{name.removeprefix('p_')}", ops=_ops(10))


def _attribute(node: ET.Element, name: str, value: str) -> None:
    attributes = ET.SubElement(node, "instance_attributes", {"id": f"nodes-{node.get('uname')}"})
    ET.SubElement(attributes, "nvpair", {"id": f"nodes-{node.get('uname')}-{name}", "name": name, "value": value})


GOOD = (
    Good("controllers-3", controllers(3), "three controllers"),
    Good("controllers-5", controllers(5), "five controllers"),
    Good("controllers-16", controllers(16), "sixteen controllers, as many as the seeds think of"),
    Good("two-levels", two_levels(3), "three controllers, two fencing devices each, tried in turn"),
    Good("remotes-4", with_remotes(3, 4), "three controllers and four compute nodes as remotes"),
    Good("remotes-20", with_remotes(3, 20), "three controllers and 20 compute nodes as remotes"),
    Good("remotes-100", with_remotes(3, 100, rack=50), "three controllers and 100 compute nodes in two racks"),
    Good("groups", groups(), "active/passive groups, two nodes for each (seed 002)"),
    Good("replicated", replicated(), "a database with one promoted instance, and the address that follows it"),
    Good("lab", LAB.read_text(), "what Quorate designs for the lab"),
)
