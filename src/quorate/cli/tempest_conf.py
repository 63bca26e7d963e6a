"""`quorate tempest-conf`: what OpenStack's own test suite, Tempest, has to be told of the cloud."""

import argparse
import re
from collections.abc import Iterator
from pathlib import Path

from quorate.catalog.openstack import tempest
from quorate.cli.cloud import Opened, add_file_option, opened, secrets_of
from quorate.cli.credentials import write
from quorate.cli.exit import YES, UsageError
from quorate.formats import settings
from quorate.model import secret

EXCLUSIONS = ".exclude"
_UUID = re.compile(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}")
_FLAVOR = re.compile(r"[\w. -]*[\w.-]")


def add_parser(subparsers: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    """Register the command."""
    parser = subparsers.add_parser(
        "tempest-conf",
        help=f"write {tempest.NAME} and which tests to leave out, for: tempest run (as administrator)",
    )
    add_file_option(parser)
    parser.add_argument("--image", metavar="ID", default="", help="an image for tests to make volumes of")
    parser.add_argument("--flavor", metavar="ID", default="", help="a flavor for tests to look at")
    parser.add_argument(
        "--public-network", metavar="ID", default="", help="an external network, for routers and floating IPs"
    )
    parser.add_argument(
        "--to", type=Path, metavar="PATH", help=f"where it goes (default: {tempest.NAME} beside the cloud's file)"
    )
    parser.set_defaults(run=run)


def run(args: argparse.Namespace) -> int:
    """Write both files, mode 0600, and say what is left out; one that is there and differs is left as it is."""
    cloud = opened(args)
    given = tempest.Given(args.image, args.flavor, args.public_network)
    mistakes = list(_mistakes(cloud, given))
    if mistakes:
        raise UsageError("\n".join(mistakes))
    path = (args.to or cloud.path.parent / tempest.NAME).absolute()
    left_out = tuple(tempest.left_out(cloud.design, given))
    files = {path: _conf(cloud, given), path.with_suffix(EXCLUSIONS): tempest.exclusions(left_out)}
    for each, text in files.items():
        print(f"wrote {each}" if write(each, text) else f"{each} is as it should be")
    for tests in left_out:
        print(f"left out: {tests.tests}  {tests.why}")
    print(f"use: tempest run --smoke --config-file {path} --exclude-list {path.with_suffix(EXCLUSIONS)}")
    return YES


def _conf(cloud: Opened, given: tempest.Given) -> str:
    locks = cloud.path.absolute().parent / ".quorate" / "tempest"
    text = settings.ini(tempest.conf(cloud.design, given, str(locks)))
    # A dollar sign stands for the beginning of another setting's name there.
    values = {name: value.replace("$", "$$") for name, value in secrets_of(cloud).values.items()}
    return secret.fill(text, values)


def _mistakes(cloud: Opened, given: tempest.Given) -> Iterator[str]:
    """What is wrong with the options, each with its remedy."""
    has = cloud.design.cloud.topology.has
    if not has("keystone"):
        yield "the cloud has no identity service, so there is nobody to be"
    for option, what, value, component, shape in (
        ("--image", "image", given.image, "glance", _UUID),
        ("--flavor", "flavor", given.flavor, "nova", _FLAVOR),
        ("--public-network", "network", given.public_network, "neutron", _UUID),
    ):
        if value and not has(component):
            yield f"{option}: the cloud has no {component}; leave it out"
        elif value and not shape.fullmatch(value):
            yield f"{option} {value} is no id; see: openstack {what} show --format value --column id NAME"
