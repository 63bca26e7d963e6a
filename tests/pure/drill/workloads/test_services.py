"""The clients of OpenStack's services against servers on loopback that answer as those do, or do not."""

import asyncio
import io
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Coroutine
from contextlib import asynccontextmanager
from dataclasses import replace
from typing import Any

import pytest
from aiohttp import web

from quorate.drill.api import Api
from quorate.drill.collection import Collection
from quorate.drill.door import Door
from quorate.drill.judges.lifecycle import State
from quorate.drill.lifecycle import PREFIX, LifeCycle
from quorate.drill.operation import Ending, Operation, Recorder, read
from quorate.drill.request import Unserved
from quorate.drill.workload import At, at_work
from quorate.drill.workloads import cinder, glance, heat, horizon, neutron, nova, workloads
from quorate.model.finding import Verdict
from quorate.remote.until import until

Handler = Callable[[web.Request], Awaitable[web.Response]]


@asynccontextmanager
async def serving(handler: Handler) -> AsyncIterator[str]:
    """A server; its root."""
    server = web.Server(handler)
    runner = web.ServerRunner(server)
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", 0)
    await site.start()
    try:
        yield f"http://127.0.0.1:{runner.addresses[0][1]}"
    finally:
        await runner.cleanup()


class Cloud:
    """The identity service below /v3, and things below /v1/PROJECT: what is sent is what is had.

    `then` may answer instead, `after` what has been done; things are in state "done" at once.
    """

    def __init__(self) -> None:
        self.tokens: list[str] = []
        self.valid: set[str] = set()
        self.things: dict[str, dict[str, Any]] = {}
        self.asked: list[tuple[str, str]] = []
        self.state = "done"
        self.then: Callable[[str, str], web.Response | None] = lambda _method, _path: None
        self.after: Callable[[str, str], web.Response | None] = lambda _method, _path: None

    async def __call__(self, request: web.Request) -> web.Response:
        method, path = request.method, request.path
        if path == "/v3/auth/tokens":
            self.tokens.append(f"token-{len(self.tokens)}")
            self.valid.add(self.tokens[-1])
            said = {"token": {"project": {"id": "p"}}}
            return web.json_response(said, status=201, headers={"X-Subject-Token": self.tokens[-1]})
        if request.headers.get("X-Auth-Token") not in self.valid:
            return web.Response(status=401)
        self.asked.append((method, path))
        return self.then(method, path) or await self._done(request, path.removeprefix("/v1/p/things").lstrip("/"))

    async def _done(self, request: web.Request, key: str) -> web.Response:
        match request.method:
            case "POST":
                key = str(len(self.asked))
                self.things[key] = {"id": key, "state": self.state, **(await request.json())["thing"]}
                answer = web.json_response({"thing": self.things[key]}, status=201)
            case "DELETE":
                answer = web.Response(status=204 if self.things.pop(key, None) else 404)
            case _ if not key:
                answer = web.json_response({"things": list(self.things.values())})
            case _ if key in self.things:
                answer = web.json_response({"thing": self.things[key]})
            case _:
                answer = web.Response(status=404)
        return self.after(request.method, request.path) or answer


STATES = {"done": State.THERE, "busy": State.COMING, "bad": State.FAILED, "leaving": State.GOING}


def life(root: str, **more: Any) -> LifeCycle:
    things = Collection(
        Api(f"{root}/v1/%(project_id)s", f"{root}/v3", "secret"),
        "/things",
        one="thing",
        many="things",
        body=lambda name: {"thing": {"name": name}},
        state=lambda said: STATES[said["state"]],
    )
    return LifeCycle("things", "service", things, every_s=0.001, **more)


async def worked(work: LifeCycle, enough: Callable[[tuple[Operation, ...]], bool]) -> tuple[Operation, ...]:
    """What its clients write down until that is enough, and then the last reads."""
    stream = io.StringIO()
    recorder, origin_s = Recorder(stream), time.monotonic()

    async def history() -> tuple[Operation, ...]:
        return read(stream.getvalue().splitlines(keepends=True))

    async with at_work(work, recorder, origin_s):
        await until("enough", history, enough, within_s=20, every_s=0.01)
    client, *_ = work.clients()
    for does, value in work.last():
        await At(0, client, work, recorder, origin_s).does(does, value)
    return await history()


def many(least: int) -> Callable[[tuple[Operation, ...]], bool]:
    return lambda found: sum(each.ended_s is not None for each in found) >= least


def run(test: Callable[[Cloud, str], Coroutine[Any, Any, Any]]) -> Any:
    async def served() -> Any:
        cloud = Cloud()
        async with asyncio.timeout(30), serving(cloud) as root:
            return await test(cloud, root)

    return asyncio.run(served())


def test_things_are_made_looked_at_and_removed_by_one_token_and_nothing_is_left() -> None:
    async def test(cloud: Cloud, root: str) -> None:
        cloud.things["0"] = {"id": "0", "name": "somebody's", "state": "done"}
        work = life(root)
        await work.remove()
        found = await worked(work, many(80))
        assert {each.ending for each in found} == {Ending.OK}
        looks = [each for each in found if each.does == "show" and each.client]
        assert len(looks) > len([each for each in found if each.does in {"create", "delete"}])
        assert all(sum(each.client == number for each in looks) > 10 for number in (1, 2))
        assert work.judge(found).verdict is Verdict.YES
        assert len(cloud.tokens) == 1
        assert len(cloud.things) > 2
        with pytest.raises(Unserved, match="there still"):
            await work.remove()
        await work.remove()
        assert list(cloud.things) == ["0"]

    run(test)


def test_a_refused_token_is_a_failure_and_another_is_asked_for() -> None:
    async def test(cloud: Cloud, root: str) -> None:
        work = life(root)

        def refuse(_method: str, _path: str) -> None:
            if len(cloud.asked) == 20:
                cloud.valid.clear()

        cloud.after = refuse
        await work.remove()
        found = await worked(work, many(60))
        bad = [each for each in found if not each.ok]
        assert {each.error for each in bad} == {"HTTP 401"}
        assert 1 <= len(bad) <= 2
        assert 2 <= len(cloud.tokens) <= 3

    run(test)


def test_what_is_made_though_nobody_said_so_is_used_and_removed() -> None:
    async def test(cloud: Cloud, root: str) -> None:
        work = life(root, keeps=1)
        cloud.after = lambda method, _path: web.Response(status=503) if method == "POST" else None
        found = await worked(work, lambda seen: sum(each.does == "delete" and each.ok for each in seen) >= 3)
        assert {each.ending for each in found if each.does == "create"} == {Ending.UNKNOWN}
        assert "HTTP 503" in {each.error for each in found}
        assert len(cloud.things) <= 2
        judged = work.judge(found)
        assert judged.verdict is Verdict.YES
        assert judged.counts["unknown, and there"] >= 3

    run(test)


def test_a_service_that_answers_nothing_is_asked_on() -> None:
    async def test(cloud: Cloud, root: str) -> None:
        cloud.then = lambda _method, _path: web.Response(status=503)
        work = life(root)
        found = await worked(work, many(20))
        assert {each.does for each in found if each.does in work.asks} == {"list"}
        assert work.judge(found).verdict is Verdict.UNKNOWN

    run(test)


def test_what_was_taken_on_is_waited_for_at_the_end_and_not_removed_before() -> None:
    async def test(cloud: Cloud, root: str) -> None:
        cloud.state = "busy"
        work = life(root, keeps=1)
        found = await worked(work, many(20))
        assert not [each for each in found if each.does == "delete"]
        (settle,) = (each for each in found if each.does == "settle")
        assert settle.error == "under way: 0-0, 1-0"
        judged = work.judge(found)
        assert [each.kind for each in judged.wrongs] == ["unfinished"]
        for each in cloud.things.values():
            each["state"] = "done"
        client, *_ = work.clients()
        assert await client.call("settle", None) == [["0-0", "there"], ["1-0", "there"]]

    run(test)


def test_what_is_going_is_asked_to_go_once() -> None:
    async def test(cloud: Cloud, root: str) -> None:
        cloud.things["1"] = {"id": "1", "name": f"{PREFIX}0-0", "state": "leaving"}
        cloud.then = lambda method, _path: web.Response(status=204) if method == "DELETE" else None
        work = life(root)
        for _ in range(3):
            with pytest.raises(Unserved, match="1 were there still, quorate-drill-0-0 going"):
                await work.remove()
        assert [method for method, _ in cloud.asked] == ["GET", "DELETE", "GET", "GET"]

    run(test)


def test_another_thing_under_its_identifier_is_a_change() -> None:
    async def test(cloud: Cloud, root: str) -> None:
        work = life(root)
        key = await work.things.make("a")
        assert await work.things.look("a", key) is State.THERE
        cloud.things[key]["name"] = "b"
        assert await work.things.look("a", key) is State.CHANGED
        cloud.things.clear()
        assert await work.things.look("a", key) is State.GONE
        await work.things.remove("a", key)

    run(test)


def test_a_network_is_as_it_was_made_only_with_its_subnet() -> None:
    assert neutron._state({"subnets": ["s"]}) is State.THERE
    assert neutron._state({"subnets": []}) is State.CHANGED


def test_states_of_services_are_told_apart() -> None:
    volumes = {"available": "there", "creating": "coming", "deleting": "going", "error_deleting": "failed"}
    assert {status: cinder._state({"status": status}) for status in volumes} == volumes
    stacks = {
        "CREATE_COMPLETE": "there",
        "CREATE_IN_PROGRESS": "coming",
        "DELETE_IN_PROGRESS": "going",
        "DELETE_COMPLETE": "gone",
        "CREATE_FAILED": "failed",
        "DELETE_FAILED": "failed",
    }
    assert {status: heat._state({"stack_status": status}) for status in stacks} == stacks
    images = {"active": "there", "queued": "coming", "saving": "coming", "killed": "failed"}
    assert {status: glance._state({"status": status}) for status in images} == images
    assert nova._state(nova.SIZE) is State.THERE
    assert nova._state({**nova.SIZE, "ram": 1}) is State.CHANGED


def test_an_image_is_there_when_all_its_bytes_are() -> None:
    files: dict[str, bytes] = {}

    async def served(request: web.Request) -> web.Response:
        match request.method, request.path:
            case "POST", "/v3/auth/tokens":
                said = {"token": {"project": {"id": "p"}}}
                return web.json_response(said, status=201, headers={"X-Subject-Token": "t"})
            case "POST", _:
                return web.json_response({"id": "i", "name": "a", "status": "queued"}, status=201)
            case "PUT", path:
                files[path] = await request.read()
                return web.Response(status=204)
            case _, path if path in files:
                return web.Response(body=files[path], status=200 if files[path] else 204)
        return web.Response(status=404)

    async def test() -> None:
        async with asyncio.timeout(30), serving(served) as root:
            api = Api(root, f"{root}/v3", "secret")
            records = Collection(api, "/v2/images", one="", many="images", body=lambda name: {"name": name})
            images = glance.Images(api, records)
            key = await images.make("a")
            (path,) = files
            assert (path, len(files[path])) == ("/v2/images/i/file", glance.SIZE)
            assert await images.look("a", key) is State.THERE
            for content in (glance.content("b"), files[path][:-1], b""):
                files[path] = content
                assert await images.look("a", key) is State.CHANGED
            files.clear()
            assert await images.look("a", key) is State.GONE

    asyncio.run(test())


def test_a_volume_that_is_not_at_rest_is_removed_by_force() -> None:
    async def test(cloud: Cloud, root: str) -> None:
        work = life(root)
        volumes = cinder.Volumes(work.things.api, work.things)
        key = await volumes.make("a")
        cloud.then = lambda method, _path: web.Response(status=400 if method == "DELETE" else 202)
        await volumes.remove("a", key)
        place = f"/v1/p/things/{key}"
        assert cloud.asked[-2:] == [("DELETE", place), ("POST", f"{place}/action")]

    run(test)


class Dashboard:
    """Pages that are shown to whom has the cookie of a session, and others sent to log in."""

    FORM = '<form><input type="hidden" name="csrfmiddlewaretoken" value="c1"><input name="username"></form>'

    def __init__(self) -> None:
        self.sessions: set[str] = set()
        self.asked: list[str] = []

    async def __call__(self, request: web.Request) -> web.Response:
        self.asked.append(request.path)
        if request.path != "/horizon/auth/login/":
            if request.cookies.get("sessionid") not in self.sessions:
                return self._sent("/horizon/auth/login/?next=/horizon/")
            return web.Response() if request.path == "/horizon/identity/" else self._sent("/horizon/project/")
        if request.method == "GET":
            answer = web.Response(text=self.FORM, content_type="text/html")
            answer.set_cookie("csrftoken", "c1")
            return answer
        said = await request.post()
        if (said["csrfmiddlewaretoken"], request.cookies["csrftoken"], said["password"]) != ("c1", "c1", "secret"):
            return web.Response(status=200)
        session = f"s{len(self.asked)}"
        self.sessions.add(session)
        answer = self._sent("/horizon/")
        answer.set_cookie("sessionid", session)
        answer.del_cookie("messages")
        return answer

    @staticmethod
    def _sent(where: str) -> web.Response:
        return web.Response(status=302, headers={"Location": where})


def sessions(root: str, password: str = "secret") -> LifeCycle:
    things = horizon.Sessions(f"{root}/horizon", password)
    return LifeCycle("sessions", "horizon", things, keeps=1, renews=False, every_s=0.001)


def test_a_session_is_begun_once_and_looked_at_ever_after() -> None:
    async def test() -> None:
        dashboard = Dashboard()
        async with asyncio.timeout(30), serving(dashboard) as root:
            work = sessions(root)
            found = await worked(work, many(40))
            assert {each.ending for each in found} == {Ending.OK}
            assert dashboard.asked.count("/horizon/auth/login/") == 4
            assert dashboard.asked.count("/horizon/identity/") >= 5
            assert work.judge(found).verdict is Verdict.YES

    asyncio.run(test())


def test_a_session_that_a_server_does_not_know_is_lost() -> None:
    async def test() -> None:
        dashboard = Dashboard()
        async with asyncio.timeout(30), serving(dashboard) as root:
            work = sessions(root)
            begun: list[str] = []

            def forgets(found: tuple[Operation, ...]) -> bool:
                begun.extend(dashboard.sessions if not begun else ())
                dashboard.sessions.difference_update(begun[:1] if many(40)(found) else ())
                return many(60)(found)

            judged = work.judge(await worked(work, forgets))
            assert [(each.kind, each.count) for each in judged.wrongs] == [("lost", 1)]

    asyncio.run(test())


def test_who_is_not_let_in_has_no_session() -> None:
    async def test() -> None:
        async with asyncio.timeout(30), serving(Dashboard()) as root:
            with pytest.raises(Unserved, match="HTTP 200"):
                await sessions(root, "wrong").things.make("a")

    asyncio.run(test())


def test_a_door_is_knocked_at(full) -> None:
    door = Door.of(full, "heat-api-cfn", "heat")
    assert (door.method, door.url, door.status) == ("GET", "http://10.77.0.10:8000/healthcheck", 200)

    async def test(_cloud: Cloud, root: str) -> None:
        with pytest.raises(Unserved, match="HTTP 401"):
            await replace(door, url=root).call("knock", None)
        await replace(door, url=root, status=401).call("knock", None)

    run(test)
    history = [Operation(1, 1, "knock", None, 0.0, 0.1, Ending.UNKNOWN)]
    assert door.judge(history).verdict is Verdict.UNKNOWN
    assert door.judge([replace(history[0], ending=Ending.OK)]).verdict is Verdict.YES


def test_every_api_of_a_whole_cloud_has_a_client(full) -> None:
    secrets = {each.name: "secret" for each in full.secrets()}
    found = workloads(full, secrets)
    assert len({each.name for each in found}) == len(found)
    watched = {"tokens", "images", "providers", "flavors", "networks", "volumes", "stacks", "sessions"}
    watched |= {"heat-api", "heat-api-cfn", "metadata"}
    assert watched == {each.name for each in found} - {"bank", "set", "lists", "messages", "cache"}
    assert "secret" not in repr(found)
    assert all(each.patience_s == 2 for each in found)
    assert PREFIX.startswith("quorate-")
