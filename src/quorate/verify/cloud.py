"""A connection to the cloud as its administrator, as openstacksdk gives it to anybody."""

import socket
from importlib import import_module
from typing import Any

_CONNECT_S = 3


def way(address: str, port: int) -> str | None:
    """None if a connection can be made; otherwise what came of trying."""
    try:
        socket.create_connection((address, port), _CONNECT_S).close()
    except ConnectionRefusedError:
        return "refuses connections"
    except OSError as error:
        return f"cannot be reached from here ({error.strerror or error})"
    return None


def load() -> None:
    """Import the client library, which takes most of a second: only whoever verifies waits for it."""
    for name in ("openstack.connection", "openstack.exceptions", "keystoneauth1.identity.v3", "requests"):
        import_module(name)


def connection(url: str, region: str, password: str, patience_s: float) -> Any:
    """A connection that asks this very address for its token, with no word from the environment's settings.

    It waits so long for each answer.
    """
    v3 = import_module("keystoneauth1.identity.v3")
    auth = v3.Password(
        auth_url=url,
        username="admin",
        password=password,
        user_domain_id="default",
        project_name="admin",
        project_domain_id="default",
    )
    http = import_module("requests").Session()
    # A web proxy has no business on the management network.
    http.trust_env = False
    session = import_module("keystoneauth1.session").Session(auth=auth, session=http, timeout=patience_s)
    return import_module("openstack.connection").Connection(
        session=session, region_name=region, identity_interface="internal", identity_api_version="3"
    )


def client_errors() -> type[Exception]:
    """What the client library raises, of all kinds."""
    kind: type[Exception] = import_module("keystoneauth1.exceptions").ClientException
    return kind


def short(error: Exception) -> str:
    """An error's words on one line; of a service's answer its own words, which others stand before."""
    details = getattr(error, "details", None)
    words = f"{type(error).__name__}: {details}" if details else str(error)
    return " ".join(words.split())[:160]
