import json

import pytest

from quorate.cli import verify
from quorate.cli.exit import UsageError
from quorate.model.check import no, unknown, yes
from quorate.verify import Outcome, Report

WELL = Outcome("nodes", "hosts", "every node answers", (yes("ctl1, ctl2, ctl3"),))
BROKEN = Outcome(
    "memcached",
    "memcached",
    "each cache",
    (
        yes("not shown"),
        no("does not answer: Connection refused (seen from ctl1, ctl2, ctl3)", "ctl2"),
        unknown("not reached", "ctl2"),
        unknown("not reached", "ctl3"),
    ),
)
UNSEEN = Outcome("token", "keystone", "a token", (yes("not shown"), unknown("not reached", "ctl1")))
EMPTY = Outcome("boot", "hosts", "units", ())


@pytest.mark.parametrize(
    ("outcomes", "code"),
    [([WELL], 0), ([WELL, UNSEEN], 3), ([WELL, EMPTY], 3), ([WELL, BROKEN], 1), ([UNSEEN, BROKEN], 1), ([], 3)],
)
def test_exit_codes(outcomes, code):
    assert verify.exit_code(Report(tuple(outcomes), 1.0)) == code


def test_text_names_the_node_and_leaves_out_what_is_well_or_refuted():
    lines = list(verify.as_text(Report((WELL, BROKEN, UNSEEN, EMPTY), 1.25)))
    assert lines == [
        "yes      nodes      ctl1, ctl2, ctl3",
        "no       memcached  ctl2: does not answer: Connection refused (seen from ctl1,",
        "                    ctl2, ctl3)",
        "                    ctl3: unknown: not reached",
        "unknown  token      ctl1: not reached",
        "unknown  boot       nothing was seen",
        "\n4 checks in 1.2 s: 1 yes, 1 no, 2 unknown",
    ]
    assert all(len(line) <= 80 for line in lines)


def test_json_has_everything():
    said = verify.as_json(Report((WELL, BROKEN), 1.0))
    assert said["verdict"] == "no"
    assert len(said["checks"][1]["results"]) == 4
    assert said["checks"][1]["results"][1]["node"] == "ctl2"


def test_a_report_is_read_from_its_json():
    report = Report((WELL, BROKEN, UNSEEN, EMPTY), 1.25)
    assert verify.from_json(json.dumps(verify.as_json(report))) == report
    with pytest.raises(ValueError, match="Expecting value"):
        verify.from_json("quorate: no such file")


def test_only_takes_names_and_patterns():
    known = ("nodes", "galera-members", "galera-write", "token")
    assert verify._chosen(known, []) == known
    assert verify._chosen(known, ["galera*", "token"]) == known[1:]
    assert verify._chosen(known, ["galera"]) == known[1:3]
    with pytest.raises(UsageError, match="did you mean galera"):
        verify._chosen(known, ["galra"])
    with pytest.raises(UsageError, match="no check is called tokn; did you mean token"):
        verify._chosen(known, ["tokn"])
