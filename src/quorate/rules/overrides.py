"""Settings under `extra:` that undo what the design is there for."""

import re
from collections.abc import Iterator

from quorate.model.cloud import Cloud
from quorate.model.design import Design
from quorate.rules.rule import Breach

_TRUE = {"1", "true", "yes", "on"}
LEAST_HASH_ROUNDS = 10


def lost_commits(cloud: Cloud) -> Iterator[Breach]:
    """A commit is on disk before it is acknowledged.

    With another value, nodes that crash in quick succession lose transactions that clients were told are
    safe (Jepsen on MariaDB Galera, 2026; MDEV-38974).
    """
    for place, value in _mariadb(cloud, "innodb_flush_log_at_trx_commit"):
        if value != "1":
            yield Breach(
                place,
                f"innodb_flush_log_at_trx_commit {value} loses acknowledged commits when nodes crash together",
                "remove it; 1 is the only durable value",
            )


def ignored_quorum(cloud: Cloud) -> Iterator[Breach]:
    """Galera keeps its own quorum.

    pc.ignore_quorum and pc.ignore_sb let both halves of a split take writes, and one half's are lost.
    """
    for place, value in _mariadb(cloud, "wsrep_provider_options"):
        for option in ("pc.ignore_quorum", "pc.ignore_sb"):
            match = re.search(rf"{re.escape(option)}\s*=\s*(\w+)", value)
            if match and match[1].lower() in _TRUE:
                yield Breach(place, f"{option} lets both halves of a split take writes", f"remove {option}")


def replaced_provider_options(cloud: Cloud) -> Iterator[Breach]:
    """Galera's provider options follow the failover profile.

    The setting is one string: given in `extra:` it replaces all of the profile's timeouts and the listen address.
    """
    for place, _ in _mariadb(cloud, "wsrep_provider_options"):
        yield Breach(
            place,
            "wsrep_provider_options replaces every option that the failover profile gives Galera",
            "use failover.galera_suspect_ms and its kin, or repeat all options",
        )


def unreplicated(cloud: Cloud) -> Iterator[Breach]:
    """The database is replicated.

    Without, each proxy would choose a writer of its own, and they would drift apart.
    """
    for place, value in _mariadb(cloud, "wsrep_on"):
        if value.lower() not in _TRUE:
            yield Breach(place, "wsrep_on is off, so nothing is replicated", "remove it")


def several_writers(design: Design) -> Iterator[Breach]:
    """One Galera member gets all writes.

    Galera takes no replicated locks for SELECT ... FOR UPDATE: writers on several members conflict at commit,
    which services see as deadlocks.
    """
    for listener, _ in design.listeners():
        if listener.name != "galera":
            continue
        for node, files in design.files.items():
            text = next((file.content for file in files if file.path.endswith("/haproxy.cfg")), "")
            section = re.search(r"^listen galera\n((?:[ \t].*\n)*)", text, re.MULTILINE)
            servers = re.findall(r"^\s+server .*$", section[1], re.MULTILINE) if section else []
            writers = [server for server in servers if "backup" not in server.split()]
            if len(writers) > 1:
                yield Breach(
                    "extra.haproxy.cfg.listen galera",
                    f"haproxy on {node} sends writes to {len(writers)} Galera members at once",
                    "leave the servers of the section as they are: one, and backups",
                )
                break


def ignored_partition(cloud: Cloud) -> Iterator[Breach]:
    """RabbitMQ stops in a minority.

    `ignore` lets both sides of a split go on and never joins them again.
    """
    for place, value in _rabbitmq(cloud, "cluster_partition_handling"):
        if value == "ignore":
            yield Breach(
                place,
                "cluster_partition_handling ignore lets both sides of a split take messages, and stay apart",
                "remove it; pause_minority is what quorum queues expect",
            )


def other_partition(cloud: Cloud) -> Iterator[Breach]:
    """RabbitMQ's partition handling is pause_minority.

    autoheal throws away what the losing side took; quorum queues need a majority anyway.
    """
    for place, value in _rabbitmq(cloud, "cluster_partition_handling"):
        if value not in {"pause_minority", "ignore"}:
            yield Breach(
                place,
                f"cluster_partition_handling {value} can throw away messages after a split",
                "remove it; pause_minority is the design's",
            )


def unreplicated_queues(cloud: Cloud) -> Iterator[Breach]:
    """Queues are quorum queues.

    A classic queue lives on one broker and is gone with it (mirroring left RabbitMQ with 4.0).
    """
    for place, value in _rabbitmq(cloud, "default_queue_type"):
        if value != "quorum":
            yield Breach(
                place, f"default_queue_type {value} keeps each queue on one broker, lost with it", "remove it"
            )
    for name, sections in cloud.extra.items():
        value = sections.get("oslo_messaging_rabbit", {}).get("rabbit_quorum_queue", "true")
        if value.lower() not in _TRUE:
            yield Breach(
                f"extra.{name}.oslo_messaging_rabbit.rabbit_quorum_queue",
                "without rabbit_quorum_queue a service's queues live on one broker, lost with it",
                "remove it",
            )


def fragile_cache(cloud: Cloud) -> Iterator[Breach]:
    """A dead memcached does not fail requests.

    With dogpile.cache.pymemcache and dogpile.cache.memcached it does, or slows every one of them;
    oslo_cache.memcache_pool sets a dead server aside.
    """
    for name, sections in cloud.extra.items():
        backend = sections.get("cache", {}).get("backend", "")
        if backend in {"dogpile.cache.pymemcache", "dogpile.cache.memcached", "dogpile.cache.bmemcached"}:
            yield Breach(
                f"extra.{name}.cache.backend",
                f"with {backend} one dead memcached fails or slows every request",
                "remove it; oslo_cache.memcache_pool is the design's",
            )


def cheap_hashes(cloud: Cloud) -> Iterator[Breach]:
    """Passwords are hashed at their full cost.

    Each round less halves the work of whoever got hold of the hashes (bcrypt; Keystone's default is 12).
    """
    value = cloud.extra.get("keystone.conf", {}).get("identity", {}).get("password_hash_rounds", "")
    if value.isdigit() and int(value) < LEAST_HASH_ROUNDS:
        yield Breach(
            "extra.keystone.conf.identity.password_hash_rounds",
            f"password_hash_rounds {value} makes stolen password hashes cheap to guess; fit for a lab only",
            "remove it wherever passwords matter",
        )


def without_effect(design: Design) -> Iterator[Breach]:
    """Every extra setting is in some file.

    A configuration that nothing renders, or a misspelt name of one, is silently nothing.
    """
    contents = [file.content for files in design.files.values() for file in files]
    for cluster in design.clusters:
        decided = cluster.configuration
        for keys in (decided.properties, decided.resource_defaults, decided.op_defaults):
            contents += [f"{key}={value}" for key, value in keys.items()]
    for name, sections in design.cloud.extra.items():
        for section, keys in sections.items():
            for key, value in keys.items():
                setting = re.compile(rf"^\s*{re.escape(key)}\b.*{re.escape(value)}", re.MULTILINE)
                if not any(setting.search(content) for content in contents):
                    yield Breach(
                        f"extra.{name}.{section}.{key}",
                        f"no file has {key} as {name} would; nothing renders {name}, or not this section",
                        "check the configuration's name and section: quorate show files",
                    )


def _mariadb(cloud: Cloud, key: str) -> Iterator[tuple[str, str]]:
    """Where the server's setting is given, in any section, whichever way its name is written."""
    for section, keys in cloud.extra.get("mariadb.cnf", {}).items():
        for name, value in keys.items():
            if name.replace("-", "_").lower() == key:
                yield f"extra.mariadb.cnf.{section}.{name}", value


def _rabbitmq(cloud: Cloud, key: str) -> Iterator[tuple[str, str]]:
    for section, keys in cloud.extra.get("rabbitmq.conf", {}).items():
        if key in keys:
            yield f"extra.rabbitmq.conf.{section}.{key}", keys[key]
