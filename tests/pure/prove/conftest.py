"""Clusters made by hand, and graphs: a table of which stands in for the scheduler."""

from collections.abc import Callable, Mapping, Sequence

import pytest

from quorate.prove import graph as graphs
from quorate.prove import state as states
from quorate.prove.graph import Graph
from quorate.prove.state import State

Cluster = Callable[..., State]

ONLINE = 'in_ccm="true" crmd="online" join="member" expected="member"'


def make_cluster(
    resources: str = "",
    *,
    nodes: Sequence[str] = ("n1", "n2", "n3"),
    constraints: str = "",
    options: Mapping[str, str] | None = None,
    more: str = "",
    histories: Mapping[str, str] | None = None,
    transient: Mapping[str, Mapping[str, str]] | None = None,
) -> State:
    """A quorate cluster of members that are all online; what is given by node is what its `<node_state>` holds."""
    pairs = "".join(
        f'<nvpair id="o-{name}" name="{name}" value="{value}"/>' for name, value in (options or {}).items()
    )
    members = "".join(f'<node id="{number}" uname="{name}"/>' for number, name in enumerate(nodes, 1))
    told = "".join(
        f'<node_state id="{number}" uname="{name}" {ONLINE}>'
        + attributes(number, (transient or {}).get(name, {}))
        + f'<lrm id="{number}"><lrm_resources>{(histories or {}).get(name, "")}</lrm_resources></lrm></node_state>'
        for number, name in enumerate(nodes, 1)
    )
    return states.read(
        '<cib validate-with="pacemaker-4.0" have-quorum="1"><configuration>'
        f'<crm_config><cluster_property_set id="cib-bootstrap-options">{pairs}</cluster_property_set></crm_config>'
        f"<nodes>{members}</nodes><resources>{resources}</resources><constraints>{constraints}</constraints>{more}"
        f"</configuration><status>{told}</status></cib>"
    )


def attributes(number: int, told: Mapping[str, str]) -> str:
    pairs = "".join(f'<nvpair id="t-{number}-{name}" name="{name}" value="{told[name]}"/>' for name in told)
    return (
        f'<transient_attributes id="{number}"><instance_attributes id="t-{number}">{pairs}'
        "</instance_attributes></transient_attributes>"
    )


def make_history(resource: str, *operations: str) -> str:
    """A resource's history: each operation as `task[@interval ms]=exit code[/wanted]`, in their order."""
    lines = []
    for call, operation in enumerate(operations, 1):
        what, code = operation.split("=")
        task, _, interval = what.partition("@")
        rc, _, wanted = code.partition("/")
        key = f"{resource}_{task}_{interval or 0}"
        lines.append(
            f'<lrm_rsc_op id="{key}" operation_key="{key}" operation="{task}" call-id="{call}" rc-code="{rc}"'
            f' op-status="0" interval="{interval or 0}" transition-key="{call}:1:{wanted or rc}:dc"/>'
        )
    return f'<lrm_resource id="{resource}" class="ocf" provider="x" type="y">{"".join(lines)}</lrm_resource>'


def make_graph(*synapses: str, **settings: str) -> Graph:
    """A graph of synapses, each as `number: what [after number ...] [priority number]`.

    What is `TASK RESOURCE NODE [NAME=VALUE ...]`, `fence NODE`, `pseudo NAME` or `cluster TASK RESOURCE NODE`; the
    names are of parameters, those of Pacemaker's own as `meta:NAME`.
    """
    written = "".join(synapse(each) for each in synapses)
    told = "".join(f' {name.replace("_", "-")}="{value}"' for name, value in settings.items())
    return graphs.read(f'<transition_graph transition_id="0"{told}>{written}</transition_graph>')


def synapse(said: str) -> str:
    number, _, rest = said.partition(":")
    rest, _, priority = rest.partition(" priority ")
    what, _, after = rest.partition(" after ")
    triggers = "".join(f'<trigger><pseudo_event id="{each}"/></trigger>' for each in after.split())
    urgent = f' priority="{priority}"' if priority else ""
    inputs = f"<inputs>{triggers}</inputs>"
    return (
        f'<synapse id="{number}"{urgent}><action_set>{action(number, what.split())}</action_set>{inputs}</synapse>'
    )


def action(number: str, words: Sequence[str]) -> str:
    told = [word for word in words if "=" in word]
    words = [word for word in words if "=" not in word]
    parameters = "".join(f" {name}" for name in map(attribute, told))
    match words:
        case ["pseudo", name]:
            return f'<pseudo_event id="{number}" operation="{name}" operation_key="{name}"/>'
        case ["fence", node]:
            asked = "" if "stonith_action" in parameters else ' CRM_meta_stonith_action="reboot"'
            body = f"<attributes{asked}{parameters}/>"
            key = f'operation="stonith" operation_key="stonith-{node}-reboot"'
            return f'<crm_event id="{number}" {key} on_node="{node}" on_node_uuid="{node[1:]}">{body}</crm_event>'
        case ["cluster", task, resource, node]:
            tag, parts = "crm_event", (task, resource, node)
        case [task, resource, node]:
            tag, parts = "rsc_op", (task, resource, node)
        case _:
            raise ValueError(words)
    task, resource, node = parts
    interval = next((word.partition("=")[2] for word in told if word.startswith("meta:interval=")), "0")
    return (
        f'<{tag} id="{number}" operation="{task}" operation_key="{resource}_{task}_{interval}" on_node="{node}"'
        f' on_node_uuid="{node[1:]}"><primitive id="{resource}" class="ocf" provider="x" type="y"/>'
        f"<attributes{parameters}/></{tag}>"
    )


def attribute(word: str) -> str:
    name, _, value = word.partition("=")
    return f'{name.replace("meta:", "CRM_meta_")}="{value}"'


@pytest.fixture
def cluster() -> Cluster:
    return make_cluster


@pytest.fixture
def history() -> Callable[..., str]:
    return make_history


@pytest.fixture
def graph() -> Callable[..., Graph]:
    return make_graph
