"""A good file becomes a Cloud; a bad one becomes exactly the messages an operator needs, where they belong."""

from ipaddress import IPv4Network
from pathlib import Path

import pytest

from quorate import spec
from quorate.model.cloud import Fencing, FencingDevice, Ssh
from quorate.model.topology import Bmc, Wire
from quorate.spec import template
from quorate.spec.errors import SpecErrors
from quorate.spec.file import read

GOOD = """\
cloud: demo
release: "2025.1"
region: RegionOne
networks:
  management: {cidr: 10.20.0.0/24}
  public: {cidr: 203.0.113.0/24}
nodes:
  ctl1: {management: 10.20.0.11, public: 203.0.113.11, bmc: {address: 10.20.0.1, port: 6231, username: admin}}
  ctl2: {management: 10.20.0.12, bmc: {address: 10.20.0.1, port: 6232, username: admin}}
  ctl3: {management: 10.20.0.13, bmc: {address: 10.20.0.1, port: 6233, username: admin}}
clusters:
  control: {nodes: [ctl1, ctl2, ctl3], components: [haproxy, galera, rabbitmq, memcached, keystone]}
virtual_ips: {internal: 10.20.0.10, public: 203.0.113.10, services: {keystone: 10.20.0.9}}
failover: {profile: fast}
fencing: {levels: [{agent: fence_ipmilan, parameters: {lanplus: 1, cipher: "3", verbose: true}}]}
ssh: {user: debian, config: keys/ssh_config}
workers: {keystone: 2}
extra: {keystone.conf: {token: {expiration: 7200}, DEFAULT: {debug: yes}}}
"""


def mistakes(text: str) -> list[str]:
    with pytest.raises(spec.SpecErrors) as caught:
        read(text, "f", Path("/cloud"))
    return [str(error) for error in caught.value.errors]


def changed(old: str, new: str) -> str:
    assert GOOD.count(old) == 1, f"{old} stands {GOOD.count(old)} times in the good file"
    return GOOD.replace(old, new)


def test_every_part_of_a_good_file_is_in_the_cloud():
    cloud = read(GOOD, "f", Path("/cloud"))
    topology = cloud.topology
    assert (cloud.name, cloud.release, cloud.region) == ("demo", "2025.1", "RegionOne")
    assert [network.name for network in topology.networks] == ["management", "public"]
    assert topology.node("ctl1").addresses == {"management": "10.20.0.11", "public": "203.0.113.11"}
    assert topology.node("ctl2").bmc == Bmc("10.20.0.1", "admin", 6232)
    assert [node.name for node in topology.members_of("galera")] == ["ctl1", "ctl2", "ctl3"]
    addresses = {vip.name: (vip.address, vip.network.name) for vip in topology.virtual_ips}
    assert addresses == {
        "internal": ("10.20.0.10", "management"),
        "public": ("203.0.113.10", "public"),
        "keystone": ("10.20.0.9", "management"),
    }
    assert cloud.timers.profile == "fast"
    parameters = {"lanplus": "1", "cipher": "3", "verbose": "true"}
    assert cloud.fencing == Fencing((FencingDevice("fence_ipmilan", parameters),))
    assert cloud.ssh == Ssh("debian", "/cloud/keys/ssh_config")
    assert cloud.workers == {"keystone": 2}
    assert cloud.extra == {"keystone.conf": {"token": {"expiration": "7200"}, "DEFAULT": {"debug": "yes"}}}


def test_what_may_be_left_out_has_a_default():
    text = "\n".join(line for line in GOOD.splitlines() if not line.startswith(("region", "fail", "ssh", "work")))
    cloud = read(text, "f", Path("/cloud"))
    assert (cloud.region, cloud.timers.profile, cloud.ssh) == ("RegionOne", "balanced", Ssh("root", None))
    assert cloud.workers == {}


def test_fencing_can_be_left_out_and_is_then_judged_by_the_rules():
    text = "\n".join(line for line in GOOD.splitlines() if not line.startswith("fencing"))
    assert read(text, "f", Path("/cloud")).fencing == Fencing(())


def test_doing_without_fencing_keeps_the_reason():
    text = changed(
        'fencing: {levels: [{agent: fence_ipmilan, parameters: {lanplus: 1, cipher: "3", verbose: true}}]}',
        "fencing: {none: no BMC in this rack}",
    )
    assert read(text, "f", Path("/cloud")).fencing == Fencing((), "no BMC in this rack")


def test_addresses_of_both_families_are_read_as_written():
    text = changed("203.0.113.0/24", "fd00:5::/64").replace("203.0.113.11", '"fd00:5::11"')
    cloud = read(text.replace("203.0.113.10", "fd00:5:0::10"), "f", Path("/cloud"))
    assert cloud.topology.virtual_ips[1].address == "fd00:5::10"


# ruff: noqa: E501 - a table is read along its columns
# What is replaced in the good file, by what, and the one message that must come of it.
TABLE = [
    ("region:", "regoin:", "f:3:1: unknown key regoin; did you mean region?"),
    ("region: RegionOne", "cloud: other", "f:3:1: cloud was given in line 1 already; keep one of the two"),
    ("cloud: demo\n", "", "f:1:1: the file has no cloud; add cloud:"),
    (
        'release: "2025.1"',
        "release: 2025.1",
        'f:2:10: release must be a text, but YAML reads 2025.1 as a number; put it in quotes: "2025.1"',
    ),
    ('"2025.1"', '"2025.2"', "f:2:10: unknown release 2025.2; did you mean 2025.1?"),
    (
        "RegionOne",
        "no",
        'f:3:9: region must be a text, but YAML reads no as a truth value; put it in quotes: "no"',
    ),
    (
        "RegionOne",
        "2025-01-01",
        'f:3:9: region must be a text, but YAML reads 2025-01-01 as a date; put it in quotes: "2025-01-01"',
    ),
    (
        "RegionOne",
        "10:20",
        'f:3:9: region must be a text, but YAML reads 10:20 as a number; put it in quotes: "10:20"',
    ),
    ("RegionOne", "[a]", "f:3:9: region is a list, but must be a text"),
    ("RegionOne", "", "f:3:1: region is empty, but must be a text"),
    ("cloud: demo", "cloud: 4711", "f:1:8: 4711 is no host name, for it has digits only, as an address does; add a letter"),
    ("cloud: demo", "cloud: de_mo", "f:1:8: de_mo is no host name; use small letters, digits and inner hyphens, at most 63"),
    ("cidr: 10.20.0.0/24", "cidr: 10.20.0.7/24", "f:5:22: networks.management.cidr is 10.20.0.7/24, a host's address; the network is 10.20.0.0/24"),
    ("cidr: 10.20.0.0/24", "cidr: 10.20.0.0", "f:5:22: networks.management.cidr is 10.20.0.0, but must be a network and its prefix, like 10.20.0.0/24"),
    ("cidr: 10.20.0.0/24", "cidr: 10.20.0/24", "f:5:22: networks.management.cidr is 10.20.0/24, which is no network; write one like 10.20.0.0/24"),
    ("cidr: 10.20.0.0/24", "cider: 10.20.0.0/24", "f:5:16: unknown key cider; did you mean cidr?"),
    ("cidr: 203.0.113.0/24", "cidr: 203.0.113.0/24}\n  third: {cidr: 10.20.0.0/16", "f:7:17: 10.20.0.0/16 overlaps management, 10.20.0.0/24; a network needs its own"),
    ("ctl2: {management: 10.20.0.12", "ctl2: {management: 10.20.0.11", "f:9:22: 10.20.0.11 is already the management address of ctl1; choose another for the management address of ctl2"),
    ("ctl2: {management: 10.20.0.12", "ctl2: {management: 10.21.0.12", "f:9:22: 10.21.0.12 is outside the management network 10.20.0.0/24; choose an address within it"),
    ("ctl2: {management: 10.20.0.12", "ctl2: {management: 10.20.0.255", "f:9:22: 10.20.0.255 is the management network's broadcast address; choose another within 10.20.0.0/24"),
    ("ctl2: {management: 10.20.0.12", "ctl2: {management: 10.20.0.0", "f:9:22: 10.20.0.0 is the management network's own address; choose another within 10.20.0.0/24"),
    ("ctl2: {management: 10.20.0.12", "ctl2: {management: 10.20", "f:9:22: nodes.ctl2.management is 10.20, which is no address; write one like 10.20.0.11"),
    ("ctl2: {management: 10.20.0.12", "ctl2: {management: [10.20.0.12]", "f:9:22: nodes.ctl2.management is a list, which is no address; write one like 10.20.0.11"),
    ("ctl2: {management: 10.20.0.12", "ctl2: {managment: 10.20.0.12", "f:9:10: unknown key managment; did you mean management?"),
    ("port: 6232", "port: 6231", "f:9:49: 10.20.0.1 port 6231 is already the BMC of ctl1; choose another for the BMC of ctl2"),
    ("address: 10.20.0.1, port: 6232", "address: 10.20.0.13, port: 6232", "f:10:22: 10.20.0.13 is already the BMC of ctl2; choose another for the management address of ctl3"),
    ("port: 6232", "port: 066", "f:9:66: nodes.ctl2.bmc.port is 066, but must be a whole number from 1 to 65535"),
    ("port: 6232", "port: 66000", "f:9:66: nodes.ctl2.bmc.port is 66000, but must be from 1 to 65535"),
    ("port: 6232", 'port: "6232"', 'f:9:66: nodes.ctl2.bmc.port is "6232", but must be a whole number from 1 to 65535'),
    ("port: 6232, username: admin", "port: 6232", "f:9:39: nodes.ctl2.bmc has no username; add username:"),
    ("control: {", "7: {", "f:12:3: 7 is no host name, for it has digits only, as an address does; add a letter"),
    ("nodes: [ctl1, ctl2, ctl3]", "nodes: [ctl1, ctl2, clt3]", "f:12:33: unknown node clt3; did you mean ctl3?"),
    ("nodes: [ctl1, ctl2, ctl3]", "nodes: [ctl1, ctl2, ctl2]", "f:12:33: node ctl2 is named twice; remove one"),
    ("nodes: [ctl1, ctl2, ctl3]", "nodes: ctl1", "f:12:20: clusters.control.nodes is a text (ctl1), but must be a list of node names"),
    ("nodes: [ctl1, ctl2, ctl3]", "nodes: []", "f:12:20: clusters.control.nodes is empty; name the cluster's members"),
    ("memcached, keystone]", "memcached, keystne]", "f:12:91: unknown component keystne; did you mean keystone?"),
    ("memcached, keystone]", "memcached, keystone, galera]", "f:12:101: component galera is named twice; remove one"),
    ("rabbitmq, memcached, keystone]", "rabbitmq, keystone]", "f:12:80: keystone requires memcached, which is on no cluster; add memcached"),
    ("\nvirtual_ips", "\n  two: {nodes: [ctl2], components: []}\nvirtual_ips", "f:13:17: node ctl2 is a member of control already; a node belongs to one cluster"),
    ("internal: 10.20.0.10", "internal: 10.20.0.12", "f:13:25: 10.20.0.12 is already the management address of ctl2; choose another for the virtual IP internal"),
    ("internal: 10.20.0.10", "internal: 10.20.0.1", "f:13:25: 10.20.0.1 is already the BMC of ctl1; choose another for the virtual IP internal"),
    ("internal: 10.20.0.10", "internal: 10.99.0.10", "f:13:25: 10.99.0.10 is outside the management network 10.20.0.0/24; choose an address within it"),
    ("services: {keystone: 10.20.0.9}", "services: {keystone: 10.20.0.10}", "f:13:80: 10.20.0.10 is already the virtual IP internal; choose another for the virtual IP keystone"),
    ("services: {keystone: 10.20.0.9}", "services: {keystnoe: 10.20.0.9}", "f:13:70: component keystnoe is on no cluster; did you mean keystone?"),
    ("profile: fast", "profile: fsat", "f:14:21: unknown profile fsat; did you mean fast?"),
    ("profile: fast", "profile: fast, haproxy_fal: 3", "f:14:27: unknown key haproxy_fal; did you mean haproxy_fall?"),
    ("profile: fast", "profile: fast, haproxy_fall: -3", "f:14:41: failover.haproxy_fall is -3, but must be a whole number from 1 to 10"),
    ("profile: fast", "profile: fast, corosync_token_ms: 1e3", "f:14:46: failover.corosync_token_ms is 1e3, but must be a whole number from 300 to 100000"),
    ("profile: fast", "profile: fast, corosync_consensus_ms: 1300", "f:14:50: corosync_consensus_ms 1300 is less than 1.2 times the token timeout of 3 members, 1100 ms (corosync.conf(5)); write 1320 or more, or leave it out"),
    ("profile: fast", "profile: fast, galera_keepalive_ms: 800", "f:14:48: galera_keepalive_ms 800 is more than a third of galera_suspect_ms 1500, which Galera refuses; write 500 or less, or leave it out"),
    ("profile: fast", "profile: fast, galera_inactive_ms: 1500", "f:14:47: galera_inactive_ms 1500 is not above galera_suspect_ms 1500; write 3000, or leave it out"),
    ("profile: fast", "profile: fast, database_connect_s: 1", "f:14:47: database_connect_s 1 is not above haproxy_connect_ms 1000, so clients leave before HAProxy tries another server; write 2, or leave it out"),
    ("profile: fast", "profile: fast, database_read_s: 3", "f:14:44: database_read_s 3 is not above galera_inactive_ms 3000, so every lost member fails the commits it stalls; write 13, or leave it out"),
    ("levels: [", "none: x, levels: [", "f:15:17: fencing has levels and none; keep one of the two"),
    ("agent: fence_ipmilan", "agent: ipmilan", "f:15:28: ipmilan is no fencing agent; write its program's name, like fence_ipmilan"),
    ("lanplus: 1", "password: x", "f:15:56: password does not belong in this file; remove it and run: quorate secrets set bmc/NODE"),
    ("lanplus: 1", "pcmk_host_list: x", "f:15:56: pcmk_host_list is filled in for each node; remove it"),
    ("lanplus: 1", "lanplus: ", 'f:15:56: fencing.levels[0].parameters.lanplus is empty, but must be one value; write "" for an empty one'),
    ("ssh: {user: debian", "ssh: {users: debian", "f:16:7: unknown key users; did you mean user?"),
    ("workers: {keystone: 2}", "workers: {keystone: 0}", "f:17:21: workers.keystone is 0, but must be from 1 to 512"),
    ("workers: {keystone: 2}", "workers: {nova: 2}", "f:17:11: component nova is on no cluster; known are haproxy, galera, rabbitmq, memcached, keystone"),
    ("expiration: 7200", "expiration: [7200]", 'f:18:45: extra.keystone.conf.token.expiration is a list, but must be one value; write "" for an empty one'),
    ("extra: {", "extra: [", None),
]  # fmt: skip


@pytest.mark.parametrize(("old", "new", "message"), TABLE, ids=[f"{row[1][:30]}" for row in TABLE])
def test_one_mistake_gives_one_message_at_its_place(old, new, message):
    found = mistakes(changed(old, new))
    if message is None:
        assert len(found) == 1
        assert "this is no YAML" in found[0]
    else:
        assert found == [message]


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("ctl_2", "ctl_2 is no host name; use small letters, digits and inner hyphens, at most 63"),
        ("Ctl2", "Ctl2 is no host name; use small letters, digits and inner hyphens, at most 63"),
        ("-ctl2", "-ctl2 is no host name; use small letters, digits and inner hyphens, at most 63"),
        ("ctl2.example.org", "ctl2.example.org has a dot, but a host is known by its short name; write ctl2"),
        ("0815", "0815 is no host name, for it has digits only, as an address does; add a letter"),
        ("on", 'a key of nodes must be a text, but YAML reads on as a truth value; put it in quotes: "on"'),
    ],
)
def test_a_name_that_is_no_host_name_is_refused_once(name, message):
    text = changed("  ctl2: {", f"  {name}: {{").replace("ctl1, ctl2,", f'ctl1, "{name}",')
    assert mistakes(text) == [f"f:9:3: {message}"]


def test_a_component_belongs_to_one_cluster():
    text = changed("[ctl1, ctl2, ctl3]", "[ctl1, ctl2]")
    text = text.replace("\nvirtual_ips", "\n  two: {nodes: [ctl3], components: [galera]}\nvirtual_ips")
    assert mistakes(text) == ["f:13:37: component galera is on cluster control already; keep it on one"]


def test_fencing_none_without_a_reason_is_refused():
    levels = 'fencing: {levels: [{agent: fence_ipmilan, parameters: {lanplus: 1, cipher: "3", verbose: true}}]}'
    remedy = 'write levels: [{agent: fence_ipmilan}] or, to do without, {none: "the reason"}'
    assert mistakes(changed(levels, "fencing: none")) == [f"f:15:10: fencing is a text; {remedy}"]
    assert mistakes(changed(levels, 'fencing: {none: ""}')) == [
        "f:15:17: fencing.none is empty, but must be a text"
    ]


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "f:1:1: the file is empty; quorate init -f FILE writes one to start from"),
        ("- a\n", "f:1:1: the file is a list, but must be a mapping with cloud, release, networks, nodes, clusters, virtual_ips, region, failover, fencing, ssh, workers, options, extra, drills"),
        ("a: b: c\n", "f:1:5: this is no YAML: mapping values are not allowed here"),
        ("a: 1\nb: [1\nc: 2\n", "f:3:2: this is no YAML: while parsing a flow sequence, expected ',' or ']', but got ':'"),
        ("a: 1\n\tb: 2\n", "f:2:1: this is no YAML: while scanning for the next token, found character '\\t' that cannot start any token"),
        ("a: 1\nb: \x01\n", "f:2:4: this is no YAML: special characters are not allowed"),
    ],
)  # fmt: skip
def test_what_is_no_yaml_is_said_with_its_place(text, message):
    assert mistakes(text) == [message]


def test_all_mistakes_of_a_file_come_at_once_in_the_order_of_the_file():
    text = """\
cloud: de_mo
release: 2025.1
regoin: RegionOne
networks:
  management: {cidr: 10.20.0.0/24}
nodes:
  ctl1: {management: 10.20.0.11, bmc: {address: 10.20.0.1, username: yes}}
  ctl2: {management: 10.20.0.11}
  ctl_3: {management: 10.21.0.13}
  ctl1: {management: 10.20.0.14}
clusters:
  control: {nodes: [ctl1, ctl2, ctl9], components: [haproxy, galera, keystne, memcached]}
virtual_ips: {internal: 10.20.0.11, services: {keystone: 10.20}}
failover: {profile: fsat, haproxy_fall: 100}
fencing: none
ssh: [root]
workers: {keystone: 0}
"""
    places = [":".join(error.split(":")[1:3]) for error in mistakes(text)]
    assert places == [
        *("1:8", "2:10", "3:1", "7:70", "8:22", "9:3", "9:23", "10:3", "12:33"),
        *("12:70", "12:70", "13:25", "13:58", "14:21", "14:41", "15:10", "16:6", "17:21"),
    ]


def test_load_names_the_file_as_it_was_given(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    Path("quorate.yaml").write_text(GOOD.replace("demo", "de_mo"))
    with pytest.raises(spec.SpecErrors, match=r"^quorate\.yaml:1:8: de_mo is no host name"):
        spec.load(Path("quorate.yaml"))


def test_a_file_that_is_no_text_is_refused(tmp_path):
    path = tmp_path / "quorate.yaml"
    path.write_bytes(b"cloud: \xff\n")
    with pytest.raises(spec.SpecUnreadableError, match="must be a file in UTF-8"):
        spec.load(path)


def test_the_file_is_the_options_then_the_variables_then_the_directorys(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("QUORATE_FILE", raising=False)
    for name in ("quorate.yaml", "by-variable.yaml", "by-option.yaml"):
        Path(name).touch()
    assert spec.find(None) == Path("quorate.yaml")
    monkeypatch.setenv("QUORATE_FILE", "by-variable.yaml")
    assert spec.find(None) == Path("by-variable.yaml")
    assert spec.find("by-option.yaml") == Path("by-option.yaml")


def test_directories_above_are_not_searched(tmp_path, monkeypatch):
    monkeypatch.delenv("QUORATE_FILE", raising=False)
    (tmp_path / "quorate.yaml").touch()
    (tmp_path / "below").mkdir()
    monkeypatch.chdir(tmp_path / "below")
    with pytest.raises(spec.SpecNotFoundError, match=r"no cloud file quorate.yaml .*quorate init -f quorate.yaml"):
        spec.find(None)


FULL = template.lab("full", IPv4Network("10.77.0.0/24"), 3, full=True)


def chosen(options: str, text: str = FULL):
    head, _, rest = text.partition("\noptions:\n")
    return read(f"{head}\noptions: {options}\n\nextra:{rest.partition('extra:')[2]}", "f", Path("/cloud"))


def test_what_is_not_chosen_is_as_the_component_would_have_it():
    cloud = chosen("{heat: {engine: active-active}, chrony: {servers: [ntp1.example, 192.0.2.3]}}")
    assert cloud.option("heat", "engine") == "active-active"
    assert cloud.options["chrony"] == {"servers": ("ntp1.example", "192.0.2.3"), "clock": ("steer",)}
    assert cloud.option("storage", "backend") == "glusterfs"
    assert cloud.option("storage", "export") == ""


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ("{heat: {engine: both}}", "unknown engine both; known are active-passive, active-active"),
        ("{heat: {motor: both}}", "unknown key"),
        ("{swift: {}}", "component swift is on no cluster"),
        (
            "{chrony: {servers: ntp1.example}}",
            "options.chrony.servers is a text (ntp1.example), but must be a list of texts",
        ),
    ],
)
def test_a_choice_that_there_is_not_is_said_at_its_place(options, message):
    with pytest.raises(SpecErrors) as raised:
        chosen(options)
    (error,) = raised.value.errors
    assert message in str(error)
    assert error.line == FULL.partition("\noptions:\n")[0].count("\n") + 2


def test_a_network_without_addresses_has_an_interface():
    cloud = read(FULL, "f", Path("/cloud"))
    assert cloud.topology.wires == (Wire("provider", "eth1"),)
    assert [network.name for network in cloud.topology.networks] == ["management"]
    for wrong in ("{interface: eth1, cidr: 10.79.0.0/24}", "{interface: [eth1]}"):
        with pytest.raises(SpecErrors):
            read(FULL.replace("{interface: eth1}", wrong), "f", Path("/cloud"))
