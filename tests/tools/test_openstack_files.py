"""Every file of OpenStack's services passes the checker of the program that reads it."""

import posixpath
import re
from collections.abc import Mapping
from pathlib import Path

import pytest

from quorate import design
from quorate.catalog import horizon
from quorate.model import secret
from quorate.model.design import Design
from quorate.spec import file as spec
from quorate.spec import template

OSLO = [
    "oslo.log",
    "oslo.messaging",
    "oslo.db",
    "oslo.policy",
    "oslo.middleware",
    "oslo.concurrency",
    "oslo.service.service",
]
COMMON = (*OSLO, "oslo.service.periodic_task", "oslo.reports", "oslo.cache", "keystonemiddleware.auth_token")
NEUTRON = "/etc/neutron/plugins/ml2"
HEAT = ("config", "crypt", "cache", "context", "wsgi")
NAMESPACES: Mapping[str, tuple[str, ...]] = {
    "/etc/keystone/keystone.conf": ("keystone",),
    "/etc/placement/placement.conf": ("placement.conf", "placement.auth"),
    "/etc/glance/glance-api.conf": ("glance.api", "glance.store", "glance.multi_store"),
    "/etc/nova/nova.conf": ("nova.conf", "nova.auth"),
    "/etc/neutron/neutron.conf": (
        *("neutron", "neutron.agent", "neutron.base.agent", "neutron.db", "neutron.extensions"),
        *("nova.auth", "placement.auth"),
    ),
    f"{NEUTRON}/ml2_conf.ini": ("neutron.ml2",),
    f"{NEUTRON}/openvswitch_agent.ini": ("neutron.ml2.ovs.agent", "neutron.agent"),
    "/etc/neutron/l3_agent.ini": ("neutron.l3.agent", "neutron.base.agent", "neutron.agent"),
    "/etc/neutron/dhcp_agent.ini": ("neutron.dhcp.agent", "neutron.base.agent", "neutron.agent"),
    "/etc/neutron/metadata_agent.ini": ("neutron.metadata.agent", "neutron.agent"),
    "/etc/cinder/cinder.conf": ("cinder",),
    "/etc/heat/heat.conf": (
        *(f"heat.common.{name}" for name in HEAT),
        *("heat.engine.clients", "heat.engine.notification"),
    ),
}
# Sections whose names are the operator's (backends, stores), and two of which Cinder lists a part: what else is in
# them is keystoneauth's, and is held for the other services.
NAMED = {
    "/etc/glance/glance-api.conf": ("shared", "ceph", "os_glance_staging_store", "os_glance_tasks_store"),
    "/etc/cinder/cinder.conf": ("shared", "ceph", "nova", "service_user"),
}


@pytest.fixture(scope="module")
def files(full_design: Design) -> dict[str, str]:
    """The first node's files by path, with values of the right length for the secrets."""
    values = {each.name: ("s3cretValue" * 40)[: each.length] for each in full_design.secrets()}
    return {file.path: secret.fill(file.content, values) for file in full_design.files["ctl1"]}


def validated(full_tools, path: str, text: str):
    place = f"{full_tools.directory()}/{posixpath.basename(path)}"
    namespaces = (f"--namespace={name}" for name in (*NAMESPACES[path], *COMMON))
    named = (f"--exclude-group={name}" for name in NAMED.get(path, ()))
    command = ("oslo-config-validator", *namespaces, *named, "--fatal-warnings", f"--input-file={place}")
    return full_tools.run(*command, files={place: text})


@pytest.mark.parametrize("path", NAMESPACES)
def test_no_setting_is_unknown_or_deprecated(full_tools, files: dict[str, str], path: str) -> None:
    done = validated(full_tools, path, files[path])
    assert done.returncode == 0, done.stdout + done.stderr


def test_nor_with_ceph_and_several_managers_of_volumes(full_tools) -> None:
    text = template.lab("lab", template.LAB_NETWORKS[0], 3, full=True)
    options = "storage: {backend: ceph, monitors: [10.22.0.1]}\n  cinder: {manager: active-active}"
    locks = "cinder.conf: {coordination: {backend_url: 'etcd3+http://10.22.0.9:2379'}}"
    text = text.replace("\noptions:\n", f"\noptions:\n  {options}\n").replace(
        "\nextra:\n", f"\nextra:\n  {locks}\n"
    )
    made = design.build(spec.read(text, "quorate.yaml", Path("/cloud")))
    values = {each.name: "s3cretValue"[: each.length] for each in made.secrets()}
    found = {file.path: secret.fill(file.content, values) for file in made.files["ctl1"]}
    for path in ("/etc/glance/glance-api.conf", "/etc/cinder/cinder.conf"):
        done = validated(full_tools, path, found[path])
        assert done.returncode == 0, done.stdout + done.stderr


@pytest.mark.parametrize(
    ("old", "new", "says"),
    [
        ("my_ip", "my_adress", "not part of the sample config"),
        ("www_authenticate_uri", "auth_uri", "deprecated"),
    ],
)
def test_it_would_have_been_said(full_tools, files: dict[str, str], old: str, new: str, says: str) -> None:
    path = "/etc/nova/nova.conf"
    assert old in files[path]
    done = validated(full_tools, path, files[path].replace(old, new))
    assert (done.returncode, says in (done.stdout + done.stderr).lower()) == (1, True), done.stderr


def test_every_configuration_of_a_service_is_validated(files: dict[str, str]) -> None:
    projects = {path.split("/")[2] for path in NAMESPACES}
    theirs = {
        path for path in files if path.split("/")[2] in projects and re.search(r"(?<!uwsgi)\.(conf|ini)$", path)
    }
    assert theirs == set(NAMESPACES)


def test_each_api_gets_as_far_as_its_address(full_tools, files: dict[str, str]) -> None:
    """The address is not here: by then uWSGI has taken every setting."""
    inis = {path: text for path, text in files.items() if path.endswith("-uwsgi.ini")}
    assert len(inis) >= 9
    here = full_tools.directory()
    for path, text in inis.items():
        ini = f"{here}/{posixpath.basename(path)}"
        shown = re.sub(r"(?m)^logto = .*", "logto = /dev/stdout", text)
        done = full_tools.run("uwsgi_python3", "--strict", "--ini", ini, files={ini: shown})
        assert "bind(): Cannot assign requested address" in done.stdout, (path, done.stdout + done.stderr)


def test_the_programs_that_are_no_openstack_take_their_files(full_tools, files: dict[str, str]) -> None:
    full_tools.run("mkdir", "-p", "/run/horizon")
    full_tools.run("true", files={path: text for path, text in files.items() if path != "/etc/hosts"})
    for command in (
        ("haproxy", "-c", "-dW", "-f", "/etc/haproxy/haproxy.cfg"),
        ("apache2", "-t", "-f", horizon.APACHE),
        ("chronyd", "-p", "-f", "/etc/chrony/chrony.conf"),
        ("python3", "-m", "py_compile", horizon.SETTINGS),
    ):
        done = full_tools.run(*command)
        assert done.returncode == 0, (command, done.stdout + done.stderr)


def test_systemd_finds_nothing_wrong_with_the_units(
    full_tools, full_design: Design, files: dict[str, str]
) -> None:
    full_tools.run("true", files={path: text for path, text in files.items() if path != "/etc/hosts"})
    owned = {unit for component in full_design.components() for unit in component.owned_units}
    rendered = {path.split("/")[4].removesuffix(".d") for path in files if path.startswith("/etc/systemd/system/")}
    done = full_tools.run(
        "systemd-analyze", "verify", "--man=no", "--recursive-errors=no", *sorted(owned | rendered)
    )
    said = [line for line in done.stderr.splitlines() if "quorate" in line or "/etc/systemd/" in line]
    assert (done.returncode, said) == (0, []), done.stderr
