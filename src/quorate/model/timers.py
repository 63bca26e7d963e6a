"""Every time that matters in a failover, as one value."""

from dataclasses import dataclass, field, fields
from typing import Any


def _about(text: str) -> Any:
    return field(metadata={"about": text})


@dataclass(frozen=True, slots=True)
class Timers:
    """All timers, in milliseconds where the name says so; derived from a failover profile, each overridable.

    They belong together: what only clients see (HAProxy, memcached, database) must be found dead before the
    cluster has moved the address, or clients meet the dead part again at the new place.
    """

    profile: str
    corosync_token_ms: int = _about("a member is silent: token for two")
    corosync_token_coefficient_ms: int = _about("added to token for each further one")
    corosync_consensus_ms: int = _about("the others agree that it is gone")
    monitor_interval_s: int = _about("Pacemaker asks resources")
    fencing_timeout_s: int = _about("fencing may take as long as this")
    galera_keepalive_ms: int = _about("Galera's sign of life")
    galera_suspect_ms: int = _about("a silent database is suspected")
    galera_inactive_ms: int = _about("a suspected one is left out")
    galera_peer_timeout_ms: int = _about("its connection is given up")
    haproxy_check_ms: int = _about("HAProxy asks its servers")
    haproxy_fall: int = _about("failed checks that mark one down")
    haproxy_rise: int = _about("good checks that mark one up")
    haproxy_connect_ms: int = _about("a server takes a connection")
    database_connect_s: int = _about("a client reaches the database")
    database_read_s: int = _about("a client has an answer from it")
    memcached_timeout_ms: int = _about("a client waits for a cache")
    memcached_dead_retry_s: int = _about("a dead cache is asked again")
    rabbitmq_net_tick_s: int = _about("a silent broker is given up")
    rabbitmq_poll_ms: int = _about("a lost queue leader is looked for")
    rabbitmq_heartbeat_s: int = _about("a client and its broker")
    tcp_keepalive_idle_s: int = _about("an idle connection is probed")
    tcp_keepalive_interval_s: int = _about("between the probes")
    tcp_keepalive_probes: int = _about("unanswered probes that end it")
    tcp_retries: int = _about("unanswered sendings that end one")

    def token_ms(self, members: int) -> int:
        """Corosync's real token timeout for a number of members (corosync.conf(5), token_coefficient)."""
        return self.corosync_token_ms + max(0, members - 2) * self.corosync_token_coefficient_ms

    def haproxy_detect_ms(self) -> int:
        """How long HAProxy needs, at the worst, to mark a silent server down."""
        return self.haproxy_check_ms * (self.haproxy_fall + 1)

    def about(self) -> dict[str, str]:
        """What each timer is for, by its name."""
        return {each.name: each.metadata["about"] for each in fields(self) if "about" in each.metadata}
