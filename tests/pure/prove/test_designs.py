"""The designs that judge a proof are what they say they are."""

from xml.etree import ElementTree as ET

import pytest

from designs import BROKEN, GOOD, Broken, Good, controllers, groups, with_remotes
from quorate.prove.properties import ALL as EVERY

PROPERTIES = set(EVERY)
BY_NAME = {design.name: design for design in GOOD}
ALL = pytest.mark.parametrize("design", [*GOOD, *BROKEN], ids=lambda design: design.name)


def test_there_are_enough_with_names_of_their_own() -> None:
    names = [design.name for design in (*GOOD, *BROKEN)]
    assert len(set(names)) == len(names)
    assert len(BROKEN) >= 34
    assert len({design.cib for design in (*GOOD, *BROKEN)}) == len(names)


def test_every_property_is_refuted_by_some_design() -> None:
    assert {name for design in BROKEN for name in design.properties} == PROPERTIES


@ALL
def test_a_design_is_a_cib_of_members_that_are_all_up(design: Good | Broken) -> None:
    root = ET.fromstring(design.cib)
    assert root.tag == "cib"
    assert root.get("have-quorum") == "1"
    members = [node.get("uname") for node in root.iterfind("configuration/nodes/node") if not node.get("type")]
    states = root.findall("status/node_state")
    assert [state.get("uname") for state in states] == members
    assert all(state.get("in_ccm") == "true" and state.get("crmd") == "online" for state in states)
    assert not any(len(state) for state in states)


@ALL
def test_ids_are_unique_within_a_design(design: Good | Broken) -> None:
    configuration = ET.fromstring(design.cib).find("configuration")
    assert configuration is not None
    ids = [element.get("id") for element in configuration.iter() if element.get("id")]
    # A remote node's id is its name, as its connection's is; Pacemaker wants it so.
    remotes = {node.get("id") for node in configuration.iterfind("nodes/node[@type='remote']")}
    assert sorted(each for each in ids if ids.count(each) > 1 and each not in remotes) == []


@pytest.mark.parametrize("design", BROKEN, ids=lambda design: design.name)
def test_a_broken_one_differs_from_its_good_one_and_says_how(design: Broken) -> None:
    assert ET.canonicalize(design.cib, strip_text=True) != ET.canonicalize(
        BY_NAME[design.base].cib, strip_text=True
    )
    assert design.about.endswith(".")
    assert design.properties <= PROPERTIES
    assert design.properties
    assert all(design.cause)
    assert design.cause
    assert set(design.intent.values()) <= {"one", "all"}


def test_the_builders_give_any_size() -> None:
    assert controllers(7).count("<node_state") == 7
    root = ET.fromstring(with_remotes(3, 10, rack=4))
    targets = [
        pair.get("value", "").split(",")
        for pair in root.iter("nvpair")
        if pair.get("name") == "pcmk_host_list" and "compute" in pair.get("value", "")
    ]
    assert [len(each) for each in targets] == [4, 4, 2]
    assert len(root.findall("configuration/nodes/node[@type='remote']")) == 10
    assert groups() == BY_NAME["groups"].cib
