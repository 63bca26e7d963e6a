"""Real hosts' power: what the fencing agent is told, and what its answers mean; the agent is a small script."""

import asyncio
from dataclasses import replace

import pytest

from quorate.drill.bmc import Bmcs, NoPower
from quorate.drill.scene import CannotWipe
from quorate.model.cloud import Fencing

AGENT = """#!/bin/sh
cat > {told}
echo "ERROR: said so" >&2
exit {code}
"""


@pytest.fixture
def bmcs(cloud, tmp_path, monkeypatch):
    def made(code: int) -> Bmcs:
        agent = tmp_path / "fence_ipmilan"
        agent.write_text(AGENT.format(told=tmp_path / "told", code=code))
        agent.chmod(0o755)
        monkeypatch.setenv("PATH", str(tmp_path), prepend=":")
        return Bmcs(cloud.cloud, {f"bmc/ctl{number}": f"secret{number}" for number in (1, 2, 3)})

    return made


def test_the_agent_is_told_by_its_standard_input(bmcs, tmp_path):
    asyncio.run(bmcs(0).power_off("ctl2"))
    told = dict(line.split("=", 1) for line in (tmp_path / "told").read_text().splitlines())
    assert told == {
        "ip": "192.0.2.1",
        "ipport": "6232",
        "username": "quorate",
        "password": "secret2",
        "lanplus": "1",
        "cipher": "3",
        "power_wait": "0",
        "action": "off",
    }


@pytest.mark.parametrize(("code", "powered"), [(0, True), (2, False)])
def test_its_exit_code_is_the_power_state(bmcs, code, powered):
    assert asyncio.run(bmcs(code).powered("ctl1")) is powered


@pytest.mark.parametrize("action", ["power_off", "power_on", "powered"])
def test_a_failure_has_the_agents_words(bmcs, action):
    with pytest.raises(NoPower, match=r"ctl1: .*ERROR: said so"):
        asyncio.run(getattr(bmcs(1), action)("ctl1"))


def test_an_agent_that_is_not_here_is_told_with_the_remedy(bmcs, monkeypatch, tmp_path):
    made = bmcs(0)
    (tmp_path / "fence_ipmilan").unlink()
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(NoPower, match="apt-get install fence-agents-ipmilan"):
        asyncio.run(made.power_on("ctl1"))


def test_nothing_is_switched_without_fencing(cloud):
    made = Bmcs(replace(cloud.cloud, fencing=Fencing((), "none here")), {})
    with pytest.raises(NoPower, match="ctl1 has no fencing device"):
        asyncio.run(made.power_off("ctl1"))


def test_real_disks_are_never_emptied(bmcs):
    with pytest.raises(CannotWipe):
        asyncio.run(bmcs(0).wipe("ctl1"))
