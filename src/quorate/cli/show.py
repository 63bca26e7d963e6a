"""`quorate show`: the design, a view at a time."""

import argparse
import json
from collections.abc import Callable, Iterator, Mapping
from dataclasses import asdict
from typing import Any

from quorate.catalog import pacemaker
from quorate.cli.cloud import add_file_option, add_output_option, opened
from quorate.cli.exit import YES
from quorate.cli.table import table
from quorate.design.budget import budget
from quorate.model.design import Design
from quorate.model.resource import Clone, Group, Resource

Row = dict[str, Any]


def add_parser(subparsers: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    """Register the command."""
    parser = subparsers.add_parser("show", help="the design: nodes, resources, listeners, services, files, timers")
    parser.add_argument("view", nargs="?", choices=VIEWS, help="one view (default: all but files)")
    add_file_option(parser)
    add_output_option(parser)
    parser.set_defaults(run=run)


def run(args: argparse.Namespace) -> int:
    """Print one view, or all."""
    design = opened(args).design
    names = [args.view] if args.view else [name for name in VIEWS if name != "files"]
    views = {name: list(VIEWS[name](design)) for name in names}
    if args.output == "json":
        print(json.dumps(views[args.view] if args.view else views, indent=2))
        return YES
    for number, (name, rows) in enumerate(views.items()):
        if not args.view:
            print(("\n" if number else "") + name.upper())
        print(table(list(rows[0]), [list(row.values()) for row in rows]) if rows else "none")
    return YES


def _nodes(design: Design) -> Iterator[Row]:
    networks = [network.name for network in design.cloud.topology.networks]
    for cluster in design.clusters:
        for nodeid, node in enumerate(cluster.cluster.members, 1):
            bmc = f"{node.bmc.address}:{node.bmc.port}" if node.bmc else "none"
            addresses = {name: node.addresses.get(name, "") for name in networks}
            yield {"node": node.name, "cluster": cluster.cluster.name, "id": nodeid, **addresses, "bmc": bmc}


def _resources(design: Design) -> Iterator[Row]:
    for cluster in design.clusters:
        for resource in cluster.configuration.resources:
            agents = " ".join(primitive.agent for primitive in resource.primitives)
            yield {
                "resource": resource.id,
                "cluster": cluster.cluster.name,
                "kind": _kind(resource),
                "agent": agents,
            }


def _kind(resource: Resource) -> str:
    match resource:
        case Clone():
            return "promotable clone" if resource.promotable else "clone"
        case Group():
            return "group"
        case _:
            return "primitive"


def _listeners(design: Design) -> Iterator[Row]:
    for listener, servers in design.listeners():
        yield {
            "listener": listener.name,
            "address": f"{design.virtual_ip(listener).address}:{listener.port}",
            "mode": listener.mode.value + (", one writer" if listener.single_writer else ""),
            "check": listener.check + (f" on port {listener.check_port}" if listener.check_port else ""),
            "servers": " ".join(node.name for node in servers),
        }


def _services(design: Design) -> Iterator[Row]:
    for service, _ in design.services():
        public = design.url(service, public=True)
        yield {"service": service.name, "type": service.type, "internal": design.url(service), "public": public}


def _files(design: Design) -> Iterator[Row]:
    for node, files in design.files.items():
        for file in files:
            yield {
                "node": node,
                "mode": f"{file.mode:04o}",
                "owner": f"{file.owner}:{file.group}",
                "read by": " ".join(file.read_by),
                "path": file.path,
            }


def _timers(design: Design) -> Iterator[Row]:
    timers = asdict(design.cloud.timers)
    about = design.cloud.timers.about()
    rest_s = pacemaker.rest_s(design.cloud.fencing)
    yield {"timer": "profile", "value": timers.pop("profile"), "meaning": ""}
    for name, value in timers.items():
        yield {"timer": name, "value": value, "meaning": about[name]}
    for cluster in design.clusters:
        terms = budget(design.cloud.timers, len(cluster.cluster.members), rest_s)
        for term in terms:
            yield {"timer": f"outage: {term.name}", "value": f"{term.seconds:.1f} s", "meaning": term.why}
        total = sum(term.seconds for term in terms)
        lost = "the virtual IP's holder loses power"
        yield {"timer": "outage: in all", "value": f"{total:.1f} s", "meaning": lost}


VIEWS: Mapping[str, Callable[[Design], Iterator[Row]]] = {
    "nodes": _nodes,
    "resources": _resources,
    "listeners": _listeners,
    "services": _services,
    "files": _files,
    "timers": _timers,
}
