import re
from xml.etree import ElementTree as ET

import pytest

from quorate.formats import cib
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

SMALL = Configuration(
    properties={"stonith-enabled": "true", "cluster-name": "lab"},
    resources=(
        Primitive("vip", "ocf:heartbeat:IPaddr2", {"ip": "192.0.2.10"}, {"priority": "1"}, (Op("monitor", 2.5),)),
        Clone(
            Primitive("galera", "ocf:heartbeat:galera", ops=(Op("promote", 0, 300, "block"),)),
            {"promotable": "true"},
        ),
        Primitive("fence-c1", "stonith:fence_ipmilan", ops=(Op("monitor", 60, 30, role="Started"),)),
    ),
    constraints=(
        Order("galera-clone", "vip", Kind.OPTIONAL, "promote"),
        Colocation("vip", "galera-clone"),
        Location("fence-c1", "c1", "-INFINITY"),
    ),
    fencing_levels=(FencingLevel("c1", 1, ("fence-c1", "fence-c2")),),
    resource_defaults={"resource-stickiness": "100"},
    op_defaults={"timeout": "60s"},
)

SMALL_XML = """\
<configuration>
  <crm_config>
    <cluster_property_set id="cib-bootstrap-options">
      <nvpair id="cib-bootstrap-options-stonith-enabled" name="stonith-enabled" value="true"/>
    </cluster_property_set>
  </crm_config>
  <nodes/>
  <resources>
    <primitive id="vip" class="ocf" provider="heartbeat" type="IPaddr2">
      <instance_attributes id="vip-instance_attributes">
        <nvpair id="vip-instance_attributes-ip" name="ip" value="192.0.2.10"/>
      </instance_attributes>
      <meta_attributes id="vip-meta_attributes">
        <nvpair id="vip-meta_attributes-priority" name="priority" value="1"/>
      </meta_attributes>
      <operations>
        <op id="vip-monitor-interval-2500ms" name="monitor" interval="2500ms" timeout="20s"/>
      </operations>
    </primitive>
    <clone id="galera-clone">
      <meta_attributes id="galera-clone-meta_attributes">
        <nvpair id="galera-clone-meta_attributes-promotable" name="promotable" value="true"/>
      </meta_attributes>
      <primitive id="galera" class="ocf" provider="heartbeat" type="galera">
        <operations>
          <op id="galera-promote-interval-0s" name="promote" interval="0s" timeout="300s" on-fail="block"/>
        </operations>
      </primitive>
    </clone>
    <primitive id="fence-c1" class="stonith" type="fence_ipmilan">
      <operations>
        <op id="fence-c1-monitor-interval-60s" name="monitor" interval="60s" timeout="30s" role="Started"/>
      </operations>
    </primitive>
  </resources>
  <constraints>
    <rsc_order id="order-galera-clone-vip" first="galera-clone" first-action="promote" then="vip" \
then-action="start" kind="Optional"/>
    <rsc_colocation id="colocation-vip-galera-clone" rsc="vip" with-rsc="galera-clone" score="INFINITY"/>
    <rsc_location id="location-fence-c1-c1" rsc="fence-c1" node="c1" score="-INFINITY"/>
  </constraints>
  <fencing-topology>
    <fencing-level id="fl-c1-1" target="c1" index="1" devices="fence-c1,fence-c2"/>
  </fencing-topology>
  <op_defaults>
    <meta_attributes id="op_defaults-meta_attributes">
      <nvpair id="op_defaults-meta_attributes-timeout" name="timeout" value="60s"/>
    </meta_attributes>
  </op_defaults>
  <rsc_defaults>
    <meta_attributes id="rsc_defaults-meta_attributes">
      <nvpair id="rsc_defaults-meta_attributes-resource-stickiness" name="resource-stickiness" value="100"/>
    </meta_attributes>
  </rsc_defaults>
</configuration>
"""


def test_a_configuration_is_written_so():
    assert cib.configuration(SMALL) == SMALL_XML


def test_a_document_names_the_nodes_and_has_them_up():
    root = ET.fromstring(cib.document(SMALL, [("c1", 1), ("c2", 2)]))
    assert root.get("validate-with") == "pacemaker-4.0"
    assert [node.attrib for node in root.iter("node")] == [{"id": "1", "uname": "c1"}, {"id": "2", "uname": "c2"}]
    assert [state.get("uname") for state in root.iter("node_state") if state.get("crmd") == "online"] == [
        "c1",
        "c2",
    ]


def test_a_groups_members_keep_their_order():
    group = Group("web", (Primitive("b", "systemd:b"), Primitive("a", "systemd:a")), {"priority": "2"})
    root = ET.fromstring(cib.configuration(Configuration({}, (Clone(group),), ())))
    assert [each.get("id") for each in root.findall("resources/clone/group/primitive")] == ["b", "a"]
    assert root.find("resources/clone/group/meta_attributes/nvpair").get("value") == "2"


@pytest.mark.parametrize("value", ['a" />b', "<a> & 'b'", "tab\there", "caf\u00e9"])
def test_any_value_comes_back_unchanged(value):
    conf = Configuration({}, (Primitive("p", "systemd:p", {"a": value}),), ())
    assert ET.fromstring(cib.configuration(conf)).find(".//nvpair").get("value") == value


def test_a_name_that_is_no_id_still_gives_one():
    conf = Configuration({}, (Primitive("p", "systemd:p", {"a:b c": "1"}),), ())
    pair = ET.fromstring(cib.configuration(conf)).find(".//nvpair")
    assert pair.get("name") == "a:b c"
    assert re.fullmatch(r"[A-Za-z_][\w.-]*", pair.get("id"))


@pytest.mark.parametrize(
    ("seconds", "text"), [(0, "0s"), (10, "10s"), (10.0, "10s"), (2.5, "2500ms"), (0.1, "100ms"), (90, "90s")]
)
def test_durations(seconds, text):
    assert cib.duration(seconds) == text


@pytest.mark.parametrize(
    ("ours", "theirs"),
    [
        pytest.param('id="vip-meta_attributes"', 'id="another"', id="an id"),
        pytest.param('interval="60s"', 'interval="1min"', id="a time"),
        pytest.param('interval="60s"', 'interval="60"', id="a time without unit"),
        pytest.param('"-INFINITY"', '"-inf"', id="a score"),
        pytest.param('"INFINITY"', '"+INFINITY"', id="a signed score"),
        pytest.param('interval="60s" timeout="30s"', 'timeout="30s" interval="60s"', id="order of attributes"),
        pytest.param(' with-rsc="', ' rsc-role="Started" with-rsc="', id="a default"),
        pytest.param("<nodes/>", '<nodes><node id="1" uname="c1"/></nodes>', id="nodes"),
        pytest.param(
            'value="true"/>\n    </cluster',
            'value="true"/><nvpair id="d" name="dc-version" value="3"/></cluster',
            id="the cluster's own property",
        ),
        pytest.param("<nodes/>", "<!-- by hand --><nodes/>", id="a comment"),
    ],
)
def test_the_same_said_otherwise(ours, theirs):
    assert ours in SMALL_XML
    assert cib.same(SMALL_XML, SMALL_XML.replace(ours, theirs))


@pytest.mark.parametrize(
    ("ours", "theirs"),
    [
        ('value="192.0.2.10"', 'value="192.0.2.11"'),
        ('timeout="300s"', 'timeout="301s"'),
        (' on-fail="block"', ""),
        (' role="Started"', ' role="Promoted"'),
        ('name="priority" value="1"', 'name="priority" value="2"'),
        ('name="promotable" value="true"', 'name="promotable" value="false"'),
        ('type="galera"', 'type="mysql"'),
        ('first-action="promote" ', ""),
        (' then-action="start"', ""),
        ('kind="Optional"', 'kind="Mandatory"'),
        ('score="INFINITY"', 'score="100"'),
        ('node="c1"', 'node="c2"'),
        ('index="1"', 'index="2"'),
        ('devices="fence-c1,fence-c2"', 'devices="fence-c1"'),
        ('name="stonith-enabled" value="true"', 'name="stonith-enabled" value="false"'),
        ('name="timeout" value="60s"', 'name="timeout" value="20s"'),
        ('name="resource-stickiness" value="100"', 'name="resource-stickiness" value="0"'),
        ('<rsc_location id="location-fence-c1-c1" rsc="fence-c1" node="c1" score="-INFINITY"/>', ""),
        ("<nodes/>", '<nodes/><tags><tag id="t"><obj_ref id="vip"/></tag></tags>'),
    ],
)
def test_another_decision_is_seen(ours, theirs):
    assert SMALL_XML.count(ours) == 1
    assert not cib.same(SMALL_XML, SMALL_XML.replace(ours, theirs))


def test_the_order_of_a_group_matters_and_that_of_resources_does_not():
    one, other = Primitive("a", "systemd:a"), Primitive("b", "systemd:b")
    normal = [
        cib.normal(cib.configuration(Configuration({}, resources, ())))
        for resources in [(one, other), (other, one), (Group("g", (one, other)),), (Group("g", (other, one)),)]
    ]
    assert normal[0] == normal[1]
    assert normal[2] != normal[3]


def test_sets_with_a_rule_are_not_those_without():
    rule = '<rule id="r" boolean-op="and"><op_expression id="e" name="start"/></rule></meta_attributes>\n  </op'
    conditional = SMALL_XML.replace("</meta_attributes>\n  </op", rule)
    assert conditional != SMALL_XML
    assert not cib.same(SMALL_XML, conditional)


def test_lines_say_what_differs():
    other = SMALL_XML.replace("192.0.2.10", "192.0.2.11")
    assert set(cib.normal(SMALL_XML)) ^ set(cib.normal(other)) == {
        "vip instance_attributes ip=192.0.2.10",
        "vip instance_attributes ip=192.0.2.11",
    }


def test_a_whole_cib_or_its_configuration():
    assert cib.same(cib.document(SMALL, [("c1", 1)]), SMALL_XML)
    with pytest.raises(ValueError, match="no <configuration> in <status>"):
        cib.normal("<status/>")
