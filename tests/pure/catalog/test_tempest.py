"""What Tempest is told of a cloud, and what is left out there."""

import re
from pathlib import Path

import pytest

from quorate import design
from quorate.catalog.openstack import tempest
from quorate.model.secret import references
from quorate.spec import template
from quorate.spec.file import read

DOCS = Path(__file__).parents[3] / "docs" / "tempest.md"
LOCKS = "/cloud/.quorate/tempest"
ALL = tempest.Given(image="i", flavor="f", public_network="n")
BOOTING = (
    "tempest.api.compute.servers.test_create_server.ServersTestJSON.test_list_servers",
    "tempest.api.volume.test_volumes_actions.VolumesActionsTest.test_attach_detach_volume_to_instance[compute]",
    "tempest.scenario.test_network_basic_ops.TestNetworkBasicOps.test_network_basic_ops",
    "tempest.scenario.test_server_basic_ops.TestServerBasicOps.test_server_basic_ops",
)
FLAVORS = "tempest.api.compute.flavors.test_flavors.FlavorsV2TestJSON.test_get_flavor[id-1,smoke]"
OF_IMAGE = (
    "tempest.api.volume.test_volumes_get.VolumesGetTest.test_volume_create_get_update_delete_from_image[id-1]"
)
TRIED = (
    "tempest.api.compute.security_groups.test_security_groups.SecurityGroupsTestJSON.test_security_groups_create",
    "tempest.api.volume.test_volumes_get.VolumesGetTest.test_volume_create_get_update_delete[id-1,smoke]",
    "tempest.scenario.test_dashboard_basic_ops.TestDashboardBasicOps.test_basic_scenario[dashboard,smoke]",
)


def designed(text):
    return design.build(read(text, "quorate.yaml", Path("/cloud")))


def left_out(cloud, given):
    patterns = [each.tests for each in tempest.left_out(cloud, given)]
    return {
        name
        for name in (*BOOTING, FLAVORS, OF_IMAGE, *TRIED)
        if any(re.search(pattern, name) for pattern in patterns)
    }


def test_every_service_is_told_to_be_there_or_not(lab, full):
    assert set(tempest.conf(lab, ALL, LOCKS)["service_available"].values()) == {"false"}
    told = tempest.conf(full, ALL, LOCKS)["service_available"]
    assert {name for name, there in told.items() if there == "false"} == {"swift"}


def test_it_comes_from_outside(public):
    told = tempest.conf(public, ALL, LOCKS)
    assert told["identity"] == {"uri_v3": "http://198.51.100.10:5000/v3", "region": "RegionOne"}
    assert list(references(told["auth"]["admin_password"])) == ["keystone/admin"]


def test_volumes_are_looked_for_where_the_catalogue_has_them(full):
    (service,) = [service for service, _ in full.services() if service.name == "cinder"]
    assert tempest.conf(full, ALL, LOCKS)["volume"] == {"catalog_type": service.type}


def test_the_dashboard_is_named_where_there_is_one(lab, full):
    assert tempest.conf(full, ALL, LOCKS)["dashboard"] == {"dashboard_url": "http://10.77.0.10:80/horizon/"}
    assert "dashboard" not in tempest.conf(lab, ALL, LOCKS)


def test_what_was_not_given_is_not_told(full):
    assert tempest.conf(full, ALL, LOCKS)["compute"]["image_ref"] == "i"
    told = tempest.conf(full, tempest.Given(), LOCKS)
    assert told["compute"] == {"min_compute_nodes": "0"}
    assert "network" not in told
    assert told["network-feature-enabled"]["floating_ips"] == "false"


@pytest.mark.parametrize(("storage", "there"), [("glusterfs", "false"), ("ceph, monitors: [10.22.0.1]", "true")])
def test_volumes_have_snapshots_where_they_are_no_files(storage, there):
    text = template.lab("lab", template.LAB_NETWORKS[0], 3, full=True)
    cloud = designed(text.replace("options:\n", f"options:\n  storage: {{backend: {storage}}}\n"))
    told = tempest.conf(cloud, ALL, LOCKS)["volume-feature-enabled"]
    assert (told["snapshot"], told["clone"], told["backup"]) == (there, there, "false")


def test_the_files_own_settings_win(lab_text):
    cloud = designed(lab_text + "  tempest.conf:\n    auth: {admin_domain_name: Other}\n    debug: {a: b}\n")
    told = tempest.conf(cloud, ALL, LOCKS)
    assert told["auth"]["admin_domain_name"] == "Other"
    assert told["debug"] == {"a": "b"}


def test_what_boots_a_server_is_left_out(full):
    assert left_out(full, ALL) == set(BOOTING)


def test_so_is_what_needs_a_thing_that_was_not_given(full):
    assert left_out(full, tempest.Given(image="i")) == {*BOOTING, FLAVORS}
    assert left_out(full, tempest.Given(flavor="f")) == {*BOOTING, OF_IMAGE}


def test_nothing_is_left_out_of_what_is_not_there(lab):
    """Tempest skips those tests, and says why."""
    assert left_out(lab, tempest.Given()) == set()


def test_a_reason_stands_beside_each_where_tempest_reads_it():
    text = tempest.exclusions((tempest.LeftOut("^a\\.", "is b"), tempest.LeftOut("^c", "is d")))
    assert text == "^a\\.  # is b\n^c  # is d\n"


def test_every_reason_is_in_the_docs(full):
    text = DOCS.read_text()
    for each in tempest.left_out(full, tempest.Given()):
        assert each.why in text
