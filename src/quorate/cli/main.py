"""The program `quorate`: its commands, and how each ends."""

import argparse
import signal
import sys
from collections.abc import Sequence
from importlib.metadata import version

from quorate.cli import (
    check,
    credentials,
    demo,
    deploy,
    drill,
    init,
    keys,
    lab,
    may,
    plan,
    prove,
    render,
    secrets,
    show,
    tempest_conf,
    verify,
)
from quorate.cli.exit import ERRORS, INTERRUPTED, code

COMMANDS = (
    init,
    check,
    show,
    render,
    prove,
    secrets,
    plan,
    deploy,
    verify,
    credentials,
    tempest_conf,
    may,
    keys,
    drill,
    lab,
    demo,
)


def parser() -> argparse.ArgumentParser:
    """The parser of every command."""
    top = argparse.ArgumentParser(
        prog="quorate", description="A highly available OpenStack control plane from one file."
    )
    top.add_argument("--version", action="version", version=f"quorate {version('quorate')}")
    # A command made of commands runs them as a user would.
    top.set_defaults(main=main)
    subparsers = top.add_subparsers(required=True, metavar="COMMAND")
    for command in COMMANDS:
        command.add_parser(subparsers)
    return top


def main(argv: Sequence[str] | None = None) -> int:
    """Run one command; returns its exit code."""
    args = parser().parse_args(argv)
    try:
        return int(args.run(args))
    except ERRORS as error:
        print(f"quorate: {error}" if "\n" not in str(error) else str(error), file=sys.stderr)
        return code(error)
    except BrokenPipeError:
        # The reader of our output (a pager, head) has had enough.
        sys.stderr.close()
        return 0
    except KeyboardInterrupt:
        print("quorate: interrupted", file=sys.stderr)
        return INTERRUPTED


def program() -> int:
    """Run the command that this process was started for. What ends with the process is not interrupted again."""
    ended = main()
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    return ended
