"""Pacemaker, pcs and crmsh themselves read what is written for them, and understand the same."""

import re
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace

import pytest

from quorate.formats import cib, crmsh, pcs
from quorate.model.design import Design
from quorate.model.resource import (
    Clone,
    Colocation,
    Configuration,
    FencingLevel,
    Group,
    Kind,
    Location,
    Op,
    Order,
    Primitive,
)

NODES = (("c1", 1), ("c2", 2), ("c3", 3))


def _device(target: str, address: str, level: int) -> Primitive:
    return Primitive(
        f"fence-{target}-{level}",
        "stonith:fence_ipmilan",
        {
            "ip": address,
            "username": "admin",
            "password_script": '/etc/quorate/fencing/it\'s a "script"',
            "pcmk_host_list": target,
        },
        meta={"priority": "5"},
        ops=(Op("monitor", 60, 30),),
    )


RICH = Configuration(
    properties={"stonith-enabled": "true", "no-quorum-policy": "stop", "cluster-name": "lab", "dc-deadtime": "5s"},
    resources=(
        Primitive(
            "vip-internal",
            "ocf:heartbeat:IPaddr2",
            {"ip": "192.0.2.10", "cidr_netmask": "24", "iflabel": "a b;c$d"},
            {"resource-stickiness": "1"},
            (Op("start"), Op("stop", on_fail="fence"), Op("monitor", 2)),
        ),
        Clone(Primitive("haproxy", "systemd:haproxy", ops=(Op("monitor", 10, 30),)), {"interleave": "true"}),
        Clone(
            Primitive(
                "galera",
                "ocf:heartbeat:galera",
                {"wsrep_cluster_address": "gcomm://c1,c2,c3", "cluster_host_map": "c1:n1;c2:n2;c3:n3"},
                ops=(
                    Op("monitor", 20, 30),
                    Op("monitor", 10, 30, role="Promoted"),
                    Op("promote", 0, 300, "block"),
                ),
            ),
            {"promotable": "true", "promoted-max": "3", "interleave": "true"},
        ),
        Clone(
            Group(
                "metrics",
                (
                    # no operation at all: pcs would make one of its own
                    Primitive("collector", "systemd:collector"),
                    Primitive("gnocchi", "systemd:gnocchi", ops=(Op("monitor", 30, 60),)),
                ),
                {"priority": "1"},
            ),
            {"interleave": "true"},
        ),
        Group(
            "images",
            (
                Primitive(
                    "images-mount",
                    "ocf:heartbeat:Filesystem",
                    {
                        "device": "host:/images",
                        "directory": "/srv/images",
                        "fstype": "nfs",
                        "options": "hard,vers=4.2",
                    },
                    ops=(Op("monitor", 20, 40),),
                ),
                Primitive("images-api", "systemd:images", ops=(Op("monitor", 30, 60), Op("start", 0, 90))),
            ),
        ),
        _device("c1", "192.0.2.31", 1),
        _device("c1", "192.0.2.41", 2),
    ),
    constraints=(
        Location("fence-c1-1", "c1", "-INFINITY"),
        Location("fence-c1-2", "c1", "-INFINITY"),
        Location("images", "c2", "50"),
        Colocation("vip-internal", "haproxy-clone"),
        Colocation("images", "vip-internal", "-100"),
        Order("haproxy-clone", "vip-internal", Kind.OPTIONAL, why="a proxy restarted in place\nkeeps the address"),
        Order("galera-clone", "haproxy-clone", Kind.MANDATORY, "promote", why="it's the database"),
        Order("galera-clone", "metrics-clone", Kind.OPTIONAL, "promote"),
    ),
    fencing_levels=(FencingLevel("c1", 1, ("fence-c1-1",)), FencingLevel("c1", 2, ("fence-c1-1", "fence-c1-2"))),
    resource_defaults={"resource-stickiness": "100", "migration-threshold": "3"},
    op_defaults={"timeout": "120s"},
)


_PCS = """\
#!/bin/sh
# The container has no systemd that could describe its units, and an empty CIB has no nodes.
case "$*" in
*" systemd:"* | *" stonith level add "*) exec /usr/sbin/pcs "$@" --force ;;
*) exec /usr/sbin/pcs "$@" ;;
esac
"""

_EXPECTED_OF_PCS = (
    # Said of every change to the defaults, and wherever an agent is asked to look at its parameters.
    "Defaults do not apply to resources which override them with their own defined values",
    "Validating resource options using the resource agent itself is enabled by default and produces warnings.",
    "Validation result from agent:",
    # What is forced.
    r"Agent 'systemd:[\w-]+' is not installed or does not provide valid metadata",
    r"'(monitor|start|stop)' is not a valid operation name value",
    r"Node '\w+' does not appear to exist in configuration",
    r"'\d+ms' is not a valid transition-delay value",
    # Said of every location made in a file.
    "Validation for node existence in the cluster will be skipped",
)


@pytest.fixture(scope="session")
def confs(lab_design: Design) -> dict[str, Configuration]:
    return {"rich": RICH, "lab": lab_design.clusters[0].configuration}


@pytest.fixture(params=["rich", "lab"])
def conf(request: pytest.FixtureRequest, confs: dict[str, Configuration]) -> Configuration:
    return confs[request.param]


@dataclass(frozen=True, slots=True)
class Made:
    """What became of a script for pcs."""

    code: int
    stderr: str
    decided: tuple[str, ...]


@pytest.fixture(scope="session")
def made_by_pcs(tools, confs: dict[str, Configuration]) -> dict[str, Made]:
    """Both at once: pcs takes its second a command, nearly all of it to start."""

    def make(conf: Configuration) -> Made:
        path, here = _empty(tools), tools.directory()
        files = {f"{here}/cluster.sh": pcs.script(conf), f"{here}/pcs": _PCS}
        searched = f"PATH={here}:/usr/sbin:/usr/bin:/sbin:/bin"
        argv = ("env", searched, "sh", f"{here}/cluster.sh", "-f", path)
        done = tools.run(*argv, files=files, within_s=240)
        return Made(done.returncode, done.stderr, _decided(tools, path))

    with ThreadPoolExecutor() as pool:
        return dict(zip(confs, pool.map(make, confs.values()), strict=True))


@pytest.mark.parametrize("nodes", [(), NODES], ids=["no nodes", "three nodes"])
def test_pacemaker_finds_nothing_to_warn_of(
    tools, conf: Configuration, nodes: tuple[tuple[str, int], ...]
) -> None:
    path = f"{tools.directory()}/cib.xml"
    done = tools.run("crm_verify", "-VV", "-x", path, files={path: cib.document(conf, nodes)})
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")


def test_crm_verify_would_have_said_so(tools) -> None:
    unfenced = replace(RICH, properties={"no-quorum-policy": "nonsense"})
    path = f"{tools.directory()}/cib.xml"
    done = tools.run("crm_verify", "-VV", "-x", path, files={path: cib.document(unfenced, NODES)})
    assert "nonsense" in done.stderr


def test_pacemaker_keeps_it_byte_for_byte(tools, conf: Configuration) -> None:
    path = f"{tools.directory()}/cib.xml"
    text = cib.document(conf, NODES)
    done = tools.run("env", f"CIB_file={path}", "cibadmin", "--query", files={path: text})
    assert done.stdout == text


@pytest.mark.parametrize("name", ["rich", "lab"])
def test_pcs_makes_the_same_cluster(
    name: str, confs: dict[str, Configuration], made_by_pcs: dict[str, Made]
) -> None:
    made = made_by_pcs[name]
    said = re.findall(r"^(?:\w+ )?(?:Warning|Error): (.*)", made.stderr, re.MULTILINE)
    assert [line for line in said if not any(re.match(each, line) for each in _EXPECTED_OF_PCS)] == []
    assert made.code == 0, made.stderr
    assert made.decided == cib.normal(cib.document(confs[name]))


@pytest.mark.parametrize("way", ["load", "stdin"])
def test_crmsh_makes_the_same_cluster(tools, conf: Configuration, way: str) -> None:
    made, script = _empty(tools), f"{tools.directory()}/cluster.crm"
    text = crmsh.script(conf)
    crm = ("env", f"CIB_file={made}", "crm", "--force")
    if way == "load":
        done = tools.run(*crm, "configure", "load", "update", script, files={script: text})
    else:
        done = tools.run(*crm, stdin=f"configure\n{text}commit\n")
    errors = [line for line in done.stderr.splitlines() if "ERROR" in line and "systemd:" not in line]
    assert (done.returncode, errors) == (0, [])
    assert _decided(tools, made) == cib.normal(cib.document(conf))


def _empty(tools) -> str:
    path = f"{tools.directory()}/cib.xml"
    done = tools.run("sh", "-c", f"cibadmin --empty > {path}")
    assert done.returncode == 0, done.stderr
    assert cib.normal(tools.read(path)) == ()
    return path


def _decided(tools, path: str) -> tuple[str, ...]:
    return cib.normal(tools.read(path))
