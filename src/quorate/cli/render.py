"""`quorate render`: every file of every node, and what Pacemaker is told, without touching a host."""

import argparse
import sys
from collections.abc import Callable, Mapping
from pathlib import Path

from quorate.cli.cloud import Opened, add_file_option, opened
from quorate.cli.exit import YES, UsageError
from quorate.formats import cib, crmsh, pcs
from quorate.model.design import ClusterDesign


def add_parser(subparsers: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    """Register the command."""
    parser = subparsers.add_parser("render", help="write every file of every node, and the cluster configuration")
    add_file_option(parser)
    where = parser.add_mutually_exclusive_group(required=True)
    where.add_argument(
        "-d", "--directory", metavar="DIR", type=Path, help="write NODE/path and CLUSTER.cib below DIR"
    )
    where.add_argument("--as", dest="dialect", choices=DIALECTS, help="print what Pacemaker is told")
    parser.add_argument("--cluster", metavar="NAME", help="the cluster to print (default: the only one)")
    parser.set_defaults(run=run)


def run(args: argparse.Namespace) -> int:
    """Write files, or print one cluster's configuration."""
    cloud = opened(args)
    if args.directory:
        count = _write(cloud, args.directory)
        print(f"{count} files in {args.directory}; secrets stand as ${{secret:NAME}}", file=sys.stderr)
    else:
        print(DIALECTS[args.dialect](_cluster(cloud, args.cluster)), end="")
    return YES


def _write(cloud: Opened, directory: Path) -> int:
    rendered = {
        directory / node / file.path.lstrip("/"): file.content
        for node, files in cloud.design.files.items()
        for file in files
    }
    for cluster in cloud.design.clusters:
        for suffix, dialect in DIALECTS.items():
            rendered[directory / f"{cluster.cluster.name}.{suffix}"] = dialect(cluster)
    for path, content in rendered.items():
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(content)
    return len(rendered)


def _cluster(cloud: Opened, name: str | None) -> ClusterDesign:
    found = [cluster for cluster in cloud.design.clusters if name in (None, cluster.cluster.name)]
    if len(found) != 1:
        names = ", ".join(cluster.cluster.name for cluster in cloud.design.clusters)
        raise UsageError(f"name one cluster with --cluster: {names}")
    return found[0]


def _cib(cluster: ClusterDesign) -> str:
    members = [(node.name, number) for number, node in enumerate(cluster.cluster.members, 1)]
    return cib.document(cluster.configuration, members)


DIALECTS: Mapping[str, Callable[[ClusterDesign], str]] = {
    "cib": _cib,
    "pcs": lambda cluster: pcs.script(cluster.configuration),
    "crm": lambda cluster: crmsh.script(cluster.configuration),
}
