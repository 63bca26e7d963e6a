"""File systems of their own for what the hosts of a lab must not lose: a full one is not to fill this machine's.

Each is an ext4 image beside the lab's file, as large as it is filled, mounted in the lab's runtime directory and
given to a container as a volume. It stays while the host is off, as a disk does.
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
        mounted = _mounted(host, path)
        if not mounted.is_mount():
            mounted.mkdir(parents=True, exist_ok=True)
            run("mount", "-o", "loop", str(_image(lab, host, path)), str(mounted))
        # One level below: the file system's own lost+found is nothing of the host's.
        (mounted / "data").mkdir(exist_ok=True)
        options += ["--volume", f"{mounted / 'data'}:{path}"]
    return tuple(options)


def fill(host: Host, paths: Sequence[str], root: Path) -> None:
    """Give those that are empty what the host's image, mounted at `root`, has at their places."""
    for path in paths:
        data = _mounted(host, path) / "data"
        source = root / path.lstrip("/")
        if source.is_dir() and not any(data.iterdir()):
            run("cp", "--archive", f"{source}/.", str(data))


def remove(lab: Layout, host: Host) -> None:
    """Unmount a host's, and throw them away."""
    release(host.runtime)
    for image in _images(lab, host).glob("*.img"):
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
    image = _images(lab, host) / f"{_slug(path)}.img"
    if not image.exists():
        image.parent.mkdir(parents=True, exist_ok=True)
        new = image.with_suffix(".new")
        run("truncate", "--size", SIZE, str(new))
        run("mkfs.ext4", "-q", "-F", "-m", "0", str(new))
        new.replace(image)
    return image


def _images(lab: Layout, host: Host) -> Path:
    return lab.state / "disks" / host.node


def _mounted(host: Host, path: str) -> Path:
    return host.runtime / "disks" / _slug(path)


def _slug(path: str) -> str:
    return path.strip("/").replace("/", "-")
