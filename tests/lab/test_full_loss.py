"""The node that holds most loses its power, once: what each service has promised of that, and of its return."""

import re
import time
from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import dataclass
from itertools import pairwise
from typing import Any

import pytest

from quorate.catalog import cinder, heat, horizon
from quorate.catalog.keystone import ADMIN, SERVICE
from quorate.lab.command import LabError
from quorate.verify import cloud as clouds

from .browser import Browser, browser
from .conftest import Operator

clouds.load()
pytestmark = [
    pytest.mark.lab,
    pytest.mark.timeout(900),
    # The client library tells itself what it will change.
    pytest.mark.filterwarnings("ignore::PendingDeprecationWarning"),
]

NAME = "kept"
CIDR, GATEWAY = "192.0.2.0/24", "192.0.2.1"
MOVED = ("vip-internal", cinder.VOLUME_MANAGER, heat.ENGINE.name)
CLIENT = "openstack --os-cloud admin"
ROOT = horizon.ROOT
# Three missed advertisements, two seconds apart, and some (keepalived's, as Neutron has it by default).
SILENT_S = 15

# Random bytes to the API whose address is read; prints the image's id.
UPLOAD = """
set -e
read -r images || [ "$images" ]
token=$(openstack --os-cloud admin token issue --format value --column id)
head -c 3000000 /dev/urandom > /tmp/image.raw
json='{"name": "kept", "disk_format": "raw", "container_format": "bare"}'
made=$(curl -sSf -H "X-Auth-Token: $token" -H 'Content-Type: application/json' -d "$json" "$images")
id=$(printf %s "$made" | python3 -c 'import json, sys; print(json.load(sys.stdin)["id"])')
curl -sSf -X PUT -H "X-Auth-Token: $token" -H 'Content-Type: application/octet-stream' \\
    --data-binary @/tmp/image.raw "$images/$id/file"
echo "$id"
"""

# A machine of a user's on a node: a port of its switch, in a name space that knows nothing else.
PLUG = """
set -e
read -r port mac
ovs-vsctl --may-exist add-port br-int client -- set Interface client type=internal \\
    external_ids:iface-id=$port external_ids:attached-mac=$mac external_ids:iface-status=active
ip netns add client
ip link set client netns client
ip -n client link set client address $mac up
ip netns exec client sysctl -qw net.ipv4.conf.all.rp_filter=0 net.ipv4.conf.client.rp_filter=0
"""
UNPLUG = """
systemctl stop client-ping 2>/dev/null
ip netns pids client 2>/dev/null | xargs -r kill
ip netns delete client
ovs-vsctl --if-exists del-port br-int client
"""
# It asks for an address as RFC 2131 has it; prints the address, who gave it and for how long, or null.
LEASE = r"""
import json, os, random, socket, struct, sys

DISCOVER, OFFER, REQUEST, ACK = 1, 2, 3, 5
mac = bytes.fromhex(sys.stdin.read().strip().replace(":", ""))
os.setns(os.open("/run/netns/client", os.O_RDONLY), os.CLONE_NEWNET)
wire = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
for option, value in ((socket.SO_REUSEADDR, 1), (socket.SO_BROADCAST, 1), (socket.SO_BINDTODEVICE, b"client")):
    wire.setsockopt(socket.SOL_SOCKET, option, value)
wire.bind(("", 68))
wire.settimeout(3)

def asked(kind, answer, *options):
    number = random.randbytes(4)
    head = struct.pack("!4B4sHH16s16s192x4s", 1, 1, 6, 0, number, 0, 0x8000, b"", mac, b"\x63\x82\x53\x63")
    said = b"".join(bytes((code, len(value))) + value for code, value in ((53, bytes((kind,))), *options))
    wire.sendto(head + said + b"\xff", ("255.255.255.255", 67))
    while True:
        packet = wire.recv(2048)
        found, rest = {}, packet[240:]
        while rest and rest[0] != 255:
            code, size = rest[0], rest[1]
            found[code], rest = rest[2 : 2 + size], rest[2 + size :]
        if packet[4:8] == number and found[53] == bytes((answer,)):
            return packet[16:20], found

try:
    address, found = asked(DISCOVER, OFFER)
    address, found = asked(REQUEST, ACK, (50, address), (54, found[54]))
    (seconds,) = struct.unpack("!I", found[51])
    print(json.dumps({"address": socket.inet_ntoa(address), "by": socket.inet_ntoa(found[54]), "for_s": seconds}))
except TimeoutError:
    print("null")
"""
PING = f"""
set -e
ip -n client address replace $(cat)/24 dev client
systemd-run --quiet --collect --unit=client-ping --property=StandardOutput=truncate:/tmp/client-ping.log \\
    ip netns exec client ping -n -D -i 0.2 {GATEWAY}
"""
# What of that of which there may be one is on a node; reads the router's name space.
HELD = f"""
read -r router
systemctl is-active --quiet {cinder.MANAGER.name} && echo manager
systemctl is-active --quiet {heat.ENGINE.name} && echo engine
ip -n $router -4 -brief address show to {GATEWAY} 2>/dev/null | grep --quiet . && echo gateway
ip -4 -brief address show to $(cat) | grep --quiet . && echo address
"""
# Its second resource waits until somebody outside says so; the third comes after it.
TEMPLATE = {
    "heat_template_version": "2021-04-16",
    "resources": {
        "handle": {"type": "OS::Heat::WaitConditionHandle"},
        "wait": {
            "type": "OS::Heat::WaitCondition",
            "properties": {"handle": {"get_resource": "handle"}, "timeout": 900},
        },
        "after": {"type": "OS::Heat::Value", "properties": {"value": {"get_attr": ["wait", "data"]}}},
    },
    "outputs": {"said": {"value": {"get_attr": ["after", "value"]}}},
}


@dataclass(frozen=True, slots=True)
class Machine:
    """A user's, on a node."""

    operator: Operator
    node: str
    mac: str

    def lease(self) -> dict[str, Any] | None:
        """What it is given when it asks for an address."""
        found: dict[str, Any] | None = self.operator.python(self.node, LEASE, stdin=self.mac)
        return found

    def replies(self) -> list[float]:
        """When its gateway has answered, in seconds since the epoch."""
        said = self.operator.on(self.node, "cat /tmp/client-ping.log", check=False)
        return [float(found) for found in re.findall(r"(?m)^\[([\d.]+)\] \d+ bytes from", said)]


@dataclass(frozen=True, slots=True)
class Loss:
    """What a user had in hand when `node` lost its power, and `rest` did not.

    `seen` is what every look found since before: of what there may be one, the nodes where it was.
    """

    operator: Operator
    cloud: Any
    window: Browser
    node: str
    rest: tuple[str, ...]
    machine: Machine
    lease: dict[str, Any]
    network: Any
    image: str
    volume: Any
    stack: Any
    seen: list[dict[str, list[str]]]

    def until(self, what: str, holds: str, within_s: float) -> None:
        """Wait until one of the rest has it."""
        rest = {*self.rest}
        self.operator.until(what, lambda: rest & {*self.seen[-1].get(holds, ())}, bool, within_s)


@pytest.fixture(scope="module")
def loss(everything: Operator, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Loss]:
    """The power of a node is cut that has the gateway, leases, the manager of volumes, the engine, the address."""
    with ExitStack() as leaving:
        cloud = connected(everything, leaving)
        network, router, lost = routed(everything, cloud, leaving)
        rest = tuple(node for node in everything.nodes if node != lost)
        machine = plugged(everything, cloud, network, rest[0], leaving)
        lease = everything.until("an address is given", machine.lease, bool, 90)
        everything.on(machine.node, PING, stdin=lease["address"])
        for resource in MOVED:
            moved(everything, resource, lost)
        volume = cloud.block_storage.create_volume(name=NAME, size=1)
        leaving.callback(cloud.block_storage.delete_volume, volume.id, ignore_missing=True)
        image = everything.on(rest[0], UPLOAD, stdin=f"http://{everything.address(lost)}:9292/v2/images").strip()
        leaving.callback(cloud.image.delete_image, image, ignore_missing=True)
        cloud.block_storage.wait_for_status(volume, "available", ["error"], interval=1, wait=60)
        stack = begun(everything, cloud, leaving)
        window = leaving.enter_context(browser(tmp_path_factory.mktemp("browser") / "profile"))
        log_in(everything, window)
        everything.until("the gateway answers", machine.replies, bool, 60)
        # What is served meanwhile is served without it: its fencing leaves it off.
        leaving.callback(heal, everything, rest[0])
        everything.on(rest[0], "crm_attribute --name stonith-action --update off")
        with everything.watching(lambda: held(everything, router), every_s=2) as seen:
            assert seen[0] == {what: [lost] for what in ("manager", "engine", "gateway", "address")}
            everything.lab.power_off(lost)
            made = Loss(
                *(everything, cloud, window, lost, rest, machine, lease, network, image, volume, stack, seen)
            )
            made.until("the address is on another", "address", 60)
            yield made


def connected(operator: Operator, leaving: ExitStack) -> Any:
    """A connection as administrator; one that the lost node has held open is opened again, as clients do."""
    password = operator.secret_values()[ADMIN.name]
    region = operator.design.cloud.region
    cloud = clouds.connection(operator.design.url(SERVICE), region, password, patience_s=60)
    leaving.callback(cloud.close)
    for service in (cloud.block_storage, cloud.image, cloud.network, cloud.orchestration):
        service.connect_retries = 1
    return cloud


def routed(operator: Operator, cloud: Any, leaving: ExitStack) -> tuple[Any, Any, str]:
    """A network with a router, and the node that has its gateway and gives leases too."""
    networks = cloud.network
    network = networks.create_network(name=NAME)
    leaving.callback(networks.delete_network, network.id, ignore_missing=True)
    subnet = networks.create_subnet(network_id=network.id, ip_version=4, cidr=CIDR, gateway_ip=GATEWAY)
    router = networks.create_router(name=NAME)
    leaving.callback(networks.delete_router, router.id, ignore_missing=True)
    networks.add_interface_to_router(router, subnet_id=subnet.id)
    leaving.callback(networks.remove_interface_from_router, router, subnet_id=subnet.id)
    (node,) = operator.until(
        "one node has the gateway",
        lambda: held(operator, router).get("gateway", []),
        lambda nodes: len(nodes) == 1,
        90,
    )
    serving = list(networks.network_hosting_dhcp_agents(network))
    if node not in {each.host for each in serving}:
        (agent,) = networks.agents(binary="neutron-dhcp-agent", host=node)
        networks.remove_dhcp_agent_from_network(serving[0], network)
        networks.add_dhcp_agent_to_network(agent, network)
    return network, router, node


def plugged(operator: Operator, cloud: Any, network: Any, node: str, leaving: ExitStack) -> Machine:
    """A user's machine on that network and node."""
    port = cloud.network.create_port(network_id=network.id, name=NAME, binding_host_id=node)
    leaving.callback(cloud.network.delete_port, port.id, ignore_missing=True)
    leaving.callback(operator.on, node, UNPLUG, check=False)
    operator.on(node, PLUG, stdin=f"{port.id} {port.mac_address}\n")
    return Machine(operator, node, port.mac_address)


def moved(operator: Operator, resource: str, node: str) -> None:
    """Have the cluster run it there, and then where it likes."""

    def located() -> str:
        return operator.on(node, f"crm_resource --locate --resource {resource} --quiet").strip()

    if located() != node:
        operator.on(node, f"crm_resource --move --resource {resource} --node {node}")
        operator.until(f"{resource} is on {node}", located, node.__eq__, 90)
        operator.on(node, f"crm_resource --clear --resource {resource}")


def begun(operator: Operator, cloud: Any, leaving: ExitStack) -> Any:
    """A stack whose engine has a resource in hand."""
    heats = cloud.orchestration
    stack = heats.create_stack(name=NAME, template=TEMPLATE)
    leaving.callback(heats.delete_stack, stack.id, ignore_missing=True)
    operator.until(
        "the stack waits",
        lambda: {each.name: each.status for each in heats.resources(stack)},
        lambda states: states.get("wait") == "CREATE_IN_PROGRESS",
        90,
    )
    return stack


def log_in(operator: Operator, window: Browser) -> None:
    window.open(f"http://{operator.vip}{ROOT}/auth/login/")
    window.type("#id_username", "admin")
    window.type("#id_password", operator.secret_values()[ADMIN.name])
    window.click("#loginBtn")
    assert "/auth/login" not in window.url, window.text
    window.open(f"http://{operator.vip}{ROOT}/project/volumes/")
    assert NAME in window.text


def held(operator: Operator, router: Any) -> dict[str, list[str]]:
    """Of what there may be one, the nodes where it is now."""
    found: dict[str, list[str]] = {}
    for node in operator.nodes:
        try:
            said = operator.on(node, HELD, stdin=f"qrouter-{router.id}\n{operator.vip}", check=False)
        except LabError:  # it is off
            continue
        for what in said.split():
            found.setdefault(what, []).append(node)
    return found


def heal(operator: Operator, node: str) -> None:
    """The fencing as designed, and every host on."""
    operator.on(node, "crm_attribute --name stonith-action --delete")
    assert operator.quorate("lab", "up").returncode == 0


@pytest.fixture(scope="module")
def back(loss: Loss) -> Loss:
    """The node is back, and the hosts are as deployed."""
    heal(loss.operator, loss.rest[0])
    loss.operator.until(
        "the hosts are what the file says",
        lambda: loss.operator.quorate("deploy", "--yes").stderr.splitlines()[-1],
        lambda said: said.startswith("nothing to change"),
        240,
    )
    return loss


def test_who_is_logged_in_stays_so(loss):
    """Sessions are with the browser, and every member has the key."""
    loss.window.click(f"a[href='{ROOT}/project/volumes/{loss.volume.id}/']")
    assert loss.volume.id in loss.window.text
    assert loss.window.text.startswith("admin")
    loss.window.open(f"http://{loss.operator.vip}{ROOT}/project/network_topology/")
    assert loss.window.title.startswith("Network Topology")
    assert loss.window.complaints() == []


def test_an_address_is_given(loss):
    again = loss.operator.until("an address is given", loss.machine.lease, bool, 60)
    assert again["address"] == loss.lease["address"]
    servers = loss.cloud.network.ports(network_id=loss.network.id, device_owner="network:dhcp")
    hosts = {address["ip_address"]: each.binding_host_id for each in servers for address in each.fixed_ips}
    assert loss.node in hosts.values()
    assert hosts[again["by"]] in loss.rest


def test_the_gateway_answers_on(loss):
    loss.until("one of the others has the gateway", "gateway", 60)
    now = time.time()
    times = loss.operator.until("it answers", loss.machine.replies, lambda found: found[-1] > now, 60)
    silence_s = max(after - before for before, after in pairwise(times))
    assert 1 < silence_s < SILENT_S


def test_an_image_is_read_that_was_uploaded_through_the_lost_node(loss):
    read = f"{CLIENT} image save --file /tmp/again.raw {loss.image} && cmp /tmp/image.raw /tmp/again.raw"
    loss.operator.on(loss.rest[0], read)


def test_a_volume_from_before_is_deletable(loss):
    loss.until("the manager is on another", "manager", 120)
    loss.cloud.block_storage.delete_volume(loss.volume.id)
    loss.cloud.block_storage.wait_for_delete(loss.volume, interval=1, wait=120)


def test_a_stack_in_progress_finishes(loss):
    loss.until("the engine is on another", "engine", 120)
    heats = loss.cloud.orchestration
    signal = f"/stacks/{loss.stack.name}/{loss.stack.id}/resources/handle/signal"
    told = heats.post(signal, json={"id": "1", "status": "SUCCESS", "data": "well", "reason": "it is up"})
    assert told.ok, told.text
    heats.wait_for_status(loss.stack, "CREATE_COMPLETE", ["CREATE_FAILED"], interval=1, wait=240)
    (output,) = heats.get_stack(loss.stack.id).outputs
    assert output["output_value"] == '{"1": "well"}'


def test_there_was_never_a_second_of_anything_also_not_when_it_was_back(back):
    back.operator.until(
        "each is somewhere", lambda: back.seen[-1], lambda found: len(found) == len(back.seen[0]), 60
    )
    twice = [found for found in back.seen if any(len(nodes) > 1 for nodes in found.values())]
    assert twice == []


def test_the_session_is_whole_when_it_is_back(back):
    back.window.open(f"http://{back.operator.vip}{ROOT}/identity/")
    assert "Projects" in back.window.title
    assert "service" in back.window.text
