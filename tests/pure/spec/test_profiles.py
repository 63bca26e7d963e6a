"""Timers follow from a few figures, agree with each other, and move together when one is overridden."""

from dataclasses import fields

import pytest

from quorate.model.timers import Timers
from quorate.spec import profiles


def test_fast_is_what_the_measurements_were_made_with():
    assert profiles.timers("fast", 3) == Timers(
        profile="fast",
        corosync_token_ms=1000,
        corosync_token_coefficient_ms=100,
        corosync_consensus_ms=1320,
        monitor_interval_s=5,
        fencing_timeout_s=60,
        galera_keepalive_ms=500,
        galera_suspect_ms=1500,
        galera_inactive_ms=3000,
        galera_peer_timeout_ms=1500,
        haproxy_check_ms=500,
        haproxy_fall=2,
        haproxy_rise=2,
        haproxy_connect_ms=1000,
        database_connect_s=2,
        database_read_s=13,
        memcached_timeout_ms=100,
        memcached_dead_retry_s=30,
        rabbitmq_net_tick_s=10,
        rabbitmq_poll_ms=500,
        rabbitmq_heartbeat_s=10,
        tcp_keepalive_idle_s=5,
        tcp_keepalive_interval_s=2,
        tcp_keepalive_probes=3,
        tcp_retries=5,
    )


def test_balanced_is_corosyncs_default_and_careful_bears_a_stall_of_ten_seconds():
    balanced, careful = profiles.timers("balanced", 3), profiles.timers("careful", 3)
    assert (balanced.corosync_token_ms, balanced.corosync_token_coefficient_ms) == (3000, 650)
    assert (balanced.token_ms(3), balanced.corosync_consensus_ms) == (3650, 4380)
    assert careful.token_ms(3) > 10_000
    assert careful.galera_suspect_ms > 10_000


@pytest.mark.parametrize("profile", profiles.PROFILES)
@pytest.mark.parametrize("members", [1, 2, 3, 5, 7, 16])
@pytest.mark.parametrize("token_ms", [None, 300, 301, 333, 1001, 4999, 30_000, 100_000])
def test_derived_timers_never_contradict_each_other(profile, members, token_ms):
    overrides = {"corosync_token_ms": token_ms} if token_ms else {}
    timers = profiles.timers(profile, members, overrides)
    assert list(profiles.contradictions(timers, members)) == []
    for name, (least, most) in profiles.LIMITS.items():
        assert least <= getattr(timers, name) <= most or name == "corosync_consensus_ms", name


def test_an_override_moves_what_depends_on_it():
    timers = profiles.timers("fast", 3, {"corosync_token_ms": 2000})
    assert (timers.corosync_token_ms, timers.corosync_consensus_ms) == (2000, 2520)
    assert (timers.galera_suspect_ms, timers.galera_inactive_ms, timers.galera_keepalive_ms) == (3000, 6000, 1000)
    assert (timers.haproxy_check_ms, timers.haproxy_connect_ms, timers.database_connect_s) == (1000, 2000, 3)


def test_an_override_of_what_depends_stays_as_given():
    timers = profiles.timers("fast", 3, {"corosync_token_ms": 2000, "corosync_consensus_ms": 9000})
    assert timers.corosync_consensus_ms == 9000


def test_every_timer_can_be_overridden_and_has_limits():
    names = {field.name for field in fields(Timers)} - {"profile"}
    assert names == set(profiles.NAMES) == set(profiles.LIMITS)
    for name, (_, most) in profiles.LIMITS.items():
        assert getattr(profiles.timers("balanced", 3, {name: most}), name) == most


def test_the_kernels_default_of_retries_takes_fifteen_minutes():
    assert profiles.retransmission_s(15) == pytest.approx(924.6)
    assert profiles.retries(11) == 5
    assert profiles.retransmission_s(5) == pytest.approx(12.6)
