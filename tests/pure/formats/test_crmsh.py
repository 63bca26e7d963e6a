import shlex
from dataclasses import replace

import pytest

from quorate.formats import crmsh
from quorate.model.resource import (
    Clone,
    Colocation,
    Configuration,
    FencingLevel,
    Group,
    Kind,
    Location,
    Op,
    Order,
    Primitive,
)

EMPTY = Configuration({}, (), ())


def test_a_configuration_is_written_so():
    conf = Configuration(
        {"stonith-enabled": "true", "cluster-name": "lab"},
        (
            Primitive(
                "vip",
                "ocf:heartbeat:IPaddr2",
                {"ip": "192.0.2.10", "cidr_netmask": "24", "nic": "eth0 and 'more'"},
                {"priority": "1"},
                (Op("monitor", 2.5), Op("stop", 0, 40, "fence")),
            ),
            Clone(Primitive("galera", "ocf:heartbeat:galera"), {"promotable": "true", "promoted-max": "3"}),
            Clone(Group("g", (Primitive("a", "systemd:a"), Primitive("b", "systemd:b")), {"priority": "2"})),
        ),
        (
            Order("galera-clone", "vip", Kind.OPTIONAL, "promote", why="not for crmsh"),
            Colocation("vip", "galera-clone"),
            Location("a", "c1", "-INFINITY"),
        ),
        (FencingLevel("c1", 2, ("x", "y")), FencingLevel("c2", 1, ("z",)), FencingLevel("c1", 1, ("x",))),
        {"resource-stickiness": "100"},
        {"timeout": "60s"},
    )
    assert crmsh.script(conf) == (
        "property stonith-enabled=true\n"
        "rsc_defaults resource-stickiness=100\n"
        "op_defaults timeout=60s\n"
        "primitive vip ocf:heartbeat:IPaddr2 \\\n"
        "    params ip=192.0.2.10 cidr_netmask=24 'nic=eth0 and '\"'\"'more'\"'\"'' \\\n"
        "    meta priority=1 \\\n"
        "    op monitor interval=2500ms timeout=20s \\\n"
        "    op stop interval=0s timeout=40s on-fail=fence\n"
        "primitive galera ocf:heartbeat:galera\n"
        "clone galera-clone galera meta promotable=true promoted-max=3\n"
        "primitive a systemd:a\n"
        "primitive b systemd:b\n"
        "group g a b meta priority=2\n"
        "clone g-clone g\n"
        "order order-galera-clone-vip Optional: galera-clone:promote vip:start\n"
        "colocation colocation-vip-galera-clone INFINITY: vip galera-clone\n"
        "location location-a-c1 a -INFINITY: c1\n"
        "fencing_topology c1: x x,y c2: z\n"
    )


def test_values_come_back_unchanged():
    parameters = {"a": "it's", "b": 'say "so"', "c": "$HOME;x", "d": "back\\slash", "e": "", "f": "z" * 120}
    text = crmsh.script(replace(EMPTY, resources=(Primitive("p", "systemd:p", parameters),)))
    words = shlex.split(text.replace("\\\n", ""))
    assert words == [
        "primitive",
        "p",
        "systemd:p",
        "params",
        *(f"{name}={value}" for name, value in parameters.items()),
    ]


@pytest.mark.parametrize("value", ["caf\u00e9", "two\nlines", "ends in \\"])
def test_what_crmsh_would_spoil_is_refused(value):
    with pytest.raises(ValueError, match="load the configuration as XML"):
        crmsh.script(replace(EMPTY, resources=(Primitive("p", "systemd:p", {"a": value}),)))


def test_fencing_levels_with_a_gap_are_refused():
    levels = (FencingLevel("c1", 1, ("x",)), FencingLevel("c1", 3, ("y",)))
    with pytest.raises(ValueError, match=r"those of c1 are \[1, 3\]"):
        crmsh.script(replace(EMPTY, fencing_levels=levels))
