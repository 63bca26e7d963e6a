"""The files that `quorate init` writes are free of mistakes, and never replace another."""

import re
from ipaddress import IPv4Network
from pathlib import Path

import pytest

from quorate import catalog, spec
from quorate.spec import template


@pytest.mark.parametrize("nodes", range(1, template.MOST_LAB_NODES + 1))
def test_a_labs_file_loads_as_it_is(tmp_path, nodes):
    path = tmp_path / "quorate.yaml"
    template.write(path, template.lab("demo", IPv4Network("10.77.0.0/24"), nodes))
    cloud = spec.load(path)
    topology = cloud.topology
    assert [node.address for node in topology.nodes] == [f"10.77.0.{11 + number}" for number in range(nodes)]
    assert {(node.bmc.address, node.bmc.port) for node in topology.nodes} == {
        ("10.77.0.1", 6231 + number) for number in range(nodes)
    }
    assert (cloud.name, cloud.timers.profile, cloud.workers) == ("demo", "fast", {"keystone": 1})
    assert cloud.ssh.config == str(tmp_path / ".quorate/lab/ssh_config")


def test_a_real_clouds_file_loads_as_it_is(tmp_path):
    path = tmp_path / "quorate.yaml"
    template.write(path, template.cloud())
    assert len(spec.load(path).topology.nodes) == 3


def test_what_a_real_clouds_file_has_as_comments_loads_too(tmp_path):
    path = tmp_path / "quorate.yaml"
    setting = re.compile(
        r"^( *)# ( *(?:public|services|corosync_token_ms|config|workers|extra|keystone.conf|token):)"
    )
    text = "\n".join(setting.sub(r"\1\2", line) for line in template.cloud().splitlines())
    template.write(path, text)
    cloud = spec.load(path)
    assert [vip.name for vip in cloud.topology.virtual_ips] == ["internal", "public", "keystone"]
    assert (cloud.timers.corosync_token_ms, cloud.workers) == (4000, {"keystone": 8})
    assert cloud.extra == {"keystone.conf": {"token": {"expiration": "7200"}}}
    assert cloud.ssh.config == str(tmp_path / "ssh_config")


def test_a_lab_takes_the_first_network_that_nobody_uses():
    first, second, third = template.LAB_NETWORKS[:3]
    assert template.lab_network([]) == first
    assert template.lab_network([first, IPv4Network("192.168.0.0/16")]) == second
    inside = IPv4Network((int(second.network_address) + 64, 28))
    assert template.lab_network([first, inside]) == third


def test_no_free_network_is_said():
    with pytest.raises(template.NoFreeNetworkError, match=r"10\.77\.0\.0/24 to 10\.96\.0\.0/24"):
        template.lab_network([IPv4Network("10.0.0.0/8")])


@pytest.mark.parametrize(("cidr", "nodes"), [("10.77.0.0/24", 0), ("10.77.0.0/24", 10), ("10.77.0.0/28", 3)])
def test_a_lab_of_another_size_is_refused(cidr, nodes):
    with pytest.raises(ValueError, match="a lab"):
        template.lab("lab", IPv4Network(cidr), nodes)


def test_a_file_that_is_there_is_left_as_it_is(tmp_path):
    path = Path(tmp_path / "quorate.yaml")
    path.write_text("mine\n")
    with pytest.raises(FileExistsError):
        template.write(path, template.cloud())
    assert path.read_text() == "mine\n"


def test_a_full_labs_file_has_every_component(tmp_path):
    path = tmp_path / "quorate.yaml"
    template.write(path, template.lab("demo", IPv4Network("10.77.0.0/24"), 3, full=True))
    (cluster,) = spec.load(path).topology.clusters
    assert sorted(cluster.components) == sorted(catalog.names())
