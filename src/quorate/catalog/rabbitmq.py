"""RabbitMQ: clusters by its own peer discovery, pauses in a minority, quorum queues by default."""

import json
from collections.abc import Iterator, Mapping
from typing import Any

from quorate.catalog import program, source
from quorate.formats import settings
from quorate.model.check import Check, Probe, Result, listing, no, troubles, unknown, yes
from quorate.model.cloud import Cloud
from quorate.model.component import Component, Majority, Step
from quorate.model.design import Design
from quorate.model.item import Command, File, Until
from quorate.model.resource import Clone, systemd
from quorate.model.secret import Secret
from quorate.model.topology import Cluster, Node, Topology

PORT = 5672
USER = "openstack"
PASSWORD = Secret("rabbitmq/openstack")
COOKIE = Secret("rabbitmq/erlang-cookie", length=32)

REJOIN_PROGRAM = "/usr/local/lib/quorate/rabbitmq-rejoin"
WATCH_PROGRAM = "/usr/local/lib/quorate/rabbitmq-watch"
WATCH_UNIT = "quorate-rabbitmq-watch.service"
DATA = "/var/lib/rabbitmq/mnesia"
LOG = "/var/log/rabbitmq/rabbitmq.log"

_LISTENING = f"""
import socket
socket.create_connection((socket.gethostname(), {PORT}), 2).close()
"""

# Prints nothing and exits 0 if the broker on this node lets the user in; reads "address port user password".
LOGIN = """
import sys, amqp
address, port, user, password = sys.stdin.read().split()
with amqp.Connection(f"{address}:{port}", userid=user, password=password, connect_timeout=3, read_timeout=3):
    pass
"""


def declare(cloud: Cloud, cluster: Cluster) -> Component:
    """A clone of the broker."""
    del cluster
    broker = systemd(
        "rabbitmq",
        "rabbitmq-server",
        monitor_s=max(10, cloud.timers.monitor_interval_s),
        start_s=60,
        stop_s=120,
        monitor_timeout_s=60,
    )
    return Component(
        name="rabbitmq",
        packages=("rabbitmq-server", "python3-amqp"),
        owned_units=("rabbitmq-server.service",),
        majorities=(Majority("rabbitmq", "a quorum queue takes no message without its majority"),),
        resources=(Clone(broker, meta={"interleave": "true"}),),
        ready=(Until("RabbitMQ listens", ("python3", "-c", _LISTENING), within_s=300, every_s=1),),
        secrets=(PASSWORD, COOKIE),
    )


def bootstrap(design: Design) -> tuple[Step, ...]:
    """The user that OpenStack's services share."""
    return (
        Step(
            "the shared user",
            (
                Command(
                    "the shared user's password and permissions",
                    ("sh", "-ec", _USER_SCRIPT),
                    unless=("python3", "-c", LOGIN),
                    stdin=f"{PASSWORD.reference}\n",
                    unless_stdin=f"{login(design)}\n",
                ),
            ),
        ),
    )


def login(design: Design) -> str:
    """How the shared user logs in to the first broker, for a program's input: "address port user password"."""
    first, *_ = design.cloud.topology.members_of("rabbitmq")
    return f"{first.address} {PORT} {USER} {PASSWORD.reference}"


def leftovers(design: Design) -> Probe:
    """Queues of services that are no more."""
    del design
    return Probe(program("queue_leftovers"), timeout_s=60)


_USER_SCRIPT = f"""
IFS= read -r password
if rabbitmqctl --silent list_users | cut -f1 | grep -qx {USER}; then
    printf '%s' "$password" | rabbitmqctl change_password {USER}
else
    printf '%s' "$password" | rabbitmqctl add_user {USER}
fi
rabbitmqctl set_permissions {USER} '.*' '.*' '.*'
"""


def config(design: Design, node: Node) -> Iterator[File]:
    """The broker's configuration, its environment and the cookie the members share."""
    extra = design.cloud.extra
    conf = settings.merged({settings.MAIN: _conf(design, node)}, extra.get("rabbitmq.conf"))
    yield File(
        "/etc/rabbitmq/rabbitmq.conf",
        settings.flat(conf),
        group="rabbitmq",
        mode=0o640,
        read_by=("rabbitmq",),
    )
    environment = {
        "NODENAME": _name(node),
        # Idle schedulers give the processor back at once: the broker shares it (RabbitMQ, Runtime Tuning).
        "SERVER_ADDITIONAL_ERL_ARGS": '"+sbwt none +sbwtdcpu none +sbwtdio none"',
    }
    merged = settings.merged({settings.MAIN: environment}, extra.get("rabbitmq-env.conf"))
    yield File("/etc/rabbitmq/rabbitmq-env.conf", settings.flat(merged, "="), read_by=("rabbitmq",))
    yield from _units(design)
    yield File(
        "/var/lib/rabbitmq/.erlang.cookie",
        COOKIE.reference,
        owner="rabbitmq",
        group="rabbitmq",
        mode=0o400,
        read_by=("rabbitmq",),
    )


def _units(design: Design) -> Iterator[File]:
    """How the broker is started, and who lives and dies with it, with their programs."""
    names = " ".join(_name(member) for member in design.cloud.topology.members_of("rabbitmq"))
    drop_in = {
        "Unit": {"Wants": WATCH_UNIT},
        "Service": {
            # Started once it runs, not once it is ready: a broker that boots waits for those that stopped after
            # it, and an action that waits holds up all others of the cluster, the start of those brokers too
            # (ADR 7).
            "Type": "exec",
            # %l is the host's short name (systemd.unit(5)).
            "ExecStartPre": f"{REJOIN_PROGRAM} {DATA} rabbit@%l {names}",
            # One that pauses in a minority does not stop while it is in one, and all other stops wait for it.
            "TimeoutStopSec": "15",
        },
    }
    watch = {
        "Unit": {
            "Description": "Restarts the broker when it stays parted from most of the others",
            "BindsTo": "rabbitmq-server.service",
            "After": "rabbitmq-server.service",
        },
        "Service": {
            "ExecStart": f"{WATCH_PROGRAM} {LOG} {names}",
            "User": "rabbitmq",
            "Restart": "on-failure",
            "RestartSec": "5",
        },
    }
    for path, unit in (("rabbitmq-server.service.d/quorate.conf", drop_in), (WATCH_UNIT, watch)):
        yield File(f"/etc/systemd/system/{path}", settings.unit(unit), read_by=("rabbitmq",))
    for path, name in ((REJOIN_PROGRAM, "rabbitmq_rejoin"), (WATCH_PROGRAM, "rabbitmq_watch")):
        yield File(path, source(name), mode=0o755, read_by=("rabbitmq",))


def _conf(design: Design, node: Node) -> dict[str, str]:
    timers = design.cloud.timers
    members = design.cloud.topology.members_of("rabbitmq")
    return {
        "listeners.tcp.1": f"{node.address}:{PORT}",
        "cluster_formation.peer_discovery_backend": "classic_config",
        **{
            f"cluster_formation.classic_config.nodes.{number}": _name(member)
            for number, member in enumerate(members, 1)
        },
        "cluster_partition_handling": "pause_minority",
        "default_queue_type": "quorum",
        # A broker that comes back with an empty disk gets its copies of the queues again.
        "quorum_queue.continuous_membership_reconciliation.enabled": "true",
        "quorum_queue.continuous_membership_reconciliation.auto_remove": "true",
        "quorum_queue.continuous_membership_reconciliation.target_group_size": str(min(3, len(members))),
        "net_ticktime": str(timers.rabbitmq_net_tick_s),
        "raft.adaptive_failure_detector.poll_interval": str(timers.rabbitmq_poll_ms),
        "heartbeat": str(timers.rabbitmq_heartbeat_s),
        # No user of the package's making: the shared one is made by the deployment.
        "default_user": USER,
        "default_pass": PASSWORD.reference,
        "loopback_users": "none",
        "log.file": "rabbitmq.log",
    }


def _name(node: Node) -> str:
    """A broker's name among Erlang's nodes."""
    return f"rabbit@{node.name}"


def transport_url(topology: Topology) -> str:
    """What clients are given: every broker, so that they find another by themselves."""
    brokers = topology.members_of("rabbitmq")
    return "rabbit://" + ",".join(f"{USER}:{PASSWORD.reference}@{node.address}:{PORT}" for node in brokers) + "/"


def client_settings(cloud: Cloud) -> dict[str, str]:
    """oslo.messaging's side of quorum queues and of a broker that vanished (section oslo_messaging_rabbit)."""
    return {
        "rabbit_quorum_queue": "true",
        "rabbit_transient_quorum_queue": "true",
        "use_queue_manager": "true",
        "rabbit_stream_fanout": "true",
        # a stream's consumer says how many messages it takes before it acknowledges some
        "rabbit_qos_prefetch_count": "10",
        "heartbeat_timeout_threshold": str(cloud.timers.rabbitmq_heartbeat_s),
        "heartbeat_rate": "2",
    }


def checks(design: Design) -> Iterator[Check]:
    """The brokers are one cluster that is whole and unalarmed, and keep a message safe."""
    nodes = tuple(node.name for node in design.cloud.topology.members_of("rabbitmq"))
    # A client of Erlang's costs more processor time than all other probes: one broker speaks for all of them.
    membership = Probe(
        ("rabbitmqctl", "--silent", "--timeout", "15", "cluster_status", "--formatter", "json"),
        timeout_s=30,
        json=False,
        once=True,
    )
    brokers = {node.name: f"{node.address}:{PORT}" for node in design.cloud.topology.members_of("rabbitmq")}
    asked = {"brokers": brokers, "user": USER, "password": PASSWORD.reference}
    client = Probe(program("rabbitmq_queue"), json.dumps(asked), timeout_s=40)
    yield Check(
        "rabbitmq-members",
        "rabbitmq",
        "all brokers in one cluster, no partition, no alarm",
        {membership: nodes},
        lambda answers: _membership(nodes, answers[membership]),
    )
    yield Check(
        "rabbitmq-logins",
        "rabbitmq",
        "each broker lets the shared user in, asked from each node",
        {client: nodes},
        lambda answers: _logins(answers[client]),
    )
    yield Check(
        "rabbitmq-queues",
        "rabbitmq",
        "a quorum queue declared, published to with confirms, consumed and deleted on each node",
        {client: nodes},
        lambda answers: _queues(answers[client]),
    )


def _membership(nodes: tuple[str, ...], answers: Mapping[str, Any]) -> Iterator[Result]:
    for asked, output in answers.items():
        if output["rc"] != 0:
            said = (output["stderr"] or output["stdout"]).strip().splitlines() or [f"exit status {output['rc']}"]
            yield no(f"rabbitmqctl cluster_status: {said[0]}", asked)
            continue
        try:
            status = json.loads(output["stdout"])
        except ValueError:
            yield unknown(f"rabbitmqctl answered {output['stdout'][:40]!r}", asked)
            continue
        yield from _judged(nodes, asked, status)


def _judged(nodes: tuple[str, ...], asked: str, status: Mapping[str, Any]) -> Iterator[Result]:
    running = {name.partition("@")[2] for name in status["running_nodes"]}
    known = {name.partition("@")[2] for name in status["disk_nodes"]} | running
    wrong = [no(f"not running (seen from {asked})", name) for name in nodes if name not in running]
    wrong += [no("in the brokers' cluster but not in the design", name) for name in sorted(known - set(nodes))]
    wrong += [
        no(f"partitioned from {listing(sorted(others))}", name.partition("@")[2])
        for name, others in dict(status["partitions"] or {}).items()
    ]
    wrong += [no(f"alarm: {_alarm(alarm)}", _node(alarm)) for alarm in status["alarms"]]
    yield from wrong or [yes(f"{len(running)} of {len(nodes)} brokers running, no partition, no alarm")]


def _alarm(alarm: Any) -> str:
    return str(alarm.get("resource") or alarm) if isinstance(alarm, dict) else str(alarm)


def _node(alarm: Any) -> str | None:
    return str(alarm["node"]).partition("@")[2] if isinstance(alarm, dict) and "node" in alarm else None


def _logins(answers: Mapping[str, Any]) -> Iterator[Result]:
    wrong = list(troubles({asker: answer["login"] for asker, answer in answers.items()}))
    yield from wrong or [yes(f"every broker lets {USER} in from {listing(answers)}")]


def _queues(answers: Mapping[str, Any]) -> Iterator[Result]:
    wrong = [no(answer["queue"], name) for name, answer in answers.items() if answer["queue"]]
    yield from wrong or [yes(f"a confirmed message came through a quorum queue on {listing(answers)}")]
