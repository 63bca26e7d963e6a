from pathlib import Path

import pytest

from quorate.catalog import haproxy
from quorate.model.check import no, unknown

NODES = ("ctl1", "ctl2", "ctl3")
# HAProxy 3.0's own words with ctl1 up and the others refusing connections.
STAT = Path(__file__).with_name("haproxy_stat.csv").read_text()
ALL_UP = STAT.replace(",DOWN,", ",UP,")


def said(stat=ALL_UP):
    return {"show stat": stat}


def without(stat, *servers):
    """As a proxy says it that finds these members of Galera down."""
    lines = stat.splitlines()
    found = [line.split(",")[:2] for line in lines]
    down = [["galera", server] for server in servers]
    return "\n".join(
        line.replace(",UP,", ",DOWN,") if where in down else line for line, where in zip(lines, found, strict=True)
    )


def check(design, name):
    return next(each for each in haproxy.checks(design) if each.name == name)


def judged(design, name, *answers):
    asked = check(design, name)
    assert all(nodes == NODES for nodes in asked.probes.values())
    return list(asked.judge(dict(zip(asked.probes, answers, strict=True))))


def test_all_backends_up(design):
    (result,) = judged(design, "haproxy-backends", dict.fromkeys(NODES, said()))
    assert (result.verdict.value, result.seen) == ("yes", "6 backends up, seen from ctl1, ctl2, ctl3")


def test_backends_that_are_down_are_named_with_the_reason(design):
    results = judged(design, "haproxy-backends", dict.fromkeys(NODES, said(STAT)))
    assert [result.node for result in results] == ["ctl2", "ctl3"]
    assert "galera is DOWN (L4CON Connection refused); keystone is DOWN (L4CON" in results[0].seen
    assert results[0].seen.endswith("(seen from ctl1, ctl2, ctl3)")


def test_why_an_api_is_down_is_told_by_its_own_nodes_proxy(design):
    told = STAT.replace("Connection refused", "HTTP status 503").replace("L4CON", "L7STS")
    own = "\n".join(
        line.replace("keystone,", "keystone-here,", 1) for line in STAT.splitlines() if "keystone,ctl2" in line
    )
    views = dict.fromkeys(NODES, said(told)) | {"ctl2": said(f"{told}\n{own}")}
    seen = [result.seen for result in judged(design, "haproxy-backends", views) if result.node == "ctl2"]
    reason = "keystone-here is DOWN (L4CON Connection refused)"
    assert [reason in each for each in seen] == [each.endswith("(seen from ctl2)") for each in seen]
    assert sum(reason in each for each in seen) == 1


def test_a_backend_that_one_proxy_alone_misses(design):
    lines = [
        line.replace(",UP,", ",MAINT,") if line.startswith("keystone,ctl3") else line
        for line in ALL_UP.splitlines()
    ]
    views = dict.fromkeys(NODES, said()) | {"ctl2": said("\n".join(lines))}
    (result,) = judged(design, "haproxy-backends", views)
    assert result.node == "ctl3"
    assert result.seen.startswith("keystone is MAINT")
    assert result.seen.endswith("(seen from ctl2)")


def test_a_backend_that_a_proxy_does_not_know(design):
    lines = "\n".join(line for line in ALL_UP.splitlines() if not line.startswith("keystone,ctl2"))
    results = judged(design, "haproxy-backends", dict.fromkeys(NODES, said(lines)))
    assert results == [no("keystone is not configured (seen from ctl1, ctl2, ctl3)", "ctl2")]


@pytest.mark.parametrize("name", ["haproxy-backends", "haproxy-writer-galera"])
def test_a_proxy_that_does_not_run(design, name):
    dead = {"error": "/run/haproxy/admin.sock: Connection refused"}
    assert judged(design, name, dict.fromkeys(NODES, said()) | {"ctl3": dead}) == [
        no("HAProxy does not answer: /run/haproxy/admin.sock: Connection refused", "ctl3")
    ]


@pytest.mark.parametrize(("down", "writer"), [((), "ctl1"), (("ctl1",), "ctl2"), (("ctl1", "ctl2"), "ctl3")])
def test_the_writer_is_the_first_that_is_up(design, down, writer):
    (result,) = judged(design, "haproxy-writer-galera", dict.fromkeys(NODES, said(without(ALL_UP, *down))))
    assert (result.verdict.value, result.seen) == ("yes", f"{writer}, agreed on by ctl1, ctl2, ctl3")


def test_two_writers(design):
    other = said(without(ALL_UP, "ctl1"))
    results = judged(design, "haproxy-writer-galera", dict.fromkeys(NODES, said()) | {"ctl3": other})
    assert no("gives sessions to ctl2", "ctl3") in results
    assert {result.verdict.value for result in results} == {"no"}


def test_sessions_left_on_another_server(design):
    columns = ALL_UP.splitlines()[0].lstrip("# ").split(",")
    lines = [line.split(",") for line in ALL_UP.splitlines()]
    for line in lines:
        if line[:2] == ["galera", "ctl3"]:
            line[columns.index("scur")] = "4"
    busy = said("\n".join(",".join(line) for line in lines))
    assert judged(design, "haproxy-writer-galera", dict.fromkeys(NODES, said()) | {"ctl2": busy}) == [
        no("has sessions on ctl3, while ctl1 is the writer", "ctl2")
    ]


def test_no_server_at_all(design):
    results = judged(design, "haproxy-writer-galera", {"ctl1": said(ALL_UP.replace(",UP,", ",DOWN,"))})
    assert results == [no("has no server for it", "ctl1")]


def links(*addresses):
    return [
        {"ifname": "eth0", "addr_info": [{"family": "inet", "local": each} for each in addresses]},
        {"addr_info": []},
    ]


def view(holder):
    node = f'<node name="{holder}" id="1"/>' if holder else ""
    return {
        "rc": 0,
        "stderr": "",
        "stdout": "<pacemaker-result><summary/><resources>"
        f'<resource id="vip-internal" role="Started">{node}</resource></resources></pacemaker-result>',
    }


ABSENT = {node: links(f"10.77.1.1{n}") for n, node in enumerate(NODES, 1)}
HELD = {node: links(f"10.77.1.1{n}", "10.77.1.10") for n, node in enumerate(NODES, 1)}
STOPPED = {"rc": 102, "stdout": "", "stderr": ""}


@pytest.mark.parametrize(
    ("addresses", "views", "verdicts"),
    [
        (ABSENT | {"ctl2": HELD["ctl2"]}, {"ctl1": view("ctl2")}, [("yes", None)]),
        (ABSENT | {"ctl2": HELD["ctl2"]}, {"ctl1": view("ctl1")}, [("no", "ctl2")]),
        (ABSENT | {"ctl2": HELD["ctl2"]}, {"ctl1": view(None)}, [("no", "ctl2")]),
        (ABSENT | {"ctl2": HELD["ctl2"]}, {"ctl1": STOPPED}, [("unknown", None)]),
        (
            ABSENT | {"ctl1": HELD["ctl1"], "ctl3": HELD["ctl3"]},
            {"ctl1": view("ctl1")},
            [("no", "ctl1"), ("no", "ctl3")],
        ),
        (ABSENT, {"ctl1": view("ctl1")}, [("no", None)]),
    ],
)
def test_the_holder_of_the_virtual_ip(design, addresses, views, verdicts):
    results = judged(design, "virtual-ip-internal", addresses, views)
    assert [(result.verdict.value, result.node) for result in results] == verdicts


def test_an_address_nowhere_may_be_where_nobody_answered(design):
    addresses = {"ctl1": ABSENT["ctl1"], "ctl2": ABSENT["ctl2"]}
    results = judged(design, "virtual-ip-internal", addresses, {"ctl1": view("ctl3")})
    assert results == [unknown("10.77.1.10 is on none of ctl1, ctl2")]


def test_every_listener_has_a_check(design):
    names = [check.name for check in haproxy.checks(design) if check.name.startswith("listener-")]
    assert names == [f"listener-{listener.name}" for listener, _ in design.listeners()]
    assert len(names) == 2


def test_a_listener_that_does_not_answer(design):
    well = {"keystone": {"10.77.1.10:5000": None}, "galera": {}}
    bad = {"keystone": {"10.77.1.10:5000": "HTTP status 503"}, "galera": {}}
    assert [r.verdict.value for r in judged(design, "listener-keystone", dict.fromkeys(NODES, well))] == ["yes"]
    assert judged(design, "listener-keystone", dict.fromkeys(NODES, bad)) == [
        no("10.77.1.10:5000: HTTP status 503 (seen from ctl1, ctl2, ctl3)")
    ]
    assert judged(design, "listener-keystone", dict.fromkeys(NODES, well) | {"ctl2": bad}) == [
        no("10.77.1.10:5000: HTTP status 503", "ctl2")
    ]
