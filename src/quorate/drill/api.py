"""A service's API through the virtual IP, asked as the cloud's administrator by one token."""

from collections.abc import Mapping
from typing import Any, Self

from quorate.catalog import keystone
from quorate.drill.request import Answer, request
from quorate.model.component import Service
from quorate.model.design import Design

CREATED = 201
UNAUTHORIZED = 401

_USER = {"name": "admin", "domain": {"id": "default"}}
_SCOPE = {"project": {"name": "admin", "domain": {"id": "default"}}}


async def token(identity: str, password: str) -> Answer:
    """The identity service's answer to the administrator who asks for a token. Raises Unserved."""
    user = {"user": _USER | {"password": password}}
    body = {"auth": {"identity": {"methods": ["password"], "password": user}, "scope": _SCOPE}}
    return (await request("POST", f"{identity}/auth/tokens", json=body)).one_of(CREATED)


class Api:
    """The API at `root`; its token is asked for when there is none, and forgotten when it is refused.

    `version` is what is asked for of an API that has several (`placement 1.20`).
    """

    def __init__(self, root: str, identity: str, password: str, version: str = "") -> None:
        self._root = root
        self._headers = {"Accept": "application/json"} | ({"OpenStack-API-Version": version} if version else {})
        self._identity = identity
        self._password = password
        self._token: str | None = None
        self._project = ""

    @classmethod
    def of(cls, design: Design, service: Service, secrets: Mapping[str, str], version: str = "") -> Self:
        """The API of an entry in the catalogue."""
        return cls(design.url(service), design.url(keystone.SERVICE), secrets[keystone.ADMIN.name], version)

    async def ask(self, method: str, path: str, *expected: int, **body: Any) -> Answer:
        """One request (`json`, or `data`). Raises Unserved if the answer is none of those expected."""
        if self._token is None:
            answer = await token(self._identity, self._password)
            self._project = answer.said()["token"]["project"]["id"]
            self._token = answer.headers["X-Subject-Token"]
        headers = self._headers | {"X-Auth-Token": self._token}
        if "data" in body:
            headers |= {"Content-Type": "application/octet-stream"}
        url = self._root % {"project_id": self._project} + path
        answer = await request(method, url, headers=headers, **body)
        if answer.status == UNAUTHORIZED:
            self._token = None
        return answer.one_of(*expected)
