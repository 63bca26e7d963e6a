from quorate.catalog import memcached
from quorate.model.check import no

NODES = ("ctl1", "ctl2", "ctl3")
WELL = dict.fromkeys(NODES)


def judged(design, answers):
    (check,) = memcached.checks(design)
    (probe,) = check.probes
    assert check.probes[probe] == NODES
    return list(check.judge({probe: answers}))


def test_all_keep_a_value(design):
    (result,) = judged(design, dict.fromkeys(NODES, WELL))
    assert result.verdict.value == "yes"
    assert "ctl1, ctl2, ctl3" in result.seen


def test_a_stopped_cache_is_named_once_with_all_who_saw_it(design):
    view = WELL | {"ctl2": "does not answer: Connection refused"}
    assert judged(design, dict.fromkeys(NODES, view)) == [
        no("does not answer: Connection refused (seen from ctl1, ctl2, ctl3)", "ctl2")
    ]


def test_a_broken_way_names_the_one_who_saw_it(design):
    views = {"ctl1": WELL, "ctl2": WELL, "ctl3": WELL | {"ctl1": "does not answer: timed out"}}
    assert judged(design, views) == [no("does not answer: timed out (seen from ctl3)", "ctl1")]
