import pytest

from quorate.model.check import no, unknown
from quorate.verify import hosts

NODES = ("ctl1", "ctl2", "ctl3")


def judged(design, name, answer):
    check = next(each for each in hosts.checks(design) if each.name == name)
    (probe,) = check.probes
    assert check.probes[probe] == NODES
    return probe, lambda **differing: list(check.judge({probe: dict.fromkeys(NODES, answer(probe)) | differing}))


def listed(probe, without=(), state="installed"):
    names = [name for name in probe.argv[4:] if name not in without]
    return {"rc": int(bool(without)), "stdout": "".join(f"{name} {state}\n" for name in names), "stderr": ""}


def test_packages(design):
    probe, judge = judged(design, "packages", listed)
    assert {"pacemaker", "haproxy", "mariadb-server", "keystone"} < set(probe.argv)
    assert [result.verdict.value for result in judge()] == ["yes"]
    assert judge(ctl2=listed(probe, without=("haproxy", "memcached"))) == [
        no("not installed: haproxy, memcached", "ctl2")
    ]
    assert judge(ctl3=listed(probe, state="config-files"))[0].node == "ctl3"


def shown(probe, **states):
    wanted = {"mariadb.service": "masked"} | {
        name.replace("_", "-") + ".service": state for name, state in states.items()
    }
    units = probe.argv[4:]
    blocks = [f"Id={unit}\nUnitFileState={wanted.get(unit, 'disabled')}\n" for unit in units]
    return {"rc": 0, "stdout": "\n".join(blocks), "stderr": ""}


def test_units_at_boot(design):
    probe, judge = judged(design, "boot", shown)
    assert [result.verdict.value for result in judge()] == ["yes"]
    assert judge(ctl1=shown(probe, haproxy="enabled")) == [no("haproxy.service is enabled, not disabled", "ctl1")]
    assert judge(ctl1=shown(probe, mariadb="disabled")) == [no("mariadb.service is disabled, not masked", "ctl1")]
    assert judge(ctl1=shown(probe, keystone="")) == [no("keystone.service is not there, not disabled", "ctl1")]
    assert judge(ctl2={"rc": 1, "stdout": "", "stderr": "no bus\n"}) == [
        unknown("systemctl show exited 1: no bus", "ctl2")
    ]


@pytest.mark.parametrize(
    ("offsets", "verdicts"),
    [
        ({"a": (0.0, 0.01), "b": (-0.01, 0.02), "c": (0.2, 0.25)}, [("yes", None)]),
        ({"a": (0.0, 0.01), "b": (0.9, 0.95), "c": (0.0, 0.02)}, [("no", "b")]),
        ({"a": (0.0, 0.01), "b": (0.9, 0.95)}, [("no", "a"), ("no", "b")]),
        ({"a": (0.0, 0.01), "b": (-0.1, 0.6)}, [("unknown", "a")]),
        ({"a": (0.0, 3.0)}, [("yes", None)]),
        ({}, []),
    ],
)
def test_clocks_are_judged_by_the_bounds_of_what_is_known(offsets, verdicts):
    assert [(result.verdict.value, result.node) for result in hosts.clocks(offsets)] == verdicts


def test_how_far_clocks_are_apart_is_said():
    (result,) = hosts.clocks({"a": (0.0, 0.1), "b": (1.0, 1.1), "c": (0.05, 0.1)})
    assert result.seen == "at least 0.9 s apart from a, c: is time synchronised there?"
