"""`quorate keys`: rotate the keys that tokens and stored credentials are made with, losing neither."""

import argparse
import asyncio
from collections.abc import Callable
from datetime import UTC, datetime

from quorate import secrets
from quorate.cli.cloud import Opened, add_file_option, opened, secrets_of, values
from quorate.cli.exit import YES, UsageError
from quorate.cli.hosts import sessions
from quorate.model.design import ClusterDesign
from quorate.model.item import Command, KeyRepository
from quorate.model.secret import KeySet
from quorate.remote.session import Session, lock_all
from quorate.secrets import KeySetState, Secrets


def add_parser(subparsers: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    """Register the commands."""
    parser = subparsers.add_parser("keys", help="rotate token and credential keys; no token in flight is lost")
    verbs = parser.add_subparsers(required=True, metavar="VERB")
    for verb, run, about in (
        ("push", push, "make every node hold exactly the present keys"),
        ("rotate", rotate, "push, make the staged key the primary, push again"),
    ):
        command = verbs.add_parser(verb, help=about)
        command.add_argument("name", nargs="?", help="one key set (default: all)")
        add_file_option(command)
        command.set_defaults(run=run)


def push(args: argparse.Namespace) -> int:
    """Bring the present keys to every node."""
    return asyncio.run(_keys(args, rotating=False))


def rotate(args: argparse.Namespace) -> int:
    """Rotate each key set once; every node must be reachable, or a token could meet a node without its key."""
    return asyncio.run(_keys(args, rotating=True))


async def _keys(args: argparse.Namespace, *, rotating: bool) -> int:
    cloud = opened(args)
    secrets_of(cloud)
    chosen = [key_set for key_set in cloud.design.key_sets() if args.name in (None, key_set.name)]
    if not chosen:
        known = ", ".join(key_set.name for key_set in cloud.design.key_sets())
        raise UsageError(f"there is no key set {args.name}; there are: {known}")
    async with sessions(cloud.design.cloud.topology.nodes, cloud.design.cloud.ssh) as hosts:
        await lock_all(hosts.values(), "quorate keys")
        for key_set in chosen:
            cluster, repository = _place(cloud, key_set)
            members = [hosts[node.name] for node in cluster.cluster.members]
            await _push(cloud, key_set, repository, members)
            if rotating:
                _rotated(cloud, key_set)
                await _push(cloud, key_set, repository, members)
                await _migrate(key_set, members[0])
            state = secrets.read(cloud.path).key_sets[key_set.name]
            verb = "rotated" if rotating else "pushed"
            print(f"{key_set.name}: {verb}; {len(state.keys)} keys, primary {state.primary.number}")
    return YES


def _place(cloud: Opened, key_set: KeySet) -> tuple[ClusterDesign, KeyRepository]:
    for cluster in cloud.design.clusters:
        for component in cluster.components:
            for item in component.prepare:
                if isinstance(item, KeyRepository) and item.keys == key_set.name:
                    return cluster, item
    raise KeyError(key_set.name)


async def _push(cloud: Opened, key_set: KeySet, repository: KeyRepository, members: list[Session]) -> None:
    """The keys on every member; only when all have them are they recorded as pushed."""
    filled = values(secrets.read(cloud.path))
    async with asyncio.TaskGroup() as group:
        for member in members:
            group.create_task(member.apply("keys", (repository,), values=filled))
    _update(cloud, key_set, lambda state: secrets.pushed(state, datetime.now(UTC)))


def _rotated(cloud: Opened, key_set: KeySet) -> None:
    staged = secrets.new_key()
    _update(cloud, key_set, lambda state: secrets.rotate(state, datetime.now(UTC), key_set.lifetime_s, staged))


def _update(cloud: Opened, key_set: KeySet, change: Callable[[KeySetState], KeySetState]) -> None:
    def changed(held: Secrets) -> Secrets:
        return Secrets(held.values, {**held.key_sets, key_set.name: change(held.key_sets[key_set.name])})

    secrets.update(cloud.path, changed)


async def _migrate(key_set: KeySet, member: Session) -> None:
    if key_set.migrate:
        await member.apply("keys", (Command(f"{key_set.name}: made anew with the new key", key_set.migrate),))
