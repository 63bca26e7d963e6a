"""The disk of a component's data fills up."""

from collections.abc import Iterator
from functools import partial

from quorate.drill.affliction import Affliction, acts
from quorate.drill.fault import Fault
from quorate.drill.faults.kill import WHERE
from quorate.drill.scene import Scene
from quorate.formats import shell
from quorate.model.design import Design

BALLAST = ".quorate-drill-ballast"
HOLDER = "quorate-drill-ballast"
LAST_BYTES = 8 * 1024 * 1024
"""Written, not reserved: what a file system says is free cannot be reserved to the last block."""


def faults(design: Design) -> Iterator[Fault]:
    """One for each component that has data which may fill a disk."""
    for component in design.components():
        if component.data:
            harm, heal = acts(partial(_full, component.data))
            yield Fault(
                name=f"fill-{component.name}",
                does=f"fills the file system with the data of {component.name} on a node to its last byte",
                heals="removes what fills it",
                expects="another member takes the writes at once; the node joins again when there is room",
                aim=WHERE.get(component.name, "random"),
                hold_s=30,
                harm=harm,
                heal=heal,
            )


def _full(directories: tuple[str, ...], _scene: Scene, node: str) -> dict[str, Affliction]:
    """Never a file system that the rest of the host needs.

    The file that fills it has no name, only a process that holds it open: nothing that clears the directory frees
    the room, and a host that reboots has it back.
    """
    harm, undo = [], []
    for number, directory in enumerate(directories, 1):
        place, ballast, holder = (
            shell.quote(directory),
            shell.quote(f"{directory}/{BALLAST}"),
            f"{HOLDER}-{number}",
        )
        harm += [
            f'if [ "$(stat --format=%d {place})" = "$(stat --format=%d /)" ]; then',
            f"    echo {place} has no file system of its own, and the whole host would go with it >&2; exit 1",
            "fi",
            f"room=$(df --block-size=1 --output=avail {place} | tail -1)",
            f"fallocate --length $((room - {LAST_BYTES})) {ballast}",
            # until there is no more room, which it counts as an error
            f"dd if=/dev/zero of={ballast} oflag=append conv=notrunc bs=4096 2>/dev/null || true",
            f"systemd-run --quiet --collect --expand-environment=no --service-type=exec --unit={holder} "
            + shell.join(
                ["sh", "-ec", 'exec 9<"$1"; rm "$1"; exec sleep infinity', "sh", f"{directory}/{BALLAST}"]
            ),
        ]
        undo += [f"systemctl --quiet stop {holder} 2>/dev/null || true", f"rm -f {ballast}"]
    return {node: Affliction("\n".join(harm), "\n".join(undo))}
