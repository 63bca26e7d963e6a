import shlex
from dataclasses import replace

import pytest

from quorate.formats import pcs
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

CREATE = "pcs resource create --no-default-ops --future"
MONITOR = "op monitor interval=10s timeout=30s"
EMPTY = Configuration({}, (), ())
A = Primitive("a", "systemd:a", ops=(Op("monitor", 10, 30),))
B = Primitive("b", "systemd:b", ops=(Op("monitor", 10, 30),))


def lines(conf):
    return [shlex.join(words) for words in pcs.commands(conf)]


@pytest.mark.parametrize(
    ("resource", "expected"),
    [
        pytest.param(
            Primitive("v", "ocf:heartbeat:IPaddr2", {"ip": "::1"}, {"priority": "1"}, (Op("monitor", 5),)),
            [
                f"{CREATE} v ocf:heartbeat:IPaddr2 ip=::1 op monitor interval=5s timeout=20s meta priority=1",
            ],
            id="primitive",
        ),
        pytest.param(
            Primitive("f", "stonith:fence_ipmilan", {"ip": "192.0.2.1"}, ops=(Op("monitor", 60),)),
            ["pcs stonith create f fence_ipmilan ip=192.0.2.1 op monitor interval=60s timeout=20s"],
            id="fencing device",
        ),
        pytest.param(
            Primitive("p", "systemd:p"),
            [f"{CREATE} p systemd:p", "pcs resource op delete p monitor"],
            id="without a monitor",
        ),
        pytest.param(
            Clone(A, {"interleave": "true"}),
            [
                f"{CREATE} a systemd:a {MONITOR} clone meta interleave=true",
            ],
            id="clone",
        ),
        pytest.param(
            Clone(A, {"promotable": "true", "promoted-max": "3"}),
            [
                f"{CREATE} a systemd:a {MONITOR} promotable meta promoted-max=3",
            ],
            id="promotable clone",
        ),
        pytest.param(
            Clone(Group("g", (A, B), {"priority": "2"})),
            [
                f"{CREATE} a systemd:a {MONITOR} group g",
                f"{CREATE} b systemd:b {MONITOR} group g",
                "pcs resource meta g priority=2",
                "pcs resource clone g",
            ],
            id="cloned group",
        ),
    ],
)
def test_resources(resource, expected):
    assert lines(replace(EMPTY, resources=(resource,))) == expected


def test_everything_else():
    conf = Configuration(
        {"stonith-enabled": "true", "cluster-name": "lab"},
        (),
        (
            Order("a", "b", Kind.MANDATORY, "promote"),
            Colocation("a", "b", "-50"),
            Location("a", "c1", "-INFINITY"),
        ),
        (FencingLevel("c1", 2, ("x", "y")),),
        {"resource-stickiness": "100"},
        {"timeout": "60s"},
    )
    assert lines(conf) == [
        "pcs property set stonith-enabled=true",
        "pcs resource defaults update resource-stickiness=100",
        "pcs resource op defaults update timeout=60s",
        "pcs constraint order promote a then start b kind=Mandatory id=order-a-b",
        "pcs constraint colocation add a with b score=-50 id=colocation-a-b",
        "pcs constraint location add location-a-c1 a c1 score=-INFINITY",
        "pcs stonith level add 2 c1 x y",
    ]


def test_a_property_in_milliseconds_is_forced_apart_from_what_pcs_checks():
    conf = Configuration({"transition-delay": "150ms", "dc-deadtime": "5s"}, (), ())
    assert lines(conf) == [
        "pcs property set dc-deadtime=5s",
        "pcs property set --force transition-delay=150ms",
    ]


def test_the_script_is_the_commands_with_its_own_options_and_the_reasons():
    awkward = {"options": 'it\'s a "b" $c; d', "other": "x" * 90, "third": "y" * 90}
    conf = Configuration(
        {},
        (Primitive("p", "systemd:p", awkward, {"a": "b"}, (Op("monitor", 5),)),),
        (Order("p", "q", Kind.OPTIONAL, why="so\nthat"),),
    )
    text = pcs.script(conf)
    assert '# so\n# that\npcs "$@" constraint order' in text
    body = text[text.index("set -eu\n") + 8 :].replace("\\\n", "")
    said = [shlex.split(line, comments=True) for line in body.splitlines()]
    assert [tuple(w for w in words if w != "$@") for words in said if words] == list(pcs.commands(conf))
    assert all(words[1] == "$@" for words in said if words)


@pytest.mark.parametrize(
    "primitive",
    [
        Primitive("p", "systemd:p", ops=(Op("monitor", 2.5),)),
        Primitive("p", "systemd:p", ops=(Op("monitor", 2, 0.5),)),
        Primitive("p", "systemd:p", {"a": ""}, ops=(Op("monitor", 2),)),
        Primitive("p", "systemd:p", {}, {"a": ""}, ops=(Op("monitor", 2),)),
    ],
)
def test_what_pcs_cannot_say_is_refused(primitive):
    with pytest.raises(ValueError, match="load the configuration as XML"):
        pcs.commands(replace(EMPTY, resources=(primitive,)))
