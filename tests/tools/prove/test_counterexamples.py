"""What is said of refuted designs: the cause, and files by which Pacemaker's own crm_simulate decides the same."""

import re
import shlex

import pytest

from designs import BROKEN, Broken
from quorate.prove import intent, proof, situations
from quorate.prove.counterexample import Counterexample, as_text, counterexample
from quorate.prove.execute import digest
from quorate.prove.graph import Graph
from quorate.prove.graph import read as read_graph
from quorate.prove.history import History
from quorate.prove.intent import Active
from quorate.prove.masking import MASK
from quorate.prove.proof import Question, Refutation
from quorate.prove.properties import ALL, Breach
from quorate.prove.replay import README, files
from quorate.prove.scheduler import Place
from quorate.prove.settle import Situation, Trace, play
from quorate.prove.state import State, read
from tools.conftest import Tools

SECRET = "Swordfish-7"
WITH = {design.name: design for design in BROKEN}
STEADY = Situation("steady", "steady", ())

SHOWN = {
    "vip-without-proxy": ("vip-with-haproxy", "start-fails"),
    "vip-unordered": ("vip-with-haproxy", "start"),
    "vip-cloned": ("vip-with-haproxy", "start"),
    "api-restarts-with-database": ("undisturbed", "monitor-fails"),
    "clone-not-interleaved": ("undisturbed", "monitor-fails"),
    "starts-with-quorum-alone": ("fenced-first", "node-lost"),
    "quorum-ignored": ("minority-stops", "pair-lost"),
    "left-stopped": ("service-running", "start"),
    "node-without-device": ("fencible", "steady"),
    "file-system-optional": ("order", "monitor-fails"),
    "compute-rule-misspelt": ("service-running", "start"),
}
"""Designs with the property that is refuted, and the kind of a situation in which it is."""


@pytest.fixture(params=SHOWN)
def refuted(request: pytest.FixtureRequest, place: Place) -> tuple[Broken, Question, Refutation]:
    design = WITH[request.param]
    return design, *refutation(design, place)


def refutation(design: Broken, place: Place) -> tuple[Question, Refutation]:
    """The first situation of the kind in which the property does not hold."""
    question = asked(read(design.cib.replace('value="x"', f'value="{SECRET}"')), design, place)
    name, kind = SHOWN[design.name]
    schedule = proof.schedule_at(place)
    start = proof.steady(question, schedule)
    traces = {"start": [start], "steady": [Trace(STEADY, start.end, ())]}.get(kind)
    if traces is None:
        of_kind = situations.CLASSES[kind](situations.scope(start.end, sample=1))
        traces = (play(each, start.end, schedule) for each in of_kind)
    for trace in traces:
        for breach in ALL[name].judge(trace, question.intent).breaches:
            return question, Refutation(breach, trace.situation)
    raise AssertionError(f"{design.name}: {name} holds in {kind}")


def asked(state: State, design: Broken, place: Place) -> Question:
    said = {name: Active(active) for name, active in design.intent.items()}
    return Question(state, intent.of(state.configuration, said), place)


def test_the_cause_is_named_and_the_text_can_be_read(refuted: tuple[Broken, Question, Refutation]) -> None:
    design, question, refutation = refuted
    found = counterexample(question, refutation)
    assert found.cause is not None
    for word in design.cause:
        assert word in found.cause.text
    lines = list(as_text(found))
    assert max(map(len, lines)) <= 80
    assert len(lines) <= 50, "\n".join(lines)
    assert found.cause.text in " ".join(" ".join(lines).split())


def test_crm_simulate_decides_the_same_by_the_files_s_own_commands(
    refuted: tuple[Broken, Question, Refutation], tools: Tools
) -> None:
    _, question, refutation = refuted
    replay(counterexample(question, refutation), tools)


def replay(found: Counterexample, tools: Tools) -> None:
    """Run the commands of README.txt as an ordinary user, and compare what is decided with the trace."""
    given = files(found)
    directory = tools.directory()
    done = tools.run(
        "chmod", "0777", directory, files={f"{directory}/{name}": text for name, text in given.items()}
    )
    assert done.returncode == 0, done.stderr
    commands = re.findall(r"^    (crm_simulate .*)$", given[README], re.MULTILINE)
    assert len(commands) == len(given) - 1
    simulated = [command for command in commands if "--simulate" in command]
    for command in commands:
        done = tools.run("runuser", "-u", "nobody", "--", "sh", "-c", f"cd {directory} && {command}")
        assert done.returncode == 0, done.stderr
    transitions = [each for episode in found.trace.episodes for each in episode.transitions]
    for command, transition in zip(simulated, transitions, strict=True):
        saved = f"{directory}/graph.xml"
        done = tools.run("sh", "-c", f"cd {directory} && {command} --save-graph {shlex.quote(saved)}")
        assert done.returncode == 0, done.stderr
        assert decisions(read_graph(tools.read(saved))) == decisions(transition.graph)


def decisions(graph: Graph) -> list[tuple[str, list[str]]]:
    """Every action with those that it waits for."""
    return sorted(
        (
            str(action),
            sorted(str(graph.actions[each]) for each in graph.inputs[action.id] if each in graph.actions),
        )
        for action in graph.actions.values()
    )


def test_no_file_holds_a_secret(refuted: tuple[Broken, Question, Refutation]) -> None:
    _, question, refutation = refuted
    assert SECRET in question.state.xml
    found = counterexample(question, refutation)
    assert not found.secret
    assert not [name for name, text in files(found).items() if SECRET in text]
    assert any(f'value="{MASK}"' in text for text in files(found).values())


STARTED = Refutation(Breach("watched", "", 0, 0, ("haproxy",)), Situation("start", "start", ()))
"""What becomes of a cluster as it is."""


def running(place: Place) -> tuple[Broken, State]:
    design = WITH["no-monitor"]
    question = asked(read(design.cib.replace('value="x"', f'value="{SECRET}"')), design, place)
    return design, proof.steady(question, proof.schedule_at(place)).end


def test_where_a_running_cluster_would_restart_devices_without_their_secrets_that_is_said(
    place: Place, tools: Tools
) -> None:
    design, state = running(place)
    found = counterexample(asked(state, design, place), STARTED)
    assert found.secret
    given = files(found)
    assert "HOLD THE CLUSTER'S SECRETS" in given[README]
    assert any(SECRET in text for text in given.values())
    replay(found, tools)


def test_where_its_agents_said_what_is_private_no_secret_is_needed(place: Place, tools: Tools) -> None:
    design, state = running(place)
    found = counterexample(asked(as_pacemaker_has_it(state), design, place), STARTED)
    assert not found.secret
    assert not [name for name, text in files(found).items() if SECRET in text]
    replay(found, tools)


def as_pacemaker_has_it(state: State) -> State:
    """With the digest of what is not private, as the executor on a node gives it of fencing devices."""
    for name, node in state.nodes.items():
        for history in node.histories.values():
            if state.configuration.primitives[history.id].fencing:
                told = _with_secure_digests(state, history)
                state = state.with_node(state.node(name).with_history(told))
    return state


def _with_secure_digests(state: State, history: History) -> History:
    parameters = state.configuration.primitives[history.id].parameters
    public = {name: value for name, value in parameters.items() if name != "password"}
    secure = {"op-secure-params": " password ", "op-secure-digest": digest(public)}
    for operation in history.operations.values():
        history = history.with_operation({**operation, **secure})
    return history
