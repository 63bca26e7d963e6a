"""What most commands begin with: the file, its design, its secrets."""

import argparse
import sys
from dataclasses import dataclass
from pathlib import Path

from quorate import design, secrets, spec
from quorate.cli.exit import UsageError
from quorate.model.design import Design
from quorate.remote.shipping import Values
from quorate.secrets import Secrets


@dataclass(frozen=True, slots=True)
class Opened:
    """A file that was read and what follows from it."""

    path: Path
    design: Design


def add_file_option(parser: argparse.ArgumentParser) -> None:
    """-f, common to every command that reads a cloud."""
    parser.add_argument(
        "-f", "--file", metavar="FILE", help="the cloud's file (default: $QUORATE_FILE, then ./quorate.yaml)"
    )


def add_output_option(parser: argparse.ArgumentParser) -> None:
    """-o, common to every command that prints a result."""
    parser.add_argument("-o", "--output", choices=("text", "json"), default="text", help="how results are printed")


def opened(args: argparse.Namespace) -> Opened:
    """The file named on the command line; raises what `spec.find` and `spec.load` raise.

    A cloud without fencing is nobody's secret: whoever works with it is told.
    """
    path = spec.find(args.file)
    cloud = spec.load(path)
    if cloud.fencing.disabled_because:
        print(f"WARNING: fencing is disabled: {cloud.fencing.disabled_because}", file=sys.stderr)
    return Opened(path, design.build(cloud))


def secrets_of(cloud: Opened) -> Secrets:
    """Its secrets, all of them; raises SecretsError, or UsageError if some are missing."""
    held = secrets.read(cloud.path)
    lacking = secrets.missing(held, cloud.design.secrets(), cloud.design.key_sets())
    if lacking:
        raise UsageError(f"secrets are missing: {', '.join(lacking)}; make them: quorate secrets init")
    given = sorted(cloud.design.secret_names() - held.values.keys())
    if given:
        raise UsageError(f"extra: refers to secrets that are not set; set each: quorate secrets set {given[0]}")
    return held


def values(held: Secrets) -> Values:
    """What references in files and commands stand for."""
    keys = {
        name: {int(number): value for number, value in state.files().items()}
        for name, state in held.key_sets.items()
    }
    return Values(held.values, keys)
