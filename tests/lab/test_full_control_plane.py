"""Every component, deployed once: used as by a person, left alone by a second run, whole after a loss."""

import json
import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from quorate import spec
from quorate.lab.lab import Lab
from quorate.verify import names
from quorate.verify.uses import PREFIX

from .conftest import NAME, Operator, _must, troubles

pytestmark = [pytest.mark.lab, pytest.mark.timeout(1500)]

FULL = "tests-full"
USED = {"image", "volume", "network", "compute", "placement", "stack", "dashboard"}
# What a person would do by the seeds' words, after each service was installed; as root on a node.
ACTIONS = {
    "keystone": "openstack user list; openstack project show service",
    "glance": "openstack image list",
    "cinder": "openstack volume list --all-projects; openstack volume service list",
    "neutron": "openstack network list; openstack router list; openstack network agent list",
    "nova": "openstack compute service list; openstack flavor list; openstack server list --all-projects",
    "heat": "openstack stack list; openstack orchestration service list",
    "placement": "openstack endpoint list --service placement",
}


@pytest.fixture(scope="module")
def everything(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Operator]:
    """The full lab, deployed. With QUORATE_FULL_LAB_FILE the deployed lab of that file, which is left up."""
    given = os.environ.get("QUORATE_FULL_LAB_FILE")
    if given:
        path = Path(given).absolute()
        yield Operator(path, Lab(spec.load(path), path.parent))
        return
    path = tmp_path_factory.mktemp(FULL) / "quorate.yaml"
    # one large lab at a time
    _must("lab", "down", "--name", NAME)
    _must("lab", "down", "--name", FULL)
    _must("init", "--lab", "--full", "--name", FULL, "-f", path)
    try:
        _must("lab", "up", "-f", path)
        operator = Operator(path, Lab(spec.load(path), path.parent))
        operator.deployed()
        operator.verified(within_s=300)
        yield operator
    finally:
        _must("lab", "down", "--name", FULL)


def test_every_service_is_used_as_a_person_would(everything):
    seen = everything.verify()
    assert set(seen) == set(names(everything.design))
    assert seen.keys() >= USED
    assert troubles(seen) == []


def test_nothing_is_left_of_that(everything):
    node = everything.nodes[0]
    for what in ("image", "volume", "network", "router", "flavor", "stack"):
        listed = everything.on(node, f"openstack --os-cloud admin {what} list --format json")
        assert PREFIX not in listed, what


def test_a_second_deployment_changes_nothing(everything):
    everything.unchanged()


@pytest.mark.parametrize("component", ACTIONS)
def test_the_official_client_does_what_the_guides_do(everything, component):
    script = "set -e\nexport OS_CLOUD=admin\n" + ACTIONS[component].replace("; ", "\n")
    assert everything.on(everything.nodes[0], script)


def test_each_database_user_sees_its_own_schema_alone(everything):
    secrets = everything.secret_values()
    own = {"information_schema"}
    for part in everything.design.components():
        for database in part.databases:
            login = (
                f"[client]\nhost=galera-proxy\nuser={database.user}\npassword={secrets[database.secret.name]}\n"
            )
            shown = "mariadb --defaults-file=/dev/stdin --batch --skip-column-names -e 'SHOW DATABASES'"
            said = set(everything.on(everything.nodes[0], shown, stdin=login).split())
            theirs = {
                each.name
                for other in everything.design.components()
                for each in other.databases
                if each.user == database.user
            }
            assert said == own | theirs


def test_one_manager_of_volumes_and_one_engine(everything):
    for resource in ("cinder-volume", "heat-engine"):
        running = [
            node
            for node in everything.nodes
            if everything.on(node, f"systemctl is-active {resource}", check=False).strip() == "active"
        ]
        assert len(running) == 1, resource


def test_an_image_is_read_after_the_node_that_took_it_lost_its_power(everything):
    """Uploaded through one node's own API; downloaded through the virtual IP when that node is gone."""
    first, lost = everything.nodes[0], everything.nodes[1]
    client = "openstack --os-cloud admin"
    there = f"{client} --os-image-endpoint-override http://{everything.address(lost)}:9292 image create"
    everything.on(first, "head -c 3000000 /dev/urandom > /tmp/image.raw")
    made = everything.on(first, f"{there} --disk-format raw --file /tmp/image.raw kept --format json")
    image = json.loads(made)["id"]
    everything.lab.power_off(lost)
    try:
        everything.on(
            first, f"{client} image save --file /tmp/again.raw {image} && cmp /tmp/image.raw /tmp/again.raw"
        )
        everything.on(first, f"{client} image delete {image}")
    finally:
        everything.quorate("lab", "up")
    everything.verified(within_s=300)
