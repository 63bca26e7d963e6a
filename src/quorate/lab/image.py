"""The disk image of a lab host: Debian 13 with the cloud's packages, built once and kept by podman.

The image has nothing enabled but sshd, no host keys and no machine id. Packages come from the mirror that this
machine's own apt uses.
"""

import hashlib
import json
import os
import re
import subprocess
from collections import deque
from collections.abc import Callable, Sequence
from subprocess import PIPE, STDOUT
from threading import Timer

from quorate.lab.command import LabError, run

SUITE = "trixie"
REPOSITORY = "localhost/quorate-host"
BUILD_S = 1800.0
KEPT = 3
"""How many images stay, the newest first: labs of different files have different packages."""

BASE = (
    "systemd",
    "systemd-sysv",
    "dbus",
    "openssh-server",
    "python3",
    "ca-certificates",
    "curl",
    "iproute2",
    "iputils-ping",
    "less",
    "nftables",
    "procps",
    "sudo",
)
"""What a plain Debian server has; a deployment relies on python3 and sshd alone."""

OPERATORS_TOOLS = ("crmsh", "pcs", "python3-openstackclient")
"""What an operator looks around a lab with; nothing that runs needs them."""

LEFT_OUT = (
    "/usr/share/doc/*",
    "/usr/share/info/*",
    "/usr/share/lintian/*",
    "/usr/share/locale/*",
    "/usr/share/man/*",
    # kernel-wide settings of packages would change this machine, whose kernel the hosts share
    "/usr/lib/sysctl.d/*",
)

_SETUP = r"""
mkdir -p "$1/usr/sbin"
printf '#!/bin/sh\nexit 101\n' > "$1/usr/sbin/policy-rc.d"
chmod 755 "$1/usr/sbin/policy-rc.d"
"""
"""No package starts its service while the image is built."""

_PRECOMPILE = r"""
chroot "$1" dpkg-divert --local --rename --divert /usr/bin/py3compile.real --add /usr/bin/py3compile
printf '#!/bin/sh\nexit 0\n' > "$1/usr/bin/py3compile"
chmod 755 "$1/usr/bin/py3compile"
"""
"""Byte-compile once for all packages at the end, on every core, instead of package by package."""

_CUSTOMIZE = r"""
rm "$1/usr/bin/py3compile"
chroot "$1" dpkg-divert --local --rename --remove /usr/bin/py3compile
chroot "$1" python3 -m compileall -q -j 0 /usr/lib/python3/dist-packages /usr/share || true
rm "$1/usr/sbin/policy-rc.d"
rm -f "$1"/etc/ssh/ssh_host_* "$1"/etc/rc[S2345].d/S*
: > "$1/etc/machine-id"
rm -f "$1/etc/hostname" "$1/etc/resolv.conf"
printf '127.0.0.1\tlocalhost\n' > "$1/etc/hosts"
mkdir -p "$1/etc/systemd/system-preset" "$1/etc/systemd/journald.conf.d" "$1/root/.ssh" "$1/run/sshd"
chmod 700 "$1/root/.ssh"
printf 'enable ssh.service\ndisable *\n' > "$1/etc/systemd/system-preset/00-lab.preset"
printf '[Journal]\nStorage=persistent\nSystemMaxUse=64M\nReadKMsg=no\n' \
    > "$1/etc/systemd/journald.conf.d/lab.conf"
chroot "$1" systemctl preset-all 2>&1
chroot "$1" systemctl set-default multi-user.target
chroot "$1" systemctl mask \
    console-getty.service getty@.service systemd-udevd.service systemd-networkd.service \
    systemd-resolved.service systemd-timesyncd.service systemd-modules-load.service \
    apt-daily.timer apt-daily-upgrade.timer
chroot "$1" passwd --lock root
"""

STAGES = {
    "I: extracting archives...": "unpacking the base system",
    "I: installing remaining packages inside the chroot...": "downloading and installing packages",
    "I: creating tarball...": "handing it to podman",
}
"""What mmdebstrap says when a stage begins, and what that means to who waits."""

Report = Callable[[str], None]


def tag(packages: Sequence[str]) -> str:
    """The image's name: the same recipe and packages give the same one."""
    recipe = json.dumps([SUITE, BASE, LEFT_OUT, _SETUP, _PRECOMPILE, _CUSTOMIZE, sorted(set(packages))])
    return f"{REPOSITORY}:{hashlib.sha256(recipe.encode()).hexdigest()[:16]}"


def ensure(podman: Sequence[str], packages: Sequence[str], report: Report) -> str:
    """The image with those packages, built if it is not there yet; its name.

    Raises LabError with the end of the build's log if it fails.
    """
    name = tag(packages)
    if name not in images(podman):
        report(f"host image: building it with {len(set(packages) | set(BASE))} packages, once; takes minutes")
        _build(podman, packages, name, report)
        _remove_outdated(podman)
    return name


def _build(podman: Sequence[str], packages: Sequence[str], name: str, report: Report) -> None:
    # Debian 13 has /tmp in memory; C.UTF-8 is the one locale every machine has
    environment = {**os.environ, "TMPDIR": "/var/tmp", "LC_ALL": "C.UTF-8"}  # noqa: S108 - as a parent directory
    with (
        subprocess.Popen(
            _bootstrap(packages), stdout=PIPE, stderr=PIPE, env=environment, text=True, errors="replace"
        ) as bootstrap,
        subprocess.Popen(
            [*podman, "import", "--quiet", "-", name],
            stdin=bootstrap.stdout,
            stdout=PIPE,
            stderr=STDOUT,
            text=True,
        ) as importing,
    ):
        assert bootstrap.stdout
        bootstrap.stdout.close()  # podman alone holds it now, and gets its end
        too_long = Timer(BUILD_S, bootstrap.terminate)
        too_long.start()
        try:
            tail = _followed(bootstrap, report)
            imported, _ = importing.communicate(timeout=BUILD_S)
        finally:
            too_long.cancel()
            for process in (bootstrap, importing):
                if process.poll() is None:
                    process.terminate()
    if bootstrap.returncode or importing.returncode:
        if name in images(podman):
            run(*podman, "rmi", "--force", name)
        log = tail if bootstrap.returncode else imported.rstrip()
        raise LabError(f"the host image could not be built; the end of the log:\n{log}")


def _followed(bootstrap: subprocess.Popen[str], report: Report) -> str:
    """Report the build's stages until it ends; the last lines it wrote."""
    tail: deque[str] = deque(maxlen=20)
    assert bootstrap.stderr
    for line in bootstrap.stderr:
        tail.append(line.rstrip())
        stage = STAGES.get(tail[-1])
        if stage:
            report(f"host image: {stage}")
    return "\n".join(tail)


def _bootstrap(packages: Sequence[str]) -> tuple[str, ...]:
    return (
        "mmdebstrap",
        "--variant=minbase",
        "--format=tar",
        "--components=main",
        f"--include={','.join([*BASE, *sorted(set(packages) - set(BASE))])}",
        *(f"--dpkgopt=path-exclude={pattern}" for pattern in LEFT_OUT),
        "--dpkgopt=force-unsafe-io",
        '--aptopt=APT::Install-Recommends "false"',
        *(f"--aptopt={setting}" for setting in apt_settings(run("apt-config", "dump"))),
        f"--setup-hook={_SETUP}",
        f"--essential-hook={_PRECOMPILE}",
        f"--customize-hook={_CUSTOMIZE}",
        SUITE,
        "-",
        mirror(run("apt-get", "indextargets", "--format", _TARGET, "Identifier: Packages")),
    )


_TARGET = "$(REPO_URI)|$(COMPONENT)|$(ORIGIN)|$(LABEL)"


def mirror(index_targets: str) -> str:
    """The URI from which this machine's apt has Debian itself.

    Read from apt rather than its files, of which there are two formats. LabError if it has none.
    """
    for line in index_targets.splitlines():
        uri, component, origin, label = line.split("|")
        if (component, origin, label) == ("main", "Debian", "Debian"):
            return uri
    raise LabError(
        "this machine's apt knows no index of Debian main; run `apt-get update` and look at its sources"
    )


def apt_settings(dump: str) -> tuple[str, ...]:
    """The settings by which this machine's apt reaches its mirror: proxies, certificates, dates."""
    wanted = re.compile(r'Acquire::(http|https|Check-Valid-Until|Check-Date|Retries)\b.* ".+";')
    return tuple(line for line in dump.splitlines() if wanted.fullmatch(line))


def images(podman: Sequence[str]) -> tuple[str, ...]:
    """Every host image there is, the newest first: labs of different files have different packages."""
    listing = run(*podman, "images", "--format", "{{.Repository}}:{{.Tag}}", "--sort", "created", REPOSITORY)
    return tuple(listing.splitlines())


def _remove_outdated(podman: Sequence[str]) -> None:
    """Remove all but the last few images, except those that some lab's hosts still stand on."""
    used = set(run(*podman, "ps", "--all", "--format", "{{.Image}}").splitlines())
    for name in images(podman)[KEPT:]:
        if name not in used:
            run(*podman, "rmi", name)
