"""Say as JSON what is wrong with each copy of a volume, {BRICK: words, or null}; exit 1 if anything is.

Usage: gluster_copies VOLUME. Before the volume runs there is none: {}.
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


def wrong(brick):
    """What is wrong with it, or None."""
    if brick.findtext("status") != "Connected":
        return f"its brick is not reached: {brick.findtext('status')}"
    kinds = ("InSplitBrain", "InHealPending", "PossiblyHealing")
    split, pending, under_way = (int(brick.findtext(f"numberOfEntries{kind}")) for kind in kinds)
    if split:
        return f"{split} files in split brain: gluster volume heal {volume} info split-brain"
    return f"{pending + under_way} files to be healed" if pending + under_way else None


volume = sys.argv[1]
running = gluster("info", "all").iterfind("volInfo/volumes/volume[statusStr='Started']/name")
copies = {}
if volume in {each.text for each in running}:
    found = gluster("heal", volume, "info", "summary").iterfind("healInfo/bricks/brick")
    copies = {each.findtext("name"): wrong(each) for each in found}
print(json.dumps(copies))
raise SystemExit(any(copies.values()))
