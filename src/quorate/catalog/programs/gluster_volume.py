"""Make a replicated GlusterFS volume over some members what is wanted, or with `check` exit 1 if it is not.

Reads JSON: {"members": [NODE], "volume": NAME, "bricks": ["NODE:/PATH"], "options": {KEY: VALUE}}. Bricks of a
volume that is there are left as they are. Says on standard output what differs.
"""

import json
import socket
import subprocess
import sys
import time
import xml.etree.ElementTree as ET

DAEMONS_S = 120
POLL_S = 0.5
BUSY = "Another transaction is in progress"


class Refused(Exception):
    """The daemon does not answer, or says no."""


def gluster(*words):
    """The answer of the daemon on this node, as XML, once nobody else changes anything. Raises Refused."""
    end = time.monotonic() + DAEMONS_S
    while True:
        try:
            return answered(*words)
        except Refused as refused:
            if BUSY not in str(refused) or time.monotonic() > end:
                raise
        time.sleep(POLL_S)  # between two attempts; `end` is their deadline


def answered(*words):
    """The answer of the daemon on this node, as XML. Raises Refused."""
    done = subprocess.run(
        ["gluster", "--mode=script", "--xml", *words], capture_output=True, text=True, timeout=120, check=False
    )
    if done.returncode:
        raise Refused(f"gluster {' '.join(words)}: {(done.stderr or done.stdout).strip()}")
    answer = ET.fromstring(done.stdout)  # noqa: S314 - the daemon on this node wrote it
    if answer.findtext("opRet") != "0":
        raise Refused(f"gluster {' '.join(words)}: {answer.findtext('opErrstr')}")
    return answer


def peers():
    """The members that this one knows and is connected to."""
    found = gluster("pool", "list").iterfind("peerStatus/peer")
    return {peer.findtext("hostname") for peer in found if peer.findtext("connected") == "1"}


def volume(name):
    """The volume's element; None if there is none."""
    for found in gluster("volume", "info", "all").iterfind("volInfo/volumes/volume"):
        if found.findtext("name") == name:
            return found
    return None


def settings(found):
    """What is set of a volume."""
    return {each.findtext("name"): each.findtext("value") for each in found.iterfind("options/option")}


def others(wanted):
    """All members but this one, which calls itself localhost."""
    here = socket.gethostname().partition(".")[0]
    return [name for name in wanted["members"] if name != here]


def differences(wanted):
    """What is not as wanted, as lines."""
    known = peers()
    for name in others(wanted):
        if name not in known:
            yield f"{name} is no connected peer"
    found = volume(wanted["volume"])
    if found is None:
        yield f"there is no volume {wanted['volume']}"
        return
    if found.findtext("statusStr") != "Started":
        yield f"volume {wanted['volume']} is {found.findtext('statusStr')}"
    present = settings(found)
    for key, value in wanted["options"].items():
        if present.get(key) != value:
            yield f"{key} is {present.get(key)}, not {value}"


def make(wanted):
    """Make it so."""
    join(wanted)
    found = volume(wanted["volume"])
    if found is None:
        bricks = wanted["bricks"]
        copies = ["replica", str(len(bricks))] if len(bricks) > 1 else []
        # `force`: the bricks may be on the root file system
        gluster("volume", "create", wanted["volume"], *copies, *bricks, "force")
        found = volume(wanted["volume"])
    present = settings(found)
    for key, value in wanted["options"].items():
        if present.get(key) != value:
            gluster("volume", "set", wanted["volume"], key, value)
    if found.findtext("statusStr") != "Started":
        gluster("volume", "start", wanted["volume"])


def join(wanted):
    """Make every member a connected peer, as soon as its daemon answers."""
    end, said = time.monotonic() + DAEMONS_S, "nothing"
    while True:
        try:
            missing = sorted(set(others(wanted)) - peers())
            if not missing:
                return
            for name in missing:
                gluster("peer", "probe", name)
        except Refused as refused:
            said = str(refused)
        if time.monotonic() > end:
            raise SystemExit(f"not all are connected peers after {DAEMONS_S} s; said last: {said}")
        time.sleep(POLL_S)  # between two attempts; `end` is their deadline


asked = json.load(sys.stdin)
if sys.argv[1:] == ["check"]:
    seen = list(differences(asked))
    print("\n".join(seen) or "as wanted")
    raise SystemExit(bool(seen))
make(asked)
