"""`quorate demo`: a cloud in a lab, from nothing to the power cut of a controller and back."""

import argparse
import sys
import time
from pathlib import Path

from quorate.cli.exit import NO, YES
from quorate.drill import archive


def add_parser(subparsers: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    """Register the command."""
    parser = subparsers.add_parser("demo", help="a lab, a cloud in it, and the power cut of a controller")
    parser.add_argument("directory", type=Path, metavar="DIR", help="where the demo's files go")
    parser.add_argument("--full", action="store_true", help="with every component (default: a small cloud)")
    parser.set_defaults(run=run)


def run(args: argparse.Namespace) -> int:
    """Every stage through the command a user would type; stops at the first that does not end well."""
    path: Path = args.directory / "quorate.yaml"
    begun = time.monotonic()

    def stage(*command: str) -> bool:
        print(f"\n[{time.monotonic() - begun:4.0f} s] quorate {' '.join(command)}", file=sys.stderr, flush=True)
        return bool(args.main(command) == YES)

    args.directory.mkdir(parents=True, exist_ok=True)
    file = ("-f", str(path))
    page = args.directory / "drill.html"
    name, size = ("demo-full", ("--full",)) if args.full else ("demo", ())
    if not path.exists() and not stage("init", "--lab", *size, "--name", name, *file):
        return NO
    stages = (
        *(("lab", "up"), ("prove",), ("deploy", "--yes"), ("verify",)),
        ("drill", "power-cut", "--html", str(page)),
        ("verify",),
    )
    if not all(stage(*command, *file) for command in stages):
        return NO
    _tell(path, page)
    return YES


def _tell(path: Path, page: Path) -> None:
    """Where to look around, and the outage on the last line."""
    *_, kept = archive.runs(archive.directory(path.parent))
    file = f"-f {path}"
    print(
        f"\nThe power cut as a picture: {page}\n\nThe lab is still up. Look around:\n"
        f"  .venv/bin/quorate lab status {file}\n"
        f"  .venv/bin/quorate lab exec {file} ctl1 -- crm_mon -1r\n"
        f"  .venv/bin/quorate lab exec {file} ctl1 -- openstack --os-cloud admin catalog list\n"
        f"  .venv/bin/quorate drill {file} --list\n"
        "Take it down: make clean\n"
    )
    (cut,) = kept.drills
    print(f"outage {cut.outage_s:.1f} s, aftershocks {cut.aftershocks}")
