"""`quorate credentials`: a clouds.yaml for the official clients, as the cloud's administrator."""

import argparse
import os
from pathlib import Path

from quorate.catalog import keystone
from quorate.cli.cloud import Opened, add_file_option, opened, secrets_of
from quorate.cli.exit import YES, UsageError
from quorate.model import secret

NAME = "clouds.yaml"


def add_parser(subparsers: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    """Register the command."""
    parser = subparsers.add_parser(
        "credentials", help=f"write {NAME}, for: openstack --os-cloud NAME (as administrator)"
    )
    add_file_option(parser)
    parser.add_argument(
        "--to", type=Path, metavar="PATH", help=f"where it goes (default: {NAME} beside the cloud's file)"
    )
    parser.set_defaults(run=run)


def run(args: argparse.Namespace) -> int:
    """Write the file, mode 0600; one that is there and differs is left as it is."""
    cloud = opened(args)
    path = args.to or cloud.path.parent / NAME
    print(f"wrote {path}" if write(path, _clouds(cloud)) else f"{path} is as it should be")
    print(f"use: OS_CLIENT_CONFIG_FILE={path} openstack --os-cloud {cloud.design.cloud.name} token issue")
    return YES


def _clouds(cloud: Opened) -> str:
    if not cloud.design.cloud.topology.has("keystone"):
        raise UsageError("the cloud has no identity service, so there is nobody to be")
    text = keystone.clouds(cloud.design, cloud.design.cloud.name, public=True)
    return secret.fill(text, secrets_of(cloud).values)


def write(path: Path, text: str) -> bool:
    """Whether it was written; False if it is there as it should be. UsageError if another file is there."""
    try:
        stream = os.fdopen(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w", encoding="utf-8")
    except FileExistsError:
        if path.read_text(encoding="utf-8") == text:
            return False
        raise UsageError(
            f"{path} is there, with other content, and is left as it is; name another: --to PATH"
        ) from None
    with stream:
        stream.write(text)
    return True
