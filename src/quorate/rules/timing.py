"""Timers that a daemon accepts but that make an outage longer, or an outage out of nothing."""

from collections.abc import Iterator

from quorate.model.cloud import Cloud
from quorate.rules.rule import Breach

# 0.2 s doubled eight times is 102 s (the kernel's ip-sysctl: tcp_retries2).
MOST_TCP_RETRIES = 8
MOST_MEMCACHED_MS = 1000
# A dead server that is tried again costs one timeout: at most a twentieth of the time.
LEAST_DEAD_RETRY_FACTOR = 20
# RabbitMQ, Detecting Dead TCP Connections: below 5 s false positives are fairly likely.
LEAST_HEARTBEAT_S = 5


def slow_proxy(cloud: Cloud) -> Iterator[Breach]:
    """HAProxy knows of a dead server before the cluster has moved the address.

    Otherwise clients that reach the new place are sent to the dead server once more.
    """
    agreed = _agreed_ms(cloud)
    if cloud.timers.haproxy_detect_ms() > agreed:
        yield Breach(
            "failover",
            f"HAProxy takes up to {cloud.timers.haproxy_detect_ms()} ms to see a silent server, "
            f"the cluster {agreed} ms to agree that it is lost",
            "lower haproxy_check_ms or haproxy_fall, or leave both out",
        )


def slow_database(cloud: Cloud) -> Iterator[Breach]:
    """Galera drops a lost member before the cluster has moved the address.

    Every commit waits until it has.
    """
    agreed = _agreed_ms(cloud)
    if cloud.timers.galera_suspect_ms > agreed:
        yield Breach(
            "failover.galera_suspect_ms",
            f"commits wait {cloud.timers.galera_suspect_ms} ms for a lost member, "
            f"and the cluster has agreed after {agreed} ms",
            "lower it, or leave it out",
        )


def slow_cache(cloud: Cloud) -> Iterator[Breach]:
    """A dead memcached costs a request less than a second.

    A request asks the cache many times; this is what one try costs.
    """
    if cloud.timers.memcached_timeout_ms > MOST_MEMCACHED_MS:
        yield Breach(
            "failover.memcached_timeout_ms",
            f"a request that meets a dead memcached waits {cloud.timers.memcached_timeout_ms} ms each time",
            f"write {MOST_MEMCACHED_MS} or less, or leave it out",
        )


def hasty_cache_retry(cloud: Cloud) -> Iterator[Breach]:
    """A dead memcached is left alone for a while.

    Each try of it costs a request the whole timeout.
    """
    timers = cloud.timers
    least_s = -(-LEAST_DEAD_RETRY_FACTOR * timers.memcached_timeout_ms // 1000)
    if timers.memcached_dead_retry_s < least_s:
        yield Breach(
            "failover.memcached_dead_retry_s",
            f"a dead memcached is tried every {timers.memcached_dead_retry_s} s, "
            f"{timers.memcached_timeout_ms} ms each time",
            f"write {least_s} or more, or leave it out",
        )


def endless_tcp(cloud: Cloud) -> Iterator[Breach]:
    """A connection to an address that vanished is given up within two minutes.

    With the kernel's default, 15, it takes about 15 minutes, in which the writer believes that its writes succeed.
    """
    if cloud.timers.tcp_retries > MOST_TCP_RETRIES:
        yield Breach(
            "failover.tcp_retries",
            f"tcp_retries {cloud.timers.tcp_retries} keeps connections to a vanished address for minutes",
            f"write {MOST_TCP_RETRIES} or less, or leave it out",
        )


def hasty_heartbeat(cloud: Cloud) -> Iterator[Breach]:
    """RabbitMQ's heartbeat bears a busy moment.

    Below 5 s healthy connections are cut.
    """
    for name in ("rabbitmq_heartbeat_s", "rabbitmq_net_tick_s"):
        value: int = getattr(cloud.timers, name)
        if value < LEAST_HEARTBEAT_S:
            yield Breach(
                f"failover.{name}",
                f"{name} {value} cuts healthy connections in a busy moment",
                f"write {LEAST_HEARTBEAT_S} or more, or leave it out",
            )


def _agreed_ms(cloud: Cloud) -> int:
    """When the cluster's members have agreed that one is lost: token and consensus timeout together."""
    members = max((len(cluster.members) for cluster in cloud.topology.clusters), default=1)
    return cloud.timers.token_ms(members) + cloud.timers.corosync_consensus_ms
