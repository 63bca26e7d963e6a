"""File systems of their own for what the hosts of a lab must not lose: a full one is not to fill this machine's.

Each is an ext4 image, as large as it is filled, mounted on this machine and given to a container as a volume.
It stays while the host is off, as a disk does.
"""

import os
from collections.abc import Iterator, Sequence
from pathlib import Path

from quorate.lab.command import run
from quorate.lab.layout import Host, Layout

SIZE = "3G"
"""A database that is given its state needs room for it twice."""


def attach(lab: Layout, host: Host, paths: Sequence[str]) -> tuple[str, ...]:
    """Make and mount what is missing; podman's options that give them to the host's container.

    Raises CommandFailed where this machine cannot mount images.
    """
    options: list[str] = []
    for path in paths:
        mounted = _mounted(lab, host, path)
        if not mounted.is_mount():
            mounted.mkdir(parents=True, exist_ok=True)
            run("mount", "-o", "loop", str(_image(lab, host, path)), str(mounted))
        # One level below: the file system's own lost+found is nothing of the host's.
        (mounted / "data").mkdir(exist_ok=True)
        options += ["--volume", f"{mounted / 'data'}:{path}"]
    return tuple(options)


def fill(lab: Layout, host: Host, paths: Sequence[str], root: Path) -> None:
    """Give those that are empty what the host's image, mounted at `root`, has at their places."""
    for path in paths:
        data = _mounted(lab, host, path) / "data"
        source = root / path.lstrip("/")
        if source.is_dir() and not any(data.iterdir()):
            run("cp", "--archive", f"{source}/.", str(data))


def remove(lab: Layout, host: Host) -> None:
    """Unmount a host's, and throw them away."""
    directory = _directory(lab.state, host.node)
    release(directory)
    for image in directory.glob("*.img"):
        image.unlink()


def release(directory: Path) -> None:
    """Unmount all that are below a directory, before it is removed."""
    for path in sorted(_mounts(directory), reverse=True):
        run("umount", path)


def _mounts(directory: Path) -> Iterator[str]:
    for line in Path("/proc/self/mounts").read_text(encoding="utf-8").splitlines():
        path = line.split(" ")[1].replace("\\040", " ")
        if path.startswith(f"{directory.absolute()}{os.sep}"):
            yield path


def _image(lab: Layout, host: Host, path: str) -> Path:
    """The image, made if it is not there; half-made ones have another name."""
    image = _mounted(lab, host, path).with_suffix(".img")
    if not image.exists():
        new = image.with_suffix(".new")
        run("truncate", "--size", SIZE, str(new))
        run("mkfs.ext4", "-q", "-F", "-m", "0", str(new))
        new.replace(image)
    return image


def _mounted(lab: Layout, host: Host, path: str) -> Path:
    return _directory(lab.state, host.node) / path.strip("/").replace("/", "-")


def _directory(state: Path, node: str) -> Path:
    return state / "disks" / node
