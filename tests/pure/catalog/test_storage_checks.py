import pytest

from quorate.catalog import storage
from quorate.model.check import no, unknown, yes

# What gluster 11.1 prints, in short.
BRICK = """<brick><name>{node}:/srv/glusterfs/quorate</name><status>{status}</status>
<numberOfEntriesInHealPending>{pending}</numberOfEntriesInHealPending>
<numberOfEntriesInSplitBrain>{split}</numberOfEntriesInSplitBrain></brick>"""
WELL = {"status": "Connected", "pending": "0", "split": "0"}
LOST = {"status": "Transport endpoint is not connected", "pending": "-", "split": "-"}
NODES = ("ctl1", "ctl2", "ctl3")


def told(**bricks):
    """As asked at the first member; members not named are well."""
    found = "".join(BRICK.format(node=node, **{**WELL, **bricks.get(node, {})}) for node in NODES)
    return f"<cliOutput><healInfo><bricks>{found}</bricks></healInfo><opRet>0</opRet></cliOutput>"


def judged(design, stdout, stderr="", rc=0):
    (check,) = storage.checks(design)
    ((probe, nodes),) = check.probes.items()
    assert nodes == NODES
    assert probe.once
    return list(check.judge({probe: {"ctl1": {"rc": rc, "stdout": stdout, "stderr": stderr}}}))


def test_all_copies_the_same(full):
    assert judged(full, told()) == [yes("the same on ctl1, ctl2, ctl3")]


@pytest.mark.parametrize(
    ("brick", "said"),
    [
        (LOST, "its brick is not reached: Transport endpoint is not connected"),
        ({"pending": "2"}, "2 files to be healed"),
        (
            {"split": "1", "pending": "1"},
            "1 files in split brain: gluster volume heal quorate info split-brain",
        ),
    ],
)
def test_what_is_wrong_with_one(full, brick, said):
    assert judged(full, told(ctl2=brick)) == [no(said, "ctl2")]


def test_a_brick_that_the_volume_does_not_have(full):
    assert judged(full, told().replace("ctl3:", "ctl9:")) == [no("its brick is not in the volume", "ctl3")]


def test_a_daemon_that_says_no(full):
    refused = "<cliOutput><opRet>-1</opRet><opErrstr>Volume quorate does not exist</opErrstr></cliOutput>"
    assert judged(full, refused) == [no("gluster volume heal: Volume quorate does not exist", "ctl1")]


def test_a_daemon_that_does_not_answer(full):
    (result,) = judged(full, "", "Connection failed. Please check if gluster daemon is operational.", 1)
    assert result == unknown(
        "gluster volume heal: Connection failed. Please check if gluster daemon is operational.", "ctl1"
    )


def test_without_bricks_nothing_is_asked(design):
    assert list(storage.checks(design)) == []
