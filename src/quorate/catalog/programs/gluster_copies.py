"""Say as JSON how each copy of a volume is; exit 1 if anything is wrong with one.

Usage: gluster_copies VOLUME. {BRICK: {"lost": words or null, "split": N, "unhealed": N}}: why its brick does not
count, files in split brain, and files that it has and others lack. Before the volume runs there is none: {}.
"""

import json
import subprocess
import sys
import xml.etree.ElementTree as ET


def gluster(*words):
    """The answer of the daemon on this node, as XML; ends the program with its words if it says no."""
    argv = ["gluster", "--mode=script", "--xml", "volume", *words]
    done = subprocess.run(argv, capture_output=True, text=True, timeout=60, check=False)
    if done.returncode:
        raise SystemExit((done.stderr or done.stdout).strip())
    answer = ET.fromstring(done.stdout)  # noqa: S314 - the daemon on this node wrote it
    if answer.findtext("opRet") != "0":
        raise SystemExit(answer.findtext("opErrstr"))
    return answer


def copy(brick):
    """How it is."""
    if brick.findtext("status") != "Connected":
        return {"lost": f"not reached: {brick.findtext('status')}", "split": 0, "unhealed": 0}
    kinds = ("InSplitBrain", "InHealPending", "PossiblyHealing")
    split, pending, under_way = (int(brick.findtext(f"numberOfEntries{kind}")) for kind in kinds)
    return {"lost": None, "split": split, "unhealed": pending + under_way}


volume = sys.argv[1]
running = gluster("info", "all").iterfind("volInfo/volumes/volume[statusStr='Started']/name")
copies = {}
if volume in {each.text for each in running}:
    found = gluster("heal", volume, "info", "summary").iterfind("healInfo/bricks/brick")
    copies = {each.findtext("name"): copy(each) for each in found}
print(json.dumps(copies))
raise SystemExit(any(any(each.values()) for each in copies.values()))
