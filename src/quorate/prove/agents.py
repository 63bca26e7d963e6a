"""What resource agents do beside starting and stopping, as far as the scheduler's decisions depend on it.

A promotable clone is promoted only where its agent has set a promotion score, which no CIB of a cluster that is
not running holds. So a proof models the agent.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass

from quorate.prove.configuration import Configuration
from quorate.prove.graph import Action
from quorate.prove.state import State

Scores = Callable[[State, Action], Mapping[str, str | None]]
"""The node's transient attributes that an agent changes (None: takes away) when it has done an action."""


def promotion_attribute(resource: str) -> str:
    """The transient node attribute by which an agent says how much its instance wants the promoted role."""
    return f"master-{resource}"


def galera(_state: State, action: Action) -> Mapping[str, str | None]:
    """ocf:heartbeat:galera: one that has been started can be promoted; one that was demoted cannot at once.

    Which instance begins, after all were down, depends on data that no CIB holds: any of them may.
    """
    return _scores(action, "100", revoked_by=("stop", "demote"), given_by=("start", "monitor"))


def stateful(_state: State, action: Action) -> Mapping[str, str | None]:
    """ocf:pacemaker:Stateful, and what else asks for promotion as soon as it runs."""
    score = {"start": "5", "promote": "10", "demote": "5"}.get(action.task)
    if score and action.resource:
        return {promotion_attribute(action.resource): score}
    return _scores(action, "5", revoked_by=("stop",), given_by=())


def _scores(
    action: Action, score: str, *, revoked_by: tuple[str, ...], given_by: tuple[str, ...]
) -> Mapping[str, str | None]:
    name = promotion_attribute(action.resource or "")
    if action.task in revoked_by:
        return {name: None}
    return {name: score} if action.task in given_by and not action.probe else {}


MODELS: Mapping[str, Scores] = {
    "ocf:heartbeat:galera": galera,
    "ocf:pacemaker:Stateful": stateful,
}


@dataclass(frozen=True)
class Agents:
    """The models that apply, by agent; those of components are added to the known ones."""

    models: Mapping[str, Scores]

    def after(self, state: State, action: Action) -> State:
        """The state after an action ended well, with what the agent then says of itself."""
        resource = state.configuration.primitives.get(state.configuration.primitive_id(action.resource or ""))
        if resource is None or not resource.promotable or resource.agent not in self.models or not action.node:
            return state
        changes = self.models[resource.agent](state, action)
        node = state.node(action.node)
        if all(node.transient.get(name) == value for name, value in changes.items()):
            return state
        return state.with_node(node.with_transient(changes))

    def unknown(self, configuration: Configuration) -> tuple[str, ...]:
        """The promotable primitives whose agent has no model: nothing can be said of their promotion."""
        return tuple(
            each.id
            for each in configuration.primitives.values()
            if each.promotable and each.agent not in self.models
        )


KNOWN = Agents(MODELS)
NONE = Agents({})
"""As crm_simulate does it: no agent says anything."""
