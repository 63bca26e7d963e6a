"""What resource agents do beside starting and stopping, as far as the scheduler's decisions depend on it.

A promotable clone is promoted only where its agent has set a promotion score, which no CIB of a cluster that is
not running holds. So a proof models the agent.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass

from quorate.prove.configuration import Configuration, Primitive
from quorate.prove.graph import Action
from quorate.prove.history import Role
from quorate.prove.spelling import true
from quorate.prove.state import State

Attributes = Mapping[str, str | None]
"""Transient attributes of a node that change; None: one that goes."""

Scores = Callable[[State, Action], Mapping[str, Attributes] | None]
"""What an agent changes on which nodes when it does an action; None if it cannot do it."""


def promotion_attribute(resource: str) -> str:
    """The transient node attribute by which an agent says how much its instance wants the promoted role."""
    return f"master-{resource}"


def galera(state: State, action: Action) -> Mapping[str, Attributes] | None:
    """ocf:heartbeat:galera (resource-agents 4.16, heartbeat/galera).

    A started instance has reported its last commit, and runs no database yet. When a promoted one exists, it asks
    for promotion, and joins (galera_start, galera_monitor). When none does, all members of `wsrep_cluster_address`
    must have reported before one of them may bootstrap (detect_first_master); once that is promoted, others may be
    (promote_everyone). Promotion without a cluster to join or leave to bootstrap is refused (galera_promote: it
    is said to have gone well, and the next monitor finds that it did not). Demotion takes the score away.

    Which instance has the most recent data no CIB says: all are taken to have the same, of which the agent
    chooses the last in the list. That one was shut down cleanly as the last, so that it need not wait for the
    others (`safe_to_bootstrap`), is on its disk, and is taken not to be so.
    """
    return _Galera.of(state, action).done()


@dataclass(frozen=True)
class _Galera:
    state: State
    action: Action
    resource: str
    node: str

    @classmethod
    def of(cls, state: State, action: Action) -> "_Galera":
        return cls(state, action, state.configuration.primitive_id(action.resource or ""), action.node or "")

    def done(self) -> Mapping[str, Attributes] | None:
        match self.action.task:
            case "start":
                return self._reported()
            case "monitor":
                return self._monitored()
            case "promote":
                return self._promoted()
            case "demote":
                return {self.node: {self._score: None, self._bootstrap: None, self._commit: "0"}}
            case "stop":
                return {self.node: {self._score: None, self._bootstrap: None, self._commit: None}}
        return {}

    def _reported(self) -> Mapping[str, Attributes]:
        changes = {self.node: {self._commit: "0", self._score: "100" if self._cluster_exists else None}}
        return changes if self._cluster_exists else _both(changes, self._first())

    def _monitored(self) -> Mapping[str, Attributes]:
        role = self.state.roles.get(self.node, {}).get(self.resource, Role.STOPPED)
        if role is Role.PROMOTED:
            return {self.node: {self._score: "100"}} if self.action.probe else {}
        if role is Role.STOPPED or self._commit not in self.state.node(self.node).transient:
            return {}
        return {self.node: {self._score: "100"}} if self._cluster_exists else self._first()

    def _promoted(self) -> Mapping[str, Attributes] | None:
        joined: dict[str, Attributes] = {self.node: {self._commit: None}}
        if self._cluster_exists:
            return joined
        if self._bootstrap not in self.state.node(self.node).transient:
            return None
        everyone = {node: {self._score: "100"} for node in self._members if node in self.state.members}
        return _both(everyone, {self.node: {self._bootstrap: None, self._commit: None}})

    def _first(self) -> Mapping[str, Attributes]:
        """The one to bootstrap, once all have reported."""
        if self._sole_survivor:
            return {self.node: {self._bootstrap: "true", self._score: "100"}}
        waiting = any(
            node != self.node and self._commit not in self.state.node(node).transient for node in self._members
        )
        return {} if waiting else {self._members[-1]: {self._bootstrap: "true", self._score: "100"}}

    @property
    def _sole_survivor(self) -> bool:
        """Of two members the one that is left, with quorum and the other one fenced (`two_node_mode`)."""
        two = true(self._parameters.get("two_node_mode")) and len(self.state.configuration.members) == 2  # noqa: PLR2004 - what the mode is called after
        return two and self.state.quorate and self.state.members == (self.node,) and not self.state.unclean

    @property
    def _cluster_exists(self) -> bool:
        """Whether another instance is promoted and well (master_exists)."""
        running = self.state.running(self.resource).items()
        return any(role is Role.PROMOTED and node != self.node for node, role in running)

    @property
    def _members(self) -> tuple[str, ...]:
        """The nodes of the database's cluster, by their names in Pacemaker's."""
        address = self._parameters.get("wsrep_cluster_address", "").removeprefix("gcomm://")
        names = [name.strip() for name in address.split(",") if name.strip()]
        pairs = (pair.strip().split(":", 1) for pair in self._parameters.get("cluster_host_map", "").split(";"))
        nodes = {pair[1]: pair[0] for pair in pairs if len(pair) > 1}
        return tuple(nodes.get(name, name) for name in names) or self.state.configuration.members

    @property
    def _parameters(self) -> Mapping[str, str]:
        return self.state.configuration.primitives[self.resource].parameters

    @property
    def _score(self) -> str:
        return promotion_attribute(self.resource)

    @property
    def _bootstrap(self) -> str:
        return f"{self.resource}-bootstrap"

    @property
    def _commit(self) -> str:
        return f"{self.resource}-last-committed"


def _both(one: Mapping[str, Attributes], other: Mapping[str, Attributes]) -> Mapping[str, Attributes]:
    return {node: {**one.get(node, {}), **other.get(node, {})} for node in {**one, **other}}


def stateful(_state: State, action: Action) -> Mapping[str, Attributes]:
    """ocf:pacemaker:Stateful and ocf:heartbeat:Stateful: what runs wants to be promoted, what is even more."""
    scores: Mapping[str, str | None] = {"start": "5", "promote": "10", "demote": "5", "stop": None}
    return _scored(action, scores)


def redis(_state: State, action: Action) -> Mapping[str, Attributes]:
    """ocf:heartbeat:redis: what runs wants to be promoted, as much as Redis' own priority says, by default 100.

    Not with `wait_last_known_master`: then it depends on which one was promoted last, which is in no CIB at first.
    """
    return _scored(action, {"start": "100", "stop": None})


def _scored(action: Action, scores: Mapping[str, str | None]) -> Mapping[str, Attributes]:
    if action.task not in scores:
        return {}
    return {action.node or "": {promotion_attribute(action.resource or ""): scores[action.task]}}


MODELS: Mapping[str, Scores] = {
    "ocf:heartbeat:galera": galera,
    "ocf:heartbeat:Stateful": stateful,
    "ocf:heartbeat:redis": redis,
    "ocf:pacemaker:Stateful": stateful,
}


@dataclass(frozen=True)
class Agents:
    """The models that apply, by agent; those of components are added to the known ones."""

    models: Mapping[str, Scores]

    def able(self, state: State, action: Action) -> bool:
        """Whether the agent can do it."""
        model = self._model(state, action)
        return model is None or model(state, action) is not None

    def after(self, state: State, action: Action) -> State:
        """The state after an action ended well, with what the agent then says; the very same if nothing new."""
        model = self._model(state, action)
        for name, changes in ((model and model(state, action)) or {}).items():
            node = state.node(name)
            if any(node.transient.get(attribute) != value for attribute, value in changes.items()):
                state = state.with_node(node.with_transient(changes))
        return state

    def _model(self, state: State, action: Action) -> Scores | None:
        resource = state.configuration.primitives.get(state.configuration.primitive_id(action.resource or ""))
        if resource is None or not resource.promotable or not action.node:
            return None
        return self._of(resource)

    def _of(self, resource: Primitive) -> Scores | None:
        waits = true(resource.parameters.get("wait_last_known_master"))
        return None if waits else self.models.get(resource.agent)

    def unknown(self, configuration: Configuration) -> tuple[str, ...]:
        """The promotable primitives whose agent has no model: nothing can be said of their promotion.

        The agents of drbd, pgsql, mysql, mariadb and RabbitMQ let the state of their data decide.
        """
        return tuple(
            each.id for each in configuration.primitives.values() if each.promotable and self._of(each) is None
        )


KNOWN = Agents(MODELS)
NONE = Agents({})
"""As crm_simulate does it: no agent says anything."""
