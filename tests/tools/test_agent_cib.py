"""The agent's Cib item with Debian's cibadmin, crm_diff, crm_verify and crm_simulate on a CIB file."""

import asyncio
import random
from dataclasses import dataclass

import pytest

from quorate.model.cloud import Ssh
from quorate.model.item import Cib
from quorate.model.topology import MANAGEMENT, Node
from quorate.remote.errors import CommandFailed
from quorate.remote.openssh_transport import ProcessChannel
from quorate.remote.session import Session

NODE = Node("n1", {MANAGEMENT: "127.0.0.1"})
FRESH = """
<cib crm_feature_set="3.20.0" validate-with="pacemaker-4.0"
    epoch="5" num_updates="3" admin_epoch="0" have-quorum="1">
  <configuration>
    <crm_config>
      <cluster_property_set id="cib-bootstrap-options">
        <nvpair id="cib-bootstrap-options-dc-version" name="dc-version" value="3.0.0"/>
      </cluster_property_set>
    </crm_config>
    <nodes><node id="1" uname="n1"/><node id="2" uname="n2"/></nodes>
    <resources/><constraints/>
  </configuration>
  <status>
    <node_state id="1" uname="n1" in_ccm="true" crmd="online" join="member" expected="member"/>
    <node_state id="2" uname="n2" in_ccm="true" crmd="online" join="member" expected="member"/>
  </status>
</cib>
"""


@dataclass(frozen=True)
class Cluster:
    """A CIB in a file; every Pacemaker tool takes it for the cluster's."""

    tools: object
    path: str

    async def open(self, *arguments):
        command = arguments[2]
        argv = (*self.tools.podman, "exec", "--interactive", "--env", f"CIB_file={self.path}", self.tools.name)
        return await ProcessChannel.start(*argv, "sh", "-c", f"exec {command}")

    def apply(self, xml, *, check=False, later=()):
        async def main():
            async with Session.open(NODE, Ssh(), transport=self, timeout_s=60) as session:
                return await session.apply("cluster", [Cib(xml, later)], check=check)

        return asyncio.run(main())

    def operator(self, *argv):
        done = self.tools.run("env", f"CIB_file={self.path}", *argv)
        assert done.returncode == 0, done.stderr
        return done.stdout


@pytest.fixture
def cluster(tools):
    path = f"{tools.directory()}/cib.xml"
    tools.run("true", files={path: FRESH})
    return Cluster(tools, path)


def dummy(name, interval="10s"):
    return (
        f'<primitive id="{name}" class="ocf" provider="pacemaker" type="Dummy"><operations>'
        f'<op id="{name}-monitor" name="monitor" interval="{interval}"/></operations></primitive>'
    )


def after(first, then):
    return f'<rsc_order id="{first}-{then}" first="{first}" then="{then}" kind="Optional"/>'


def configuration(resources, constraints=(), properties=(("stonith-enabled", "false"),)):
    pairs = "".join(f'<nvpair id="our-{name}" name="{name}" value="{value}"/>' for name, value in properties)
    return (
        f'<configuration><crm_config><cluster_property_set id="ours">{pairs}</cluster_property_set></crm_config>'
        f"<resources>{''.join(resources)}</resources><constraints>{''.join(constraints)}</constraints>"
        '<rsc_defaults><meta_attributes id="rd"><nvpair id="rd-s" name="resource-stickiness" value="1"/>'
        "</meta_attributes></rsc_defaults></configuration>"
    )


WANTED = configuration([dummy("a"), dummy("b")], [after("a", "b")])


def test_it_is_shown_as_pacemaker_would_do_it_then_done_then_done_with(cluster):
    shown = cluster.apply(WANTED, check=True).events[0]
    assert "Start a ( n1 )" in shown.actions
    assert "+ primitive a (ocf:pacemaker:Dummy) op monitor interval=10s" in shown.diff
    assert "+ property stonith-enabled=false" in shown.diff
    assert "primitive" not in cluster.operator("cibadmin", "--query")

    done = cluster.apply(WANTED)
    assert done.events[0].diff == shown.diff
    assert not cluster.apply(WANTED).changed
    assert 'name="dc-version" value="3.0.0"' in cluster.operator("cibadmin", "--query")


def test_what_pacemaker_and_operators_set_stays(cluster):
    cluster.apply(WANTED)
    cluster.operator("crm_attribute", "--name", "maintenance-mode", "--update", "true")
    cluster.operator("crm_resource", "--ban", "--resource", "a", "--node", "n1")
    assert not cluster.apply(WANTED).changed

    cluster.apply(configuration([dummy("b", "5s"), dummy("a")]))
    kept = cluster.operator("cibadmin", "--query")
    assert "maintenance-mode" in kept
    assert "cli-ban-a-on-n1" in kept
    assert "a-b" not in kept

    cluster.apply(configuration([dummy("b")]))
    assert "cli-ban-a-on-n1" not in cluster.operator("cibadmin", "--query")


def test_what_a_person_changed_in_our_part_is_shown_and_put_right(cluster):
    cluster.apply(WANTED)
    cluster.operator("crm_resource", "--resource", "a", "--meta", "-p", "target-role", "-v", "Stopped")
    (event,) = cluster.apply(WANTED).events
    assert event.diff == ("- primitive a (ocf:pacemaker:Dummy) meta target-role=Stopped",)


def test_what_comes_later_is_added_later_and_stays_then(cluster):
    clone = f'<clone id="b-clone">{dummy("b")}</clone>'
    wanted = configuration([dummy("a"), clone], [after("a", "b-clone")])
    cluster.apply(wanted, later=("b-clone",))
    early = cluster.operator("cibadmin", "--query")
    assert ('id="a"' in early, 'id="b"' in early, "rsc_order" in early) == (True, False, False)
    assert not cluster.apply(wanted, later=("b-clone",)).changed

    assert cluster.apply(wanted).changed
    assert not cluster.apply(wanted, later=("b-clone",)).changed
    assert not cluster.apply(wanted).changed
    assert "rsc_order" in cluster.operator("cibadmin", "--query")

    # what is there already is brought to what is wanted, without waiting for its turn
    sooner = wanted.replace('name="monitor" interval="10s"', 'name="monitor" interval="7s"')
    assert cluster.apply(sooner, later=("b-clone",)).changed
    assert not cluster.apply(sooner).changed


def test_an_invalid_configuration_is_refused_before_anything_changes(cluster):
    before = cluster.operator("cibadmin", "--query")
    with pytest.raises(CommandFailed, match="Pacemaker finds the new configuration invalid"):
        cluster.apply(configuration(['<primitive id="x" class="ocf" type="Dummy"/>']))
    assert cluster.operator("cibadmin", "--query") == before


def test_orders_that_form_a_loop_are_refused_before_anything_changes(cluster):
    before = cluster.operator("cibadmin", "--query")
    loop = [after("a", "b").replace("Optional", "Mandatory"), after("b", "a").replace("Optional", "Mandatory")]
    with pytest.raises(CommandFailed, match="do its orders form a loop"):
        cluster.apply(configuration([dummy("a"), dummy("b")], loop))
    assert cluster.operator("cibadmin", "--query") == before


def test_without_a_cluster_it_says_what_it_would_configure_or_why_it_cannot(tools):
    nowhere = Cluster(tools, f"{tools.directory()}/absent.xml")
    assert (
        nowhere.apply(WANTED, check=True).events[0].detail == "configures the cluster: 2 resources, 1 constraints"
    )
    with pytest.raises(CommandFailed, match="the cluster gives no configuration to compare with"):
        nowhere.apply(WANTED)


def test_any_configuration_follows_any_other(cluster):
    numbers = random.Random(20261120)
    for _ in range(12):
        names = numbers.sample("abcdefgh", numbers.randint(2, 8))
        resources = [dummy(name, numbers.choice(["5s", "10s"])) for name in names]
        if len(resources) > 3:
            resources[:3] = [f'<group id="group">{"".join(resources[:3])}</group>']
        pairs = [sorted(numbers.sample(range(len(names)), 2)) for _ in range(3)]
        orders = dict.fromkeys(after(names[first], names[then]) for first, then in pairs)
        xml = configuration(resources, orders)
        cluster.apply(xml)
        assert not cluster.apply(xml).changed, xml
