"""A server that has just come back gets less than its share: the real HAProxy, with a rendered configuration."""

import json
import re
from pathlib import Path

import pytest

from quorate import design
from quorate.catalog import haproxy
from quorate.model.design import Design
from quorate.spec import file as spec

CONFIG = "/etc/haproxy/haproxy.cfg"
AS_THE_NODE = ("unshare", "--user", "--map-root-user", "--net", "python3", "-I", "-c")
REQUESTS = 300
# Two servers are at work, and the third starts: from its first request on it is counted who gets the next ones.
RETURN = """
import collections, contextlib, http.client, http.server, json, subprocess, sys, threading, time

asked = json.load(sys.stdin)
subprocess.run(["ip", "link", "set", "lo", "up"], check=True)
for address in (*asked["servers"], asked["virtual"]):
    subprocess.run(["ip", "address", "add", f"{address}/32", "dev", "lo"], check=True)

class Named(http.server.BaseHTTPRequestHandler):
    def do_GET(self):
        self.send_response(200)
        self.end_headers()
        self.wfile.write(self.server.server_address[0].encode())
    def log_message(self, *words):
        pass

def start(address):
    server = http.server.ThreadingHTTPServer((address, asked["port"]), Named)
    threading.Thread(target=server.serve_forever, daemon=True).start()

def said(port, path):
    connection = http.client.HTTPConnection(asked["virtual"], port, timeout=2)
    with contextlib.closing(connection), contextlib.suppress(OSError):
        connection.request("GET", path)
        answer = connection.getresponse()
        return answer.status, answer.read().decode()
    return None, None

def who():
    return said(asked["port"], "/")[1]

def until(what, holds):
    end = time.monotonic() + 30
    while not holds():
        assert time.monotonic() < end, f"not within 30 s: {what}"
        time.sleep(0.01)

*others, last = asked["servers"]
for address in others:
    start(address)
proxy = subprocess.Popen(["haproxy", "-db", "-f", asked["config"]])
try:
    until("the third is known to be lost", lambda: said(*asked["is it given requests"])[0] == 503)
    start(last)
    until("the third serves", lambda: who() == last)
    print(json.dumps(collections.Counter(who() for _ in range(asked["requests"]))))
finally:
    proxy.kill()
    proxy.wait()
"""


@pytest.fixture(scope="module")
def apart() -> Design:
    """Proxies in a cluster of their own, which ask the APIs themselves."""
    names = [f"{kind}{number}" for kind in ("proxy", "api") for number in (1, 2, 3)]
    nodes = "\n".join(
        f"  {name}: {{management: 10.20.0.{number}, bmc: {{address: 10.30.0.{number}, username: admin}}}}"
        for number, name in enumerate(names, 11)
    )
    text = f"""\
cloud: apart
release: "2025.1"
networks: {{management: {{cidr: 10.20.0.0/24}}}}
nodes:
{nodes}
clusters:
  proxies: {{nodes: [{", ".join(names[:3])}], components: [haproxy]}}
  apis: {{nodes: [{", ".join(names[3:])}], components: [galera, memcached, rabbitmq, keystone]}}
virtual_ips: {{internal: 10.20.0.5}}
failover: {{profile: fast}}
fencing: {{levels: [{{agent: fence_ipmilan, parameters: {{lanplus: 1}}}}]}}
"""
    return design.build(spec.read(text, "quorate.yaml", Path("/cloud")))


def test_who_has_just_come_back_gets_little(tools, apart: Design) -> None:
    listener = apart.listener("keystone")
    nodes = apart.cloud.topology.members_of("keystone")
    *others, last = (node.address for node in nodes)
    asked = {
        "servers": [*others, last],
        "virtual": apart.virtual_ip(listener).address,
        "port": listener.port,
        "config": CONFIG,
        "requests": REQUESTS,
        "is it given requests": [haproxy.HEALTH_PORT, f"/{nodes[-1].name}/{listener.name}"],
    }
    files = {file.path: file.content for file in apart.files["proxy1"]}
    # Here is no user but root, and no directory for a socket.
    config = re.sub(r"^    (user|group|stats socket) .*\n", "", files[CONFIG], flags=re.MULTILINE)
    done = tools.run(*AS_THE_NODE, RETURN, files={CONFIG: config}, stdin=json.dumps(asked))
    assert done.returncode == 0, done.stderr
    served = json.loads(done.stdout)
    assert sum(served.values()) == REQUESTS
    # A third is its share; it begins with a sixteenth of that.
    assert served.get(last, 0) < REQUESTS / 10
    assert all(served[address] > REQUESTS / 4 for address in others)
