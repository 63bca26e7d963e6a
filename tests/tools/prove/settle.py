"""Run where Pacemaker is: bring a CIB (first argument) from a cold start to rest with crm_simulate.

Between transitions it plays Galera's agent, which publishes a promotion score where it has started. Prints as JSON
the instances of each resource, by role, and the number of transitions. Raises SystemExit if nothing comes to rest.
"""

import json
import os
import subprocess
import sys
from collections import Counter, defaultdict
from xml.etree import ElementTree as ET

TRANSITIONS = 12


def simulate(path: str) -> int:
    """One transition, carried out in the file; how many actions it had."""
    graph = f"{path}.graph"
    command = ["crm_simulate", "--simulate", "-x", path, "--save-output", path, "--save-graph", graph]
    subprocess.run(command, check=True, stdout=subprocess.DEVNULL)
    return len(ET.parse(graph).getroot().findall("synapse"))


def publish(path: str) -> int:
    """Galera's scores, where it runs and has none; how many."""
    tree = ET.parse(path)
    added = 0
    for state in tree.getroot().iter("node_state"):
        started = state.find(".//lrm_resource[@id='galera']/lrm_rsc_op[@operation='start'][@rc-code='0']")
        if started is None or state.find("transient_attributes//nvpair[@name='master-galera']") is not None:
            continue
        number = state.get("id", "")
        attributes = state.find("transient_attributes")
        if attributes is None:
            attributes = ET.SubElement(state, "transient_attributes", {"id": number})
            ET.SubElement(attributes, "instance_attributes", {"id": f"status-{number}"})
        pair = {"id": f"status-{number}-master-galera", "name": "master-galera", "value": "100"}
        ET.SubElement(attributes[0], "nvpair", pair)
        added += 1
    tree.write(path)
    return added


def instances(path: str) -> dict[str, Counter[str]]:
    """How many instances of each resource are active, by role."""
    command = ["crm_mon", "--output-as=xml", "--inactive"]
    done = subprocess.run(command, check=True, capture_output=True, env={**os.environ, "CIB_file": path})
    found: dict[str, Counter[str]] = defaultdict(Counter)
    for resource in ET.fromstring(done.stdout).find("resources").iter("resource"):
        name = resource.get("id", "").partition(":")[0]
        found[name].update({resource.get("role", ""): len(resource.findall("node"))})
    return found


def main(path: str) -> None:
    for transition in range(TRANSITIONS):
        if simulate(path) + publish(path) == 0:
            json.dump({"transitions": transition, "instances": instances(path)}, sys.stdout)
            return
    raise SystemExit(f"{path}: still busy after {TRANSITIONS} transitions")


main(sys.argv[1])
