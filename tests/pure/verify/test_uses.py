"""Uses of services: what they say becomes a verdict, and what they made is removed whatever happens."""

import asyncio
from threading import Barrier, Event
from types import SimpleNamespace

import pytest
import requests
from openstack import exceptions

from quorate.model.finding import Verdict
from quorate.remote.shipping import Values
from quorate.verify import cloud, uses, verification
from quorate.verify.uses import PREFIX, At, Wrong, all_up, neutron

cloud.load()


class Use:
    """A service that is used as a test says; `done` is what was undone."""

    NAME, ABOUT = "thing", "a thing made and removed"

    def __init__(self, use):
        self.use = use


def used(design, use):
    results = uses._used(design, "unused", lambda _node, _argv: "", Event(), Use(use))
    return [(result.verdict, result.seen) for result in results]


def test_what_is_seen_is_a_yes_and_its_name_tells_whose_it_is(design):
    names = []

    def use(at):
        names.append(at.name)
        return "as it should be"

    assert used(design, use) == [(Verdict.YES, "as it should be")]
    assert used(design, use) == [(Verdict.YES, "as it should be")]
    assert all(name.startswith(PREFIX) for name in names)
    assert names[0] != names[1]


def test_half_way_through_what_was_made_is_removed_the_last_first(design):
    removed = []

    def use(at):
        at.remove(removed.append, "network")
        at.remove(removed.append, "router")
        raise Wrong("the router has no gateway")

    assert used(design, use) == [(Verdict.NO, "the router has no gateway")]
    assert removed == ["router", "network"]


def test_what_cannot_be_removed_is_a_no_of_its_own(design):
    removed = []

    def refuse():
        raise ConnectionResetError("the service went away")

    def use(at):
        at.remove(removed.append, "network")
        at.remove(refuse)
        return "fine"

    assert used(design, use) == [
        (Verdict.YES, "fine"),
        (Verdict.NO, "something of it is left behind: the service went away"),
    ]
    assert removed == ["network"]


def test_a_process_that_is_down_is_named():
    up = SimpleNamespace(binary="nova-conductor", host="ctl1", state="up")
    all_up([up])
    with pytest.raises(Wrong, match="down: nova-scheduler on ctl2"):
        all_up([up, SimpleNamespace(binary="nova-scheduler", host="ctl2", state="down")])


def test_a_gateway_answers_wherever_its_networks_name_space_is(full):
    said = {"ctl1": ["no router", "answers"], "ctl2": ["silent", "answers"], "ctl3": ["none", "none"]}
    at = At(full, None, "unused", "name", lambda node, _argv: said[node].pop(0), None)
    seen = neutron._answering(at, SimpleNamespace(id="net"), SimpleNamespace(id="router"))
    assert seen == "192.0.2.1 answers on ctl1, ctl2"
    assert said == {"ctl1": [], "ctl2": [], "ctl3": []}


def test_every_use_is_of_a_component_and_named_once(full, lab):
    assert len(set(uses.names(full))) == len(uses.names(full)) == 7
    assert uses.names(lab) == ()


def test_a_refusal_is_told_in_the_services_own_words():
    response = requests.Response()
    response.status_code = 400
    response.request = requests.Request(
        "PUT", "http://10.77.0.10:9696/v2.0/routers/1/add_router_interface"
    ).prepare()
    refused = exceptions.BadRequestException("400", response, details="Bad router request:\n No subnet")
    assert cloud.short(refused) == "BadRequestException: Bad router request: No subnet"
    assert cloud.short(Wrong("not alive")) == "not alive"


@pytest.fixture
def using(monkeypatch):
    """Makes the services to be used those of a test."""
    monkeypatch.setattr(uses, "way", lambda _address, _port: None)

    def put(*services):
        named = [(f"component{number}", Use(use)) for number, use in enumerate(services)]
        monkeypatch.setattr(uses, "_uses", lambda _design: iter(named))

    return put


def test_two_services_are_used_at_a_time_and_not_more(design, using):
    two, begun, most = Barrier(2, timeout=10), [], []

    def use(at):
        begun.append(at.name)
        two.wait()
        most.append(len(begun))
        two.wait()
        begun.remove(at.name)
        return "used"

    using(*[use] * 6)
    found = uses.outcomes(design, {"keystone/admin": "unused"}, frozenset({Use.NAME}), None, Event())
    assert [outcome.verdict for outcome in found] == [Verdict.YES] * 6
    assert max(most) == uses.AT_ONCE == 2


def test_who_is_interrupted_removes_what_was_made_and_makes_no_more(design, using):
    begun, removed = Event(), []

    def waiting(at):
        at.remove(removed.append, at.name)
        begun.set()
        while True:
            at.on("ctl1", ("true",))

    def never(at):
        at.remove(removed.append, "of one that should not have begun")
        return "used"

    async def interrupted():
        going = asyncio.create_task(
            verification._used(design, Values({"keystone/admin": "unused"}), {Use.NAME}, {})
        )
        await asyncio.to_thread(begun.wait, 10)
        going.cancel()
        with pytest.raises(asyncio.CancelledError):
            await going

    using(waiting, waiting, never, never)
    asyncio.run(interrupted())
    assert [name[: len(PREFIX)] for name in removed] == [PREFIX] * len(removed)
    assert 1 <= len(removed) <= 2
