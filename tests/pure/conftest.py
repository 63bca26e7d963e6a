"""Clouds that the pure tests look at: a lab, one with all kinds of virtual IPs, one cluster a component."""

from pathlib import Path

import pytest

from quorate import design
from quorate.model.design import Design
from quorate.spec import template
from quorate.spec.file import read

LAB = template.lab("lab", template.LAB_NETWORKS[0], 3)
COMPONENTS = ("haproxy", "galera", "memcached", "rabbitmq", "keystone")


def designed(text: str) -> Design:
    return design.build(read(text, "quorate.yaml", Path("/cloud")))


@pytest.fixture(scope="session")
def lab_text() -> str:
    """What `quorate init --lab` writes."""
    return LAB


@pytest.fixture(scope="session")
def lab() -> Design:
    """The lab: ctl1 to ctl3 at 10.77.0.11 and up, the virtual IP is 10.77.0.10."""
    return designed(LAB)


@pytest.fixture(scope="session")
def full() -> Design:
    """The lab with every component."""
    return designed(template.lab("lab", template.LAB_NETWORKS[0], 3, full=True))


@pytest.fixture(scope="session")
def public() -> Design:
    """The lab with a public network (198.51.100.0/24), its virtual IP .10, and 10.77.0.9 for Keystone alone."""
    text = LAB.replace("\nnodes:\n", "\n  public: {cidr: 198.51.100.0/24}\n\nnodes:\n", 1)
    for number in (11, 12, 13):
        text = text.replace(f"10.77.0.{number},", f"10.77.0.{number}, public: 198.51.100.{number},")
    vips = "  internal: 10.77.0.10\n"
    assert vips in text
    return designed(text.replace(vips, vips + "  public: 198.51.100.10\n  services: {keystone: 10.77.0.9}\n"))


@pytest.fixture(scope="session")
def segregated() -> Design:
    """A cluster of three a component, each named as its component."""
    nodes = {name: [f"{name}{number}" for number in (1, 2, 3)] for name in COMPONENTS}
    names = [node for members in nodes.values() for node in members]
    hosts = "\n".join(
        f"  {name}: {{management: 10.20.0.{10 + number}, "
        f"bmc: {{address: 10.30.0.{10 + number}, username: admin}}}}"
        for number, name in enumerate(names, 1)
    )
    clusters = "\n".join(
        f"  {name}: {{nodes: [{', '.join(members)}], components: [{name}]}}" for name, members in nodes.items()
    )
    return designed(f"""\
cloud: large
release: "2025.1"
networks: {{management: {{cidr: 10.20.0.0/24}}}}
nodes:
{hosts}
clusters:
{clusters}
virtual_ips: {{internal: 10.20.0.5}}
failover: {{profile: balanced}}
fencing: {{levels: [{{agent: fence_ipmilan, parameters: {{lanplus: 1}}}}]}}
""")


@pytest.fixture(params=["lab", "full", "public", "segregated"])
def any_design(request: pytest.FixtureRequest) -> Design:
    return request.getfixturevalue(request.param)
