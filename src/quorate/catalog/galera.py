"""MariaDB with Galera: all members promoted, one writer chosen by HAProxy, commits durable."""

import json
from collections.abc import Iterator, Mapping
from functools import partial
from typing import Any

from quorate.catalog import program, source
from quorate.formats import settings
from quorate.model.check import Answers, Check, Probe, Result, dead_ends, listing, no, troubles, yes
from quorate.model.cloud import Cloud
from quorate.model.component import Component, Database, Listener, Majority, Mode, Requires, Step
from quorate.model.design import LOOPBACK, Design
from quorate.model.item import Command, Directory, File, Until
from quorate.model.resource import Clone, Op, Primitive, systemd
from quorate.model.secret import Secret
from quorate.model.topology import Cluster, Node

PORT = 3306
CHECK_PORT = 9200
CHECK_PROGRAM = "/usr/local/lib/quorate/galera-check"
SERVER_PROGRAM = "/usr/local/lib/quorate/galera-server"
SOCKET = "/run/mysqld/mysqld.sock"
DATA = "/var/lib/mysql"
# What `verify` writes to.
DATABASE = Database("quorate", Secret("database/quorate"))

# Every member, not this one alone: one that still gives data to another must not be followed by the next restart.
_SYNCED = f"""
import sys, urllib.error, urllib.request
ask = urllib.request.build_opener(urllib.request.ProxyHandler({{}})).open
for address in sys.argv[1:]:
    try:
        ask(f"http://{{address}}:{CHECK_PORT}/", timeout=3).close()
    except urllib.error.HTTPError as error:
        raise SystemExit(f"{{address}}: {{error.read().decode().strip()}}")
    except OSError as error:
        raise SystemExit(f"{{address}}: {{error}}")
"""

# A promotion that failed too often (a state transfer that breaks off, say) is not tried again for a while.
_NONE_FAILED = (
    "sh",
    "-c",
    '! crm_mon --one-shot --exclude=all --include=failures | grep -q "galera promote on $(crm_node --name) "',
)
_TRY_AGAIN = ("sh", "-ec", 'exec crm_resource --cleanup --resource galera --node "$(crm_node --name)"')


def declare(cloud: Cloud, cluster: Cluster) -> Component:
    """The database as a promotable clone, and the health check that HAProxy asks."""
    interval_s = max(10, cloud.timers.monitor_interval_s)
    database = Primitive(
        "galera",
        "ocf:heartbeat:galera",
        parameters={
            "wsrep_cluster_address": "gcomm://" + ",".join(node.name for node in cluster.members),
            # In place of mariadbd-safe, which it becomes when it is this member's turn to join (ADR 8).
            "binary": SERVER_PROGRAM,
            # The local socket authenticates root by its uid: no password in the CIB.
            "check_user": "root",
            "datadir": DATA,
            "log": "/var/log/mysql/error.log",
            "socket": SOCKET,
            "pid": "/run/mysqld/mysqld.pid",
        },
        # A promotion that fails (a state transfer that breaks off) is tried again, as any other action.
        ops=(
            Op("start", timeout_s=120),
            Op("stop", timeout_s=120),
            Op("promote", timeout_s=300),
            Op("demote", timeout_s=120),
            Op("monitor", interval_s * 2, timeout_s=30),
            Op("monitor", interval_s, timeout_s=30, role="Promoted"),
        ),
    )
    check = systemd("galera-check", "quorate-galera-check", monitor_s=cloud.timers.monitor_interval_s)
    members = len(cluster.members)
    return Component(
        name="galera",
        requires=(
            Requires("haproxy", None, "the proxy in front of it watches it by its own checks, in either order"),
        ),
        packages=("mariadb-server", "mariadb-backup", "galera-4", "python3-pymysql", "socat", "rsync"),
        owned_units=("quorate-galera-check.service",),
        majorities=(Majority("galera", "a minority takes no writes, and none at all has to be bootstrapped"),),
        # The agent starts the server itself; a unit that may start would be a second, rogue one.
        masked_units=("mariadb.service",),
        prepare=(
            # The package does not make it, and without it the agent's promote fails.
            Directory("/var/log/mysql", owner="mysql", group="adm", mode=0o2750),
        ),
        resources=(
            Clone(
                database,
                meta={
                    "promotable": "true",
                    "promoted-max": str(members),
                    "interleave": "true",
                },
            ),
            Clone(check, meta={"interleave": "true"}),
        ),
        ready=(
            Command("a member whose promotion failed tries again", _TRY_AGAIN, unless=_NONE_FAILED),
            Until(
                "every member of Galera is synced",
                ("python3", "-c", _SYNCED, *(node.address for node in cluster.members)),
                within_s=600,
                every_s=1,
            ),
        ),
        listeners=(
            Listener(
                "galera",
                PORT,
                Mode.TCP,
                check="GET /",
                check_port=CHECK_PORT,
                single_writer=True,
                local=True,
                idle_s=3900,
            ),
        ),
        databases=(DATABASE,),
        secrets=(DATABASE.secret,),
        data=(DATA,),
    )


def bootstrap(design: Design) -> tuple[Step, ...]:
    """Whatever databases the components declared, each with its user."""
    proxy = design.address(design.listener("galera"))
    databases = tuple(
        _create(database, proxy) for component in design.components() for database in component.databases
    )
    return (Step("databases and their users", databases),)


def leftovers(design: Design) -> Probe:
    """Databases and users of components that are no more."""
    databases = [each for component in design.components() for each in component.databases]
    wanted = {"databases": [each.name for each in databases], "users": [each.user for each in databases]}
    return Probe(program("database_leftovers"), json.dumps({"socket": SOCKET, **wanted}))


def _create(database: Database, proxy: str) -> Command:
    name, user, password = database.name, database.user, database.secret.reference
    sql = (
        f"CREATE DATABASE IF NOT EXISTS {name};\n"
        f"CREATE USER IF NOT EXISTS {user} IDENTIFIED BY '{password}';\n"
        f"ALTER USER {user} IDENTIFIED BY '{password}';\n"
        f"GRANT ALL PRIVILEGES ON {name}.* TO {user};\n"
    )
    # A login over the network as a service would do it: proves the user, the password and the grant at once.
    login = f"[client]\nhost={proxy}\nport={PORT}\nuser={user}\npassword={password}\n"
    return Command(
        f"database {name} and its user",
        ("mariadb",),
        unless=("mariadb", "--defaults-file=/dev/stdin", name, "-e", "SELECT 1"),
        stdin=sql,
        unless_stdin=login,
    )


def config(design: Design, node: Node) -> Iterator[File]:
    """The server's settings, and the check's program and unit."""
    merged = settings.merged(_server(design, node), design.cloud.extra.get("mariadb.cnf"))
    yield File("/etc/mysql/mariadb.conf.d/99-quorate.cnf", settings.ini(merged), read_by=("galera",))
    yield File(SERVER_PROGRAM, source("galera_server"), mode=0o755)
    yield File(CHECK_PROGRAM, source("galera_check"), mode=0o755, read_by=("galera-check",))
    yield File(
        "/etc/systemd/system/quorate-galera-check.service",
        settings.unit(_check_unit(design, node)),
        read_by=("galera-check",),
    )


def _server(design: Design, node: Node) -> settings.Settings:
    timers = design.cloud.timers
    members = design.cloud.topology.members_of("galera")
    provider = {
        "gmcast.listen_addr": f"tcp://{node.address}:4567",
        "gmcast.peer_timeout": _period(timers.galera_peer_timeout_ms),
        "evs.keepalive_period": _period(timers.galera_keepalive_ms),
        # Everybody waits while the group changes: what is said about that is repeated sooner than every second.
        "evs.join_retrans_period": _period(max(100, timers.galera_keepalive_ms // 2)),
        "evs.suspect_timeout": _period(timers.galera_suspect_ms),
        "evs.inactive_timeout": _period(timers.galera_inactive_ms),
        "evs.install_timeout": _period(timers.galera_suspect_ms),
        "gcache.size": "128M",
    }
    # Who gives a member that joins its data is no writer meanwhile, and the first of the others is the writer. Its
    # place in this list would not help it: Galera takes the one that has kept the fewest write sets (`gcs_group`).
    others = [member.name for member in members if member != node]
    donors = others[1:] or others
    return {
        "mysqld": {
            "bind-address": node.address,
            "port": str(PORT),
            "skip_name_resolve": "ON",
            "character-set-server": "utf8mb4",
            "collation-server": "utf8mb4_general_ci",
            "max_connections": "4096",
            "binlog_format": "ROW",
            "default_storage_engine": "InnoDB",
            "innodb_autoinc_lock_mode": "2",
            # Members that crash one after the other lose what was acknowledged unless each commit is on disk
            # (Jepsen on MariaDB Galera, 2026; MDEV-38974).
            "innodb_flush_log_at_trx_commit": "1",
            # On, MariaDB's default since 11.6, it ends transactions that OpenStack does not try again: error 1020,
            # for which projects and stacks could not be deleted (https://bugs.launchpad.net/nova/+bug/2116186).
            "innodb_snapshot_isolation": "OFF",
            "wsrep_on": "ON",
            "wsrep_provider": "/usr/lib/galera/libgalera_smm.so",
            "wsrep_provider_options": '"' + ";".join(f"{k}={v}" for k, v in provider.items()) + '"',
            "wsrep_cluster_name": design.cloud.name,
            "wsrep_cluster_address": "gcomm://" + ",".join(member.name for member in members),
            "wsrep_node_name": node.name,
            "wsrep_node_address": node.address,
            "wsrep_sst_method": "mariabackup",
            # The package makes mysql@localhost, which the local socket authenticates by uid.
            "wsrep_sst_auth": "mysql:",
            **({"wsrep_sst_donor": ",".join([*donors, ""])} if donors else {}),
        },
    }


def _period(milliseconds: int) -> str:
    """An ISO 8601 period, as Galera's provider options want it."""
    return f"PT{milliseconds / 1000:g}S"


def _check_unit(design: Design, node: Node) -> settings.Settings:
    members = " ".join(member.address for member in design.cloud.topology.members_of("galera"))
    # A member that is silent for less is never left out by the others.
    silence_ms = design.cloud.timers.galera_suspect_ms
    return {
        "Unit": {"Description": "Says over HTTP whether this Galera member may be given sessions"},
        "Service": {
            "ExecStart": f"{CHECK_PROGRAM} {node.address} {CHECK_PORT} {SOCKET} {silence_ms} {members}",
            "Type": "notify",
            # Authenticated by the local socket as the package's own mysql@localhost.
            "User": "mysql",
            "ProtectSystem": "strict",
            "NoNewPrivileges": "yes",
        },
    }


def checks(design: Design) -> Iterator[Check]:
    """Every member whole and of one history, a write read back from each, every user let in."""
    topology = design.cloud.topology
    members = topology.members_of("galera")
    nodes = tuple(node.name for node in members)
    proxy = topology.virtual_ip("galera").address
    member = Probe(
        program("galera_member"),
        json.dumps(
            {
                "socket": SOCKET,
                "members": {node.name: node.address for node in members},
                "port": PORT,
                "proxy": proxy,
                "user": DATABASE.name,
                "password": DATABASE.secret.reference,
            }
        ),
        timeout_s=60,
    )
    yield Check(
        "galera-members",
        "galera",
        "each member synced, in the primary component of all, of one history, durable",
        {member: nodes},
        lambda answers: _members(nodes, answers[member]),
    )
    yield Check(
        "galera-write",
        "galera",
        "a write through the virtual IP read back from each member",
        {member: nodes},
        lambda answers: _writes(answers[member]),
    )
    databases = {
        database.name: [database.user, database.secret.reference]
        for component in design.components()
        for database in component.databases
    }
    ways = (LOOPBACK, proxy) if topology.members_of("haproxy") == members else (proxy,)
    asked = {"addresses": [[address, PORT] for address in ways], "databases": databases}
    logins = Probe(program("database_logins"), json.dumps(asked), timeout_s=60)
    for name in databases:
        yield Check(
            f"database-{name}",
            "galera",
            "its user is let in through each address of the proxy",
            {logins: nodes},
            partial(_logins, logins, name),
        )


_STATE = {
    "wsrep_cluster_status": "Primary",
    "wsrep_local_state_comment": "Synced",
    "wsrep_ready": "ON",
    "innodb_flush_log_at_trx_commit": "1",
}


def _members(nodes: tuple[str, ...], answers: Mapping[str, Any]) -> Iterator[Result]:
    states = {name: answer["state"] for name, answer in answers.items()}
    silent = {name: states.pop(name)["error"] for name in answers if "error" in states[name]}
    wrong = [no(f"the server does not answer: {error}", name) for name, error in silent.items()]
    for name, state in states.items():
        off = [
            f"{key} is {state.get(key)}, not {value}" for key, value in _STATE.items() if state.get(key) != value
        ]
        wrong += [no("; ".join(off), name)] if off else []
    for size in sorted({state["wsrep_cluster_size"] for state in states.values()} - {str(len(nodes))}):
        seers = [name for name, state in states.items() if state["wsrep_cluster_size"] == size]
        wrong.append(no(f"{size} of {len(nodes)} members are together (seen from {listing(seers)})"))
    histories = {name: state["wsrep_cluster_state_uuid"] for name, state in states.items()}
    if len(set(histories.values())) > 1:
        wrong += [no(f"has history {history}", name) for name, history in histories.items()]
    if not wrong:
        wrong = [yes(f"{listing(states)} synced and durable, of one history, {min(histories.values())[:8]}")]
    yield from wrong


def _writes(answers: Mapping[str, Any]) -> Iterator[Result]:
    wrong = [
        no(f"write through the proxy: {each['write']}", name) for name, each in answers.items() if each["write"]
    ]
    reads = {name: answer["read"] for name, answer in answers.items()}
    wrong += troubles(
        {name: {at: f"read: {it}" if it else None for at, it in read.items()} for name, read in reads.items()}
    )
    targets = sorted({target for read in reads.values() for target in read})
    yield from wrong or [yes(f"written from {listing(answers)}, read back from {listing(targets)}")]


def _logins(probe: Probe, database: str, answers: Answers) -> Iterator[Result]:
    views = {name: answer[database] for name, answer in answers[probe].items()}
    ways = sorted({address for view in views.values() for address in view})
    yield from list(dead_ends(views)) or [yes(f"let in at {listing(ways)}, from {listing(views)}")]
