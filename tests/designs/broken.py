"""Good designs with one thing wrong each, an edit for each, named after what is wrong.

The docstring of an edit says the situation in which Pacemaker 3.0.0 was seen to do harm.
"""

from collections.abc import Callable, Mapping
from itertools import combinations
from xml.etree import ElementTree as ET

from designs.design import Broken
from designs.edit import (
    at,
    clone,
    colocate,
    locate,
    operation,
    order,
    parsed,
    remove,
    section,
    set_default,
    set_meta,
    set_node_attribute,
    set_parameter,
    set_property,
    set_utilization,
    text,
)
from designs.good import ACTIVE_PASSIVE, GOOD

Edit = Callable[[ET.Element], None]

_GOOD = {design.name: design.cib for design in GOOD}
_FOUND: list[Broken] = []


def _broken(
    base: str, properties: str, cause: tuple[str, ...], intent: Mapping[str, str] | None = None
) -> Callable[[Edit], Edit]:
    """Make the good design `base`, edited, one of the broken ones; the edit's docstring is what it is about."""

    def edited(edit: Edit) -> Edit:
        root = parsed(_GOOD[base])
        edit(root)
        name = edit.__name__.replace("_", "-")
        about = " ".join((edit.__doc__ or "").split())
        refuted = frozenset(properties.split())
        _FOUND.append(Broken(name, base, text(root), about, refuted, cause, intent or {}))
        return edit

    return edited


def _take_third_away(root: ET.Element) -> None:
    remove(root, "fence-ctl3", "location-fence-ctl3-ctl3")
    set_meta(root, "galera-clone", "promoted-max", "2")
    status = root.find("status")
    assert status is not None
    for holder in (section(root, "nodes"), status):
        holder.remove(next(each for each in holder if each.get("uname") == "ctl3"))


# Virtual IPs and HAProxy


@_broken("controllers-3", "vip-with-haproxy colocation", ("colocation", "vip-internal", "haproxy-clone"))
def vip_without_proxy(root: ET.Element) -> None:
    """HAProxy fails three times on the address's node: the address stays where no proxy is."""
    remove(root, "colocation-vip-internal-haproxy-clone")


@_broken("controllers-3", "vip-with-haproxy order", ("order", "vip-internal", "haproxy-clone"))
def vip_before_proxy(root: ET.Element) -> None:
    """Cold start: the address is there before the proxy, and clients are refused."""
    constraint = at(root, "order-haproxy-clone-vip-internal")
    constraint.attrib |= {"first": "vip-internal", "then": "haproxy-clone"}


@_broken("controllers-3", "vip-with-haproxy order", ("order", "vip-internal", "haproxy-clone"))
def vip_unordered(root: ET.Element) -> None:
    """Cold start: nothing makes the address wait for its proxy's start."""
    remove(root, "order-haproxy-clone-vip-internal")


@_broken("controllers-3", "cold-start service-running", ("colocation", "haproxy-clone", "vip-internal"))
def proxy_follows_vip(root: ET.Element) -> None:
    """Cold start: the proxy runs on the address's node alone, and must start anew when the address moves."""
    constraint = at(root, "colocation-vip-internal-haproxy-clone")
    constraint.attrib |= {"rsc": "haproxy-clone", "with-rsc": "vip-internal"}


@_broken(
    "controllers-3", "cold-start service-running vip-with-haproxy", ("colocation", "vip-internal", "haproxy-clone")
)
def vip_keeps_away_from_proxy(root: ET.Element) -> None:
    """Cold start: there is no node without a proxy, so the address is nowhere."""
    at(root, "colocation-vip-internal-haproxy-clone").set("score", "-INFINITY")


@_broken("controllers-3", "vip-with-haproxy colocation", ("colocation", "vip-internal", "haproxy-clone"))
def vip_near_proxy_if_convenient(root: ET.Element) -> None:
    """HAProxy fails three times on the address's node: stickiness outweighs a finite colocation."""
    at(root, "colocation-vip-internal-haproxy-clone").set("score", "50")


@_broken("controllers-3", "vip-with-haproxy once", ("vip-internal", "vip-public"))
def one_address_twice(root: ET.Element) -> None:
    """Cold start: two resources with the same address run on two nodes."""
    set_parameter(root, "vip-public", "ip", "192.0.2.10")


@_broken("controllers-3", "vip-with-haproxy once", ("vip-internal",))
def vip_cloned(root: ET.Element) -> None:
    """Cold start: the address is on three nodes at once."""
    clone(root, "vip-internal")


@_broken("controllers-3", "undisturbed", ("order-haproxy-clone-vip-internal",))
def vip_restarts_with_proxy(root: ET.Element) -> None:
    """HAProxy's monitor fails once: the address is taken down and up again around the proxy's restart in place."""
    at(root, "order-haproxy-clone-vip-internal").set("kind", "Mandatory")


@_broken("controllers-3", "return-undisturbed", ("location-vip-internal-ctl1",))
def vip_prefers_a_node(root: ET.Element) -> None:
    """The preferred node is lost and returns: the address moves back, a second outage."""
    locate(root, "vip-internal", "ctl1", "200")


@_broken("controllers-3", "return-undisturbed", ("cli-prefer-vip-public",))
def moved_by_hand(root: ET.Element) -> None:
    """What `crm_resource --move` leaves behind: the node is lost and returns, and the address moves back."""
    locate(root, "vip-public", "ctl1", "INFINITY", "cli-prefer-vip-public")


# Other services


@_broken("controllers-3", "undisturbed", ("order-galera-clone-keystone-clone",))
def api_restarts_with_database(root: ET.Element) -> None:
    """One Galera member fails: Keystone beside it restarts, which reaches the database through the virtual IP."""
    at(root, "order-galera-clone-keystone-clone").set("kind", "Mandatory")


@_broken("controllers-3", "undisturbed", ("interleave", "neutron-l3-agent-clone"))
def clone_not_interleaved(root: ET.Element) -> None:
    """One node's Open vSwitch agent fails: the L3 agents of all nodes restart."""
    set_meta(root, "neutron-l3-agent-clone", "interleave", "false")


@_broken("controllers-3", "majority undisturbed", ("interleave", "rabbitmq-clone"))
def brokers_restart_together(root: ET.Element) -> None:
    """One node's memcached fails: the brokers of all nodes restart, and for a while no queue takes a message."""
    set_meta(root, "rabbitmq-clone", "interleave", "false")
    order(root, "memcached-clone", "rabbitmq-clone", kind="Mandatory")


@_broken("controllers-3", "once", ("cinder-volume",), {"cinder-volume": "one"})
def active_passive_cloned(root: ET.Element) -> None:
    """Cold start: cinder-volume runs on three nodes."""
    clone(root, "cinder-volume")


@_broken("controllers-3", "cold-start service-running", ("colocation", "keystone-clone", "vip-internal"))
def api_follows_vip(root: ET.Element) -> None:
    """Cold start: one Keystone of three, on the address's node; the node is lost: none at all for a while."""
    colocate(root, "keystone-clone", "vip-internal")


@_broken("controllers-3", "cold-start service-running", ("clone-max", "keystone-clone"), {"keystone-clone": "all"})
def one_api_only(root: ET.Element) -> None:
    """Its node is lost: Keystone runs nowhere until another node starts it."""
    set_meta(root, "keystone-clone", "clone-max", "1")


@_broken("controllers-3", "return-undisturbed", ("resource-stickiness",))
def no_stickiness(root: ET.Element) -> None:
    """A node is lost and returns: addresses and active/passive services move to it to spread the load."""
    set_default(root, "resource-stickiness", "0")


@_broken("controllers-3", "service-running", ("cinder-volume", "location"))
def one_node_only(root: ET.Element) -> None:
    """The only node that may run cinder-volume is lost."""
    for node in ("ctl2", "ctl3"):
        locate(root, "cinder-volume", node, "-INFINITY")


@_broken("controllers-3", "service-running", ("colocation", "cinder-volume"))
def apart_at_any_price(root: ET.Element) -> None:
    """A node is lost: of three services that must never share a node one stays stopped."""
    for one, other in combinations(ACTIVE_PASSIVE, 2):
        colocate(root, one, other, "-INFINITY")


@_broken("controllers-3", "service-running", ("utilization",))
def no_room_for_one_lost(root: ET.Element) -> None:
    """A node is lost: two nodes have room for two of the three active/passive services."""
    set_property(root, "placement-strategy", "utilization")
    for node in section(root, "nodes"):
        set_utilization(root, node.get("id", ""), "memory", 64)
    for service in ACTIVE_PASSIVE:
        set_utilization(root, service, "memory", 40)


@_broken("controllers-3", "accepted", ("haproxy-all",))
def constraint_on_unknown_resource(root: ET.Element) -> None:
    """Any: Pacemaker refuses the whole CIB, for a colocation with a resource that does not exist."""
    at(root, "colocation-vip-internal-haproxy-clone").set("with-rsc", "haproxy-all")


@_broken(
    "controllers-3",
    "cold-start order service-running settles",
    ("order", "neutron-ovs-agent-clone", "neutron-l3-agent-clone"),
)
def orders_in_a_circle(root: ET.Element) -> None:
    """Cold start: each of the two agents waits for the other."""
    order(root, "neutron-l3-agent-clone", "neutron-ovs-agent-clone")


@_broken("controllers-3", "service-running vip-with-haproxy watched", ("on-fail", "vip-internal"))
def monitor_blocks(root: ET.Element) -> None:
    """The address's monitor fails: it is left as it is, for a person to come."""
    operation(root, "vip-internal", "monitor").set("on-fail", "block")


@_broken("controllers-3", "service-running vip-with-haproxy watched", ("on-fail", "haproxy"))
def monitor_ignored(root: ET.Element) -> None:
    """HAProxy's monitor fails on the address's node: nothing happens."""
    operation(root, "haproxy", "monitor").set("on-fail", "ignore")


@_broken("controllers-3", "service-running settles", ("on-fail", "cinder-volume"))
def stop_blocks(root: ET.Element) -> None:
    """Standby, and the stop fails: the node is not fenced, and cinder-volume starts nowhere."""
    operation(root, "cinder-volume", "stop").set("on-fail", "block")


@_broken("controllers-3", "service-running vip-with-haproxy watched", ("monitor", "haproxy"))
def no_monitor(root: ET.Element) -> None:
    """HAProxy dies on the address's node: nobody looks, so nothing happens."""
    operations = at(root, "haproxy").find("operations")
    assert operations is not None
    operations.remove(operation(root, "haproxy", "monitor"))


@_broken("controllers-3", "promoted service-running watched", ("monitor", "galera", "Promoted"))
def promoted_not_monitored(root: ET.Element) -> None:
    """Galera dies where it is promoted: the monitor that is left is for the unpromoted alone."""
    remove(root, operation(root, "galera", "monitor", "Promoted").get("id", ""))


@_broken("controllers-3", "accepted promoted service-running", ("monitor", "galera"))
def monitors_of_one_interval(root: ET.Element) -> None:
    """Cold start: of two monitors with the same interval Pacemaker runs none, and crm_verify says so."""
    operation(root, "galera", "monitor").set("interval", "10s")


@_broken("controllers-3", "cold-start managed service-running", ("is-managed", "cinder-volume"))
def left_unmanaged(root: ET.Element) -> None:
    """Cold start: cinder-volume is not started; its node is lost: it is not moved."""
    set_meta(root, "cinder-volume", "is-managed", "false")


@_broken("controllers-3", "cold-start managed service-running", ("target-role", "keystone-clone"))
def left_stopped(root: ET.Element) -> None:
    """Cold start: Keystone is not started."""
    set_meta(root, "keystone-clone", "target-role", "Stopped")


@_broken("controllers-3", "cold-start promoted", ("target-role", "galera-clone"))
def left_unpromoted(root: ET.Element) -> None:
    """Cold start: Galera's members start and none is promoted, so there is no database."""
    set_meta(root, "galera-clone", "target-role", "Unpromoted")


@_broken("controllers-3", "fenced-first", ("requires", "cinder-volume"))
def starts_without_fencing(root: ET.Element) -> None:
    """Its node is lost: cinder-volume starts elsewhere while the lost node may still run it."""
    set_meta(root, "cinder-volume", "requires", "nothing")


@_broken("controllers-3", "fenced-first", ("requires", "cinder-volume"))
def starts_with_quorum_alone(root: ET.Element) -> None:
    """Its node is lost: with quorum alone cinder-volume starts elsewhere before the lost node is fenced."""
    set_meta(root, "cinder-volume", "requires", "quorum")


@_broken("controllers-3", "promoted cold-start", ("promoted-max", "galera-clone"))
def one_galera_promoted(root: ET.Element) -> None:
    """Cold start: two of three members of Galera stay unpromoted, which for its agent is not running."""
    set_meta(root, "galera-clone", "promoted-max", "1")


@_broken("controllers-3", "settles service-running", ("migration-threshold", "vip-internal"))
def start_retried_for_ever(root: ET.Element) -> None:
    """The address's start fails on one node: it is tried there again without end, and never elsewhere."""
    set_property(root, "start-failure-is-fatal", "false")
    set_meta(root, "vip-internal", "migration-threshold", "INFINITY")


@_broken("controllers-3", "restored service-running undisturbed", ("migration-threshold",))
def one_failure_bans(root: ET.Element) -> None:
    """HAProxy fails once: it never runs on that node again, and the address has to move."""
    set_default(root, "migration-threshold", "1")
    set_default(root, "failure-timeout", None)


# The cluster as a whole


@_broken("controllers-3", "fenced-first fencible", ("stonith-enabled",))
def fencing_off(root: ET.Element) -> None:
    """A node is lost: its services start elsewhere at once, though it may still run them."""
    set_property(root, "stonith-enabled", "false")


@_broken("controllers-3", "fenced-first", ("startup-fencing",))
def unseen_nodes_trusted(root: ET.Element) -> None:
    """Cold start without one node: all is started, though that node may run it too."""
    set_property(root, "startup-fencing", "false")


@_broken("controllers-3", "minority-stops", ("no-quorum-policy",))
def quorum_ignored(root: ET.Element) -> None:
    """One node is cut off: it runs everything, and fences the majority."""
    set_property(root, "no-quorum-policy", "ignore")


@_broken("controllers-3", "minority-stops", ("no-quorum-policy",))
def quorum_frozen(root: ET.Element) -> None:
    """One node is cut off: what it runs it goes on running."""
    set_property(root, "no-quorum-policy", "freeze")


@_broken("controllers-3", "quorum service-running", ("quorum", "two"))
def two_nodes(root: ET.Element) -> None:
    """One of two nodes is lost: the other has no quorum, and stops everything."""
    _take_third_away(root)


@_broken("controllers-3", "minority-stops", ("no-quorum-policy",))
def two_nodes_without_tiebreaker(root: ET.Element) -> None:
    """The link between two nodes breaks: each runs everything, and fences the other."""
    _take_third_away(root)
    set_property(root, "no-quorum-policy", "ignore")


@_broken("controllers-3", "cold-start managed service-running", ("maintenance-mode",))
def left_in_maintenance(root: ET.Element) -> None:
    """Cold start: nothing is started; a monitor fails: nothing is done."""
    set_property(root, "maintenance-mode", "true")


@_broken("controllers-3", "cold-start managed", ("standby", "ctl3"))
def node_left_in_standby(root: ET.Element) -> None:
    """Cold start: the third node runs nothing."""
    set_node_attribute(root, "ctl3", "standby", "on")


@_broken("controllers-3", "cold-start service-running", ("symmetric-cluster",))
def nowhere_allowed(root: ET.Element) -> None:
    """Cold start: no resource may run anywhere until a constraint says so."""
    set_property(root, "symmetric-cluster", "false")


# Fencing devices


@_broken("controllers-3", "fencible", ("fence-ctl1", "ctl1"))
def device_only_at_its_target(root: ET.Element) -> None:
    """ctl1 is lost, and with it the only node that may use its device."""
    remove(root, "location-fence-ctl1-ctl1")
    for node in ("ctl2", "ctl3"):
        locate(root, "fence-ctl1", node, "-INFINITY")


@_broken("controllers-3", "fencible", ("ctl3",))
def node_without_device(root: ET.Element) -> None:
    """ctl3 is lost: no device fences it, and what it ran starts nowhere."""
    remove(root, "fence-ctl3", "location-fence-ctl3-ctl3")


@_broken("controllers-3", "fencible cold-start", ("fence-ctl2",))
def device_allowed_nowhere(root: ET.Element) -> None:
    """ctl2 is lost: its device is banned from every node."""
    for node in ("ctl1", "ctl3"):
        locate(root, "fence-ctl2", node, "-INFINITY")


@_broken("controllers-3", "fencible cold-start", ("target-role", "fence-ctl2"))
def device_left_stopped(root: ET.Element) -> None:
    """ctl2 is lost: its device is disabled."""
    set_meta(root, "fence-ctl2", "target-role", "Stopped")


@_broken("controllers-3", "fencible", ("fence-ctl3", "ctl3"))
def device_with_wrong_name(root: ET.Element) -> None:
    """ctl3 is lost: its device knows a ctl3.example.com, and no ctl3."""
    set_parameter(root, "fence-ctl3", "pcmk_host_list", "ctl3.example.com")


@_broken("controllers-3", "fencible", ("fence-ctl3", "ctl3"))
def device_map_misspelt(root: ET.Element) -> None:
    """ctl3 is lost: the device's map has a clt3."""
    set_parameter(root, "fence-ctl3", "pcmk_host_list", None)
    set_parameter(root, "fence-ctl3", "pcmk_host_map", "clt3:3")


@_broken("controllers-3", "fencible fenced-first", ("fence-ctl1", "pcmk_host_check"))
def device_claims_every_node(root: ET.Element) -> None:
    """ctl2 is lost: ctl1's device says that it fences any node, so ctl1 may be cut off in place of ctl2."""
    set_parameter(root, "fence-ctl1", "pcmk_host_check", "none")


@_broken("two-levels", "fencible", ("ctl2", "fence-ctl2-ipmi"))
def level_of_unknown_device(root: ET.Element) -> None:
    """ctl2 is lost: its only level names a device that does not exist."""
    remove(root, "fl-ctl2-2")
    at(root, "fl-ctl2-1").set("devices", "fence-ctl2-ipmi")


@_broken("two-levels", "fencible", ("ctl2", "fence-ctl3"))
def level_of_another_nodes_device(root: ET.Element) -> None:
    """ctl2 is lost: its only level names ctl3's device, which does not fence ctl2."""
    remove(root, "fl-ctl2-2")
    at(root, "fl-ctl2-1").set("devices", "fence-ctl3")


@_broken("two-levels", "fencible", ("ctl2", "fence-ctl2-2"))
def level_needs_a_stopped_device(root: ET.Element) -> None:
    """ctl2 is lost: its only level needs both devices, and the second is disabled."""
    remove(root, "fl-ctl2-2")
    at(root, "fl-ctl2-1").set("devices", "fence-ctl2,fence-ctl2-2")
    set_meta(root, "fence-ctl2-2", "target-role", "Stopped")


# Groups and file systems


@_broken("groups", "order accepted", ("ordered", "g_database"))
def group_unordered(root: ET.Element) -> None:
    """Cold start: the database starts while its file system is not mounted yet."""
    set_meta(root, "g_database", "ordered", "false")


@_broken("groups", "order", ("g_database", "p_mysql-fs"))
def group_in_wrong_order(root: ET.Element) -> None:
    """Cold start: the database starts, and then its file system is mounted over it."""
    group, member = at(root, "g_database"), at(root, "p_mysql-fs")
    group.remove(member)
    group.append(member)


@_broken("groups", "order colocation", ("order-p_cinder-fs-p_cinder-volume",))
def file_system_optional(root: ET.Element) -> None:
    """The file system's monitor fails: it is unmounted and mounted below the running service."""
    at(root, "order-p_cinder-fs-p_cinder-volume").set("kind", "Optional")


@_broken("groups", "order colocation", ("order-p_cinder-fs-p_cinder-volume",))
def file_system_stops_unordered(root: ET.Element) -> None:
    """Standby: nothing makes the file system wait until the service on it has stopped."""
    at(root, "order-p_cinder-fs-p_cinder-volume").set("symmetrical", "false")


@_broken("groups", "colocation", ("colocation", "p_cinder-fs", "p_cinder-volume"))
def file_system_elsewhere(root: ET.Element) -> None:
    """The file system fails three times and moves to another node: the service starts anew where it was."""
    remove(root, "colocation-p_cinder-volume-p_cinder-fs")


@_broken("groups", "service-running", ("cli-ban-g_controller-on-ctl2",))
def banned_by_hand(root: ET.Element) -> None:
    """What `crm_resource --ban` leaves behind: the group's other node is lost, and the group runs nowhere."""
    locate(root, "g_controller", "ctl2", "-INFINITY", "cli-ban-g_controller-on-ctl2")


# Compute nodes as remotes


@_broken("remotes-4", "cold-start remotes settles", ("clone-max", "haproxy-clone"))
def no_clone_max(root: ET.Element) -> None:
    """Any: each clone has an instance for every remote, which may not run there; with 100 remotes a schedule takes
    seven times as long."""
    for each in section(root, "resources").iter("clone"):
        set_meta(root, each.get("id", ""), "clone-max", None)


@_broken("remotes-4", "cold-start remotes service-running", ("keystone-clone", "compute1"))
def api_on_computes(root: ET.Element) -> None:
    """Cold start: Keystone runs on compute nodes, which are idle, but do not have it."""
    remove(root, "location-keystone-clone-osprole")


@_broken("remotes-4", "cold-start remotes service-running", ("location-keystone-clone-osprole",))
def pattern_matches_nothing(root: ET.Element) -> None:
    """Cold start: the rule is for resources of another name, and Keystone runs on compute nodes."""
    constraint = at(root, "location-keystone-clone-osprole")
    del constraint.attrib["rsc"]
    constraint.set("rsc-pattern", "^openstack-keystone")


@_broken("remotes-4", "cold-start service-running", ("nova-compute-clone", "osprole"))
def compute_rule_misspelt(root: ET.Element) -> None:
    """Cold start: no node has the role that the rule wants, and nova-compute runs nowhere."""
    at(root, "location-nova-compute-clone-osprole-rule-expr").set("value", "computes")


@_broken("remotes-4", "fencible", ("compute2",))
def remote_without_device(root: ET.Element) -> None:
    """compute2 is lost: no device fences it, so its virtual machines can never be started elsewhere."""
    remove(root, "fence-compute2")


@_broken("remotes-4", "service-running undisturbed", ("compute1", "location"))
def connection_from_one_controller(root: ET.Element) -> None:
    """ctl1 is lost: no other controller may connect to compute1, which is given up with it."""
    for node in ("ctl2", "ctl3"):
        locate(root, "compute1", node, "-INFINITY")


@_broken("remotes-4", "undisturbed", ("interleave", "nova-compute-clone"))
def computes_not_interleaved(root: ET.Element) -> None:
    """One compute node's libvirtd fails: nova-compute restarts on all."""
    set_meta(root, "nova-compute-clone", "interleave", "false")


# One promoted of many


@_broken("replicated", "promoted once", ("promoted-max", "ovndb-clone"), {"ovndb-clone": "one"})
def two_promoted(root: ET.Element) -> None:
    """Cold start: two databases are promoted, and each takes writes."""
    set_meta(root, "ovndb-clone", "promoted-max", "2")


@_broken("replicated", "colocation promoted undisturbed", ("colocation-vip-ovn-ovndb-clone",))
def address_with_any_role(root: ET.Element) -> None:
    """The address is banned from its node: it goes to an instance that takes no writes."""
    del at(root, "colocation-vip-ovn-ovndb-clone").attrib["with-rsc-role"]


BROKEN = tuple(_FOUND)
