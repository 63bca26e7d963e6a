"""Each rule finds its breach, at its place and only it, and a good design has none."""

import re
from pathlib import Path

import pytest

from quorate import design, rules
from quorate.model.finding import Severity
from quorate.spec import template
from quorate.spec.file import read


def node(number: int, more: str = "") -> str:
    return (
        f"  ctl{number}: {{management: 10.20.0.{10 + number}, storage: 10.21.0.{10 + number}{more}, "
        f"bmc: {{address: 10.30.0.{number}, username: admin}}}}\n"
    )


def cloud_file(members: int = 3) -> str:
    names = [f"ctl{number}" for number in range(1, members + 1)]
    return f"""\
cloud: demo
release: "2025.1"
networks:
  management: {{cidr: 10.20.0.0/24}}
  storage: {{cidr: 10.21.0.0/24}}
nodes:
{"".join(node(number) for number in range(1, members + 1))}\
clusters:
  control:
    nodes: [{", ".join(names)}]
    components: [haproxy, galera, rabbitmq, memcached, keystone]
virtual_ips: {{internal: 10.20.0.5}}
failover: {{profile: fast}}
fencing: {{levels: [{{agent: fence_ipmilan, parameters: {{lanplus: 1}}}}]}}
extra: {{}}
"""


def judged(text: str) -> list[tuple[str, str]]:
    cloud = read(text, "f", Path("/cloud"))
    return [(finding.code, finding.place) for finding in rules.judge(design.build(cloud))]


def changed(old: str, new: str, text: str | None = None) -> str:
    text = cloud_file() if text is None else text
    assert old in text
    return text.replace(old, new)


def test_a_good_design_has_no_findings():
    for members in (3, 5, 7):
        assert judged(cloud_file(members)) == []


@pytest.mark.parametrize(
    ("members", "found"),
    [
        (1, ["Q101", "Q302"]),
        (2, ["Q101"]),
        (4, ["Q102"]),
        (15, ["Q107"]),
        (16, ["Q102", "Q107"]),
        (17, ["Q103", "Q107"]),
    ],
)
def test_how_many_members(members, found):
    assert [code for code, _ in judged(cloud_file(members))] == found


@pytest.mark.parametrize("profile", ["balanced", "careful"])
@pytest.mark.parametrize("members", [3, 5, 15])
def test_the_slower_profiles_are_good_for_many_members(profile, members):
    assert judged(changed("profile: fast", f"profile: {profile}", cloud_file(members))) == []


LEVELS = "{levels: [{agent: fence_ipmilan, parameters: {lanplus: 1}}]}"
STORAGE_3 = ", storage: 10.21.0.13"
BMC_3 = ", bmc: {address: 10.30.0.3, username: admin}"
PUBLIC = "  storage: {cidr: 10.21.0.0/24}\n  public: {cidr: 10.22.0.0/24}\n"
SPLIT = """\
    components: [haproxy, galera, rabbitmq, memcached, keystone]
  other:
    nodes: [ctl4, ctl5, ctl6]
    components: []
"""


def with_public(*members: int) -> str:
    text = changed("  storage: {cidr: 10.21.0.0/24}\n", PUBLIC)
    text = changed("internal: 10.20.0.5", "internal: 10.20.0.5, public: 10.22.0.5", text)
    for number in members:
        text = changed(node(number), node(number, f", public: 10.22.0.{10 + number}"), text)
    return text


def extra(settings: str) -> str:
    return changed("extra: {}", f"extra: {settings}")


def failover(settings: str) -> str:
    return changed("profile: fast", f"profile: fast, {settings}")


CASES = [
    (changed(STORAGE_3, ""), [("Q104", "clusters.control.nodes")]),
    (
        changed(
            "    components: [haproxy, galera, rabbitmq, memcached, keystone]\n", SPLIT, cloud_file(6)
        ).replace("ctl3, ctl4, ctl5, ctl6]\n    components: [haproxy", "ctl3]\n    components: [haproxy"),
        [("Q105", "clusters")],
    ),
    (changed(", ctl4]", "]", cloud_file(4)), [("Q106", "nodes.ctl4")]),
    (failover("corosync_token_ms: 400, corosync_token_coefficient_ms: 0"), [("Q107", "failover")]),
    (
        extra("{corosync.conf: {quorum: {two_node: 1, wait_for_all: 0}}}"),
        [("Q108", "extra.corosync.conf.quorum.two_node")],
    ),
    (extra("{corosync.conf: {totem: {crypto_hash: none}}}"), [("Q109", "extra.corosync.conf.totem.crypto_hash")]),
    (changed(f"fencing: {LEVELS}\n", ""), [("Q201", "fencing")]),
    (changed(LEVELS, "{none: a lab}"), [("Q202", "fencing.none")]),
    (changed(BMC_3, ""), [("Q203", "nodes.ctl3")]),
    (changed("lanplus: 1", "lanplus: 1, ip: 10.30.0.1"), [("Q204", "fencing.levels[0].parameters.ip")]),
    (changed("lanplus: 1", "cipher: 3"), [("Q205", "fencing.levels[0].parameters")]),
    (failover("fencing_timeout_s: 10"), [("Q206", "failover.fencing_timeout_s")]),
    (with_public(), [("Q301", "virtual_ips.public")]),
    (with_public(2), [("Q302", "virtual_ips.public")]),
    (with_public(1, 2), [("Q303", "virtual_ips.public")]),
    (with_public(1, 2, 3), []),
    (
        extra("{mariadb.cnf: {mysqld: {innodb-flush-log-at-trx-commit: 0}}}"),
        [("Q401", "extra.mariadb.cnf.mysqld.innodb-flush-log-at-trx-commit")],
    ),
    (extra("{mariadb.cnf: {mysqld: {innodb_flush_log_at_trx_commit: 1}}}"), []),
    (
        extra('{mariadb.cnf: {mysqld: {wsrep_provider_options: "a=b; pc.ignore_sb = true"}}}'),
        [
            ("Q402", "extra.mariadb.cnf.mysqld.wsrep_provider_options"),
            ("Q403", "extra.mariadb.cnf.mysqld.wsrep_provider_options"),
        ],
    ),
    (extra('{mariadb.cnf: {mysqld: {wsrep_on: "OFF"}}}'), [("Q404", "extra.mariadb.cnf.mysqld.wsrep_on")]),
    (
        extra("{rabbitmq.conf: {main: {cluster_partition_handling: ignore}}}"),
        [("Q405", "extra.rabbitmq.conf.main.cluster_partition_handling")],
    ),
    (
        extra("{rabbitmq.conf: {main: {cluster_partition_handling: autoheal}}}"),
        [("Q406", "extra.rabbitmq.conf.main.cluster_partition_handling")],
    ),
    (
        extra("{rabbitmq.conf: {main: {default_queue_type: classic}}}"),
        [("Q407", "extra.rabbitmq.conf.main.default_queue_type")],
    ),
    (
        extra("{keystone.conf: {oslo_messaging_rabbit: {rabbit_quorum_queue: false}}}"),
        [("Q407", "extra.keystone.conf.oslo_messaging_rabbit.rabbit_quorum_queue")],
    ),
    (
        extra("{keystone.conf: {cache: {backend: dogpile.cache.pymemcache}}}"),
        [("Q408", "extra.keystone.conf.cache.backend")],
    ),
    (
        extra("{keystone.conf: {identity: {password_hash_rounds: 4}}}"),
        [("Q409", "extra.keystone.conf.identity.password_hash_rounds")],
    ),
    (extra("{keystone.conf: {identity: {password_hash_rounds: 12}}}"), []),
    (extra("{keystone.cnf: {DEFAULT: {debug: true}}}"), [("Q421", "extra.keystone.cnf.DEFAULT.debug")]),
    (extra("{keystone.conf: {DEFAULT: {debug: true}}}"), []),
    (failover("haproxy_check_ms: 2000"), [("Q501", "failover")]),
    (
        failover("galera_suspect_ms: 5000"),
        [("Q502", "failover.galera_suspect_ms")],
    ),
    (
        failover("memcached_timeout_ms: 1200"),
        [("Q503", "failover.memcached_timeout_ms")],
    ),
    (failover("memcached_dead_retry_s: 1"), [("Q504", "failover.memcached_dead_retry_s")]),
    (failover("tcp_retries: 15"), [("Q505", "failover.tcp_retries")]),
    (failover("rabbitmq_heartbeat_s: 4"), [("Q506", "failover.rabbitmq_heartbeat_s")]),
]


@pytest.mark.parametrize(("text", "found"), CASES, ids=[f"{n}-{case[1]}" for n, case in enumerate(CASES)])
def test_each_breach_is_found_where_it_is(text, found):
    assert judged(text) == found


def test_a_network_that_this_release_cannot_deploy():
    text = changed("10.21.0.0/24", "fd00:21::/64")
    for number in (1, 2, 3):
        text = changed(f"10.21.0.{10 + number}", f"'fd00:21::{number}'", text)
    assert judged(text) == [("Q110", "networks.storage.cidr")]


def test_writes_to_several_members_are_found_in_what_is_rendered():
    text = cloud_file()
    rendered = design.build(read(text, "f", Path("/cloud"))).files["ctl1"]
    (config,) = [file.content for file in rendered if file.path.endswith("haproxy.cfg")]
    section = re.search(r"^listen galera\n((?:[ \t].*\n)*)", config, re.MULTILINE)
    (backup,) = [line.split() for line in section[1].splitlines() if "server ctl2 " in line]
    writer = " ".join(word for word in backup[2:] if word != "backup")
    text = extra(f'{{haproxy.cfg: {{"listen galera": {{server ctl2: "{writer}"}}}}}}')
    assert judged(text) == [("Q420", "extra.haproxy.cfg.listen galera")]


def test_findings_come_the_worst_first_and_say_what_to_do():
    text = changed(
        LEVELS, "{none: a lab}", changed("tcp_retries: 15", "tcp_retries: 15", failover("tcp_retries: 15"))
    )
    text = changed("extra: {}", "extra: {mariadb.cnf: {mysqld: {wsrep_on: 0}}}", text)
    findings = rules.judge(design.build(read(text, "f", Path("/cloud"))))
    assert [finding.severity for finding in findings] == [Severity.ERROR, Severity.WARNING, Severity.WARNING]
    assert [finding.code for finding in findings] == ["Q404", "Q202", "Q505"]
    assert "FENCING IS OFF (a lab)" in findings[1].message
    assert all(finding.remedy for finding in findings)


def test_a_labs_file_has_warnings_and_no_error():
    text = template.lab("lab", template.lab_network([]), 3)
    assert [code for code, _ in judged(text)] == ["Q104", "Q409"]


def test_a_cloud_can_be_judged_without_its_design():
    text = extra("{keystone.cnf: {DEFAULT: {debug: true}}, mariadb.cnf: {mysqld: {wsrep_on: 0}}}")
    assert [finding.code for finding in rules.judge(read(text, "f", Path("/cloud")))] == ["Q404"]


def test_every_rule_has_a_code_of_its_own_a_title_and_a_reason():
    every = [*rules.CLOUD_RULES, *rules.DESIGN_RULES]
    assert len({rule.code for rule in every}) == len(every)
    assert len({rule.breaches for rule in every}) == len(every)
    for rule in every:
        assert re.fullmatch(r"Q[1-6]\d\d", rule.code)
        assert rule.title.endswith(".")
        assert rule.reason.endswith(".")


def test_every_rule_is_tested():
    here = Path(__file__).read_text()
    assert [rule.code for rule in (*rules.CLOUD_RULES, *rules.DESIGN_RULES) if f'"{rule.code}"' not in here] == []


def test_the_table_has_every_rule():
    rows = rules.table().splitlines()
    assert len(rows) == 2 + len(rules.CLOUD_RULES) + len(rules.DESIGN_RULES)
    assert rows[2].startswith("| Q101 | error | A cluster has at least 3 members. |")


SERVED = "components: [haproxy, galera, rabbitmq, memcached, keystone, storage, glance, placement, nova, neutron]"


def served(more: str = "") -> str:
    text = changed("components: [haproxy, galera, rabbitmq, memcached, keystone]", SERVED)
    return text + more


@pytest.mark.parametrize(
    ("options", "found"),
    [
        ("", []),
        ("options: {storage: {backend: nfs, export: 'files:/cloud'}}", []),
        ("options: {storage: {backend: nfs}}", [("Q602", "options.storage")]),
        ("options: {storage: {backend: ceph, monitors: [10.22.0.1, 10.22.0.2]}}", []),
        ("options: {storage: {backend: ceph}}", [("Q605", "options.storage")]),
        ("options: {neutron: {tenant_networks: vlan}}", [("Q603", "options.neutron.tenant_networks")]),
        ("options: {neutron: {datapath: netdev}}", [("Q604", "options.neutron.datapath")]),
    ],
)
def test_what_services_want_beside_their_names(options, found):
    assert judged(served(options)) == found


LOCKED = "{{cinder.conf: {{coordination: {{backend_url: '{}'}}}}}}"


@pytest.mark.parametrize(
    ("backend", "locks", "found"),
    [
        ("ceph, monitors: [10.22.0.1]", LOCKED.format("etcd3+http://10.22.0.9:2379"), []),
        ("ceph, monitors: [10.22.0.1]", "{}", ["no place is named"]),
        (
            "ceph, monitors: [10.22.0.1]",
            LOCKED.format("mysql://cinder:s3cret@10.22.0.9/locks"),
            ["mysql is no place for"],
        ),
        ("glusterfs", LOCKED.format("redis://10.22.0.9:6379"), ["volumes are files"]),
    ],
)
def test_several_managers_of_volumes_lock_what_they_share(backend, locks, found):
    text = changed("nova, neutron]", "nova, neutron, cinder]", served())
    chosen = f"options: {{cinder: {{manager: active-active}}, storage: {{backend: {backend}}}}}"
    text = changed("extra: {}", f"extra: {locks}\n{chosen}", text)
    said = [each.message for each in rules.judge(read(text, "f", Path("/cloud"))) if each.code == "Q606"]
    assert [starts for starts, each in zip(found, said, strict=True) if each.startswith(starts)] == found
    assert "s3cret" not in " ".join(said)


def test_vlans_are_on_a_network_without_addresses():
    text = served("options: {neutron: {tenant_networks: vlan, datapath: netdev}}")
    wired = "networks:\n  provider: {interface: eth1}\n"
    assert judged(changed("networks:\n", wired, text)) == []


def test_the_shared_files_are_where_the_images_are():
    text = served()
    text = changed("storage, glance, placement, nova, neutron]", "placement, nova, neutron]", text)
    hosts = "".join(node(number).replace("ctl", "img") for number in (4, 5, 6))
    text = changed(
        "clusters:\n", f"{hosts}clusters:\n  images: {{nodes: [img4, img5, img6], components: [glance]}}\n", text
    )
    more = "".join(node(number).replace("ctl", "fil") for number in (7, 8, 9))
    text = changed(
        "clusters:\n", f"{more}clusters:\n  files: {{nodes: [fil7, fil8, fil9], components: [storage]}}\n", text
    )
    assert ("Q601", "clusters.images.components") in judged(text)
