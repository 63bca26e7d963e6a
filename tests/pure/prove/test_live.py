"""Reading a running cluster through sessions that answer from a table."""

import asyncio
from dataclasses import dataclass
from xml.etree import ElementTree as ET

import pytest

from quorate.prove import live
from quorate.prove.state import read
from quorate.remote.errors import AgentLost
from quorate.remote.session import Output

CIB = (
    '<cib have-quorum="{quorum}" admin_epoch="0" epoch="{epoch}" num_updates="{updates}"><configuration>'
    '<crm_config><cluster_property_set id="cib-bootstrap-options">'
    '<nvpair id="v" name="dc-version" value="3.0.0-abc"/>'
    '<nvpair id="s" name="stonith-enabled" value="true"/></cluster_property_set></crm_config>'
    '<nodes><node id="1" uname="n1"/></nodes><resources/><constraints/></configuration>'
    '<status><node_state id="1" uname="n1" in_ccm="1795255010" crmd="1795255011" join="member" expected="member"/>'
    "</status></cib>"
)


def told(quorum=1, epoch=1, updates=1):
    return CIB.format(quorum=quorum, epoch=epoch, updates=updates)


@dataclass
class Session:
    """Gives one answer to cibadmin, and the time."""

    stdout: str = ""
    rc: int | None = 0
    stderr: str = ""

    async def run(self, probes, *, at_once=True):
        assert at_once
        query, clock = probes
        if self.rc == -1:
            raise AgentLost("n1", "running 2 probes", "the connection broke")
        return Output(query.argv, self.rc, self.stdout, self.stderr, 0), Output(
            clock.argv, 0, "1795255999\n", "", 0
        )


def of(**sessions):
    return asyncio.run(live.read(sessions))


def test_the_state_is_that_of_a_member_and_its_clock():
    seen = of(n1=Session(told()))
    assert (seen.node, seen.version, seen.state.now) == ("n1", "3.0.0-abc", 1795255999)
    assert seen.state.members == ("n1",)


def test_a_view_with_quorum_is_preferred_and_of_those_the_newest():
    seen = of(n1=Session(told(quorum=0, epoch=9)), n2=Session(told(updates=4)), n3=Session(told(updates=12)))
    assert seen.node == "n3"
    assert of(n1=Session(told(quorum=0)), n2=Session(rc=102)).node == "n1"


def test_why_no_member_can_tell():
    with pytest.raises(live.NotRunning) as raised:
        of(n1=Session(rc=None), n2=Session(rc=102, stderr="cibadmin: bad\nNot connected\n"), n3=Session(rc=-1))
    reasons = raised.value.reasons
    assert reasons["n1"] == "cibadmin does not answer"
    assert reasons["n2"] == "Not connected"
    assert "the connection broke" in reasons["n3"]
    assert of_rc(1) == "cibadmin ended with 1"


def of_rc(rc):
    with pytest.raises(live.NotRunning) as raised:
        of(n1=Session(rc=rc))
    return raised.value.reasons["n1"]


def test_another_configuration_takes_the_place_of_its_own_as_a_deployment_loads_it():
    desired = (
        '<configuration><crm_config><cluster_property_set id="cib-bootstrap-options">'
        '<nvpair id="s" name="stonith-enabled" value="false"/></cluster_property_set></crm_config><nodes/>'
        '<resources><primitive id="ip" class="ocf" provider="heartbeat" type="IPaddr2"/></resources><constraints/>'
        "</configuration>"
    )
    state = read(told())
    changed = live.with_configuration(state, desired)
    assert changed.nodes == state.nodes
    assert changed.configuration.members == ("n1",)
    assert changed.configuration.properties == {"dc-version": "3.0.0-abc", "stonith-enabled": "false"}
    assert list(changed.configuration.primitives) == ["ip"]
    assert state.configuration.properties["stonith-enabled"] == "true"
    assert ET.fromstring(changed.xml).find("status/node_state") is not None
