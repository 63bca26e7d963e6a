"""Where Pacemaker's scheduler may be."""

import shlex
from collections.abc import Sequence
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Place:
    """Where a program can be run: the command that runs what follows it there, and ends when its input does.

    `shell` says that the command takes one string for a shell, as ssh does, rather than an argument vector.
    """

    name: str
    argv: tuple[str, ...]
    shell: bool = False

    def command(self, *program: str) -> tuple[str, ...]:
        """The argument vector that runs a program there."""
        return (*self.argv, shlex.join(program)) if self.shell else (*self.argv, *program)


LOCAL = Place("this host", ())


def in_image(podman: Sequence[str], image: str, options: Sequence[str] = ()) -> Place:
    """A new container of an image, without network, which goes when the program ends.

    `podman` is how it is called here, `options` are more ones of `podman run`.
    """
    # by default podman would also keep a copy of all that goes over standard output
    run = ("run", "--rm", "--interactive", "--pull=never", "--network=none", "--log-driver=none")
    return Place(f"image {image}", (*podman, *run, *options, image))
