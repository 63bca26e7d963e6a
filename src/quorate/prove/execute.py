"""Carrying out a transition in a model, action by action, as Pacemaker's controller would on real hosts.

What `crm_simulate` does when it carries one out (lib/pacemaker/pcmk_graph_consumer.c, pcmk_simulate.c), and more:
actions and fencings may fail, and it may be left half done.
"""

import hashlib
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from xml.sax.saxutils import escape

from quorate.prove.agents import Agents
from quorate.prove.graph import Action, Graph, Kind, Synapse
from quorate.prove.history import DONE, History
from quorate.prove.spelling import INFINITY, milliseconds
from quorate.prove.state import OFFLINE, NodeState, State

FEATURE_SET = "3.20.0"
"""That of Pacemaker 3.0.0, where the graph does not say."""

ERROR = 1
"""The exit code of an agent that failed for no reason in particular (OCF_ERR_GENERIC)."""

_NOT_IN_DIGEST = frozenset({"id", "crm_feature_set", "op-digest", "on_node", "on_node_uuid", "pcmk_external_ip"})
_UNRECORDED = frozenset({"meta-data", "reprobe"})
_BY_OPERATION_KEY = frozenset({"migrate_to", "migrate_from"})


@dataclass(frozen=True, slots=True)
class Failing:
    """Actions that fail: those of a resource's task on a node, or with `stonith` the fencing of a node.

    None stands for any.
    """

    task: str
    resource: str | None = None
    node: str | None = None
    rc: int = ERROR

    def covers(self, action: Action) -> bool:
        """Whether an action is meant."""
        return (
            self.task == action.task
            and not action.probe
            and self.resource in {None, action.resource}
            and self.node in {None, action.node}
        )


@dataclass(frozen=True)
class Carried:
    """How far a transition came: the state after it, what was done in which order, and what failed.

    It is `complete` if nothing is left to do; what is `left` waits for something that failed, or was not begun
    because the transition was cut short.
    """

    state: State
    done: tuple[int, ...]
    failed: tuple[int, ...]
    left: tuple[int, ...]

    @property
    def complete(self) -> bool:
        """Whether everything was done, and well."""
        return not self.left and not self.failed


@dataclass
class _Run:
    """A transition under way."""

    state: State
    agents: Agents
    failing: Sequence[Failing]
    done: set[int] = field(default_factory=set)
    order: list[int] = field(default_factory=list)
    failed: list[int] = field(default_factory=list)
    abort_priority: int = -INFINITY
    under_way: frozenset[Synapse] = frozenset()


def carry_out(
    state: State,
    graph: Graph,
    *,
    agents: Agents,
    failing: Sequence[Failing] = (),
    until: int | None = None,
) -> Carried:
    """Carry a transition out, as far as it goes; `until` so many actions that change something are done.

    Its actions are done in the order in which crm_simulate does them, one of those that the graph allows. When an
    agent changes attributes of nodes, what is not under way by then is left: the controller begins anew, with more
    to go by (te_update_diff_element_v2 in daemons/controld/controld_te_callbacks.c).
    """
    run = _Run(state, agents, failing)
    remaining = list(graph.synapses)
    real = 0
    progress = True
    while progress:
        progress = False
        waiting: list[Synapse] = []
        for synapse in remaining:
            if not _may_begin(synapse, graph, run):
                waiting.append(synapse)
                continue
            for number in synapse.actions:
                _do(graph.actions[number], run, graph)
                real += graph.actions[number].kind.real
            progress = True
            if until is not None and real >= until:
                waiting += remaining[remaining.index(synapse) + 1 :]
                return _ended(run, waiting)
        remaining = waiting
    return _ended(run, remaining)


def _ended(run: _Run, remaining: Sequence[Synapse]) -> Carried:
    left = tuple(number for synapse in remaining for number in synapse.actions)
    return Carried(run.state, tuple(run.order), tuple(run.failed), left)


def _may_begin(synapse: Synapse, graph: Graph, run: _Run) -> bool:
    # what is so urgent does not mind that something before it failed (pcmk__update_graph)
    done = run.done.union(run.failed) if synapse.priority == INFINITY else run.done
    if not synapse.inputs <= done:
        return False
    pseudo = all(graph.actions[number].kind is Kind.PSEUDO for number in synapse.actions)
    return pseudo or synapse.priority >= run.abort_priority or synapse in run.under_way


def _do(action: Action, run: _Run, graph: Graph) -> None:
    failure = next((each for each in run.failing if each.covers(action)), None)
    if failure is None and not run.agents.able(run.state, action):
        failure = Failing(action.task)
    run.order.append(action.id)
    match action.kind:
        case Kind.RESOURCE:
            operated = _operated(run.state, action, failure, graph)
            run.state = operated if failure else run.agents.after(operated, action)
            if run.state is not operated and run.abort_priority < INFINITY:
                run.under_way = frozenset(each for each in graph.synapses if each.inputs <= run.done)
                run.abort_priority = INFINITY
        case Kind.FENCING if failure is None:
            run.state = _fenced(run.state, action)
        case Kind.CLUSTER:
            run.state = _controlled(run.state, action)
    if failure is None or action.meta("on_fail") == "ignore":
        run.done.add(action.id)
    else:
        run.failed.append(action.id)
        run.abort_priority = INFINITY


def _fenced(state: State, action: Action) -> State:
    assert action.node
    if action.meta("stonith_action") == "on":
        return _unfenced(state, action)
    remote = {"remote_node": "true", "node_fenced": str(state.now)} if _is_remote(state, action.node) else {}
    return _gone(state, state.node(action.node), remote)


def _gone(state: State, node: NodeState, attributes: Mapping[str, str]) -> State:
    """The state after a node left, with which quorum may go."""
    after = state.with_node(node.forgotten({**OFFLINE, **attributes}))
    return after.with_quorum(after.majority) if state.quorate and node.member else after


def _unfenced(state: State, action: Action) -> State:
    """The state after a node was let at its storage (tengine_stonith_callback in controld_fencing.c)."""
    digests = {f"#digests-{name}": action.meta(f"digests_{name}") or "" for name in ("all", "secure")}
    node = state.node(action.node or "", action.node_id)
    return state.with_node(node.with_transient({"#node-unfenced": str(state.now), **digests}))


def _is_remote(state: State, node: str) -> bool:
    return node in state.configuration.remotes


def _controlled(state: State, action: Action) -> State:
    """The state after the controller did something itself."""
    if action.node is None:
        return state
    node = state.node(action.node, action.node_id)
    match action.task:
        case "do_shutdown":
            return _gone(state, node, {})
        case "clear_failcount":
            about = action.resource or ""
            cleared = {name: None for name in node.transient if _counts_failures_of(name, about)}
            history = node.histories.get(about)
            if history is not None:
                node = node.with_history(history.without(f"{about}_last_failure_0"))
            return state.with_node(node.with_transient(cleared))
        case "lrm_delete":
            return state.with_node(node.without(action.resource or ""))
    return state


def _counts_failures_of(attribute: str, resource: str) -> bool:
    """Whether an attribute counts a resource's failures (attrd_client_clear_failure in daemons/attrd)."""
    return re.fullmatch(rf"(fail-count|last-failure)-{re.escape(resource)}#.+_\d+", attribute) is not None


def _operated(state: State, action: Action, failure: Failing | None, graph: Graph) -> State:
    """The state after an operation that ended as wanted, or with that failure: a line in the node's history."""
    assert action.node
    assert action.resource
    if action.task in _UNRECORDED:
        return state
    node = state.node(action.node, action.node if action.router else action.node_id)
    long_id = action.long_id or action.resource
    history = node.histories.get(action.resource) or node.histories.get(long_id)
    if history is None:
        history = History(action.resource, action.agent)
    if action.task == "delete":
        return state.with_node(node.without(history.id))
    if action.task == "cancel":
        monitors = (key for key, each in history.operations.items() if _is_ended_by(action, each))
        ended = (key for key in monitors if not key.endswith("_last_failure_0"))
        return state.with_node(node.with_history(history.without(*ended)))
    rc = action.target_rc if failure is None else failure.rc
    task = "start" if action.task in {"reload", "reload-agent"} else action.task
    operation = _operation(action, task, rc, call=history.next_call, now=state.now)
    for key in _keys(action, task, failed=failure is not None):
        history = history.with_operation({"id": key, **operation})
    node = node.with_history(history)
    if failure is not None:
        node = node.with_transient(failure_counts(state.now, action, node.transient, graph.settings))
    state = state.with_node(node)
    if action.task == "start" and failure is None and _is_remote(state, action.resource):
        # the controller that connected notes that the remote is no longer the one that was fenced
        state = state.with_node(
            state.node(action.resource).with_attributes({"remote_node": "true", "node_fenced": "0"})
        )
    return state


def _is_ended_by(cancel: Action, operation: Mapping[str, str]) -> bool:
    """Whether an operation is the recurring one that is cancelled."""
    recurring = cancel.meta("operation") or "monitor", str(cancel.interval_ms)
    return (operation.get("operation"), operation.get("interval")) == recurring


def _keys(action: Action, task: str, *, failed: bool) -> tuple[str, ...]:
    """Under which ids an operation is kept (pcmk__create_history_xml)."""
    resource = action.resource
    if task == "notify":
        return (f"{resource}_{action.meta('notify_type')}_notify_{action.meta('notify_operation')}_0",)
    if task in _BY_OPERATION_KEY:
        return (f"{resource}_{task}_0",)
    if failed:
        last = () if action.interval_ms else (f"{resource}_last_0",)
        return (f"{resource}_last_failure_0", *last)
    return (f"{resource}_{task}_{action.interval_ms}" if action.interval_ms else f"{resource}_last_0",)


def _operation(action: Action, task: str, rc: int, *, call: int, now: int) -> Mapping[str, str]:
    transition = f"{action.id}:{call}:{action.target_rc}:00000000-0000-0000-0000-000000000000"
    migration = {
        name: value
        for name in ("migrate_source", "migrate_target")
        if action.task in _BY_OPERATION_KEY and (value := action.meta(name))
    }
    return {
        "operation_key": f"{action.resource}_{task}_{action.interval_ms}",
        "operation": task,
        "crm_feature_set": action.parameters.get("crm_feature_set", FEATURE_SET),
        "transition-key": transition,
        "transition-magic": f"{DONE}:{rc};{transition}",
        "on_node": action.node or "",
        "call-id": str(call),
        "rc-code": str(rc),
        "op-status": str(DONE),
        "interval": str(action.interval_ms),
        "last-rc-change": str(now),
        **migration,
        "op-digest": digest(action.parameters),
    }


def failed_operation(history: History, last: Mapping[str, str], rc: int, now: int) -> Mapping[str, str]:
    """A failure of an operation that went well before: its line in the history."""
    transition = last.get("transition-key", "")
    return {
        **last,
        "id": f"{history.id}_last_failure_0",
        "call-id": str(history.next_call),
        "rc-code": str(rc),
        "transition-magic": f"{DONE}:{rc};{transition}",
        "last-rc-change": str(now),
    }


def digest(parameters: Mapping[str, str]) -> str:
    """What Pacemaker compares to notice that a resource's parameters changed (lib/common/digest.c).

    A history without it, or with another, has everything restarted.
    """
    kept = {
        name: value
        for name, value in parameters.items()
        if not name.startswith("CRM_meta_") and name not in _NOT_IN_DIGEST
    }
    if milliseconds(parameters.get("CRM_meta_interval", "0")) and "CRM_meta_timeout" in parameters:
        kept["CRM_meta_timeout"] = parameters["CRM_meta_timeout"]
    text = "".join(f' {name}="{_escaped(kept[name])}"' for name in sorted(kept))
    return hashlib.md5(f" <parameters{text}/>\n".encode(), usedforsecurity=False).hexdigest()


def _escaped(value: str) -> str:
    """As pcmk__xml_escape in lib/common/xml.c."""
    return re.sub(r"[\x00-\x1f\x7f]", lambda found: f"&#x{ord(found[0]):02X};", escape(value, {'"': "&quot;"}))


def failure_counts(
    now: int, action: Action, transient: Mapping[str, str], settings: Mapping[str, str]
) -> dict[str, str | None]:
    """The fail count and the last failure's time, as transient attributes of the node where an action failed.

    The rules are those of update_failcount in daemons/controld/controld_te_events.c.
    """
    offsets = {"start": "failed-start-offset", "stop": "failed-stop-offset"}
    if not action.interval_ms and action.task not in {*offsets, "promote", "demote"}:
        return {}
    fatal = action.task in offsets and settings.get(offsets[action.task], "INFINITY").upper().endswith("INFINITY")
    about = f"{action.resource}#{action.task}_{action.interval_ms}"
    count = transient.get(f"fail-count-{about}", "0")
    value = "INFINITY" if fatal or count == "INFINITY" else str(int(count) + 1)
    counted = {} if action.meta("on_fail") == "ignore" else {f"fail-count-{about}": value}
    return {**counted, f"last-failure-{about}": str(now)}
