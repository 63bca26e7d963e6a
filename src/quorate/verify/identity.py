"""Tokens, issued and validated by openstacksdk from the operator's machine, as a user of the cloud would."""

from collections.abc import Mapping
from importlib import import_module

from quorate.catalog.keystone import ADMIN, SERVICE
from quorate.model.check import Result, no, unknown, yes
from quorate.model.design import Design
from quorate.verify.cloud import client_errors, connection, short, way
from quorate.verify.report import Outcome

PATIENCE_S = 10
_REMEDY = "run this where the management network can be reached, such as on a node"


def names(design: Design) -> tuple[str, ...]:
    """What `outcomes` gives: nothing in a design without the identity service."""
    return ("token", "token-backends") if design.cloud.topology.has("keystone") else ()


def outcomes(design: Design, secrets: Mapping[str, str]) -> tuple[Outcome, ...]:
    """A token through the virtual IP, and from each backend, each valid at the other. Blocks."""
    if not names(design):
        return ()
    port = design.listener(SERVICE.listener).port
    vip = design.cloud.topology.virtual_ip(SERVICE.listener).address
    backends = {node.name: node.address for node in design.cloud.topology.members_of("keystone")}
    addresses = {vip, *backends.values()}
    ways = {address: way(address, port) for address in addresses}
    through, at_backends = _asked(design, secrets[ADMIN.name], ways, vip, backends)
    return (
        Outcome("token", "keystone", "issued and validated through the virtual IP", tuple(through)),
        Outcome("token-backends", "keystone", "issued by each backend, and valid at all", tuple(at_backends)),
    )


def _asked(
    design: Design, password: str, ways: Mapping[str, str | None], vip: str, backends: Mapping[str, str]
) -> tuple[list[Result], list[Result]]:
    if all(way and "cannot" in way for way in ways.values()):
        silent = unknown(f"neither {vip} nor a backend can be reached from here; {_REMEDY}")
        return [silent], [silent]
    at_vip = _Keystone(vip, design, password, ways[vip])
    through = [
        no(f"{vip} {at_vip.trouble}")
        if at_vip.trouble
        else yes(f"issued and validated at {vip}, found through the catalogue, as {at_vip.who}")
    ]
    wrong = []
    for node, address in backends.items():
        here = _Keystone(address, design, password, ways[address])
        trouble = here.trouble or (here.rejects(at_vip) if at_vip.token else None)
        trouble = trouble or (at_vip.rejects(here) if at_vip.token else None)
        if trouble:
            wrong.append(no(trouble, node))
    return through, wrong or [yes(f"issued by and valid at each of {len(backends)} backends and at {vip}")]


class _Keystone:
    """One address of the identity service, asked through openstacksdk for a token at once."""

    def __init__(self, address: str, design: Design, password: str, way: str | None) -> None:
        host = f"[{address}]" if ":" in address else address
        self.url = f"http://{host}:{design.listener(SERVICE.listener).port}{SERVICE.path}"
        self.token, self.who = "", ""
        self.trouble = way
        if way is None:
            self._connection = connection(self.url, design.cloud.region, password, PATIENCE_S)
            self.trouble = self._login()

    def _login(self) -> str | None:
        errors = import_module("openstack.exceptions")
        try:
            self.token = self._connection.authorize()
            self.who = self._connection.identity.get_user(self._connection.current_user_id).name
        except (errors.SDKException, client_errors()) as error:
            return f"gives no token that works: {short(error)}"
        return self.rejects(self)

    def rejects(self, issuer: "_Keystone") -> str | None:
        """What is wrong when this address validates a token of the other's; None if nothing."""
        try:
            self._connection.session.get(f"{self.url}/auth/tokens", headers={"X-Subject-Token": issuer.token})
        except client_errors() as error:
            whose = "its own token" if issuer is self else f"the token of {issuer.url}"
            return f"{self.url} does not accept {whose}: {short(error)}"
        return None
