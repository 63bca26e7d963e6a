"""What is made of a power cut, without one: the holder of the address, the timeline, the aftershocks."""

import asyncio
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from ipaddress import IPv4Network

import pytest

from quorate.drill.history import Attempt, Outage
from quorate.drill.power_cut import NoHolder, PowerCut, _happened, _served_since_s, holder
from quorate.model.topology import Network, VirtualIp
from quorate.remote.session import Output
from quorate.remote.shipping import Probe as Question

VIP = VirtualIp("internal", "10.77.0.10", Network("management", IPv4Network("10.77.0.0/24")))


@dataclass(frozen=True, slots=True)
class FakeHost:
    """Says the same to every question."""

    stdout: str

    async def run(self, probes: Sequence[Question]) -> tuple[Output, ...]:
        assert all(VIP.address in probe.argv for probe in probes)
        return tuple(Output(probe.argv, 0, self.stdout, "", 0.0) for probe in probes)


HAS_IT = json.dumps([{}, {"ifname": "eth0", "addr_info": [{"local": "10.77.0.10"}]}])
HAS_NOT = json.dumps([{}, {}])


def held(**answers: str) -> str:
    hosts: Mapping[str, FakeHost] = {name: FakeHost(answer) for name, answer in answers.items()}
    return asyncio.run(holder(VIP, hosts))


@pytest.mark.parametrize("nothing", [HAS_NOT, "[]", ""])
def test_the_holder_is_the_one_node_that_has_it(nothing: str) -> None:
    assert held(ctl1=nothing, ctl2=HAS_IT, ctl3=nothing) == "ctl2"


@pytest.mark.parametrize(
    ("answers", "says"),
    [
        ({"ctl1": HAS_IT, "ctl2": HAS_IT}, "10.77.0.10 is on ctl1 and ctl2; see: quorate verify"),
        ({"ctl1": HAS_NOT, "ctl2": HAS_NOT}, "10.77.0.10 is on no node; see: quorate verify"),
    ],
)
def test_without_one_holder_nothing_is_cut(answers: dict[str, str], says: str) -> None:
    with pytest.raises(NoHolder) as raised:
        held(**answers)
    assert str(raised.value) == says


JOURNAL = """\
100.100000 ctl2 corosync[88]:   [TOTEM ] A processor failed, forming new configuration
101.250000 ctl2 corosync[88]:   [TOTEM ] A new membership (2.16) was formed. Members left: 1
101.900000 ctl2 pacemaker-fenced[91]:  notice: Operation 'reboot' targeting ctl3 by ctl2 for x@ctl2: OK (complete)
102.400000 ctl2 pacemaker-fenced[91]:  notice: Operation 'reboot' targeting ctl1 by ctl2 for x@ctl2: OK (complete)
102.700000 ctl2 pacemaker-controld[93]:  notice: Result of start operation for vip-internal on ctl2: OK
103.000000 ctl2 pacemaker-controld[93]:  notice: Result of start operation for galera on ctl2: OK
"""


def test_the_journal_tells_when_what_happened_to_the_node() -> None:
    """Another node's fencing and another resource's start are not part of it."""
    assert list(_happened(JOURNAL.splitlines(), "ctl1")) == [
        ("membership", 101.25),
        ("fenced", 102.4),
        ("address on ctl2", 102.7),
    ]


def cut(outage: Outage | None, *after: Outage) -> PowerCut:
    return PowerCut("ctl1", outage, after, 10, 1, ())


def test_an_aftershock_is_more_than_a_second_without_service() -> None:
    first, short, long = (Outage(0, end, 1, 0, ()) for end in (4.5, 1.0, 1.01))
    assert cut(first, short, long).aftershocks == (long,)
    assert cut(first).outage_s == 4.5
    assert cut(None).outage_s == 0.0


@dataclass(frozen=True, slots=True)
class Seen:
    """A probe that has seen this."""

    attempts: tuple[Attempt, ...]


@pytest.mark.parametrize(
    ("attempts", "since_s"),
    [
        ([], 0.0),
        ([Attempt(1, 1.5, "x")], 0.0),
        ([Attempt(1, 1.5), Attempt(4, 4.5)], 3.5),
        ([Attempt(1, 2, "x"), Attempt(4, 4.5)], 2.5),
        ([Attempt(4, 4.5), Attempt(3, 5, "x")], -0.5),
        # what ended before the begin does not count
        ([Attempt(0, 0.5, "x"), Attempt(4, 4.5)], 3.5),
    ],
)
def test_for_how_long_there_is_service(attempts: list[Attempt], since_s: float) -> None:
    assert _served_since_s(Seen(tuple(attempts)), 1.0) == pytest.approx(since_s)
