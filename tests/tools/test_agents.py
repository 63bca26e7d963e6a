"""Every parameter, operation and property in the CIB is one that its agent or Pacemaker knows."""

import re
from collections.abc import Callable
from functools import cache
from xml.etree import ElementTree as ET

import pytest

from quorate.model.design import Design
from quorate.model.resource import Primitive

OF_PACEMAKER = "pcmk_"
"""Parameters of a fencing device that are Pacemaker's own, not the agent's (pacemaker-fenced(7))."""


@pytest.fixture(scope="module")
def metadata(tools) -> Callable[[str], ET.Element]:
    """What an agent says of itself."""

    @cache
    def ask(agent: str) -> ET.Element:
        done = tools.run("crm_resource", "--show-metadata", agent)
        assert done.returncode == 0, done.stderr
        return ET.fromstring(done.stdout)

    return ask


def primitives(design: Design) -> list[Primitive]:
    return [each for cluster in design.clusters for each in cluster.configuration.primitives()]


def wrong_parameters(primitive: Primitive, described: ET.Element) -> list[str]:
    known = {each.get("name"): each for each in described.iter("parameter")}
    wrong = [
        f"no {name}" for name in primitive.parameters if name not in known and not name.startswith(OF_PACEMAKER)
    ]
    wrong += [
        f"needs {name}"
        for name, each in known.items()
        if each.get("required") == "1" and name not in {*primitive.parameters, "action"}
    ]
    wrong += [f"{name} is deprecated" for name in primitive.parameters if _deprecated(known.get(name))]
    for name, value in primitive.parameters.items():
        content = known[name].find("content") if name in known else None
        kind = content.get("type") if content is not None else None
        if (kind in {"integer", "second"} and not re.fullmatch(r"-?\d+", value)) or (
            kind == "boolean" and value not in {"0", "1", "true", "false"}
        ):
            wrong.append(f"{name}={value} is no {kind}")
        options = [each.get("value") for each in content.iter("option")] if content is not None else []
        if kind == "select" and value not in options:
            wrong.append(f"{name}={value} is none of {options}")
    return wrong


def _deprecated(parameter: ET.Element | None) -> bool:
    return parameter is not None and parameter.get("deprecated") == "1"


def too_short(primitive: Primitive, described: ET.Element) -> list[str]:
    """Operations that Pacemaker would give up before the agent's own advice."""
    advised = {
        (each.get("name"), each.get("role")): float((each.get("timeout") or "0").removesuffix("s"))
        for each in described.iter("action")
    }
    return [
        f"{op.name} {op.timeout_s} s"
        for op in primitive.ops
        if op.timeout_s < advised.get((op.name, op.role), advised.get((op.name, None), 0))
    ]


def test_every_parameter_is_one_of_its_agents(lab_design: Design, metadata) -> None:
    with_agents = [each for each in primitives(lab_design) if not each.agent.startswith("systemd:")]
    assert {each.agent for each in with_agents} >= {"ocf:heartbeat:IPaddr2", "ocf:heartbeat:galera"}
    assert {each.id: wrong_parameters(each, metadata(each.agent)) for each in with_agents} == {
        each.id: [] for each in with_agents
    }


def test_every_operation_has_the_time_its_agent_asks_for(lab_design: Design, metadata) -> None:
    with_agents = [each for each in primitives(lab_design) if not each.agent.startswith("systemd:")]
    assert {each.id: too_short(each, metadata(each.agent)) for each in with_agents} == {
        each.id: [] for each in with_agents
    }


def test_every_operation_of_a_daemon_that_the_agent_describes_is_given(lab_design: Design, metadata) -> None:
    """Without one of its own an operation would get the default timeout, which knows nothing of the agent."""
    galera = next(each for each in primitives(lab_design) if each.agent == "ocf:heartbeat:galera")
    described = {each.get("name") for each in metadata(galera.agent).iter("action")}
    assert described - {"status", "validate-all", "meta-data"} == {op.name for op in galera.ops}


def test_metadata_would_have_told(lab_design: Design, metadata) -> None:
    vip = next(each for each in primitives(lab_design) if each.agent == "ocf:heartbeat:IPaddr2")
    described = metadata(vip.agent)
    short = Primitive("x", vip.agent, {"ipp": "192.0.2.1", "arp_count": "five"}, ops=())
    assert wrong_parameters(short, described) == ["no ipp", "needs ip", "arp_count=five is no integer"]
    fence = next(each for each in primitives(lab_design) if each.agent == "stonith:fence_ipmilan")
    old = Primitive("x", fence.agent, {"ip": "192.0.2.1", "method": "shout", "passwd": "x"})
    assert wrong_parameters(old, metadata(fence.agent)) == [
        "passwd is deprecated",
        "method=shout is none of ['onoff', 'cycle']",
    ]


def options(tools, *argv: str) -> set[str]:
    done = tools.run(*argv, "--output-as=xml")
    assert done.returncode == 0, done.stderr
    return {each.get("name", "") for each in ET.fromstring(done.stdout).iter("parameter")}


def test_pacemaker_knows_every_property_and_default(tools, lab_design: Design) -> None:
    """crm_verify passes over a property that it does not know."""
    properties = options(tools, "crm_attribute", "--list-options=cluster", "--all")
    meta = options(tools, "crm_resource", "--list-options=primitive", "--all")
    assert "stonith-enabled" in properties
    assert "stonith-enable" not in properties
    for cluster in lab_design.clusters:
        assert set(cluster.configuration.properties) <= properties
        assert set(cluster.configuration.resource_defaults) <= meta
        for primitive in cluster.configuration.primitives():
            assert set(primitive.meta) <= meta
