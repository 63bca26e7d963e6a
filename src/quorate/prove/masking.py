"""A state without the secrets that its configuration holds, which decides as before.

The scheduler notices a changed parameter by the digest in a resource's history. Of a running cluster's histories
it leaves private parameters out of account if it is told that its input is sanitized, as crm_simulate tells it
(`only_sanitized_changed` in lib/pacemaker/pcmk_sched_actions.c); what was never played has no digest yet.
"""

import re
from xml.etree import ElementTree as ET

from quorate.prove.configuration import Configuration
from quorate.prove.state import State

MASK = "****"

_SECRET = re.compile("passw|passphrase|secret|token|community", re.IGNORECASE)
"""Names of what is secret: crm_report's `passw.*`, and what else agents call theirs."""


def without_secrets(state: State) -> State:
    """The same with every secret parameter masked: by its name, or because its agent says that it is private."""
    root = ET.fromstring(state.configuration.xml)  # noqa: S314 - our own text
    private = _private(state)
    for owner in root.iter():
        for pair in owner.iterfind("instance_attributes/nvpair"):
            name = pair.get("name", "")
            if _SECRET.search(name) or (owner.get("id", ""), name) in private:
                pair.set("value", MASK)
    return state.with_configuration(Configuration(root))


def _private(state: State) -> set[tuple[str, str]]:
    """What the histories say of the agents: (primitive, parameter)."""
    return {
        (state.configuration.primitive_id(history.id), name)
        for node in state.nodes.values()
        for history in node.histories.values()
        for operation in history.operations.values()
        for name in operation.get("op-secure-params", "").split()
    }
