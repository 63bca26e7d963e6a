"""What the three places for images and volumes make of the design."""

from pathlib import Path

import pytest

from quorate import design
from quorate.model.design import Design
from quorate.model.resource import Clone, Colocation, Group, Primitive
from quorate.model.secret import references
from quorate.plan.task import tasks
from quorate.spec import template
from quorate.spec.file import read

FULL = template.lab("lab", template.LAB_NETWORKS[0], 3, full=True)


def designed(text: str) -> Design:
    assert text != FULL
    return design.build(read(text, "quorate.yaml", Path("/cloud")))


def kept_on(storage: str) -> Design:
    return designed(FULL.replace("\noptions:\n", f"\noptions:\n  storage: {{{storage}}}\n"))


def content(design: Design, path: str) -> str | None:
    found = [file.content for file in design.files["ctl2"] if file.path == path]
    return found[0] if found else None


def resources(design: Design) -> dict[str, object]:
    (cluster,) = design.clusters
    return {each.id: each for each in cluster.configuration.resources}


def mounted(design: Design) -> dict[str, tuple[str, str]]:
    (cluster,) = design.clusters
    systems = [it for it in cluster.configuration.primitives() if it.agent == "ocf:heartbeat:Filesystem"]
    return {each.id: (each.parameters["device"], each.parameters["fstype"]) for each in systems}


def test_on_glusterfs_each_member_mounts_and_the_manager_beside_them(full: Design) -> None:
    assert mounted(full) == {
        "shared-files": ("localhost:/quorate", "glusterfs"),
        "cinder-files": ("localhost:/quorate/volumes", "glusterfs"),
    }
    assert isinstance(resources(full)["cinder-volumes"], Group)
    (cluster,) = full.clusters
    assert Colocation("glance-api-clone", "shared-files-clone") in cluster.configuration.constraints
    prepared = next(task for task in tasks(full) if task.step == "storage: prepared")
    assert [item.name for item in prepared.items] == ["volume quorate", "directories for what is shared"]


def test_on_nfs_nothing_but_the_mounts_is_different() -> None:
    nfs = kept_on("backend: nfs, export: 'files:/cloud'")
    assert mounted(nfs) == {
        "shared-files": ("files:/cloud", "nfs"),
        "cinder-files": ("files:/cloud/volumes", "nfs"),
    }
    assert "glusterd-clone" not in resources(nfs)
    prepared = next(task for task in tasks(nfs) if task.step == "storage: prepared")
    assert [item.name for item in prepared.items] == ["directories for what is shared"]


def test_on_ceph_nothing_is_mounted_and_each_service_is_a_client_with_its_key() -> None:
    ceph = kept_on("backend: ceph, monitors: [10.22.0.1, 10.22.0.2]")
    assert mounted(ceph) == {}
    assert isinstance(resources(ceph)["cinder-volume"], Primitive)
    assert "mon_host = 10.22.0.1,10.22.0.2" in str(content(ceph, "/etc/ceph/ceph.conf"))
    for user in ("glance", "cinder"):
        keyring = str(content(ceph, f"/etc/ceph/ceph.client.{user}.keyring"))
        assert list(references(keyring)) == [f"ceph/{user}"]
        assert f"ceph/{user}" in ceph.secret_names()
    assert "rbd_store_pool = images" in str(content(ceph, "/etc/glance/glance-api.conf"))
    assert "volume_driver = cinder.volume.drivers.rbd.RBDDriver" in str(content(ceph, "/etc/cinder/cinder.conf"))
    assert content(ceph, "/etc/cinder/shares") is None
    assert not any(task.step == "storage: prepared" for task in tasks(ceph))


@pytest.mark.parametrize("engine", ["active-passive", "active-active"])
def test_an_engine_is_one_or_one_a_member(engine: str) -> None:
    made = designed(FULL.replace("\noptions:\n", f"\noptions:\n  heat: {{engine: {engine}}}\n"))
    name = {"active-passive": "heat-engine", "active-active": "heat-engine-clone"}[engine]
    assert name in resources(made)


def test_agents_in_one_place_and_a_server_that_knows_it() -> None:
    text = FULL.replace("tenant_networks: vlan}", "tenant_networks: vlan, agents: active-passive}")
    made = designed(text)
    group = resources(made)["neutron-agents"]
    assert isinstance(group, Group)
    assert [each.id for each in group.primitives] == [
        "neutron-l3-agent",
        "neutron-dhcp-agent",
        "neutron-metadata-agent",
    ]
    conf = str(content(made, "/etc/neutron/neutron.conf"))
    assert "l3_ha = false" in conf
    assert "dhcp_agents_per_network = 1" in conf


def test_of_several_managers_of_volumes_each_has_its_name_in_a_cluster_of_theirs(full: Design) -> None:
    chosen = "storage: {backend: ceph, monitors: [10.22.0.1]}\n  cinder: {manager: active-active}"
    extra = "cinder.conf: {coordination: {backend_url: 'zookeeper://10.22.0.9:2181'}}"
    text = FULL.replace("\noptions:\n", f"\noptions:\n  {chosen}\n")
    several = designed(text.replace("\nextra:\n", f"\nextra:\n  {extra}\n"))
    assert isinstance(resources(several)["cinder-volume-clone"], Clone)
    settings = str(content(several, "/etc/cinder/cinder.conf"))
    assert "\nhost = ctl2\ncluster = lab\n" in settings
    assert "\n[coordination]\nbackend_url = zookeeper://10.22.0.9:2181\n" in settings
    alone = str(content(full, "/etc/cinder/cinder.conf"))
    assert "\nhost = lab\n" in alone
    assert "\ncluster = " not in alone
