"""How long clients are without the cloud when the node that holds the virtual IP loses power, term by term."""

from dataclasses import dataclass

from quorate.model.timers import Timers

# Not timers but work, measured on the lab (docs/measurements.md); real hardware's BMC may be slower.
ELECTION_S = 0.3
FENCE_S = 1.2
START_S = 0.4


@dataclass(frozen=True, slots=True)
class Term:
    """One part of the outage, in seconds, with what decides it."""

    name: str
    seconds: float
    why: str


def budget(timers: Timers, members: int, rest_s: float = 0) -> tuple[Term, ...]:
    """Terms that follow each other; `clients` is what their own timers add once the address has moved.

    `rest_s` is how long the fencing agent rests in a reboot (catalog.pacemaker.rest_s).
    """
    detect_s = timers.token_ms(members) / 1000
    agree_s = timers.corosync_consensus_ms / 1000 + ELECTION_S
    fence_s = FENCE_S + rest_s
    moved_s = detect_s + agree_s + fence_s + START_S
    proxy_s = timers.haproxy_detect_ms() / 1000
    # Galera forms a new component once a silent member is suspected, checked every half second.
    database_s = timers.galera_suspect_ms / 1000 + 0.5
    clients_s = max(0.0, proxy_s - moved_s, database_s - moved_s) + timers.memcached_timeout_ms / 1000
    return (
        Term("detect", detect_s, f"corosync: token with {members} members"),
        Term("agree", agree_s, "corosync: consensus; Pacemaker elects"),
        Term("fence", fence_s, "the power cut, confirmed by the BMC"),
        Term("start", START_S, "the address elsewhere, announced by ARP"),
        Term("clients", clients_s, "added by HAProxy, Galera, memcached"),
    )
