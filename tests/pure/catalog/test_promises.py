"""What the cluster must be: each promise of a component, with its reason."""

import json
import re

import pytest

from quorate import catalog
from quorate.formats import cib, crmsh, pcs
from quorate.model import secret
from quorate.model.design import LOOPBACK, Design
from quorate.model.item import Command, File, Until
from quorate.model.resource import Clone, Primitive
from quorate.plan.task import tasks


def content(design: Design, name: str, node: str = "ctl1") -> str:
    (found,) = (file.content for file in design.files[node] if file.path.endswith(name))
    return found


def section(text: str, head: str) -> str:
    return text.partition(f"\n{head}\n")[2].partition("\n\n")[0]


def resource(design: Design, resource_id: str) -> Clone | Primitive:
    (found,) = (each for each in design.clusters[0].configuration.resources if each.id == resource_id)
    return found


PROMISES = (
    # file, lines that stand in it, and why
    ("corosync.conf", ("crypto_cipher: aes256", "crypto_hash: sha256"), "nobody else joins or listens"),
    ("corosync.conf", ("provider: corosync_votequorum",), "a minority never serves"),
    ("90-quorate.conf", ("net.ipv4.ip_nonlocal_bind = 1",), "HAProxy starts where the virtual IP is not"),
    ("99-quorate.cnf", ("innodb_flush_log_at_trx_commit = 1",), "acknowledged commits survive members that crash"),
    ("99-quorate.cnf", ("binlog_format = ROW", "innodb_autoinc_lock_mode = 2"), "Galera replicates nothing else"),
    ("99-quorate.cnf", ("skip_name_resolve = ON",), "no login waits for a name server"),
    ("99-quorate.cnf", ("bind-address = 10.77.0.11",), "the virtual IP's port is HAProxy's"),
    ("rabbitmq.conf", ("cluster_partition_handling = pause_minority",), "two halves never both take messages"),
    ("rabbitmq.conf", ("default_queue_type = quorum",), "a queue outlives the broker it was declared on"),
    ("rabbitmq.conf", ("listeners.tcp.1 = 10.77.0.11:5672",), "clients choose a broker by its address"),
    ("rabbitmq-server.service.d/quorate.conf", ("Type=exec",), "no start waits for another node's"),
    ("memcached.conf", ("-l 10.77.0.11", "-U 0"), "not on the public network, and no amplifier"),
    ("keystone-uwsgi.ini", ("http-socket = 10.77.0.11:5000",), "the virtual IP's port is HAProxy's"),
    (
        "keystone.conf",
        ("rabbit_quorum_queue = true", "rabbit_transient_quorum_queue = true"),
        "as the brokers' default",
    ),
    ("keystone.conf", ("backend = oslo_cache.memcache_pool",), "a dead memcached is set aside"),
    ("keystone.conf", ("max_active_keys = 1000",), "only Quorate drops token keys, by their age"),
    ("keystone.conf", ("connection_recycle_time = 600",), "below HAProxy's idle timeout of the database"),
)


@pytest.mark.parametrize(("name", "lines", "why"), PROMISES, ids=[promise[2] for promise in PROMISES])
def test_a_promise_stands_in_the_file(lab: Design, name: str, lines: tuple[str, ...], why: str) -> None:
    held = [line.strip() for line in content(lab, name).splitlines()]
    assert [line for line in lines if line not in held] == [], why


def test_one_writer_chosen_alike_by_all_proxies_and_never_two(lab: Design) -> None:
    text = section(content(lab, "haproxy.cfg"), "listen galera")
    servers = re.findall(r"server (\w+) \S+ check(.*)$", text, re.MULTILINE)
    # The choice follows from health alone: the first that is well, and it takes the sessions of later ones back.
    takes_back = " on-marked-up shutdown-backup-sessions"
    assert servers == [("ctl1", takes_back), ("ctl2", f" backup{takes_back}"), ("ctl3", " backup")]
    assert len({section(content(lab, "haproxy.cfg", node), "listen galera") for node in lab.files}) == 1
    # A session left on a demoted writer would write beside the new one.
    assert "on-marked-down shutdown-sessions" in text
    # Only the check program knows whether a member is synced; an open port does not say so.
    assert "default-server port 9200 " in text
    assert "http-check expect status 200" in text


def test_the_writer_is_not_who_gives_a_member_that_joins_its_data(lab: Design) -> None:
    """Of the two others the second one is asked first, and the writer if need be."""
    donors = {"ctl1": "ctl3,", "ctl2": "ctl3,", "ctl3": "ctl2,"}
    for node, first in donors.items():
        assert f"wsrep_sst_donor = {first}\n" in content(lab, "99-quorate.cnf", node)


def test_the_idle_timeout_of_the_proxy_outlasts_the_pools(lab: Design) -> None:
    idle_s = lab.listener("galera").idle_s
    recycle_s = int(re.search(r"connection_recycle_time = (\d+)", content(lab, "keystone.conf"))[1])
    assert recycle_s < idle_s


def test_every_member_of_the_database_is_promoted(lab: Design) -> None:
    galera = resource(lab, "galera-clone")
    assert galera.promotable
    assert galera.meta["promoted-max"] == str(len(lab.cloud.topology.nodes))


@pytest.mark.parametrize(("name", "port"), [("memcache_servers", 11211), ("transport_url", 5672)])
def test_clients_that_fail_over_by_themselves_get_every_server(lab: Design, name: str, port: int) -> None:
    """Not HAProxy: a client that knows all servers loses only what was on the dead one."""
    (line,) = re.findall(rf"^{name} = .*$", content(lab, "keystone.conf"), re.MULTILINE)
    assert re.findall(rf"([\d.]+):{port}", line) == [node.address for node in lab.cloud.topology.nodes]
    assert not any(listener.port == port for listener, _ in lab.listeners())


def test_brokers_find_each_other_by_a_list_that_is_the_same_everywhere(lab: Design) -> None:
    """Whichever starts first, all know the same first peer, so that no two clusters are formed."""
    lists = {
        tuple(re.findall(r"classic_config\.nodes\.\d = (\S+)", content(lab, "rabbitmq.conf", node)))
        for node in lab.files
    }
    assert lists == {("rabbit@ctl1", "rabbit@ctl2", "rabbit@ctl3")}


def test_clones_do_not_wait_for_other_nodes(any_design: Design) -> None:
    """Without interleave a database that restarts on one node would restart what needs it on all."""
    for cluster in any_design.clusters:
        for each in cluster.configuration.resources:
            if isinstance(each, Clone):
                assert each.meta["interleave"] == "true", each.id


def test_every_operation_says_how_long_it_may_take(any_design: Design) -> None:
    for cluster in any_design.clusters:
        for primitive in cluster.configuration.primitives():
            names = {op.name for op in primitive.ops}
            assert "monitor" in names, primitive.id
            if not primitive.agent.startswith("stonith:"):
                assert {"start", "stop"} <= names, primitive.id
            monitors = [op.interval_s for op in primitive.ops if op.name == "monitor"]
            assert all(monitors), primitive.id
            # Pacemaker tells recurring operations of a resource by their interval.
            assert len(monitors) == len(set(monitors)), primitive.id


def test_everything_pacemaker_runs_is_kept_from_starting_otherwise(any_design: Design) -> None:
    for component in any_design.components():
        units = {
            primitive.agent.removeprefix("systemd:") + ".service"
            for each in component.resources
            for primitive in each.primitives
            if primitive.agent.startswith("systemd:")
        }
        assert units == set(component.owned_units), component.name


def test_an_address_is_never_a_source_of_the_nodes_own_traffic(public: Design) -> None:
    vips = [
        each for each in public.clusters[0].configuration.primitives() if each.agent == "ocf:heartbeat:IPaddr2"
    ]
    assert {each.id: each.parameters["cidr_netmask"] for each in vips} == dict.fromkeys(
        ("vip-internal", "vip-public", "vip-keystone"), "32"
    )


def test_no_secret_is_in_what_every_node_can_read(any_design: Design) -> None:
    """The CIB is on every member, and its dialects land in shells' histories."""
    for cluster in any_design.clusters:
        told = [dialect(cluster.configuration) for dialect in (cib.configuration, pcs.script, crmsh.script)]
        assert [list(secret.references(text)) for text in told] == [[], [], []]
        devices = [each for each in cluster.configuration.primitives() if each.agent.startswith("stonith:")]
        assert devices
        for device in devices:
            assert not {"password", "passwd"} & set(device.parameters)
            assert device.parameters["password_script"].startswith("/etc/quorate/fencing/")


def test_a_file_with_a_secret_is_not_for_everybody(any_design: Design) -> None:
    for node, files in any_design.files.items():
        secret_files = [file for file in files if list(secret.references(file.content))]
        assert secret_files, node
        assert [file.path for file in secret_files if file.mode & 0o007] == [], node


def test_no_secret_is_on_a_command_line(any_design: Design) -> None:
    items = [item for task in tasks(any_design) for item in task.items if isinstance(item, Command | Until)]
    words = [word for item in items for word in (*item.argv, *getattr(item, "unless", ()))]
    assert len(words) > 20
    assert [word for word in words if list(secret.references(word))] == []
    probes = [probe for name in catalog.names() for check in _checks(any_design, name) for probe in check.probes]
    assert [probe.argv for probe in probes if any(map(list, map(secret.references, probe.argv)))] == []


def _checks(design: Design, name: str):
    return catalog.checks(name, design)


def test_every_secret_that_is_referred_to_is_declared(any_design: Design) -> None:
    """Otherwise `secrets init` would not make it, and a deployment would end in the middle."""
    texts = [file.content for files in any_design.files.values() for file in files]
    for task in tasks(any_design):
        for item in task.items:
            texts += [getattr(item, name, "") for name in ("stdin", "unless_stdin")]
    referred = {name for text in texts for name in secret.references(text)}
    declared = {each.name for each in any_design.secrets()}
    assert referred == declared


def test_what_the_proxies_serve_exists_and_ports_are_nobody_elses(any_design: Design) -> None:
    ports = [listener.port for listener, _ in any_design.listeners()]
    assert len(ports) == len(set(ports))
    for service, component in any_design.services():
        assert service.listener in {listener.name for listener in component.listeners}


def test_roots_client_uses_the_catalogue_through_the_virtual_ip(lab: Design) -> None:
    cloud = json.loads(content(lab, "clouds.yaml"))["clouds"]["admin"]
    assert cloud["auth"]["auth_url"] == "http://10.77.0.10:5000/v3"
    (file,) = (file for file in lab.files["ctl1"] if file.path.endswith("clouds.yaml"))
    assert (file.owner, file.mode) == ("root", 0o600)


def test_an_operators_settings_win_and_reach_every_node(lab: Design) -> None:
    for node in lab.files:
        assert "\npassword_hash_rounds = 4\n" in content(lab, "keystone.conf", node)
    assert lab.clusters[0].configuration.properties["load-threshold"] == "1000%"


def test_no_daemon_of_ours_listens_on_loopback_where_the_proxy_does(lab: Design) -> None:
    binds = re.findall(r"bind (\S+):(\d+)", content(lab, "haproxy.cfg"))
    assert (LOOPBACK, "3306") in binds
    for name in ("99-quorate.cnf", "rabbitmq.conf", "memcached.conf", "keystone-uwsgi.ini"):
        assert LOOPBACK not in content(lab, name)


def test_programs_compile_and_are_out_of_no_file_on_the_node() -> None:
    argv = catalog.program("memcached_reach")
    assert argv[:3] == ("python3", "-I", "-c")
    compile(argv[3], "memcached_reach", "exec")


def test_every_file_names_primitives_that_exist_as_its_readers(any_design: Design) -> None:
    for cluster in any_design.clusters:
        known = {primitive.id for primitive in cluster.configuration.primitives()} | {"corosync"}
        for node in cluster.cluster.members:
            files: tuple[File, ...] = any_design.files[node.name]
            assert [file.path for file in files if not set(file.read_by) <= known] == []
            assert len({file.path for file in files}) == len(files)
