"""Rules that drop traffic: for which addresses, on which devices, and what stays."""

from quorate.drill.netfilter import UNDO, apart
from quorate.model.topology import Node

HERE = Node("a", {"management": "192.0.2.1", "public": "198.51.100.1"})
THERE = Node("b", {"management": "192.0.2.2", "public": "198.51.100.2"})
FAR = Node("c", {"management": "192.0.2.3"})


def test_each_network_that_is_shared_is_filtered_by_the_addresses_there():
    harm = apart(HERE, [THERE, FAR]).harm
    assert "device0=$(ip -brief address show to 192.0.2.1 " in harm
    assert "device1=$(ip -brief address show to 198.51.100.1 " in harm
    assert "ip saddr { 192.0.2.2, 192.0.2.3 } drop; arp saddr ip { 192.0.2.2, 192.0.2.3 } drop" in harm
    assert "ip daddr { 198.51.100.2 } drop" in harm
    assert "ip saddr { 198.51.100.2 } drop" in harm


def test_ssh_is_let_pass_before_anything_is_dropped():
    for line in apart(HERE, [THERE]).harm.splitlines():
        if line.startswith("chain"):
            assert line.index("22 accept") < line.index("drop")


def test_one_direction_only():
    harm = apart(HERE, [FAR], outward=False).harm
    assert "saddr" in harm
    assert "daddr" not in harm


def test_version_6_has_no_arp():
    harm = apart(Node("a", {"management": "2001:db8::1"}), [Node("b", {"management": "2001:db8::2"})]).harm
    assert "ip6 saddr { 2001:db8::2 } drop" in harm
    assert "arp" not in harm


def test_it_can_be_undone_twice_and_is_before_it_is_done():
    affliction = apart(HERE, [THERE])
    assert affliction.undo == UNDO
    assert affliction.undo.endswith("|| true")
    assert affliction.harm.startswith(UNDO)
