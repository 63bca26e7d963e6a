"""Ask fencing devices for their node's power as Pacemaker would, with the parameters in its configuration.

Reads {"target": NODE, "devices": [ID, ...], "within_s": S}; answers {"members": [NODE, ...], "devices": {ID: what
was seen}}, where that is {"power": "on" or "off"} or {"error": text}; or {"error": text} without a cluster.
"""

import json
import subprocess
import sys
from xml.etree import ElementTree as ET

POWER = {0: "on", 2: "off"}  # fence agent API: exit codes of the action status


def answer(question):
    """The members of this node's partition, and what each device says."""
    partition = subprocess.run(["crm_node", "--partition"], capture_output=True, text=True, check=False)
    query = ["cibadmin", "--query", "--scope", "resources"]
    resources = subprocess.run(query, capture_output=True, text=True, check=False)
    if partition.returncode or resources.returncode:
        return {"error": (partition.stderr + resources.stderr).strip()}
    devices = {each.get("id"): each for each in ET.fromstring(resources.stdout).iter("primitive")}  # noqa: S314 - cibadmin wrote it
    started = {name: start(devices.get(name), question["target"]) for name in question["devices"]}
    seen = {name: finish(process, question["within_s"]) for name, process in started.items()}
    return {"members": partition.stdout.split(), "devices": seen}


def start(device, target):
    """Run the device's agent; None if the device is not in the configuration."""
    if device is None:
        return None
    pairs = device.findall("instance_attributes/nvpair")
    parameters = {each.get("name"): each.get("value") for each in pairs}
    parameters = {name: value for name, value in parameters.items() if not name.startswith("pcmk_")}
    # Agents get the target as Pacemaker names it; those that fence one machine only pass over it.
    parameters = {"plug": target, **parameters, "nodename": target, "action": "status"}
    agent = subprocess.Popen(
        ["/usr/sbin/" + device.get("type")],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    text = "".join(f"{name}={value}\n" for name, value in parameters.items())
    return agent, text


def finish(started, within_s):
    """What the agent found."""
    if started is None:
        return {"error": "not in the cluster's configuration"}
    agent, text = started
    try:
        _, stderr = agent.communicate(text, timeout=within_s)
    except subprocess.TimeoutExpired:
        agent.kill()
        agent.communicate()
        return {"error": f"no answer within {within_s:g} s"}
    if agent.returncode in POWER:
        return {"power": POWER[agent.returncode]}
    said = [line for line in stderr.splitlines() if line.strip()]
    # Agents log their last words with date and level.
    return {"error": said[-1].rpartition("ERROR: ")[2] if said else f"the agent exited {agent.returncode}"}


print(json.dumps(answer(json.load(sys.stdin))))
