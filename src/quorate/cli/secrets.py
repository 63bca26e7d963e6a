"""`quorate secrets`: make what is missing, and take what only the operator knows."""

import argparse
import getpass
import sys

from quorate import secrets
from quorate.cli.cloud import add_file_option, opened
from quorate.cli.exit import YES, UsageError


def add_parser(subparsers: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    """Register the commands."""
    parser = subparsers.add_parser("secrets", help="make secrets, or set one; they are never printed")
    commands = parser.add_subparsers(required=True, metavar="COMMAND")
    init = commands.add_parser("init", help="make every secret that is not there yet, at random")
    add_file_option(init)
    init.set_defaults(run=run_init)
    setting = commands.add_parser("set", help="set one to a value asked for, or read from standard input")
    setting.add_argument("name", metavar="NAME", help="which, for instance bmc/ctl1")
    add_file_option(setting)
    setting.set_defaults(run=run_set)


def run_init(args: argparse.Namespace) -> int:
    """Make what is missing; say how many, and which the operator may have to set."""
    cloud = opened(args)
    made = secrets.make(cloud.path, cloud.design.secrets(), cloud.design.key_sets())
    path = secrets.beside(cloud.path)
    print(f"made {len(made)} secrets in {path}" if made else f"nothing is missing in {path}")
    bmcs = [name for name in made if name.startswith("bmc/")]
    if bmcs:
        print(f"a BMC that has a password already needs it here: quorate secrets set {bmcs[0]} (each node's)")
    return YES


def run_set(args: argparse.Namespace) -> int:
    """Take a value without showing it."""
    cloud = opened(args)
    known = sorted(cloud.design.secret_names())
    if args.name not in known:
        raise UsageError(f"nothing uses a secret {args.name}; those in use are {', '.join(known)}")
    asked = sys.stdin.isatty()
    value = getpass.getpass(f"{args.name}: ") if asked else sys.stdin.readline().rstrip("\n")
    secrets.put(cloud.path, args.name, value)
    print(f"set {args.name} in {secrets.beside(cloud.path)}")
    return YES
