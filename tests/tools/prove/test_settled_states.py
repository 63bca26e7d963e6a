"""Pacemaker's own corpus: what our model reads from each CIB, and makes of it, is what Pacemaker itself does.

Each case is read, scheduled and carried out until nothing is left to do, by our executor and by crm_simulate.
Every difference that is meant is named here, with its reason and the cases that show it.
"""

import threading
from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from xml.etree import ElementTree as ET

import pytest

from quorate.prove import graph as graphs
from quorate.prove import state as states
from quorate.prove.agents import NONE
from quorate.prove.execute import carry_out
from quorate.prove.graph import Graph, Kind
from quorate.prove.history import History, Role, target
from quorate.prove.scheduler import Place, ScheduleFailed, Scheduler
from quorate.prove.state import EPOCH, OFFLINE, NodeState, State

WORKERS = 2
TRANSITIONS = 6

Placement = Mapping[tuple[str, str], tuple[Role, bool]]
"""For each primitive and node: its role, and whether it failed there."""

REFUSED = {"inc6": "History of child_rsc1:0 is told twice"}
"""Cases that we refuse to read. Pacemaker takes both entries; no cluster writes such a CIB."""


@dataclass(frozen=True)
class Played:
    """What became of one case.

    `steps` holds what differs after each of our transitions from what crm_simulate makes of the same state;
    `terminated` counts those that it gave up, and `left` the actions that we could not begin in the first such.
    `end` and `theirs` are how both end, None where they go round in circles.
    """

    name: str
    state: State
    same_graph: bool
    tasks: frozenset[str]
    steps: tuple[Mapping[str, object], ...]
    left: int
    terminated: int
    end: Placement | None
    theirs: Placement | None
    status: ET.Element


@pytest.fixture(scope="module")
def played(place: Place, corpus) -> dict[str, Played]:
    """Every case but those that we refuse."""
    own = threading.local()
    opened = []

    def scheduler() -> Scheduler:
        if not hasattr(own, "scheduler"):
            own.scheduler = Scheduler(place)
            opened.append(own.scheduler)
        return own.scheduler

    def one(case) -> Played:
        return play(case.name, dated(case), scheduler())

    try:
        with ThreadPoolExecutor(WORKERS) as pool:
            return {
                each.name: each for each in pool.map(one, (case for case in corpus if case.name not in REFUSED))
            }
    finally:
        for each in opened:
            each.close()


def dated(case) -> str:
    """The case's CIB, which is to be read as of a certain time."""
    root = ET.fromstring(case.cib)
    root.attrib.setdefault("execution-date", str(EPOCH))
    return ET.tostring(root, encoding="unicode")


def play(name: str, cib: str, scheduler: Scheduler) -> Played:
    state = states.read(cib)
    raw, graph = (scheduler.schedule(each) for each in (cib, state.xml))
    first = simulate(scheduler, cib)
    chain = [state if first is None else upgraded(state, first)]
    steps = []
    tasks: set[str] = set()
    left = terminated = 0
    settled = False
    for number in range(TRANSITIONS):
        decided = graphs.read(scheduler.schedule(chain[-1].xml))
        settled = decided.empty
        if settled:
            break
        carried = carry_out(chain[-1], decided, agents=NONE)
        left = left or len(carried.left)
        tasks |= special(decided)
        simulated = simulate(scheduler, chain[-1].xml) if number else first
        if simulated is None:
            terminated += 1
        else:
            steps.append(difference(carried.state, corrected(states.read(simulated), decided, carried.done)))
        seen = carried.state.key in {each.key for each in chain}
        chain.append(carried.state)
        if seen:
            break
    return Played(
        name=name,
        state=state,
        same_graph=canonical(raw) == canonical(graph),
        tasks=frozenset(tasks),
        steps=tuple(steps),
        left=left,
        terminated=terminated,
        end=placement(chain[-1]) if settled else None,
        theirs=their_end(state, first, scheduler),
        status=ET.fromstring(scheduler.status(chain[0].xml)),
    )


def upgraded(state: State, simulated: str) -> State:
    """The same in the newest schema, as crm_simulate wrote it: it takes several times as long for an older one."""
    new = states.read(simulated)
    return replace(state, cib=new.cib, configuration=new.configuration)


def their_end(state: State, simulated: str | None, scheduler: Scheduler) -> Placement | None:
    """Where crm_simulate ends by itself; None if it never does."""
    known: list[Mapping[str, object]] = []
    while simulated is not None:
        root = ET.fromstring(simulated)
        root.set("execution-date", str(state.now))
        cib = ET.tostring(root, encoding="unicode")
        after = states.read(cib)
        if graphs.read(scheduler.schedule(cib)).empty:
            return placement(after)
        if len(known) == TRANSITIONS or facts(after) in known:
            return None
        known.append(facts(after))
        simulated = simulate(scheduler, cib)
    return None


def simulate(scheduler: Scheduler, cib: str) -> str | None:
    """What crm_simulate makes of a CIB; None where it says that the graph has a circle."""
    try:
        return scheduler.simulate(cib).decode()
    except ScheduleFailed as failed:
        if "Transition failed: terminated" in str(failed):
            return None
        raise


def canonical(graph: bytes) -> str:
    root = ET.fromstring(graph)
    root.attrib.pop("transition_id")
    return ET.canonicalize(ET.tostring(root, encoding="unicode"), strip_text=True)


def special(graph: Graph) -> frozenset[str]:
    """The tasks in a graph that we carry out and crm_simulate does not."""
    found = {action.task for action in graph.actions.values()}
    if any(
        action.kind is Kind.FENCING and action.meta("stonith_action") == "on" for action in graph.actions.values()
    ):
        found.add("unfence")
    return frozenset(found & {"cancel", "delete", "lrm_delete", "clear_failcount", "do_shutdown", "unfence"})


def corrected(state: State, graph: Graph, done: Sequence[int]) -> State:
    """What crm_simulate made of a graph, and what it leaves out on purpose, which the controller does.

    It only prints what the controller itself is to do (simulate_cluster_action): shutdowns, cleared failures,
    deleted histories. A cancelled monitor it writes down as a further operation instead of forgetting it. That a
    node got access to its storage again (unfencing) it does not note.
    """
    for number, action in enumerate(graph.actions[each] for each in done):
        if action.node is None or action.node not in state.nodes:
            continue
        later = {graph.actions[each].key for each in done[number:] if graph.actions[each].node == action.node}
        node = state.nodes[action.node]
        resource = action.resource or ""
        history = node.histories.get(resource) or node.histories.get(action.long_id or resource) or History("", {})
        match action.task:
            case "do_shutdown":
                node = node.forgotten(OFFLINE)
            case "delete" | "lrm_delete":
                again = {
                    key: each for key, each in history.operations.items() if each.get("operation_key") in later
                }
                node = node.with_history(replace(history, operations=again)) if again else node.without(history.id)
            case "cancel":
                node = node.with_history(history.without(*cancelled(history, action)))
            case "clear_failcount":
                node = cleared(node, resource)
        state = state.with_node(node)
    return state


def cancelled(history: History, action: graphs.Action) -> Iterator[str]:
    for key, each in history.operations.items():
        same = each.get("interval") == str(action.interval_ms)
        if same and each.get("operation") in {"cancel", action.meta("operation")} and "_last_failure_" not in key:
            yield key


def cleared(node: NodeState, resource: str) -> NodeState:
    names = [
        name
        for name in node.transient
        if name.startswith((f"fail-count-{resource}#", f"last-failure-{resource}#"))
    ]
    history = node.histories.get(resource)
    if history is not None:
        node = node.with_history(history.without(f"{resource}_last_failure_0"))
    return node.with_transient(dict.fromkeys(names))


def difference(ours: State, theirs: State) -> dict[str, object]:
    """What is told differently: a node, an operation, a transient attribute, a role."""
    one, other = facts(ours), facts(theirs)
    return {
        key: (one.get(key), other.get(key)) for key in one.keys() | other.keys() if one.get(key) != other.get(key)
    }


def facts(state: State) -> dict[str, object]:
    found: dict[str, object] = {}
    for name, node in state.nodes.items():
        if "in_ccm" in node.attributes:
            found[name] = node.member, node.online, node.expected
        for attribute, value in node.transient.items():
            if not attribute.startswith("#"):
                found[f"{name} {attribute}"] = value
        for history in node.histories.values():
            for key, operation in history.operations.items():
                found[f"{name} {history.id} {key}"] = lasting(operation)
    return found | {f"{node} {name}": told for (name, node), told in placement(state).items()}


def lasting(operation: Mapping[str, str]) -> dict[str, object]:
    """What an operation says, but for times and who told it.

    crm_simulate overwrites an older operation of the same id and leaves what it does not write itself: digests for
    reloads, which want the agent's metadata, and where an older one had migrated to.
    """
    kept = {"operation_key", "operation", "rc-code", "op-status", "interval", "op-digest"}
    if operation.get("operation", "").startswith("migrate"):
        kept |= {"migrate_source", "migrate_target"}
    return {**{name: operation.get(name) for name in kept}, "target": target(operation)}


def placement(state: State) -> Placement:
    return {
        (name, node): (role, (name, node) in state.failed)
        for node, roles in state.roles.items()
        for name, role in roles.items()
        if role is not Role.STOPPED
    }


ODD = (
    "plain",
    "",
    " two  words ",
    "a&quot;b",
    "&lt;&amp;&gt;",
    "it's",
    "line&#10;line",
    "tab&#9;",
    "\u00e4\u20ac",
    "#$%=;",
)


def test_digests_are_crm_simulates_whatever_the_parameters_are(place: Place) -> None:
    """Pacemaker would restart everything whose digest it does not find (lib/common/digest.c)."""
    primitives = "".join(
        f'<primitive id="a{number}" class="ocf" provider="pacemaker" type="Dummy">'
        f'<instance_attributes id="i{number}"><nvpair id="n{number}" name="fake" value="{value}"/>'
        "</instance_attributes></primitive>"
        for number, value in enumerate(ODD)
    )
    cib = (
        '<cib validate-with="pacemaker-4.0" admin_epoch="0" epoch="1" num_updates="0" have-quorum="1">'
        '<configuration><crm_config><cluster_property_set id="o">'
        '<nvpair id="o1" name="stonith-enabled" value="false"/></cluster_property_set></crm_config>'
        '<nodes><node id="1" uname="n1"/></nodes>'
        f"<resources>{primitives}</resources><constraints/></configuration>"
        '<status><node_state id="1" uname="n1" in_ccm="true" crmd="online" join="member" expected="member"/>'
        "</status></cib>"
    )
    state = states.read(cib)
    with Scheduler(place) as scheduler:
        decided = graphs.read(scheduler.schedule(state.xml))
        carried = carry_out(state, decided, agents=NONE)
        simulated = states.read(scheduler.simulate(state.xml).decode())
        assert graphs.read(scheduler.schedule(carried.state.xml)).empty
    assert difference(carried.state, simulated) == {}
    assert len(carried.state.nodes["n1"].histories) == len(ODD)


def seen(status: ET.Element, state: State) -> tuple[dict[tuple[str, str], Role], set[tuple[str, str]]]:
    """What crm_mon shows: for each primitive and node where it is active the role, and where it failed.

    Of a unique clone's instances on a node the highest role, as State.roles has it.
    """
    roles: dict[tuple[str, str], Role] = {}
    failed = set()
    for resource in status.iter("resource"):
        name = state.configuration.primitive_id(resource.get("id", ""))
        for node in resource.findall("node"):
            key = name, node.get("name", "")
            role = Role.PROMOTED if resource.get("role") == "Promoted" else Role.STARTED
            roles[key] = max(roles.get(key, Role.STOPPED), role)
            if resource.get("failed") == "true":
                failed.add(key)
    return roles, failed


def named(*groups: Mapping[str, str]) -> set[str]:
    """The cases that lists of reasons name, each in one list only."""
    names = [name for group in groups for names in group.values() for name in names.split()]
    assert len(names) == len(set(names))
    return set(names)


def test_every_case_is_compared(played, corpus) -> None:
    assert {each.name for each in corpus} - REFUSED.keys() == played.keys()
    assert len(played) == 850
    assert sum(len(each.steps) for each in played.values()) == 817
    assert sum(each.terminated for each in played.values()) == 4
    assert sum(1 for each in played.values() if not each.steps and not each.terminated) == 89


def test_what_we_refuse_to_read(corpus) -> None:
    refused = {}
    for case in corpus:
        try:
            states.read(dated(case))
        except ValueError as error:
            refused[case.name] = str(error)
    assert refused == REFUSED


def test_what_is_read_and_written_is_read_the_same(played) -> None:
    assert [name for name, each in played.items() if states.read(each.state.xml).xml != each.state.xml] == []


def test_the_scheduler_decides_the_same_about_what_we_have_read(played) -> None:
    """Every action, parameter and edge."""
    assert [name for name, each in played.items() if not each.same_graph] == []


OTHERWISE = {
    "instances of clones had histories with numbers before Pacemaker 1.1.8: crm_simulate begins one without": (
        "novell-252693-2 novell-252693-3"
    ),
    "crm_simulate loses the fail count, though nothing clears it": "year-2038",
}


def test_each_transition_ends_as_crm_simulate_ends_it(played) -> None:
    """But for what `corrected` and `lasting` say."""
    differing = {name: each.steps for name, each in played.items() if any(each.steps)}
    assert differing.keys() == named(OTHERWISE), differing


TERMINATED = {
    "actions wait for each other in a circle; crm_simulate says so and ends with 1": (
        "bug-rh-1097457 cloned-group-stop complex_enforce_colo"
    ),
}


def test_nothing_is_left_undone_but_what_waits_in_a_circle(played) -> None:
    assert {name for name, each in played.items() if each.left} == named(TERMINATED)
    assert {name for name, each in played.items() if each.terminated} == named(TERMINATED)


ONLY_OURS_ENDS = {
    "crm_simulate keeps the digest of parameters as of the time before they changed, and restarts for ever": (
        "partial-live-migration-multiple-active"
    ),
}
"""Beside those with tasks that crm_simulate does not carry out: those are 74, all others."""

ONLY_THEIRS_ENDS = {
    "the case's date is before its failures, which our operations should come after": (
        "on_fail_demote1 on_fail_demote4"
    ),
}

NEITHER_ENDS = {
    "the scheduler has the same done again and again, because of what is in the history from before": (
        "696 726 735 764 bug-cl-5212 bug-cl-5247 bug-lf-2106 bug-pm-12 bundle-order-fencing failcount"
        " load-stopped-loop mon-rsc-3 mon-rsc-4 novell-251689 novell-252693 novell-252693-2 novell-252693-3"
        " params-3"
    ),
    "the scheduler restarts what may not run there": "clone-interleave-1 clone-interleave-2",
    **TERMINATED,
}


APART = {
    "quorum goes with the member that is fenced, which crm_simulate leaves as it was": (
        "node-pending-timeout rec-node-13"
    ),
}


def test_both_settle_alike(played) -> None:
    alike = [name for name, each in played.items() if each.end is not None and each.end == each.theirs]
    apart = {name for name, each in played.items() if None not in (each.end, each.theirs) and name not in alike}
    assert (len(alike), apart) == (748, named(APART))
    endless = {name: (each.end is None, each.theirs is None) for name, each in played.items()}
    assert {name for name, each in endless.items() if each == (True, True)} == named(NEITHER_ENDS)
    assert {name for name, each in endless.items() if each == (True, False)} == named(ONLY_THEIRS_ENDS)
    only_ours = {name for name, each in endless.items() if each == (False, True)}
    assert {name for name in only_ours if not played[name].tasks} == named(ONLY_OURS_ENDS)
    assert len(only_ours) == 75


ROLES = {
    "crm_mon shows one role for a resource that is active several times": "bug-rh-880249 whitebox-orphan-ms",
    "a failed demotion with on-fail=block is shown as promoted, which no history says": "promoted-demote-block",
    "a stop that failed may have failed: Pacemaker takes it for done with on-fail=ignore or inside a container": (
        "container-3 container-group-3 rec-rsc-3"
    ),
    "fencing is off, or the node only pending: what ran there runs for us until it is known to be stopped": (
        "rec-node-3 rec-node-5 rec-node-9 stop-failure-no-fencing"
    ),
    "a migration away that failed may have succeeded: Pacemaker takes the target for active, we do not": (
        "migrate-fail-6 migrate-fail-7 not-reschedule-unneeded-monitor"
    ),
    "a migration whose end nobody recorded, stopped on both nodes since": "partial-live-migration-multiple-active",
}

ONLY_WE_SAY_FAILED = {
    "the operation's failures are to be ignored (on-fail=ignore)": (
        "bug-5069-op-disabled bug-5069-op-enabled not-installed-tools on-fail-ignore"
    ),
    "the node is to be fenced, which makes up for every failure there": (
        "promoted-7 promoted-8 rec-node-4 rec-node-6 rec-node-7 rec-node-8 rec-node-10 rec-node-11 stonith-0"
    ),
}

ONLY_THEY_SAY_FAILED = {
    "what runs in a guest or bundle is lost with its host, or with what it runs in": (
        "bug-cl-5247 bug-rh-1097457 bundle-connection-with-container bundle-order-fencing"
        " bundle-order-stop-on-remote guest-host-not-fenceable guest-node-cleanup guest-node-host-dies"
        " nested-remote-recovery priority-fencing-delay whitebox-fail1 whitebox-fail2 whitebox-imply-stop-on-fence"
        " whitebox-ms-ordering"
    ),
    "one instance that failed or is too many makes a resource failed everywhere": (
        "migrate-fail-2 migrate-fail-4 migrate-partial-3 multiple-active-block-group stop-unexpected"
        " stopped-monitor-02 stopped-monitor-10 stopped-monitor-12"
    ),
    "a failure that on-fail=stop keeps though a monitor since found it well": "monitor-onfail-stop",
    "a connection whose remote is to be fenced": "remote-fence-unclean-3",
}

BOTH = {"failed on one node for us and in guests for them": "on_fail_demote4"}


def test_roles_and_failures_are_what_crm_mon_shows(played) -> None:
    roles: set[str] = set()
    ours: set[str] = set()
    theirs: set[str] = set()
    compared = 0
    for name, each in played.items():
        placed = placement(each.state)
        shown, failed = seen(each.status, each.state)
        told = {key for key in placed.keys() | shown.keys() if placed.get(key, (None,))[0] != shown.get(key)}
        compared += len(placed.keys() | shown.keys())
        roles |= {name} if told else set()
        ours |= {name for key, (_, bad) in placed.items() if bad and key not in failed | told}
        theirs |= {name for key in failed - told if not placed[key][1]}
    assert compared == COMPARED
    assert roles == named(ROLES)
    assert ours == named(ONLY_WE_SAY_FAILED, BOTH)
    assert theirs == named(ONLY_THEY_SAY_FAILED, BOTH)


COMPARED = 4796
"""Primitives on nodes on which they are active, by us or by crm_mon."""
