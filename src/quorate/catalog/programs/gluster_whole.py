"""Exit 0 where every brick of the volume is reached and has nothing to heal, or there is no volume yet.

Usage: gluster_whole VOLUME; says on standard output what is not so.
"""

import subprocess
import sys
import xml.etree.ElementTree as ET


def gluster(*words):
    """The answer of the daemon on this node, as XML; ends the program with its words if it says no."""
    done = subprocess.run(
        ["gluster", "--mode=script", "--xml", "volume", *words],
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    if done.returncode:
        raise SystemExit((done.stderr or done.stdout).strip()[:200])
    return ET.fromstring(done.stdout)  # noqa: S314 - the daemon on this node wrote it


volume = sys.argv[1]
started = gluster("info", "all").iterfind("volInfo/volumes/volume[statusStr='Started']/name")
if volume not in {each.text for each in started}:
    raise SystemExit(0)
wrong = [
    f"{each.findtext('name')}: {each.findtext('status')}, {each.findtext('totalNumberOfEntries')} to heal"
    for each in gluster("heal", volume, "info", "summary").iterfind("healInfo/bricks/brick")
    if each.findtext("status") != "Connected" or each.findtext("numberOfEntriesInHealPending") != "0"
]
print("; ".join(wrong) or "whole")
raise SystemExit(bool(wrong))
