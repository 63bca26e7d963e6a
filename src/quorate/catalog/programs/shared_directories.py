"""Make directories in a file system that members share, or with `check` exit 1 if they are not there as wanted.

Reads JSON: {"device", "fstype", "mount", "directories": [{"path", "owner", "group", "mode"}]}, paths from the file
system's root. It is mounted elsewhere for as long as that takes if it is not at its place yet.
"""

import contextlib
import grp
import json
import os
import pathlib
import pwd
import stat
import subprocess
import sys
import tempfile


@contextlib.contextmanager
def mounted(wanted):
    """Where the file system is."""
    if os.path.ismount(wanted["mount"]):
        yield wanted["mount"]
        return
    with tempfile.TemporaryDirectory(dir="/run") as place:
        command = ["mount", "-t", wanted["fstype"], wanted["device"], place]
        subprocess.run(command, check=True, timeout=60)
        try:
            yield place
        finally:
            subprocess.run(["umount", place], check=True, timeout=60)


def ids(directory):
    """Its owner and group, as numbers."""
    return pwd.getpwnam(directory["owner"]).pw_uid, grp.getgrnam(directory["group"]).gr_gid


def differences(wanted):
    """What is not as wanted, as lines."""
    if not os.path.ismount(wanted["mount"]):
        yield f"{wanted['mount']} is not mounted"
        return
    for directory in wanted["directories"]:
        path = pathlib.Path(wanted["mount"], directory["path"])
        try:
            found = path.stat()
        except FileNotFoundError:
            yield f"there is no {path}"
            continue
        if (found.st_uid, found.st_gid, stat.S_IMODE(found.st_mode)) != (*ids(directory), directory["mode"]):
            yield f"{path} is {stat.filemode(found.st_mode)} of {found.st_uid}:{found.st_gid}"


def make(wanted):
    """Make it so."""
    with mounted(wanted) as root:
        for directory in wanted["directories"]:
            path = pathlib.Path(root, directory["path"])
            path.mkdir(parents=True, exist_ok=True)
            os.chown(path, *ids(directory))
            path.chmod(directory["mode"])


asked = json.load(sys.stdin)
if sys.argv[1:] == ["check"]:
    seen = list(differences(asked))
    print("\n".join(seen) or "as wanted")
    raise SystemExit(bool(seen))
make(asked)
