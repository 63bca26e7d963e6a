"""What a lab host's system is made of, and how mmdebstrap is told to make it.

It has nothing enabled but sshd, no host keys and no machine id. Packages come from the mirror that this machine's
own apt uses.
"""

import hashlib
import json
import re
import shlex
from collections.abc import Iterable, Sequence

from quorate.lab.command import LabError, run

SUITE = "trixie"

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

_INSTALL = """
APT_CONFIG="$MMDEBSTRAP_APT_CONFIG" apt-get -o DPkg::Chroot-Directory="$1" --yes install {packages}
"""
"""By this machine's apt, as mmdebstrap does it itself: it has what the mirror takes, certificates for instance."""

_ON_TOP = """
root=$({mount})
: "${{root:?}}"
# mmdebstrap makes these, but does not replace them
rm -rf "$root"/dev/* "$root/etc/apt/sources.list" "$root"/etc/*/*.d/99mmdebstrap
# what it mounts goes with it, however it ends
exec unshare --mount {extend} "$root" {mirror} >&2
"""

STAGES = {
    "I: extracting archives...": "unpacking the base system",
    "I: installing remaining packages inside the chroot...": "downloading and installing packages",
    "I: nothing to download -- skipping...": "downloading and installing packages",
    "I: creating tarball...": "handing it to podman",
}
"""What mmdebstrap says when a stage begins, and what that means to who waits."""


def fingerprint(packages: Iterable[str] = ()) -> str:
    """The same for systems that are made in the same way, and of the same packages beside those of BASE."""
    how = [SUITE, BASE, LEFT_OUT, _SETUP, _PRECOMPILE, _CUSTOMIZE, _INSTALL, _ON_TOP]
    made = json.dumps([how, sorted(set(packages) - set(BASE))])
    return hashlib.sha256(made.encode()).hexdigest()[:16]


def from_nothing(packages: Iterable[str]) -> tuple[str, ...]:
    """The command that writes a system with those packages to its stdout, as a tar archive."""
    return (
        "mmdebstrap",
        "--variant=minbase",
        "--format=tar",
        f"--include={','.join([*BASE, *sorted(set(packages) - set(BASE))])}",
        *_options(),
        f"--customize-hook={_CUSTOMIZE}",
        SUITE,
        "-",
        _this_machines_mirror(),
    )


def on_top(packages: Iterable[str], mount: Sequence[str]) -> tuple[str, ...]:
    """The command that adds packages to a system of this recipe, whose directory `mount` mounts and prints.

    Afterwards it is as if it had been made with those packages from nothing.
    """
    extend = (
        "mmdebstrap",
        "--variant=custom",
        "--format=directory",
        "--skip=check/empty",
        *_options(),
        f"--customize-hook={_INSTALL.format(packages=shlex.join(packages))}",
        f"--customize-hook={_CUSTOMIZE}",
        SUITE,
    )
    script = _ON_TOP.format(
        mount=shlex.join(mount), extend=shlex.join(extend), mirror=shlex.quote(_this_machines_mirror())
    )
    return ("sh", "-ec", script)


def _options() -> tuple[str, ...]:
    return (
        "--components=main",
        *(f"--dpkgopt=path-exclude={pattern}" for pattern in LEFT_OUT),
        "--dpkgopt=force-unsafe-io",
        '--aptopt=APT::Install-Recommends "false"',
        *(f"--aptopt={setting}" for setting in apt_settings(run("apt-config", "dump"))),
        f"--setup-hook={_SETUP}",
        f"--essential-hook={_PRECOMPILE}",
    )


_TARGET = "$(REPO_URI)|$(COMPONENT)|$(ORIGIN)|$(LABEL)"


def _this_machines_mirror() -> str:
    return mirror(run("apt-get", "indextargets", "--format", _TARGET, "Identifier: Packages"))


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
