"""Failover profiles: a few base figures from which every timer follows by a named formula.

The base figure of all is Corosync's token timeout: how long a member may be silent before it counts as lost.
What only clients see is derived from it too, so that no layer waits for another that has not noticed yet.
"""

import math
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, fields

from quorate.model.timers import Timers


@dataclass(frozen=True, slots=True)
class Profile:
    """The base figures of one profile, and what it is for."""

    token_ms: int
    token_coefficient_ms: int
    monitor_interval_s: int
    fencing_timeout_s: int
    haproxy_fall: int
    memcached_dead_retry_s: int
    about: str


PROFILES: Mapping[str, Profile] = {
    "fast": Profile(1000, 100, 5, 60, 2, 30, "a loss is noticed in a second; for hosts that never stall"),
    # corosync.conf(5): token 3000 ms, token_coefficient 650 ms.
    "balanced": Profile(3000, 650, 10, 60, 3, 60, "Corosync's own defaults; for where nothing is known"),
    # The field's advice for members that are virtual machines (live migration, snapshots) is 10 to 30 s.
    "careful": Profile(10_000, 1000, 20, 120, 3, 120, "for members that stall: virtual machines, busy disks"),
}
DEFAULT = "balanced"

# The range each override may have; the lower bounds keep a slip of the finger from fencing a whole cluster.
LIMITS: Mapping[str, tuple[int, int]] = {
    "corosync_token_ms": (300, 100_000),
    "corosync_token_coefficient_ms": (0, 10_000),
    "corosync_consensus_ms": (360, 600_000),
    "monitor_interval_s": (1, 600),
    "fencing_timeout_s": (5, 3600),
    "galera_keepalive_ms": (100, 60_000),  # EvsRetransPeriodMin, galera gcomm/src/defaults.cpp
    "galera_suspect_ms": (300, 300_000),
    "galera_inactive_ms": (300, 600_000),
    "galera_peer_timeout_ms": (300, 300_000),
    "haproxy_check_ms": (100, 60_000),
    "haproxy_fall": (1, 10),
    "haproxy_rise": (1, 10),
    "haproxy_connect_ms": (50, 60_000),
    "database_connect_s": (1, 300),
    "database_read_s": (1, 3600),
    "memcached_timeout_ms": (20, 10_000),
    "memcached_dead_retry_s": (1, 3600),
    "rabbitmq_net_tick_s": (4, 300),
    "rabbitmq_poll_ms": (100, 60_000),
    "rabbitmq_heartbeat_s": (4, 300),
    "tcp_keepalive_idle_s": (1, 7200),
    "tcp_keepalive_interval_s": (1, 600),
    "tcp_keepalive_probes": (1, 30),
    "tcp_retries": (3, 15),
}
NAMES = tuple(field.name for field in fields(Timers) if field.name != "profile")


def timers(profile: str, members: int, overrides: Mapping[str, int] | None = None) -> Timers:
    """All timers of a profile for clusters of up to `members`; an override also moves what depends on it.

    KeyError for an unknown profile. The overrides are taken as they are: `contradictions` judges the result.
    """
    given = overrides or {}
    base = PROFILES[profile]
    token = given.get("corosync_token_ms", base.token_ms)
    coefficient = given.get("corosync_token_coefficient_ms", base.token_coefficient_ms)
    suspect = given.get("galera_suspect_ms", suspect_ms(token))
    inactive = given.get("galera_inactive_ms", 2 * suspect)
    check = given.get("haproxy_check_ms", check_ms(token))
    connect = given.get("haproxy_connect_ms", min(token, 5000))
    net_tick = given.get("rabbitmq_net_tick_s", net_tick_s(token))
    idle = given.get("tcp_keepalive_idle_s", min(30, math.ceil(5 * token / 1000)))
    interval = given.get("tcp_keepalive_interval_s", min(10, math.ceil(2 * token / 1000)))
    probes = given.get("tcp_keepalive_probes", 3)
    return Timers(
        profile=profile,
        corosync_token_ms=token,
        corosync_token_coefficient_ms=coefficient,
        corosync_consensus_ms=given.get("corosync_consensus_ms", consensus_ms(token, coefficient, members)),
        monitor_interval_s=given.get("monitor_interval_s", base.monitor_interval_s),
        fencing_timeout_s=given.get("fencing_timeout_s", base.fencing_timeout_s),
        galera_keepalive_ms=given.get("galera_keepalive_ms", keepalive_ms(suspect)),
        galera_suspect_ms=suspect,
        galera_inactive_ms=inactive,
        galera_peer_timeout_ms=given.get("galera_peer_timeout_ms", suspect),
        haproxy_check_ms=check,
        haproxy_fall=given.get("haproxy_fall", base.haproxy_fall),
        haproxy_rise=given.get("haproxy_rise", 2),
        haproxy_connect_ms=connect,
        database_connect_s=given.get("database_connect_s", database_connect_s(connect)),
        database_read_s=given.get("database_read_s", database_read_s(inactive)),
        memcached_timeout_ms=given.get("memcached_timeout_ms", min(1000, token // 10)),
        memcached_dead_retry_s=given.get("memcached_dead_retry_s", base.memcached_dead_retry_s),
        rabbitmq_net_tick_s=net_tick,
        rabbitmq_poll_ms=given.get("rabbitmq_poll_ms", poll_ms(token)),
        rabbitmq_heartbeat_s=given.get("rabbitmq_heartbeat_s", net_tick),
        tcp_keepalive_idle_s=idle,
        tcp_keepalive_interval_s=interval,
        tcp_keepalive_probes=probes,
        tcp_retries=given.get("tcp_retries", retries(idle + interval * probes)),
    )


def consensus_ms(token_ms: int, coefficient_ms: int, members: int) -> int:
    """1.2 times the real token timeout, the least corosync.conf(5) allows."""
    return math.ceil(12 * (token_ms + max(0, members - 2) * coefficient_ms) / 10)


def suspect_ms(token_ms: int) -> int:
    """When Galera suspects a silent member: after Corosync has, before the cluster has fenced it."""
    return 3 * token_ms // 2


def keepalive_ms(suspect_ms: int) -> int:
    """A third of the suspect timeout, the most Galera takes (gcomm/src/evs_proto.cpp); at most its default."""
    return min(1000, suspect_ms // 3)


def check_ms(token_ms: int) -> int:
    """HAProxy asks twice within a token timeout, and at least every 2 s, its default `inter`."""
    return min(2000, token_ms // 2)


def database_connect_s(haproxy_connect_ms: int) -> int:
    """A second more than HAProxy allows a server, so that it can try another before the client gives up."""
    return math.ceil(haproxy_connect_ms / 1000) + 1


def database_read_s(galera_inactive_ms: int) -> int:
    """10 s for an API's slowest statement, and the longest a lost member may stall its commit."""
    return 10 + math.ceil(galera_inactive_ms / 1000)


def net_tick_s(token_ms: int) -> int:
    """Ten times the token timeout; at least 5 s, at most RabbitMQ's default of 60 s (its Net Tick Times guide)."""
    return max(5, min(60, math.ceil(10 * token_ms / 1000)))


def poll_ms(token_ms: int) -> int:
    """Twice within a token timeout, at most RabbitMQ's default of 5 s.

    The election of a quorum queue's next leader begins so long after the second of two looks (rabbitmq/ra,
    src/ra_server_proc.erl: election_timeout_action): by the default an outage may last 11 s.
    """
    return min(5000, token_ms // 2)


def retransmission_s(count: int) -> float:
    """How long TCP keeps sending to an address that vanished: 200 ms, doubled each time, at most 120 s.

    Source: the kernel's ip-sysctl, tcp_retries2 (15 is 924.6 s), for a round trip of a local network.
    """
    return sum(min(0.2 * float(2**attempt), 120.0) for attempt in range(count + 1))


def retries(keepalive_s: int) -> int:
    """The least tcp_retries2 that keeps a busy connection as long as keepalive keeps an idle one."""
    return next((count for count in range(3, 15) if retransmission_s(count) >= keepalive_s), 15)


@dataclass(frozen=True, slots=True)
class Contradiction:
    """Timers, by name, that a daemon refuses or that defeat each other; the message ends with the remedy."""

    names: tuple[str, ...]
    message: str


def contradictions(chosen: Timers, members: int) -> Iterator[Contradiction]:
    """What is contradictory in the timers of clusters of up to `members`."""
    real = chosen.token_ms(members)
    least = consensus_ms(chosen.corosync_token_ms, chosen.corosync_token_coefficient_ms, members)
    if chosen.corosync_consensus_ms < least:
        yield Contradiction(
            ("corosync_consensus_ms", "corosync_token_ms", "corosync_token_coefficient_ms"),
            f"corosync_consensus_ms {chosen.corosync_consensus_ms} is less than 1.2 times the token timeout "
            f"of {members} members, {real} ms (corosync.conf(5)); write {least} or more, or leave it out",
        )
    if 3 * chosen.galera_keepalive_ms > chosen.galera_suspect_ms:
        yield Contradiction(
            ("galera_keepalive_ms", "galera_suspect_ms"),
            f"galera_keepalive_ms {chosen.galera_keepalive_ms} is more than a third of galera_suspect_ms "
            f"{chosen.galera_suspect_ms}, which Galera refuses; "
            f"write {chosen.galera_suspect_ms // 3} or less, or leave it out",
        )
    if chosen.galera_inactive_ms <= chosen.galera_suspect_ms:
        yield Contradiction(
            ("galera_inactive_ms", "galera_suspect_ms"),
            f"galera_inactive_ms {chosen.galera_inactive_ms} is not above galera_suspect_ms "
            f"{chosen.galera_suspect_ms}; write {2 * chosen.galera_suspect_ms}, or leave it out",
        )
    if chosen.database_connect_s * 1000 <= chosen.haproxy_connect_ms:
        yield Contradiction(
            ("database_connect_s", "haproxy_connect_ms"),
            f"database_connect_s {chosen.database_connect_s} is not above haproxy_connect_ms "
            f"{chosen.haproxy_connect_ms}, so clients leave before HAProxy tries another server; "
            f"write {database_connect_s(chosen.haproxy_connect_ms)}, or leave it out",
        )
    if chosen.database_read_s * 1000 <= chosen.galera_inactive_ms:
        yield Contradiction(
            ("database_read_s", "galera_inactive_ms"),
            f"database_read_s {chosen.database_read_s} is not above galera_inactive_ms "
            f"{chosen.galera_inactive_ms}, so every lost member fails the commits it stalls; "
            f"write {database_read_s(chosen.galera_inactive_ms)}, or leave it out",
        )
