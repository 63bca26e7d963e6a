import socket

from quorate.verify import identity
from quorate.verify.cloud import way

VIP = "10.77.1.10"
BACKENDS = {"ctl1": "10.77.1.11", "ctl2": "10.77.1.12"}
AWAY = "cannot be reached from here (timed out)"


def asked(design, ways):
    through, backends = identity._asked(design, "unused", ways, VIP, BACKENDS)
    return [[(result.verdict.value, result.node) for result in results] for results in (through, backends)]


def test_a_machine_that_reaches_nothing_cannot_tell(design):
    through, backends = identity._asked(
        design, "unused", dict.fromkeys((VIP, *BACKENDS.values()), AWAY), VIP, BACKENDS
    )
    assert through == backends
    assert [result.verdict.value for result in through] == ["unknown"]
    assert "run this where the management network can be reached" in through[0].seen


def test_where_something_is_reached_what_is_not_is_a_no(design):
    ways = {VIP: AWAY, "10.77.1.11": "refuses connections", "10.77.1.12": AWAY}
    assert asked(design, ways) == [[("no", None)], [("no", "ctl1"), ("no", "ctl2")]]


def test_a_refused_connection_is_an_answer():
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        assert way("127.0.0.1", taken.getsockname()[1]) == "refuses connections"
        taken.listen()
        assert way("127.0.0.1", taken.getsockname()[1]) is None
