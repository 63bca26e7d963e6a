from pathlib import Path

import pytest

from quorate.lab import wiring
from quorate.lab.command import LabError
from quorate.lab.layout import layout, prefix
from quorate.model.topology import MANAGEMENT, Bmc, Node

from .conftest import cloud_of, node_of


def test_every_device_has_a_name_the_kernel_takes_and_none_twice(cloud):
    lab = layout(cloud, Path("/spec"))
    names = [bridge.device for bridge in lab.bridges] + [port.port for host in lab.hosts for port in host.ports]
    assert len(names) == len(set(names)) == 2 + 3 * 2
    assert all(len(name) <= 15 for name in names)


def test_labs_of_different_names_share_nothing_but_their_mirror_of_the_file():
    one, other = (layout(cloud_of(node_of(1), name=name), Path("/spec")) for name in ("trial", "trial-2"))
    for get in (
        lambda lab: lab.runtime,
        lambda lab: lab.bridges[0].device,
        lambda lab: lab.bridges[0].mac,
        lambda lab: lab.hosts[0].netns,
        lambda lab: lab.hosts[0].ports[0].mac,
    ):
        assert get(one) != get(other)


@pytest.mark.parametrize("name", ["a", "a-b", "a-b-c"])
def test_no_lab_takes_what_another_made_for_its_own(name):
    host = layout(cloud_of(node_of(1), name="a-b"), Path("/spec")).hosts[0]
    assert host.netns.startswith(prefix(name)) == (name == "a-b")


def test_this_machine_is_the_gateway_and_every_bmc(cloud):
    management, public = layout(cloud, Path("/spec")).bridges
    assert management.addresses == ("10.77.1.1/24",)
    assert public.addresses == ("10.78.1.1/24",)


def test_bmcs_with_addresses_of_their_own_are_at_the_same_bridge():
    cloud = cloud_of(node_of(1, bmc=Bmc("10.77.1.201", "quorate")), node_of(2, bmc=Bmc("10.77.1.202", "quorate")))
    assert layout(cloud, Path("/spec")).bridges[0].addresses == (
        "10.77.1.1/24",
        "10.77.1.201/24",
        "10.77.1.202/24",
    )


def test_a_bmc_outside_of_the_networks_is_refused_with_an_address_that_would_do():
    with pytest.raises(LabError, match=r"ctl1: its BMC's address 192\.0\.2\.7 .*give it 10\.77\.1\.1"):
        layout(cloud_of(node_of(1, bmc=Bmc("192.0.2.7", "quorate"))), Path("/spec"))


def test_a_bmc_at_a_nodes_address_is_refused():
    with pytest.raises(LabError, match=r"10\.77\.1\.11 is the address of a node and of a BMC"):
        layout(cloud_of(node_of(1, bmc=Bmc("10.77.1.11", "quorate"))), Path("/spec"))


@pytest.mark.parametrize("name", ["Trial", "a_b", "", "-a", "a" * 41, "a/b", ".."])
def test_a_name_that_containers_or_paths_cannot_carry_is_refused(name):
    with pytest.raises(LabError, match="cannot be named"):
        layout(cloud_of(node_of(1), name=name), Path("/spec"))


def test_an_unknown_node_is_answered_with_the_known_ones(cloud):
    with pytest.raises(LabError, match="no node 'ctl9'; it has ctl1, ctl2, ctl3"):
        layout(cloud, Path("/spec")).host("ctl9")


def test_a_host_gets_a_device_for_each_network_it_is_on():
    node = Node("ctl1", {MANAGEMENT: "10.77.1.11"})
    host = layout(cloud_of(node), Path("/spec")).hosts[0]
    assert wiring.configure(host) == ("link set lo up", "address add 10.77.1.11/24 dev eth0", "link set eth0 up")
    assert [line.split()[0:2] for line in wiring.plug(host)] == [["link", "add"], ["link", "set"], ["link", "set"]]
    assert wiring.unplug(host) == (f"link delete {host.ports[0].port}",)


def test_a_network_without_addresses_is_a_switch_and_an_interface(full):
    lab = layout(full.cloud, Path("/spec"))
    management, provider = lab.bridges
    assert (provider.name, provider.network, provider.addresses) == ("provider", None, ())
    assert provider.device != management.device
    for host in lab.hosts:
        assert [(port.device, port.bridge, bool(port.address)) for port in host.ports] == [
            ("eth0", management.device, True),
            ("eth1", provider.device, False),
        ]
        assert not any("eth1" in line for line in wiring.configure(host) if line.startswith("address"))
        assert "link set eth1 up" in wiring.configure(host)
