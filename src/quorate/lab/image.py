"""The disk images of lab hosts: Debian 13 with the clouds' packages, built once and kept by podman.

One that is missing is built as one more layer on the largest that has nothing but what is wanted: a large cloud's
lab does not begin from nothing, and a small one's has none of the large one's packages.
"""

import json
import os
import signal
import subprocess
from collections import deque
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from subprocess import PIPE, STDOUT
from threading import Timer

from quorate.lab import recipe
from quorate.lab.command import LabError, run

REPOSITORY = "localhost/quorate-host"
BUILD_S = 1800.0
KEPT = 3
"""How many images stay, the newest first: labs of different files have different packages."""

RECIPE_LABEL = "quorate.recipe"
PACKAGES_LABEL = "quorate.packages"
BELOW_LABEL = "quorate.below"

Report = Callable[[str], None]


@dataclass(frozen=True, slots=True)
class Image:
    """A host image: by which recipe it was made, of which packages, and on top of which other, if any."""

    name: str
    recipe: str
    packages: frozenset[str]
    below: str


def tag(packages: Iterable[str]) -> str:
    """The image's name: the same recipe and packages give the same one, in however many layers."""
    return f"{REPOSITORY}:{recipe.fingerprint(packages)}"


def ensure(podman: Sequence[str], packages: Sequence[str], report: Report) -> str:
    """The image with those packages, built if it is not there yet; its name.

    Raises LabError with the end of the build's log if it fails.
    """
    name = tag(packages)
    there = _found(podman)
    if name not in {image.name for image in there}:
        below = base(there, packages)
        if below:
            _add(podman, below, packages, name, report)
        else:
            _build(podman, packages, name, report)
        _remove_outdated(podman)
    return name


def base(there: Iterable[Image], packages: Iterable[str]) -> Image | None:
    """The image to add the packages to: of this recipe, nothing in it but what is wanted, as much as possible."""
    fitting = (
        image for image in there if image.recipe == recipe.fingerprint() and image.packages < _all_of(packages)
    )
    return max(fitting, key=lambda image: len(image.packages), default=None)


def _all_of(packages: Iterable[str]) -> frozenset[str]:
    return frozenset((*recipe.BASE, *packages))


def _build(podman: Sequence[str], packages: Iterable[str], name: str, report: Report) -> None:
    report(f"host image: building it with {len(_all_of(packages))} packages, once; takes minutes")
    with (
        _started(recipe.from_nothing(packages)) as build,
        subprocess.Popen(
            [*podman, "import", "--quiet", *_labels(packages), "-", name],
            stdin=build.stdout,
            stdout=PIPE,
            stderr=STDOUT,
            text=True,
        ) as importing,
    ):
        assert build.stdout
        build.stdout.close()  # podman alone holds it now, and gets its end
        try:
            tail = _followed(build, report)
            imported, _ = importing.communicate(timeout=BUILD_S)
        finally:
            if importing.poll() is None:
                importing.terminate()
    if build.returncode or importing.returncode:
        if name in images(podman):
            run(*podman, "rmi", "--force", name)
        raise _failed(tail if build.returncode else imported.rstrip())


def _add(podman: Sequence[str], below: Image, packages: Iterable[str], name: str, report: Report) -> None:
    added = _all_of(packages) - below.packages
    report(f"host image: adding {len(added)} packages to {below.name}, once; takes minutes")
    container = name.rpartition("/")[2].replace(":", "-")
    with _container(podman, container, below.name):
        # only in podman's own namespace may an ordinary user mount its containers
        inside = () if os.geteuid() == 0 else (*podman, "unshare")
        command = recipe.on_top(sorted(added), mount=(*podman, "mount", container))
        with _started((*inside, *command)) as build:
            tail = _followed(build, report)
        if build.returncode:
            raise _failed(tail)
        report("host image: handing it to podman")
        labels = (*_labels(packages), f"--change=LABEL {BELOW_LABEL}={below.name}")
        run(*podman, "commit", "--quiet", "--pause=false", *labels, container, name, within_s=BUILD_S)


@contextmanager
def _container(podman: Sequence[str], name: str, image: str) -> Iterator[None]:
    """A container that is there to be changed and never runs."""
    # one that was killed while it built has left its own
    run(*podman, "rm", "--force", "--ignore", name)
    try:
        run(*podman, "create", "--name", name, "--network", "none", image, "true")
        yield
    finally:
        run(*podman, "rm", "--force", "--ignore", name)


def _labels(packages: Iterable[str]) -> tuple[str, ...]:
    """Podman's options by which an image is found again as one to add to."""
    return (
        f"--change=LABEL {RECIPE_LABEL}={recipe.fingerprint()}",
        f"--change=LABEL {PACKAGES_LABEL}={','.join(sorted(_all_of(packages)))}",
    )


@contextmanager
def _started(command: Sequence[str]) -> Iterator[subprocess.Popen[str]]:
    """A build that is stopped when it takes longer than BUILD_S, or who waits for it gives up.

    It is a process group of its own: of a signal to itself alone mmdebstrap makes nothing.
    """
    # Debian 13 has /tmp in memory; C.UTF-8 is the one locale every machine has
    environment = {**os.environ, "TMPDIR": "/var/tmp", "LC_ALL": "C.UTF-8"}  # noqa: S108 - as a parent directory
    with subprocess.Popen(
        command,
        stdout=PIPE,
        stderr=PIPE,
        env=environment,
        text=True,
        errors="replace",
        start_new_session=True,
    ) as build:
        too_long = Timer(BUILD_S, _stop, [build])
        too_long.start()
        try:
            yield build
        finally:
            too_long.cancel()
            _stop(build)


def _stop(build: subprocess.Popen[str]) -> None:
    if build.poll() is None:
        os.killpg(build.pid, signal.SIGTERM)


def _followed(build: subprocess.Popen[str], report: Report) -> str:
    """Report the build's stages until it ends; the last lines it wrote."""
    tail: deque[str] = deque(maxlen=20)
    assert build.stderr
    for line in build.stderr:
        tail.append(line.rstrip())
        stage = recipe.STAGES.get(tail[-1])
        if stage:
            report(f"host image: {stage}")
    build.wait(BUILD_S)
    return "\n".join(tail)


def _failed(log: str) -> LabError:
    return LabError(f"the host image could not be built; the end of the log:\n{log}")


def images(podman: Sequence[str]) -> tuple[str, ...]:
    """Every host image there is, the newest first: labs of different files have different packages."""
    return tuple(image.name for image in _found(podman))


def _found(podman: Sequence[str]) -> tuple[Image, ...]:
    listing = json.loads(run(*podman, "images", "--format", "json", REPOSITORY))
    return tuple(
        _image(name, entry["Labels"] or {})
        for entry in sorted(listing, key=lambda entry: -entry["Created"])
        for name in entry.get("Names") or ()
    )


def _image(name: str, labels: Mapping[str, str]) -> Image:
    return Image(
        name=name,
        recipe=labels.get(RECIPE_LABEL, ""),
        packages=frozenset(labels.get(PACKAGES_LABEL, "").split(",")),
        below=labels.get(BELOW_LABEL, ""),
    )


def _remove_outdated(podman: Sequence[str]) -> None:
    """Remove all but the last few images, except those that some lab's hosts or another image still stand on."""
    used = set(run(*podman, "ps", "--all", "--format", "{{.Image}}").splitlines())
    there = _found(podman)
    # the newest first, so that those on top of others go before them
    used |= {image.below for image in there[:KEPT]}
    for image in there[KEPT:]:
        if image.name in used:
            used.add(image.below)
        else:
            run(*podman, "rmi", image.name)
