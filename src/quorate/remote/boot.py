"""The agent as it goes over the channel: an archive that the node's Python imports from, kept in memory there."""

import io
import zipfile
from pathlib import Path

_PACKAGE = "quorate/remote/agent"


def _packed() -> bytes:
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w", zipfile.ZIP_DEFLATED, compresslevel=9) as archive:
        for parent in ("quorate", "quorate/remote"):
            archive.writestr(f"{parent}/__init__.py", "")
        for module in sorted(Path(__file__).with_name("agent").glob("*.py")):
            archive.write(module, f"{_PACKAGE}/{module.name}")
    return packed.getvalue()


ARCHIVE = _packed()
# For `python3 -c`; reads the archive from standard input, then serves what follows it.
PROGRAM = (
    "import os,sys;fd=os.memfd_create('quorate');"
    f"os.write(fd,sys.stdin.buffer.read({len(ARCHIVE)}));"
    "sys.path.insert(0,f'/proc/self/fd/{fd}');"
    "from quorate.remote.agent.main import main;main()"
)
