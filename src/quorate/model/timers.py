"""Every time that matters in a failover, as one value."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Timers:
    """All timers, in milliseconds where the name says so; derived from a failover profile, each overridable.

    They belong together: what only clients see (HAProxy, memcached, database) must be found dead before the
    cluster has moved the address, or clients meet the dead part again at the new place.
    """

    profile: str
    corosync_token_ms: int
    corosync_token_coefficient_ms: int
    corosync_consensus_ms: int
    monitor_interval_s: int
    fencing_timeout_s: int
    galera_keepalive_ms: int
    galera_suspect_ms: int
    galera_inactive_ms: int
    galera_peer_timeout_ms: int
    haproxy_check_ms: int
    haproxy_fall: int
    haproxy_rise: int
    haproxy_connect_ms: int
    database_connect_s: int
    database_read_s: int
    memcached_timeout_ms: int
    memcached_dead_retry_s: int
    rabbitmq_net_tick_s: int
    rabbitmq_heartbeat_s: int
    tcp_keepalive_idle_s: int
    tcp_keepalive_interval_s: int
    tcp_keepalive_probes: int
    tcp_retries: int

    def token_ms(self, members: int) -> int:
        """Corosync's real token timeout for a number of members (corosync.conf(5), token_coefficient)."""
        return self.corosync_token_ms + max(0, members - 2) * self.corosync_token_coefficient_ms

    def haproxy_detect_ms(self) -> int:
        """How long HAProxy needs, at the worst, to mark a silent server down."""
        return self.haproxy_check_ms * (self.haproxy_fall + 1)
