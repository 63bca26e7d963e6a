"""Drills as they might have been."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace

from quorate.drill.happening import Happening, Kind
from quorate.drill.judges import Judgement, Wrong
from quorate.drill.operation import Ending, Operation
from quorate.drill.result import Drilled, Service, Term
from quorate.model.check import yes

STRUCK_S = 4.0
COMPONENTS = {
    "bank": "galera",
    "set": "galera",
    "lists": "galera",
    "cache": "memcached",
    "messages": "rabbitmq",
    "tokens": "keystone",
}
Histories = Mapping[str, Sequence[Operation]]
Drill = tuple[Drilled, Histories]
CLONES = ("haproxy", "memcached", "galera", "galera-check", "rabbitmq", "keystone")


def asked(
    until_s: float,
    outages: Iterable[tuple[float, float]],
    *,
    error: str = "connection refused",
    late: bool = False,
    every_s: float = 0.1,
) -> tuple[Operation, ...]:
    """Operations at a pace up to then; they fail (are answered late) between those seconds after the harm."""
    bad = list(outages)
    found = []
    for number in range(round((until_s + STRUCK_S) / every_s)):
        began_s = number * every_s - STRUCK_S
        out = any(begin - 1e-6 <= began_s < end - 1e-6 for begin, end in bad)
        ending, took_s = (Ending.UNKNOWN, 0.01) if out and not late else (Ending.OK, 1.5 if out else 0.01)
        said = error if ending is Ending.UNKNOWN else ""
        found.append(Operation(number, 1, "ask", number, began_s, began_s + took_s, ending, None, said))
    return tuple(found)


def services(histories: Histories) -> tuple[Service, ...]:
    return tuple(Service.of(name, COMPONENTS[name], one) for name, one in histories.items())


def power_cut() -> Drill:
    """The node with the address loses power; it is fenced and comes back, and the lists fail once more."""
    histories = {name: asked(57, [(0.1, 3.9)]) for name in COMPONENTS}
    histories["lists"] = asked(57, [(0.1, 3.9), (27.0, 28.5)])
    histories["cache"] = asked(57, [])
    moments = [
        (1.1, Kind.DETECTED, "ctl2", ""),
        (1.104, Kind.DETECTED, "ctl3", ""),
        (2.3, Kind.MEMBERSHIP, "ctl2", ""),
        (2.31, Kind.MEMBERSHIP, "ctl3", ""),
        (3.2, Kind.FENCED, "ctl1", ""),
        (3.4, Kind.START, "ctl2", "vip-internal"),
        (22.1, Kind.BEGUN, "ctl1", ""),
        (22.9, Kind.MEMBERSHIP, "ctl1", ""),
        *((25.0 + 5 * number, Kind.START, "ctl1", name) for number, name in enumerate(CLONES)),
        (36.5, Kind.PROMOTE, "ctl1", "galera"),
    ]
    drilled = Drilled(
        "power-cut",
        "ctl1",
        "2026-11-21T17:02:11+00:00",
        STRUCK_S,
        services(histories),
        (
            Judgement("bank", (), {"transfer ok": 651, "read ok": 640}),
            Judgement(
                "lists",
                (Wrong("stale", "a read misses one", 7, ('read "a" by client 1 at 7.201 s',), promised=False),),
                {"append ok": 600},
            ),
            Judgement("placement", (), {"start": 7, "fenced": 1}),
        ),
        (yes("ctl1 is UNCLEAN", "ctl2"),),
        (Term("detected", 1.1, 1.0), Term("promoted", 36.5, None), Term("address up", None, 3.3)),
        happened(moments),
        30.0,
        52.0,
        "",
        "/cloud/.quorate/drill/20261121T170211Z/01-power-cut",
        {"vip-internal": "ctl1"},
    )
    return drilled, histories


def blackout() -> Drill:
    """All nodes lose power, and return one after the other; nobody is left to tell."""
    histories = {name: asked(150, [(0.4, 70), (101, 103.5)]) for name in COMPONENTS}
    moments = []
    for number, node in enumerate(("ctl1", "ctl2", "ctl3")):
        begun_s = 22.0 + 4 * number
        moments.append((begun_s, Kind.BEGUN, node, ""))
        moments.append((begun_s + 1.2, Kind.MEMBERSHIP, node, ""))
        moments += [(begun_s + 12 + 4 * place, Kind.START, node, name) for place, name in enumerate(CLONES)]
    moments.append((55.0, Kind.START, "ctl3", "vip-internal"))
    drilled = Drilled("blackout", "ctl2", "2026-11-21T18:00:00+00:00", STRUCK_S, services(histories))
    return (
        replace(
            drilled,
            happenings=happened(moments),
            at_first={"vip-internal": "ctl1"},
            healed_s=12.0,
            healthy_s=118.0,
            judgements=(Judgement("bank", (), {"read ok": 3}),),
        ),
        histories,
    )


def unfenced() -> Drill:
    """The node dies, nobody can confirm it for a minute, and the cloud never becomes whole."""
    histories = {"bank": asked(200, [(0.4, 63), *((80 + 9 * each, 82.5 + 9 * each) for each in range(9))])}
    moments = [
        (1.1, Kind.DETECTED, "ctl2", ""),
        *((4.0 + 11 * number, Kind.NOT_FENCED, "ctl1", "") for number in range(5)),
        (62.0, Kind.FENCED, "ctl1", ""),
        (62.3, Kind.START, "ctl2", "vip-internal"),
    ]
    drilled = Drilled(
        "bmc-cut", "ctl1", "", STRUCK_S, services(histories), happenings=happened(moments), healed_s=60.4
    )
    return replace(drilled, trouble="within 600 s: last seen galera.synced"), histories


def worn_out() -> Drill:
    """Far more than can be shown: many resources on many nodes, restarted one by one, clients that flap."""
    flaps = [(2.0 * each, 2.0 * each + 1.2) for each in range(150)]
    histories = {name: asked(320, flaps, late=name == "bank") for name in ("bank", "set", "tokens")}
    moments = []
    for node in range(5):
        at_s = 10.0 + 60 * node
        name = f"controller-{node}"
        for resource in range(12):
            moments.append((at_s + 0.3 * resource, Kind.STOP, name, f"service-{resource}"))
            moments.append((at_s + 30 + resource, Kind.START, name, f"service-{resource}"))
            moments.append((at_s + 31.5 + resource, Kind.PROMOTE, name, f"service-{resource}"))
        moments.append((at_s + 20, Kind.BEGUN, name, ""))
        moments += [(at_s + 21 + each / 10, Kind.MEMBERSHIP, f"controller-{each}", "") for each in range(5)]
    drilled = Drilled(
        "rolling-restart", "controller-0", "", STRUCK_S, services(histories), happenings=happened(moments)
    )
    return replace(drilled, healed_s=300.0, healthy_s=312.0), histories


def bare() -> Drill:
    """Nothing but trouble."""
    return Drilled("isolate", "ctl1", "2026-11-21T18:00:00+00:00", trouble="harm: nft: command not found"), {}


ALL = (power_cut, blackout, unfenced, worn_out, bare)


def happened(moments: Iterable[tuple[float, Kind, str, str]]) -> tuple[Happening, ...]:
    return tuple(Happening(*each) for each in sorted(moments, key=lambda each: each[0]))
