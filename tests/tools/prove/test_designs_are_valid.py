"""Pacemaker accepts the good designs, and starts all that is in them."""

import json
import shlex
from pathlib import Path
from xml.etree import ElementTree as ET

import pytest

from designs import BROKEN, GOOD, Broken, Good

SETTLE = (Path(__file__).parent / "settle.py").read_text()
EACH_GOOD = pytest.mark.parametrize("design", GOOD, ids=lambda design: design.name)


@EACH_GOOD
def test_a_good_design_passes_crm_verify(tools, design: Good) -> None:
    assert refused(tools, design) == {}


def test_a_broken_design_is_refused_only_where_that_is_what_is_wrong(tools) -> None:
    refusals = refused(tools, *BROKEN)
    assert set(refusals) == {design.name for design in BROKEN if "accepted" in design.properties}


@EACH_GOOD
def test_a_good_design_starts_completely(tools, design: Good) -> None:
    path = f"{tools.directory()}/cib.xml"
    done = tools.run("python3", "-c", SETTLE, path, files={path: design.cib}, within_s=100)
    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout)["instances"] == wanted(design)


def refused(tools, *designs: Good | Broken) -> dict[str, str]:
    """What crm_verify says of those of which it says anything."""
    directory = tools.directory()
    command = f"cd {shlex.quote(directory)}; for f in *.xml; do crm_verify -V -x $f > $f.said 2>&1 || :; done; "
    done = tools.run(
        *("sh", "-c", command + "find . -name '*.said' -size +0 -printf '%f\\n'"),
        files={f"{directory}/{design.name}.xml": design.cib for design in designs},
    )
    assert done.returncode == 0, done.stderr
    said = {name.removesuffix(".xml.said"): tools.read(f"{directory}/{name}") for name in done.stdout.split()}
    return dict(sorted(said.items()))


def wanted(design: Good) -> dict[str, dict[str, int]]:
    """Every resource once, a clone's on all nodes that it is for, promoted where that is allowed; by role."""
    root = ET.fromstring(design.cib)
    members = len(root.findall("status/node_state"))
    instances = {primitive.get("id", ""): {"Started": 1} for primitive in root.iter("primitive")}
    for clone in root.iter("clone"):
        meta = {pair.get("name"): pair.get("value", "") for pair in clone.iterfind("meta_attributes/nvpair")}
        many, promoted = int(meta.get("clone-max", members)), int(meta.get("promoted-max", 0))
        roles = {"Promoted": promoted, "Unpromoted": many - promoted} if promoted else {"Started": many}
        (primitive,) = clone.iter("primitive")
        instances[primitive.get("id", "")] = {role: count for role, count in roles.items() if count}
    return instances
