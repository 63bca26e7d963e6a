"""An API that starts again is given nothing before it answers: the real HAProxy, with a member's configuration.

The API here is a listener that takes connections and answers nothing, as one that is being loaded.
"""

import json
import re

from quorate.catalog import haproxy
from quorate.model.design import Design

CONFIG = "/etc/haproxy/haproxy.cfg"
AS_THE_NODE = ("unshare", "--user", "--map-root-user", "--net", "python3", "-I", "-c")
# The API answers, ends, waits as its unit does (or does not), and takes connections without answering.
RESTART = """
import contextlib, http.client, http.server, json, socket, subprocess, sys, threading, time

asked = json.load(sys.stdin)
subprocess.run(["ip", "link", "set", "lo", "up"], check=True)
for address in (asked["node"], asked["virtual"]):
    subprocess.run(["ip", "address", "add", f"{address}/32", "dev", "lo"], check=True)

class Well(http.server.BaseHTTPRequestHandler):
    def do_GET(self):
        self.send_response(200)
        self.end_headers()
    def log_message(self, *words):
        pass

def status(address, port, path, within_s):
    connection = http.client.HTTPConnection(address, port, timeout=within_s)
    with contextlib.closing(connection):
        connection.request("GET", path)
        return connection.getresponse().status

def served():
    with contextlib.suppress(OSError):
        return status(asked["virtual"], asked["port"], "/", 1) == 200

proxy = subprocess.Popen(["haproxy", "-db", "-f", asked["config"]])
try:
    api = http.server.HTTPServer((asked["node"], asked["port"]), Well)
    threading.Thread(target=api.serve_forever, daemon=True).start()
    end = time.monotonic() + 20
    while not served():
        assert time.monotonic() < end, "the API is not served through the proxy"
        time.sleep(0.05)
    api.shutdown()
    api.server_close()
    subprocess.run(asked["before"], check=True)
    with socket.create_server((asked["node"], asked["port"])):
        try:
            print(status(asked["virtual"], asked["port"], "/", 3))
        except TimeoutError:
            print("no answer")
finally:
    proxy.kill()
    proxy.wait()
"""


def restarted(tools, design: Design, before: list[str]) -> str:
    """What a client is answered by the proxy as soon as the API takes connections again."""
    node = design.cloud.topology.nodes[0]
    listener = design.listener("keystone")
    files = {file.path: file.content for file in design.files[node.name]}
    asked = {
        "node": node.address,
        "virtual": design.virtual_ip(listener).address,
        "port": listener.port,
        "config": CONFIG,
        "before": before,
    }
    # Here is no user but root, and no directory for a socket.
    config = re.sub(r"^    (user|group|stats socket) .*\n", "", files[CONFIG], flags=re.MULTILINE)
    wanted = {CONFIG: config, haproxy.DRAINED_PROGRAM: files[haproxy.DRAINED_PROGRAM]}
    done = tools.run(*AS_THE_NODE, RESTART, files=wanted, stdin=json.dumps(asked))
    assert done.returncode == 0, done.stderr
    return str(done.stdout.strip())


def test_it_starts_once_no_proxy_gives_it_requests(tools, lab_design: Design) -> None:
    node = lab_design.cloud.topology.nodes[0]
    waits = haproxy.drained(lab_design, lab_design.listener("keystone"))["ExecStartPre"]
    before = waits.removeprefix("-").replace("%l", node.name).split()
    assert restarted(tools, lab_design, before) == "503"


def test_without_that_its_clients_wait(tools, lab_design: Design) -> None:
    assert restarted(tools, lab_design, ["true"]) == "no answer"
