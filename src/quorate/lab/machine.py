"""What this machine must bring to run containers and labs, and how its podman has to be called."""

import os
import resource
import shutil
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from quorate.lab.command import LabError, run

CONTAINERS = {
    "podman": "podman",
    "conmon": "conmon",
    "mmdebstrap": "mmdebstrap",
}
"""Every program that making the hosts' image and running it takes, and the Debian package that brings it."""

LABS = {
    **CONTAINERS,
    "mkfs.ext4": "e2fsprogs",
    "ip": "iproute2",
    "bridge": "iproute2",
    "ipmi_sim": "openipmi",
    "ssh-keygen": "openssh-client",
}
"""Every program that running a lab takes."""

LINKS = "qrt"
"""What the names of all network devices of labs begin with."""

CGROUP = Path("/sys/fs/cgroup")
SBIN = ("/usr/sbin", "/sbin", "/usr/local/sbin")


@dataclass(frozen=True, slots=True)
class Machine:
    """What podman has to know about this machine.

    `unified` says whether cgroups are version 2 alone; on hybrid or version 1 machines crun refuses to run
    and systemd wants to be told that it may. `nofile` and `nproc` are limits the caller may hand on. `storage` is
    where an ordinary user's images are; None is podman's own place.
    """

    unified: bool
    storage: Path | None
    nofile: int
    nproc: int
    devices: tuple[str, ...]

    @property
    def podman(self) -> tuple[str, ...]:
        """How podman is called here."""
        options: list[str] = [] if self.unified else ["--runtime", "runc"]
        if self.storage:
            # Debian 12's podman would give a user a store that copies the whole image for every container; what a
            # store is cannot be changed later, so this one is apart from the user's own
            options += ["--storage-driver", "overlay", "--root", f"{self.storage}/storage"]
            options += ["--runroot", f"{self.storage}/run"]
        return ("podman", *options)

    def create_options(self) -> tuple[str, ...]:
        """Options for `podman create` that depend on the machine rather than on the host."""
        # podman's own defaults are above the caller's limits where root lacks CAP_SYS_RESOURCE
        options = [
            *("--ulimit", f"nofile={self.nofile}:{self.nofile}"),
            *("--ulimit", f"nproc={self.nproc}:{self.nproc}"),
        ]
        if not self.unified:
            options += ["--env", "SYSTEMD_CGROUP_ENABLE_LEGACY_FORCE=1"]
        for device in self.devices:
            options += ["--device", device]
        return tuple(options)


def this_machine(programs: Mapping[str, str] = CONTAINERS) -> Machine:
    """Look at this machine, whoever the caller is.

    Raises LabError with all of `programs` that is missing and the command that installs it.
    """
    path = os.environ.get("PATH", os.defpath).split(os.pathsep)
    os.environ["PATH"] = os.pathsep.join([*path, *(entry for entry in SBIN if entry not in path)])
    unified = (CGROUP / "cgroup.controllers").exists()
    root = os.geteuid() == 0
    needed = dict(programs)
    if not unified:
        needed["runc"] = "runc"
    if not root:
        # without it a user has but one id to give to a container's users
        needed["newuidmap"] = "uidmap"
    lacking = missing(needed)
    if lacking:
        names = ", ".join(lacking)
        packages = " ".join(dict.fromkeys(lacking.values()))
        install = f"{'' if root else 'sudo '}apt-get install --no-install-recommends {packages}"
        raise LabError(f"this machine lacks {names}; install with: {install}")
    return Machine(
        unified=unified,
        storage=None if root else _cache(),
        nofile=_limit(resource.RLIMIT_NOFILE, at_most=1_048_576),
        nproc=_limit(resource.RLIMIT_NPROC, at_most=32_768),
        devices=tuple(device for device in ("/dev/fuse", "/dev/net/tun") if Path(device).exists()),
    )


def lab_machine() -> Machine:
    """Look at this machine as one for labs.

    Raises LabError unless the caller is root, as `this_machine` does, and if a firewall would part the hosts.
    """
    if os.geteuid() != 0:
        raise LabError("a lab needs root: it makes network namespaces and system containers; use sudo")
    machine = this_machine(LABS)
    _refuse_filtered_bridges()
    return machine


def _refuse_filtered_bridges() -> None:
    """Docker and some firewalls have this machine drop what it forwards, which includes bridged frames."""
    filtered = Path("/proc/sys/net/bridge/bridge-nf-call-iptables")
    if (
        not filtered.exists()
        or filtered.read_text(encoding="ascii").strip() == "0"
        or not shutil.which("iptables")
    ):
        return
    if drops_between_hosts(run("iptables", "--list-rules", "FORWARD")):
        allow = f"iptables -I FORWARD -i {LINKS}+ -o {LINKS}+ -j ACCEPT"
        raise LabError(
            f"this machine's firewall would drop what the lab's hosts send each other; allow it: {allow}"
        )


def drops_between_hosts(rules: str) -> bool:
    """Whether `iptables -S FORWARD` drops what goes from bridge to bridge, unless a lab's are let pass."""
    lines = rules.splitlines()
    return "-P FORWARD DROP" in lines and not any(f"-i {LINKS}+ -o {LINKS}+ -j ACCEPT" in line for line in lines)


def missing(programs: Mapping[str, str]) -> dict[str, str]:
    """The programs that are not on PATH, each with the package that brings it."""
    return {program: package for program, package in programs.items() if shutil.which(program) is None}


def _cache() -> Path:
    return Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "quorate"


def _limit(which: int, *, at_most: int) -> int:
    """The caller's hard limit; podman lowers its own number of processes to 32768, so no more can be had."""
    hard = resource.getrlimit(which)[1]
    return at_most if hard == resource.RLIM_INFINITY else min(hard, at_most)
