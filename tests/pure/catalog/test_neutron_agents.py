"""A deployment waits until Neutron has heard of its agents; the database here says what it is told to."""

import io
import json
import sys
from pathlib import Path
from types import SimpleNamespace

import pytest

from quorate import design
from quorate.catalog import neutron, source
from quorate.spec import template
from quorate.spec.file import read

MEMBERS = ("ctl1", "ctl2", "ctl3")


class Agents:
    """A connection, its cursor, and the rows of agents that have reported."""

    def __init__(self, rows):
        self.rows = rows

    def __enter__(self):
        return self

    def __exit__(self, *error):
        pass

    def cursor(self):
        return self

    def execute(self, statement, values):
        assert statement % values == (
            "SELECT `binary`, host FROM agents WHERE heartbeat_timestamp > UTC_TIMESTAMP() - INTERVAL 75 SECOND"
        )

    def fetchall(self):
        return tuple(self.rows)


def waited(made):
    (found,) = neutron.bootstrap(made)
    (wait,) = found.items
    return wait


@pytest.fixture
def ends(monkeypatch, capsys):
    """How the program ends, and what it says."""

    def run(wait, rows):
        monkeypatch.setitem(sys.modules, "pymysql", SimpleNamespace(connect=lambda **_: Agents(rows)))
        monkeypatch.setattr("sys.stdin", io.StringIO(wait.stdin))
        with pytest.raises(SystemExit) as ended:
            exec(compile(source("neutron_agents"), "neutron_agents", "exec"), {})
        return ended.value.code, capsys.readouterr().out.strip()

    return run


def everywhere(*names):
    return [(name, member) for name in names for member in MEMBERS]


OTHERS = tuple(agent.name for agent in neutron.AGENTS)


def test_every_agent_on_every_member_has_reported(full, ends):
    rows = everywhere(neutron.SWITCH_AGENT.name, *OTHERS)
    assert ends(waited(full), rows) == (False, "12 agents")
    assert ends(waited(full), rows[1:]) == (True, "not heard of: neutron-openvswitch-agent on ctl1")


def test_those_that_run_once_have_reported_from_wherever_they_are(ends):
    text = template.lab("lab", template.LAB_NETWORKS[0], 3, full=True)
    text = text.replace("neutron: {datapath: netdev,", "neutron: {agents: active-passive, datapath: netdev,")
    wait = waited(design.build(read(text, "f", Path("/cloud"))))
    assert json.loads(wait.stdin)["agents"][3:] == [[name, None] for name in OTHERS]
    rows = everywhere(neutron.SWITCH_AGENT.name)
    assert ends(wait, [*rows, *((name, "ctl2") for name in OTHERS)]) == (False, "6 agents")
    assert ends(wait, rows) == (True, f"not heard of: {', '.join(OTHERS)}")
