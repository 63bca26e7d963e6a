"""A person's browser: headless Chromium, by W3C WebDriver, which is a few JSON requests to chromedriver."""

import base64
import json
import re
import subprocess
import urllib.error
import urllib.request
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

ARGUMENTS = (
    "--headless",
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    # A web proxy has no business on the management network.
    "--no-proxy-server",
    "--window-size=1280,1024",
)
ANSWER_S = 90
"""For the answer to one request; a page is loaded, with all that is on it, when the answer comes."""
# The key of an element's reference (W3C WebDriver, 12.1).
ELEMENT = "element-6066-11e4-a52e-4f735466cecf"


class Refused(Exception):
    """The browser could not do what it was asked for; `kind` is WebDriver's word for the reason."""

    def __init__(self, kind: str, message: str) -> None:
        super().__init__(f"{kind}: {message}")
        self.kind = kind


@dataclass(frozen=True, slots=True)
class Browser:
    """One session: one window, its own cookies."""

    session: str

    def open(self, url: str) -> None:
        self._post("url", url=url)

    def back(self) -> None:
        self._post("back")

    @property
    def title(self) -> str:
        return str(self._get("title"))

    @property
    def url(self) -> str:
        return str(self._get("url"))

    @property
    def text(self) -> str:
        """What a person can read on the page."""
        return str(self._get(f"element/{self._element('body')}/text"))

    def type(self, selector: str, text: str) -> None:
        """Into the field that a CSS selector finds."""
        self._post(f"element/{self._element(selector)}/value", text=text)

    def click(self, selector: str) -> None:
        self._post(f"element/{self._element(selector)}/click")

    def style(self, selector: str, name: str) -> str:
        """A property of an element as it is drawn."""
        return str(self._get(f"element/{self._element(selector)}/css/{name}"))

    def cookies(self) -> dict[str, str]:
        return {each["name"]: each["value"] for each in self._get("cookie")}

    def complaints(self) -> list[str]:
        """What the pages have written to the console as errors since it was last asked: also files not found."""
        entries = self._post("se/log", type="browser")
        return [each["message"] for each in entries if each["level"] == "SEVERE"]

    def picture(self, path: Path) -> None:
        """A screenshot, as PNG."""
        path.write_bytes(base64.b64decode(self._get("screenshot")))

    def _element(self, selector: str) -> str:
        return str(self._post("element", using="css selector", value=selector)[ELEMENT])

    def _get(self, what: str) -> Any:
        return ask("GET", f"{self.session}/{what}")

    def _post(self, what: str, **body: Any) -> Any:
        return ask("POST", f"{self.session}/{what}", body)


def ask(method: str, url: str, body: Mapping[str, Any] | None = None) -> Any:
    """The value that WebDriver answers with."""
    data = None if body is None else json.dumps(body).encode()
    request = urllib.request.Request(url, data, {"Content-Type": "application/json"}, method=method)
    # to loopback, past any proxy
    opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
    try:
        with opener.open(request, timeout=ANSWER_S) as answer:
            return json.load(answer)["value"]
    except urllib.error.HTTPError as error:
        with error:
            value = json.load(error)["value"]
        raise Refused(value["error"], value["message"]) from None


@contextmanager
def browser(profile: Path) -> Iterator[Browser]:
    """A browser that knows nothing yet, with its profile in a new directory."""
    argv = ("chromedriver", "--port=0", "--log-level=WARNING")
    with subprocess.Popen(argv, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, text=True) as driver:
        try:
            root = f"http://127.0.0.1:{_port(driver)}/session"
            options = {"args": [*ARGUMENTS, f"--user-data-dir={profile}"]}
            wanted = {"browserName": "chrome", "goog:chromeOptions": options}
            wanted["goog:loggingPrefs"] = {"browser": "SEVERE"}
            session = ask("POST", root, {"capabilities": {"alwaysMatch": wanted}})["sessionId"]
            try:
                yield Browser(f"{root}/{session}")
            finally:
                ask("DELETE", f"{root}/{session}")
        finally:
            driver.terminate()


def _port(driver: "subprocess.Popen[str]") -> int:
    assert driver.stdout is not None
    for line in driver.stdout:
        if found := re.search(r"started successfully on port (\d+)", line):
            return int(found[1])
    raise Refused("session not created", f"chromedriver ended with {driver.wait()}")
