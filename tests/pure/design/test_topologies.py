"""What follows from where components are: collapsed, segregated, with more than one virtual IP."""

import re
from pathlib import Path

import pytest

from quorate.catalog import keystone
from quorate.catalog.haproxy import DRAINED_PROGRAM
from quorate.design import build
from quorate.model.design import LOOPBACK, Design
from quorate.model.resource import Colocation, Location, Order
from quorate.spec import template
from quorate.spec.file import read


def content(design: Design, node: str, path: str) -> str:
    (found,) = (file.content for file in design.files[node] if file.path == path)
    return found


def section(text: str, head: str) -> str:
    return text.partition(f"\n{head}\n")[2].partition("\n\n")[0]


def servers(text: str, head: str) -> list[tuple[str, str]]:
    return re.findall(r"server (\w+) (\S+):", section(text, head))


def constraints(design: Design, kind: type) -> list:
    return [
        each for cluster in design.clusters for each in cluster.configuration.constraints if type(each) is kind
    ]


def test_every_cluster_has_what_makes_it_one_and_its_own_component(segregated: Design) -> None:
    held = {cluster.cluster.name: [each.name for each in cluster.components] for cluster in segregated.clusters}
    assert held == {
        name: ["pacemaker", name] for name in ("haproxy", "galera", "memcached", "rabbitmq", "keystone")
    }


def test_no_constraint_reaches_across_clusters(segregated: Design) -> None:
    for cluster in segregated.clusters:
        ids = {resource.id for resource in cluster.configuration.resources}
        members = {node.name for node in cluster.cluster.members}
        for each in cluster.configuration.constraints:
            match each:
                case Order(first=first, then=then):
                    assert {first, then} <= ids
                case Colocation(resource=resource, with_resource=other):
                    assert {resource, other} <= ids
                case Location(resource=resource, node=node):
                    assert resource in ids
                    assert node in members
    assert [order.first for order in constraints(segregated, Order)] == ["haproxy-clone"]


def test_the_databases_name_is_the_nodes_own_proxy_and_then_the_virtual_ip(
    lab: Design, segregated: Design
) -> None:
    """Loopback is better where there is a proxy: the loss of the address's holder does not touch it."""
    for design, node in ((lab, "ctl1"), (segregated, "keystone1")):
        assert "@galera-proxy/keystone" in content(design, node, "/etc/keystone/keystone.conf")
    hosts = content(lab, "ctl1", "/etc/hosts")
    assert f"{LOOPBACK}\tlocalhost galera-proxy\n" in hosts
    assert "10.77.0.10\tgalera-proxy\n" in hosts
    hosts = content(segregated, "keystone1", "/etc/hosts")
    assert f"{LOOPBACK}\tlocalhost\n" in hosts
    assert "10.20.0.5\tgalera-proxy\n" in hosts


def test_an_api_is_watched_by_the_proxy_of_its_own_node_which_tells_the_others(lab: Design) -> None:
    for node in lab.cloud.topology.members_of("haproxy"):
        text = content(lab, node.name, "/etc/haproxy/haproxy.cfg")
        assert servers(text, "backend keystone-here") == [(node.name, node.address)]
        asked = section(text, "listen keystone")
        assert "uri /keystone-here" in asked
        assert "default-server port 9300 " in asked
        assert "healthcheck" not in asked


def test_an_api_starts_once_each_proxy_has_missed_it(segregated: Design) -> None:
    unit = content(segregated, "keystone2", "/etc/systemd/system/keystone.service")
    proxies = [node.address for node in segregated.cloud.topology.members_of("haproxy")]
    assert f"ExecStartPre=-{DRAINED_PROGRAM} /%l/keystone 9300 {' '.join(proxies)}\n" in unit
    asked = section(content(segregated, "haproxy1", "/etc/haproxy/haproxy.cfg"), "frontend health")
    assert "200 if { path /keystone2/keystone } { srv_is_up(keystone/keystone2) }" in asked
    paths = [file.path for file in segregated.files["keystone2"]]
    assert paths.count(DRAINED_PROGRAM) == 1


def test_what_a_server_cannot_take_yet_waits_for_the_one_that_is_free_first(full: Design) -> None:
    text = content(full, "ctl1", "/etc/haproxy/haproxy.cfg")
    assert "server ctl2 10.77.0.12:9696 check maxconn 1\n" in section(text, "listen neutron-api") + "\n"
    assert "maxconn" not in section(text, "listen glance-api")
    assert "timeout check 6000ms" in section(text, "backend neutron-api-here")
    assert "timeout check" not in section(text, "backend glance-api-here")


def test_proxies_that_are_not_where_the_apis_are_ask_them_themselves(segregated: Design) -> None:
    text = content(segregated, "haproxy1", "/etc/haproxy/haproxy.cfg")
    assert "-here" not in text
    assert "uri /healthcheck" in section(text, "listen keystone")


def test_the_proxy_serves_what_other_clusters_run(segregated: Design) -> None:
    text = content(segregated, "haproxy1", "/etc/haproxy/haproxy.cfg")
    for component in ("galera", "keystone"):
        members = segregated.cloud.topology.members_of(component)
        assert servers(text, f"listen {component}") == [(node.name, node.address) for node in members]


def test_clients_of_lists_get_those_of_the_other_clusters(segregated: Design) -> None:
    text = content(segregated, "keystone1", "/etc/keystone/keystone.conf")
    for component, port in (("memcached", 11211), ("rabbitmq", 5672)):
        for node in segregated.cloud.topology.members_of(component):
            assert f"{node.address}:{port}" in text


def test_files_are_only_where_their_component_is(segregated: Design) -> None:
    homes = {"haproxy.cfg": "haproxy", "99-quorate.cnf": "galera", "memcached.conf": "memcached"}
    for node, files in segregated.files.items():
        names = {file.path.rpartition("/")[2] for file in files}
        assert {home for name, home in homes.items() if name in names} == {node[:-1]} & set(homes.values())


def test_each_cluster_knows_only_its_own_members(segregated: Design) -> None:
    text = content(segregated, "galera1", "/etc/corosync/corosync.conf")
    assert re.findall(r"\bname: (\w+)", text) == ["galera1", "galera2", "galera3"]
    assert "cluster_name: galera" in text


@pytest.mark.parametrize(
    ("listener", "binds"), [("galera", [LOOPBACK, "10.77.0.10"]), ("keystone", ["10.77.0.9", "198.51.100.10"])]
)
def test_a_listener_is_bound_where_its_clients_come(public: Design, listener: str, binds: list[str]) -> None:
    """The database never on the public network; a service that has an address of its own not on the shared one."""
    text = content(public, "ctl1", "/etc/haproxy/haproxy.cfg")
    assert re.findall(r"bind (\S+):\d+", section(text, f"listen {listener}")) == binds


def test_the_catalogue_names_the_addresses(public: Design, lab: Design) -> None:
    assert public.url(keystone.SERVICE) == "http://10.77.0.9:5000/v3"
    assert public.url(keystone.SERVICE, public=True) == "http://198.51.100.10:5000/v3"
    assert lab.url(keystone.SERVICE, public=True) == lab.url(keystone.SERVICE) == "http://10.77.0.10:5000/v3"


def test_every_virtual_ip_stands_on_a_running_proxy(public: Design) -> None:
    vips = {"vip-internal", "vip-public", "vip-keystone"}
    joined = {(each.resource, each.with_resource) for each in constraints(public, Colocation)}
    assert joined == {(vip, "haproxy-clone") for vip in vips}
    kinds = {each.then: each.kind.value for each in constraints(public, Order) if each.first == "haproxy-clone"}
    assert {vip: kinds[vip] for vip in vips} == dict.fromkeys(vips, "Optional")


def test_corosync_has_a_link_a_network(public: Design) -> None:
    text = content(public, "ctl2", "/etc/corosync/corosync.conf")
    assert re.findall(r"ring(\d)_addr: (\S+)", text)[:2] == [("0", "10.77.0.11"), ("1", "198.51.100.11")]


def test_every_device_fences_another_node(any_design: Design) -> None:
    for cluster in any_design.clusters:
        never = {
            each.resource: each.node
            for each in cluster.configuration.constraints
            if isinstance(each, Location) and each.score == "-INFINITY"
        }
        devices = [each for each in cluster.configuration.primitives() if each.agent.startswith("stonith:")]
        assert {each.parameters["pcmk_host_list"] for each in devices} == {
            node.name for node in cluster.cluster.members
        }
        assert {each.id: each.parameters["pcmk_host_list"] for each in devices} == never


def test_a_components_own_address_is_that_of_all_its_listeners() -> None:
    text = template.lab("lab", template.LAB_NETWORKS[0], 3, full=True)
    vips = "  internal: 10.77.0.10\n"
    text = text.replace(vips, vips + "  services: {nova: 10.77.0.9}\n")
    made = build(read(text, "quorate.yaml", Path("/cloud")))
    proxy = content(made, "ctl1", "/etc/haproxy/haproxy.cfg")
    for port in (8774, 8775, 6080):
        assert f"bind 10.77.0.9:{port}" in proxy
    assert "bind 10.77.0.10:9292" in proxy
    nova = content(made, "ctl1", "/etc/nova/nova.conf")
    assert "novncproxy_base_url = http://10.77.0.9:6080/vnc_lite.html" in nova
    assert "nova_metadata_host = 10.77.0.9" in content(made, "ctl1", "/etc/neutron/metadata_agent.ini")
