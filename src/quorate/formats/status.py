"""What `crm_mon --output-as xml` says, as a value."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from xml.etree import ElementTree as ET

COMMAND = ("crm_mon", "--output-as", "xml", "--inactive", "--exclude=operations,attributes,bans")
"""What to run on a member; exits 102 when the cluster does not run there."""


@dataclass(frozen=True, slots=True)
class Member:
    """A node as the cluster sees it; a pending one does not take part yet, an unclean one waits to be fenced."""

    name: str
    online: bool
    pending: bool
    unclean: bool
    standby: bool
    maintenance: bool


@dataclass(frozen=True, slots=True)
class Instance:
    """A resource, or one instance of a clone, and where it is active; `node` is None where nowhere."""

    resource: str
    role: str
    node: str | None
    managed: bool
    failed: bool
    blocked: bool
    orphaned: bool


@dataclass(frozen=True, slots=True)
class FailedAction:
    """An action whose last run failed and was not cleaned up."""

    node: str
    action: str
    reason: str


@dataclass(frozen=True, slots=True)
class Status:
    """One node's view of its cluster; `dc` is the name of the designated controller, if there is one."""

    quorate: bool
    dc: str | None
    options: Mapping[str, str]
    members: tuple[Member, ...]
    instances: tuple[Instance, ...]
    failed_actions: tuple[FailedAction, ...]

    @property
    def online(self) -> tuple[str, ...]:
        """The names of the members that take part, sorted."""
        return tuple(sorted(m.name for m in self.members if m.online and not m.pending and not m.unclean))

    def active(self, resource: str) -> dict[str, str]:
        """Where a resource is active: the node's name and its role there."""
        return {each.node: each.role for each in self.instances if each.resource == resource and each.node}


def read(xml: str) -> Status:
    """The view in a successful `crm_mon --output-as xml --inactive`.

    Raises ValueError if the text is something else; crm_mon itself exits 102 when the cluster does not run.
    """
    try:
        root = ET.fromstring(xml)  # noqa: S314 - written by crm_mon on a node that we manage
    except ET.ParseError as error:
        raise ValueError(f"not XML: {error}") from error
    summary = root.find("summary")
    if summary is None:
        raise ValueError("crm_mon gave no summary")
    dc = summary.find("current_dc")
    options = summary.find("cluster_options")
    present = dc is not None and dc.get("present") == "true"
    return Status(
        quorate=present and dc is not None and dc.get("with_quorum") == "true",
        dc=dc.get("name") if present and dc is not None else None,
        options={} if options is None else dict(options.attrib),
        members=tuple(_member(node) for node in root.iterfind("nodes/node")),
        instances=tuple(each for element in root.iterfind("resources//resource") for each in _instances(element)),
        failed_actions=tuple(_failed(each) for each in root.iterfind("failures/failure")),
    )


def trouble(xml: str) -> str:
    """Why crm_mon gave no view, from what it printed when it failed; empty if it does not say."""
    try:
        root = ET.fromstring(xml)  # noqa: S314 - written by crm_mon on a node that we manage
    except ET.ParseError:
        return ""
    said = [each.text or "" for each in root.iterfind("status/errors/error")]
    return "; ".join(text.removeprefix("crm_mon: ") for text in said)


def _true(element: ET.Element, name: str) -> bool:
    return element.get(name) == "true"


def _member(element: ET.Element) -> Member:
    return Member(
        name=element.get("name", ""),
        online=_true(element, "online"),
        pending=_true(element, "pending"),
        unclean=_true(element, "unclean"),
        standby=_true(element, "standby"),
        maintenance=_true(element, "maintenance"),
    )


def _instances(element: ET.Element) -> Iterator[Instance]:
    nodes = [node.get("name") for node in element.iterfind("node")]
    for node in nodes or [None]:
        yield Instance(
            # Instances of a globally unique clone are numbered: name:0.
            resource=element.get("id", "").partition(":")[0],
            role=element.get("role", ""),
            node=node,
            managed=_true(element, "managed"),
            failed=_true(element, "failed"),
            blocked=_true(element, "blocked"),
            orphaned=_true(element, "orphaned"),
        )


def _failed(element: ET.Element) -> FailedAction:
    named = element.get("op_key") or f"{element.get('id', '')}_{element.get('task', '')}"
    reason = element.get("exitreason") or element.get("exitstatus") or f"exit code {element.get('exitcode')}"
    return FailedAction(element.get("node", ""), named, reason)
