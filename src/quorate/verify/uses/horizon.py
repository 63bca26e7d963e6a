"""The dashboard: a person logs in, sees the overview, and logs out."""

from importlib import import_module
from typing import Any

from quorate.catalog import horizon
from quorate.formats.markup import hidden
from quorate.verify.uses import At, Wrong

NAME = "dashboard"
ABOUT = "a person logs in, sees the projects, and logs out"
PATIENCE_S = 30


def use(at: At) -> str:
    """By its pages' own forms, as a browser does."""
    browser = import_module("requests").Session()
    # A web proxy has no business on the management network.
    browser.trust_env = False
    address = at.design.cloud.topology.virtual_ip("horizon").address
    root = f"http://{address}{horizon.ROOT}"
    form = hidden(_page(browser.get(f"{root}/auth/login/", timeout=PATIENCE_S)))
    answers = {"username": "admin", "password": at.password}
    landed = browser.post(f"{root}/auth/login/", {**form, **answers}, timeout=PATIENCE_S)
    if landed.url.rstrip("/").endswith("/auth/login"):
        raise Wrong(f"{root} does not let admin in")
    projects = _page(browser.get(f"{root}/identity/", timeout=PATIENCE_S))
    if "service" not in projects:
        raise Wrong(f"{root}/identity/ does not show the project of the services")
    browser.post(f"{root}/auth/logout/", hidden(projects), timeout=PATIENCE_S)
    left = browser.get(f"{root}/identity/", timeout=PATIENCE_S)
    if "/auth/login" not in left.url:
        raise Wrong(f"{root}/identity/ is still shown to one who has logged out")
    return f"in at {root}, the projects shown, and out"


def _page(answer: Any) -> str:
    if not answer.ok:
        raise Wrong(f"{answer.url} answers {answer.status_code} {answer.reason}")
    return str(answer.text)
