"""Keys are rotated and no token in flight is lost."""

import json
from contextlib import contextmanager
from threading import Event, Thread

import pytest

pytestmark = [pytest.mark.lab, pytest.mark.timeout(180)]


@contextmanager
def issuing(cluster):
    """Tokens issued meanwhile, at the virtual IP and at each backend, each with who refused it at once."""
    tokens, ended = {}, Event()
    addresses = [None, *map(cluster.address, cluster.nodes)]

    def issue():
        while not ended.is_set():
            token = cluster.token(addresses[len(tokens) % len(addresses)])
            tokens[token] = cluster.refused_by(token)

    thread = Thread(target=issue)
    thread.start()
    try:
        yield tokens
    finally:
        ended.set()
        thread.join()


def primary(cluster):
    held = json.loads(cluster.file.with_name("quorate.secrets.json").read_text())
    return max(int(number) for number in held["key_sets"]["keystone/fernet"]["keys"])


def test_tokens_from_before_during_and_after_rotations_are_taken_by_every_backend(cluster):
    before = {cluster.token(): None for _ in range(3)}
    first = primary(cluster)
    with issuing(cluster) as during:
        for number in range(1, 4):
            done = cluster.quorate("keys", "rotate")
            assert done.returncode == 0, done.stderr
            assert (
                f"keystone/fernet: rotated; {number + 2 + first - 1} keys, primary {first + number}" in done.stdout
            )
    assert len(during) > 10
    assert {token: refusers for token, refusers in during.items() if refusers} == {}
    after = cluster.token()
    assert [token for token in (*before, *during, after) if cluster.refused_by(token)] == []
    assert primary(cluster) == first + 3
    kept = {cluster.on(node, "cd /etc/keystone && sha256sum *-keys/*") for node in cluster.nodes}
    assert len(kept) == 1
    cluster.unchanged()
