"""From a file to a Cloud, or to all that is wrong with it."""

import os
from pathlib import Path

from quorate.model.cloud import Cloud
from quorate.spec import choices
from quorate.spec.components import RELEASES, offered, requirements
from quorate.spec.errors import SpecErrors, SpecNotFoundError, SpecUnreadableError
from quorate.spec.reader import Mistakes, compose
from quorate.spec.topology import topology

NAME = "quorate.yaml"
VARIABLE = "QUORATE_FILE"
REQUIRED = ("cloud", "release", "networks", "nodes", "clusters", "virtual_ips")
OPTIONAL = ("region", "failover", "fencing", "ssh", "workers", "options", "extra", "drills")


def path_for(option: str | None) -> Path:
    """The option's path, `$QUORATE_FILE`'s, or `./quorate.yaml`, whether there is such a file or not."""
    return _named(option)[0]


def find(option: str | None) -> Path:
    """The option's file, `$QUORATE_FILE`'s, or `./quorate.yaml`; directories above are not searched.

    Raises SpecNotFoundError if it is not there.
    """
    path, by = _named(option)
    if not path.exists():
        raise SpecNotFoundError(path, by)
    return path


def _named(option: str | None) -> tuple[Path, str]:
    if option is not None:
        return Path(option), "named by -f"
    if named := os.environ.get(VARIABLE):
        return Path(named), f"named by ${VARIABLE}"
    return Path(NAME), f"neither -f nor ${VARIABLE} names another"


def load(path: Path) -> Cloud:
    """The cloud a file describes.

    Raises SpecErrors with every mistake of the file, SpecUnreadableError if it cannot be read at all.
    """
    try:
        text = path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise SpecUnreadableError(f"cannot read {path}: {error}; it must be a file in UTF-8") from error
    return read(text, str(path), path.absolute().parent)


def read(text: str, file: str, directory: Path) -> Cloud:
    """The same from a text; `file` names it in messages, relative paths start at `directory`."""
    root = compose(text, file)
    mistakes: Mistakes = root.mistakes
    fields = root.fields(REQUIRED, OPTIONAL)
    name = fields["cloud"].host_name() if "cloud" in fields else None
    region = fields["region"].text() if "region" in fields else None
    topo = topology(fields, requirements())
    placed = tuple(component for cluster in topo.clusters for component in cluster.components)
    members = max((len(cluster.members) for cluster in topo.clusters), default=3)
    cloud = Cloud(
        name=name or "",
        release=choices.release(fields.get("release"), RELEASES),
        region=region or "RegionOne",
        topology=topo,
        timers=choices.failover(fields.get("failover"), members),
        fencing=choices.fencing(fields.get("fencing")),
        ssh=choices.ssh(fields.get("ssh"), directory),
        workers=choices.workers(fields.get("workers"), placed),
        options=choices.options(fields.get("options"), placed, offered()),
        extra=choices.extra_settings(fields.get("extra")),
        drills_allowed=choices.drills(fields.get("drills")),
    )
    if mistakes.errors:
        raise SpecErrors(mistakes.errors)
    return cloud
