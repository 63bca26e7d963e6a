"""Files on an NFS server, with real kernels: the agent mounts them, and what a lost member wrote is there."""

import json
import shlex
from pathlib import Path

import pytest

from quorate import design
from quorate.catalog import storage
from quorate.model.design import Design
from quorate.model.item import Command
from quorate.model.resource import Primitive
from quorate.spec import file as spec
from quorate.spec import template

AGENT = "ocf:heartbeat:Filesystem"
SIZE = 1024 * 1024
READ = "what is read:"
MACHINES_S = 200
# As a server's /etc/exports would have it; `rootdir` because the machine's own root cannot be exported.
SERVER = """
mkdir -p /run/exported/cloud /run/rpc_pipefs /var/lib/nfs/nfsdcld
touch /etc/exports /var/lib/nfs/etab /var/lib/nfs/rmtab
printf '[exports]\\nrootdir=/run/exported\\n' > /etc/nfs.conf.d/exports.conf
modprobe nfsd
mount -t nfsd nfsd /proc/fs/nfsd
mount -t rpc_pipefs pipefs /run/rpc_pipefs
{kernel}/usr/sbin/nfsdcld
{kernel}/usr/sbin/exportfs -o rw,no_root_squash,fsid=1 '*:/cloud'
{kernel}/usr/sbin/rpc.mountd
{kernel}/usr/sbin/rpc.nfsd --no-nfs-version 3 2
"""


@pytest.fixture(scope="module")
def nfs_design() -> Design:
    """Every component, its files on an NFS server."""
    text = template.lab("lab", template.LAB_NETWORKS[0], 3, full=True)
    options = "\noptions:\n  storage: {backend: nfs, export: 'files.example:/cloud'}\n"
    return design.build(spec.read(text.replace("\noptions:\n", options), "quorate.yaml", Path("/cloud")))


def asked(primitive: Primitive, action: str) -> str:
    """The line of a shell's that has the agent do that as Pacemaker would."""
    op = next(each for each in primitive.ops if each.name == action)
    given = {f"OCF_RESKEY_{name}": value for name, value in primitive.parameters.items()}
    given |= {
        "OCF_ROOT": "/usr/lib/ocf",
        "OCF_RESOURCE_INSTANCE": primitive.id,
        "OCF_RESKEY_CRM_meta_timeout": f"{op.timeout_s * 1000}",
    }
    words = ("env", *(f"{name}={value}" for name, value in given.items()))
    return shlex.join((*words, "/usr/lib/ocf/resource.d/heartbeat/Filesystem", action))


def prepared(of: Design) -> Command:
    """What makes the directories in the export."""
    (made,) = storage.preparations(of)
    assert isinstance(made, Command)
    return made


@pytest.mark.timeout(MACHINES_S + 10, func_only=True)
def test_what_a_member_had_written_is_there_for_the_next_when_its_power_is_cut(
    full_tools, linux: str, nfs_design: Design
) -> None:
    (cluster,) = nfs_design.clusters
    mounts = [each for each in cluster.configuration.primitives() if each.agent == AGENT]
    assert [each.id for each in mounts] == ["shared-files", "cinder-files"]
    making = prepared(nfs_design)
    make, check = (
        f"printf %s {shlex.quote(making.stdin)} | {shlex.join(argv)}" for argv in (making.argv, making.unless)
    )
    begin = [line for each in mounts for line in (asked(each, "start"), asked(each, "monitor"))]
    image, volume = "/srv/shared/images/one", f"{mounts[1].parameters['directory']}/two"
    read = f"echo {READ}; sha256sum < {image}; sha256sum < {volume}; stat -c '%U:%G' {image} {volume}"
    write = f"dd if=/dev/urandom bs={SIZE} count=1 conv=fsync status=none"
    first = (
        make,
        *begin,
        check,
        f"runuser -u glance -- {write} of={image}",
        f"runuser -u cinder -- {write} of={volume}",
        read,
    )
    second = (
        *begin,
        check,
        read,
        f"runuser -u glance -- rm {image}",
        f"runuser -u cinder -- rm {volume}",
        f'test -z "$(find {image} {volume} 2>/dev/null)"',
        *(asked(each, "stop") for each in reversed(mounts)),
        'test -z "$(grep -w nfs4 /proc/mounts)"',
    )
    members = ["\n".join(script) for script in (first, second)]
    order = {"kernel": linux, "server": SERVER.format(kernel=linux), "members": members}
    machines = Path(__file__).with_name("machines.py").read_text(encoding="utf-8")
    done = full_tools.run("python3", "-I", "-c", machines, stdin=json.dumps(order), within_s=MACHINES_S)
    assert done.returncode == 0, done.stdout + done.stderr
    before, after = (lines[lines.index(READ) :][:5] for lines in json.loads(done.stdout))
    assert before[3:] == ["glance:glance", "cinder:cinder"]
    assert len(set(before[1:3])) == 2
    assert after == before
