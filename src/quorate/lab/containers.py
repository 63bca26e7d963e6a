"""The lab's hosts as podman containers with systemd as their first process."""

import hashlib
import json
import os
import shutil
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path

from quorate.lab import disks, keys, processes, wiring
from quorate.lab.command import CommandFailed, LabError, run
from quorate.lab.layout import Host, Layout
from quorate.lab.machine import Machine
from quorate.lab.power import INIT, Switch
from quorate.lab.processes import Process

LAB_LABEL = "quorate.lab"
NODE_LABEL = "quorate.node"
STATE_LABEL = "quorate.state"
WIRING_LABEL = "quorate.wiring"

PIDS_LIMIT = 8192
RUNTIMES = ("crun", "runc")
SHARED_MEMORY = "512m"
"""Corosync and pacemaker keep their IPC buffers there; podman's 64 MB are too few."""


@dataclass(frozen=True, slots=True)
class Container:
    """A container that some lab made; `state` is the lab's directory beside its spec, `status` podman's word."""

    name: str
    id: str
    node: str
    state: Path
    wiring: str
    status: str


def of_lab(podman: Sequence[str], lab: str) -> tuple[Container, ...]:
    """Every container that was made for the lab, whatever has become of it."""
    listing = run(*podman, "ps", "--all", "--filter", f"label={LAB_LABEL}={lab}", "--format", "json")
    return tuple(
        Container(
            name=entry["Names"][0],
            id=entry["Id"],
            node=entry["Labels"][NODE_LABEL],
            state=Path(entry["Labels"][STATE_LABEL]),
            wiring=entry["Labels"][WIRING_LABEL],
            status=entry["State"],
        )
        for entry in json.loads(listing)
    )


def create(
    machine: Machine, lab: Layout, host: Host, image: str, memory: str, *, volumes: Sequence[str] = ()
) -> str:
    """Make a host's container, still off; its id. `volumes` are podman's options for its disks."""
    # podman insists that both exist
    wiring.make_namespace(host)
    journal(lab, host).mkdir(parents=True, exist_ok=True)
    command = (
        *(*machine.podman, "create", "--name", host.container, "--hostname", host.node),
        *("--label", f"{LAB_LABEL}={lab.lab}", "--label", f"{NODE_LABEL}={host.node}"),
        *("--label", f"{STATE_LABEL}={lab.state}", "--label", f"{WIRING_LABEL}={fingerprint(host)}"),
        *("--pidfile", str(host.runtime / "init.pid"), "--conmon-pidfile", str(host.runtime / "conmon.pid")),
        # a deployment renames its own /etc/hosts into place, which a file mounted there would prevent
        *("--network", f"ns:{wiring.NETNS / host.netns}", "--no-hosts", "--dns", "none"),
        *("--memory", memory, "--memory-swap", memory, "--pids-limit", str(PIDS_LIMIT)),
        # podman would keep the journal in memory; it is to outlive a power cut, and be readable after it
        *("--shm-size", SHARED_MEMORY, "--volume", f"{journal(lab, host)}:/var/log/journal"),
        *("--systemd", "always", "--cap-add", "ALL", "--log-driver", "none"),
        # what --privileged gives, but for this machine's devices and its /proc/sysrq-trigger
        *("--security-opt", "seccomp=unconfined", "--security-opt", "apparmor=unconfined"),
        *("--security-opt", "label=disable", "--security-opt", "unmask=/proc/sys"),
        *machine.create_options(),
        *volumes,
        *(image, INIT),
    )
    try:
        return run(*command).strip()
    except CommandFailed as error:
        if "already in use" not in error.stderr:
            raise
        # podman was killed half-way through making it: there is a disk of that name, but no container
        run(*machine.podman, "rm", "--force", "--time", "0", host.container)
        return run(*command).strip()


def journal(lab: Layout, host: Host) -> Path:
    """Where a host's journal is on this machine, for `journalctl --directory`."""
    return lab.state / "journal" / host.node


def seed(machine: Machine, lab: Layout, host: Host, data: Sequence[str] = ()) -> None:
    """Write into a container that is off what a host has before anything is deployed to it.

    That is its ssh keys, and on the disks of its own, at `data`, what its image has there.
    """
    root = Path(run(*machine.podman, "mount", host.container).strip())
    try:
        key = keys.host_key(lab, host)
        _install(key, root / "etc/ssh/ssh_host_ed25519_key", 0o600)
        _install(keys.public(key), root / "etc/ssh/ssh_host_ed25519_key.pub", 0o644)
        _install(keys.public(keys.user_key(lab)), root / "root/.ssh/authorized_keys", 0o600)
        machine_id = hashlib.sha256(f"{lab.state}/{host.node}".encode()).hexdigest()[:32]
        (root / "etc/machine-id").write_text(machine_id + "\n", encoding="ascii")
        disks.fill(host, data, root)
    finally:
        run(*machine.podman, "umount", host.container)


def switch(machine: Machine, host: Host, container_id: str) -> Switch:
    """The power switch of a host's container."""
    return Switch(
        str(host.runtime),
        {
            "node": (host.node,),
            "container": (host.container,),
            "id": (container_id,),
            "netns": (host.netns,),
            "start": (*machine.podman, "start", host.container),
            "exit_code": (*machine.podman, "inspect", "--format", "{{.State.ExitCode}}", host.container),
            "unplug": wiring.unplug(host),
            "plug": wiring.plug(host),
            "configure": wiring.configure(host),
        },
    )


def remove(podman: Sequence[str], wanted: Callable[[str], bool]) -> tuple[str, ...]:
    """Remove containers by name with their disks, running or not, half-made ones too; their names.

    Half-made means that podman was killed: the disk may be there without a container, and the container may be
    known to its runtime, and have a process, without podman knowing. LabError if something would not go.
    """
    listing = run(*podman, "ps", "--all", "--external", "--no-trunc", "--format", "{{.ID}} {{.Names}}")
    found = {name: id_ for id_, name in map(str.split, listing.splitlines()) if wanted(name)}
    if found:
        run(*podman, "rm", "--force", "--time", "0", *found)
    for container_id in found.values():
        processes.end(partial(_belongs, container_id))
        for runtime in RUNTIMES:
            if Path("/run", runtime, container_id).exists():
                run(runtime, "delete", "--force", container_id)
    return tuple(found)


def _belongs(container_id: str, process: Process) -> bool:
    """Whether a process runs in a container or for it, as its monitor and its runtime do."""
    return container_id in process.command or container_id in process.cgroup


def booted(lab: Layout, host: Host) -> Path:
    """Holds the id of the host's container from its first boot on; until then its disk may be unfinished."""
    return lab.state / "booted" / host.node


def fingerprint(host: Host) -> str:
    """Changes when the file gives the host other networks or addresses."""
    wires = json.dumps([wiring.plug(replace(host, netns="")), wiring.configure(host)])
    return hashlib.sha256(wires.encode()).hexdigest()[:16]


def memory_bytes(init_pid: int) -> int | None:
    """What a running host uses, without the file cache that the kernel would give back; None if unknown."""
    for line in Path(f"/proc/{init_pid}/cgroup").read_text(encoding="utf-8").splitlines():
        _, controllers, path = line.split(":", 2)
        if controllers == "memory":
            return _used(Path("/sys/fs/cgroup/memory", path.lstrip("/")), "memory.usage_in_bytes", "total_")
        if controllers == "" and path.endswith("/init.scope"):
            scope = Path("/sys/fs/cgroup", path.lstrip("/")).parent
            if (scope / "memory.current").exists():
                return _used(scope, "memory.current", "")
    return None


def _used(group: Path, usage: str, prefix: str) -> int | None:
    try:
        total = int((group / usage).read_text(encoding="ascii"))
        stat = dict(line.split() for line in (group / "memory.stat").read_text(encoding="ascii").splitlines())
    except OSError:
        return None
    return total - int(stat.get(f"{prefix}inactive_file", 0))


def _install(source: Path, target: Path, mode: int) -> None:
    if not target.parent.is_dir():
        raise LabError(f"the host image has no {target.parent.name}/: remove it with `podman rmi` and try again")
    target.unlink(missing_ok=True)
    shutil.copyfile(source, target)
    target.chmod(mode)
    os.chown(target, 0, 0)
