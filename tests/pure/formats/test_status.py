from pathlib import Path

import pytest

from quorate.formats import status

SEEN = (Path(__file__).parents[1] / "verify" / "status.xml").read_text()
NOT_CONNECTED = """<pacemaker-result api-version="2.38" request="crm_mon --output-as xml">
  <status code="102" message="Not connected">
    <errors><error>crm_mon: Connection to cluster failed: Connection refused</error></errors>
  </status>
</pacemaker-result>"""


def test_members_and_quorum():
    view = status.read(SEEN)
    assert view.quorate
    assert view.dc == "ctl1"
    assert view.online == ("ctl1", "ctl2", "ctl3")
    assert view.options["stonith-enabled"] == "true"


@pytest.mark.parametrize(
    "change", ['online="false"', 'online="true" pending="true"', 'online="true" unclean="true"']
)
def test_who_does_not_take_part(change):
    text = '<r><summary/><nodes><node name="a" {}/><node name="b" online="true"/></nodes></r>'
    assert status.read(text.format(change)).online == ("b",)


def test_where_resources_are_active():
    view = status.read(SEEN)
    assert view.active("galera") == dict.fromkeys(("ctl1", "ctl2", "ctl3"), "Promoted")
    assert view.active("nothing") == {}
    assert list(view.active("vip-internal").values()) == ["Started"]


def test_instances_of_unique_clones_and_those_that_run_nowhere():
    text = (
        '<r><summary/><resources><clone><resource id="a:0" role="Started"><node name="n"/></resource>'
        '<resource id="a:1" role="Stopped" blocked="true"/></clone></resources></r>'
    )
    first, second = status.read(text).instances
    assert (first.resource, first.node, second.resource, second.node) == ("a", "n", "a", None)
    assert second.blocked


def test_failed_actions():
    text = (
        "<r><summary/><failures>"
        '<failure op_key="galera_promote_0" node="ctl2" exitstatus="error" exitreason="no datadir" exitcode="1"/>'
        '<failure op_key="x_monitor_5000" node="ctl3" exitstatus="not running" exitreason="" exitcode="7"/>'
        "</failures></r>"
    )
    assert status.read(text).failed_actions == (
        status.FailedAction("ctl2", "galera_promote_0", "no datadir"),
        status.FailedAction("ctl3", "x_monitor_5000", "not running"),
    )


def test_a_cluster_that_does_not_run():
    with pytest.raises(ValueError, match="no summary"):
        status.read(NOT_CONNECTED)
    assert status.trouble(NOT_CONNECTED) == "Connection to cluster failed: Connection refused"


@pytest.mark.parametrize("text", ["", "Connection refused"])
def test_text_that_is_no_xml(text):
    with pytest.raises(ValueError, match="not XML"):
        status.read(text)
    assert status.trouble(text) == ""
