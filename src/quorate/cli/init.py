"""`quorate init`: a commented file to start from."""

import argparse
import re
from collections.abc import Iterator
from ipaddress import IPv4Address, IPv4Network
from pathlib import Path

from quorate import spec
from quorate.cli.cloud import add_file_option
from quorate.cli.exit import YES, UsageError
from quorate.spec import template

_ROUTES = Path("/proc/net/route")
_NAME = re.compile(r"[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?")


def add_parser(subparsers: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    """Register the command."""
    parser = subparsers.add_parser("init", help="write a commented file to start from; never over another")
    parser.add_argument("--lab", action="store_true", help="for a lab of containers on this machine")
    parser.add_argument("--nodes", type=int, default=3, metavar="N", help="the lab's nodes, 1 to 9 (default: 3)")
    parser.add_argument("--full", action="store_true", help="the lab with every component (default: a small one)")
    parser.add_argument("--name", default="lab", help="the lab's name (default: lab)")
    add_file_option(parser)
    parser.set_defaults(run=run)


def run(args: argparse.Namespace) -> int:
    """Write the file and say what comes next."""
    path = spec.path_for(args.file)
    write(path, lab(args.name, args.nodes, full=args.full) if args.lab else template.cloud())
    after = "quorate lab up" if args.lab else "edit it, then: quorate check"
    print(f"wrote {path}; next: {after}")
    return YES


def write(path: Path, text: str) -> None:
    """A new file; raises UsageError rather than replace one, or if it cannot be written."""
    try:
        template.write(path, text)
    except FileExistsError:
        raise UsageError(f"{path} is there already and is left as it is; name another with -f FILE") from None
    except OSError as error:
        raise UsageError(f"cannot write {path}: {error.strerror}; name another with -f FILE") from error


def lab(name: str, nodes: int, *, full: bool = False) -> str:
    """The file of a lab on a network that is free on this machine; raises UsageError."""
    if not _NAME.fullmatch(name) or name.isdigit():
        raise UsageError(f"{name} is no name for a lab; use small letters, digits and inner hyphens")
    try:
        return template.lab(name, template.lab_network(routed(_ROUTES.read_text())), nodes, full=full)
    except (ValueError, template.NoFreeNetworkError) as error:
        raise UsageError(str(error)) from error


def routed(table: str) -> Iterator[IPv4Network]:
    """The networks of a kernel's routing table as /proc/net/route has it, except the default route."""
    for line in table.splitlines()[1:]:
        fields = line.split()
        # Addresses and masks are hexadecimal in the machine's byte order, which is little-endian where we run.
        destination, mask = (IPv4Address(bytes.fromhex(fields[index])[::-1]) for index in (1, 7))
        network = IPv4Network(f"{destination}/{mask}")
        if network.prefixlen:
            yield network
