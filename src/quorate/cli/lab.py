"""`quorate lab`: the file's hosts as containers on this machine, and what can happen to them."""

import argparse
import json
import subprocess
import sys
from collections.abc import Callable
from dataclasses import asdict
from pathlib import Path

from quorate import secrets, spec
from quorate.cli import init
from quorate.cli.cloud import Opened, add_file_option, add_output_option, opened
from quorate.cli.doors import boot
from quorate.cli.exit import NO, YES, UsageError
from quorate.cli.table import table
from quorate.lab.lab import MEMORY, HostStatus, Lab, down

LAB_NODES = 3
_MIB = 1024 * 1024

_NODE_COMMANDS = (
    ("cut", "drop all of a host's network traffic; its BMC stays reachable", Lab.cut, "is cut off"),
    ("mend", "let a host's traffic flow again", Lab.mend, "is connected"),
    ("pause", "freeze a host, as if it hung", Lab.pause, "is paused"),
    ("resume", "let a paused host go on", Lab.resume, "goes on"),
)
_POWER = {
    "off": (Lab.power_off, "is off"),
    "on": (Lab.power_on, "is on"),
    "reset": (Lab.power_reset, "was reset"),
}


def add_parser(subparsers: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    """Register the commands."""
    parser = subparsers.add_parser("lab", help="hosts in containers, with BMCs: up, down, power, cut, pause ...")
    commands = parser.add_subparsers(required=True, metavar="COMMAND")
    _add_up(commands)
    _add_down(commands)
    status = commands.add_parser("status", help="how every host is")
    add_file_option(status)
    add_output_option(status)
    status.set_defaults(run=run_status)
    execute = commands.add_parser("exec", help="run a command on a host: quorate lab exec NODE -- CMD ...")
    add_file_option(execute)
    execute.add_argument("node", metavar="NODE")
    execute.add_argument("command", nargs="+", metavar="CMD", help="the command and its arguments, after --")
    execute.set_defaults(run=run_exec)
    power = commands.add_parser("power", help="cut or restore a host's power, at once")
    power.add_argument("state", choices=_POWER)
    power.add_argument("node", metavar="NODE")
    add_file_option(power)
    power.set_defaults(run=run_power)
    for name, about, action, outcome in _NODE_COMMANDS:
        command = commands.add_parser(name, help=about)
        command.add_argument("node", metavar="NODE")
        add_file_option(command)
        command.set_defaults(run=run_on_node, action=action, outcome=outcome)


def _add_up(commands: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    up = commands.add_parser("up", help="make and boot what is missing; the first time builds the hosts' image")
    up.add_argument("--nodes", type=int, metavar="N", help="of a new file; of one that is there, only the first N")
    up.add_argument(
        "--memory", default=MEMORY, metavar="SIZE", help=f"what each host may use at most (default: {MEMORY})"
    )
    add_file_option(up)
    up.set_defaults(run=run_up)


def _add_down(commands: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    parser = commands.add_parser("down", help="remove everything the lab has made, but the hosts' image")
    parser.add_argument("--name", help="the lab's name, where its file is gone or unreadable")
    add_file_option(parser)
    parser.set_defaults(run=run_down)


def run_up(args: argparse.Namespace) -> int:
    """Bring it up; the file, of a lab with `--nodes` nodes, and its secrets are made if they are missing."""
    path = spec.path_for(args.file)
    if not path.exists():
        init.write(path, init.lab("lab", args.nodes or LAB_NODES))
        _say(f"wrote {path}")
    cloud = opened(args)
    nodes = len(cloud.design.cloud.topology.nodes)
    if args.nodes is not None and not 1 <= args.nodes <= nodes:
        raise UsageError(f"--nodes {args.nodes}: {cloud.path} has {nodes} nodes")
    made = secrets.make(cloud.path, cloud.design.secrets(), cloud.design.key_sets())
    if made:
        _say(f"made {len(made)} secrets in {secrets.beside(cloud.path)}")
    lab = _lab_of(cloud)
    boot(lab, cloud, secrets.read(cloud.path).values, memory=args.memory, nodes=args.nodes)
    _say(f"lab {lab.layout.lab} is up; log in with: ssh -F {lab.layout.state / 'ssh_config'} NODE")
    return YES


def run_down(args: argparse.Namespace) -> int:
    """Remove it, whatever is left of it."""
    if args.name:
        name, existed = args.name, down(args.name)
    else:
        path = spec.find(args.file)
        lab = Lab(spec.load(path), path.parent)
        name, existed = lab.layout.lab, lab.down()
    _say(f"lab {name} is down" if existed else f"there is nothing of a lab {name}")
    return YES


def run_status(args: argparse.Namespace) -> int:
    """Print a line a host; exit 1 unless all are on, connected and running, with a BMC if they have one."""
    hosts = _lab(args).status()
    if args.output == "json":
        print(json.dumps([asdict(host) for host in hosts], indent=2))
    else:
        head = ("NODE", "POWER", "NETWORK", "STATE", "BMC", "ADDRESS", "MEMORY")
        print(table(head, [_row(host) for host in hosts]))
    return YES if all(host.well for host in hosts) else NO


def run_exec(args: argparse.Namespace) -> int:
    """Run the command with this terminal; its exit code is ours."""
    terminal = sys.stdin.isatty() and sys.stdout.isatty()
    return subprocess.call(_lab(args).exec_command(args.node, args.command, terminal=terminal))


def run_power(args: argparse.Namespace) -> int:
    """Work the power switch."""
    action, outcome = _POWER[args.state]
    return _done(args, action, outcome)


def run_on_node(args: argparse.Namespace) -> int:
    """One of the commands that do something to one host."""
    return _done(args, args.action, args.outcome)


def _done(args: argparse.Namespace, action: Callable[[Lab, str], None], outcome: str) -> int:
    action(_lab(args), args.node)
    _say(f"{args.node} {outcome}")
    return YES


def _lab(args: argparse.Namespace) -> Lab:
    path = spec.find(args.file)
    return Lab(spec.load(path), path.parent)


def _lab_of(cloud: Opened) -> Lab:
    return Lab(cloud.design.cloud, Path(cloud.path).parent, report=_say)


def _row(host: HostStatus) -> tuple[str, ...]:
    return (
        host.node,
        "on" if host.power else "off",
        ("cut" if host.cut else "connected") if host.power else "-",
        ("paused" if host.paused else "running") if host.power else "-",
        "none" if host.bmc is None else "on" if host.bmc else "dead",
        host.address,
        "-" if host.memory_bytes is None else f"{host.memory_bytes / _MIB:.0f} MiB",
    )


def _say(line: str) -> None:
    print(line, file=sys.stderr, flush=True)
