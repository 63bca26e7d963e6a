"""Every component, deployed once: used as by a person, left alone by a second run, and each user to its own."""

import pytest

from quorate.verify import names
from quorate.verify.uses import PREFIX

from .conftest import troubles

pytestmark = [pytest.mark.lab, pytest.mark.timeout(1500)]

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


def test_every_service_is_used_as_a_person_would(everything):
    seen = everything.until("everything is as designed", everything.verify, lambda it: not troubles(it), 300)
    assert set(seen) == set(names(everything.design))
    assert seen.keys() >= USED


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
