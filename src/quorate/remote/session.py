"""A session: the agent running on one node, and what can be asked of it."""

import asyncio
import getpass
import itertools
import json
import os
import shlex
import socket
import time
import zlib
from collections.abc import AsyncIterator, Callable, Iterable, Mapping, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from quorate.model.cloud import Ssh
from quorate.model.item import Item
from quorate.model.topology import Node
from quorate.remote.asyncssh_transport import AsyncsshTransport
from quorate.remote.boot import ARCHIVE, PROGRAM
from quorate.remote.channel import Channel, Ending, Transport
from quorate.remote.errors import AgentLost, CommandFailed, Locked, Unreachable
from quorate.remote.event import Event, Failure, Outcome, Status
from quorate.remote.shipping import Probe, Values, ship, ship_probes

LOCK = "/run/quorate.lock"
AT_ONCE = 64
_SIGN_OF_LIFE_S = 10

Json = dict[str, Any]
Report = Callable[[Event], None]


@dataclass(frozen=True, slots=True)
class Output:
    """What a probe gave; rc is None when its time was over, 127 when the program is not installed."""

    argv: tuple[str, ...]
    rc: int | None
    stdout: str
    stderr: str
    seconds: float


class Session:
    """The agent on one node. Requests may be made at the same time; each runs in a thread of its own there."""

    def __init__(self, node: Node, channel: Channel) -> None:
        self.node = node
        self.host = node.name
        self._channel = channel
        self._ids = itertools.count(1)
        self._replies: dict[int, asyncio.Queue[Json | None]] = {}
        self._sending = asyncio.Lock()
        self._ended = asyncio.Event()
        self._ending = Ending(None, "")
        self._hello: asyncio.Future[Json | None] = asyncio.get_running_loop().create_future()

    @classmethod
    @asynccontextmanager
    async def open(
        cls, node: Node, ssh: Ssh, *, transport: Transport | None = None, timeout_s: float = 15
    ) -> AsyncIterator["Session"]:
        """Start the agent on a node. Raises `Unreachable`. Leaving it lets a command that runs there finish."""
        sudo = [] if ssh.user == "root" else ["sudo", "-n", "--"]
        command = shlex.join([*sudo, "python3", "-IS", "-c", PROGRAM])
        channel = await (transport or AsyncsshTransport()).open(node, ssh, command, timeout_s)
        session = cls(node, channel)
        tasks = [asyncio.create_task(session._read()), asyncio.create_task(session._keep_alive())]
        try:
            await session._greet(ssh, timeout_s)
            yield session
        finally:
            tasks[1].cancel()
            await channel.close()
            await asyncio.gather(*tasks, return_exceptions=True)

    async def apply(
        self,
        stage: str,
        items: Sequence[Item],
        *,
        check: bool = False,
        values: Values | None = None,
        report: Report | None = None,
    ) -> Outcome:
        """Bring the node to these states, in order, or with `check` only find out what that would change.

        `report` gets every event as it comes. Raises `CommandFailed` with the outcome so far (with `check`,
        after all items were looked at), `AgentLost`, and what `ship` raises. When cancelled, the agent ends the
        stage after the item it is at.
        """
        begun = time.monotonic()
        shipped = ship(items, values or Values())
        request = {"op": "apply", "items": shipped.items, "check": check, "node": self.host}
        events = []
        async for reply in self._ask(f"applying {stage}", request | {"secrets": dict(shipped.secrets)}):
            event = _event(self.host, stage, shipped.names[reply["i"]], reply)
            if event.status not in (Status.RUNNING, Status.WAITING):
                events.append(event)
            if report:
                report(event)
        outcome = Outcome(self.host, stage, tuple(events), time.monotonic() - begun)
        if outcome.failed:
            raise CommandFailed(outcome.failed[0], outcome)
        return outcome

    async def run(
        self, probes: Sequence[Probe], *, at_once: bool = True, values: Values | None = None
    ) -> tuple[Output, ...]:
        """Run programs and return what each gave, in the order asked for; any rc is fine. Raises `AgentLost`."""
        shipped, secrets = ship_probes(probes, values or Values())
        request = {"op": "run", "probes": shipped, "at_once": at_once, "secrets": secrets}
        outputs: dict[int, Output] = {}
        async for reply in self._ask(f"running {len(probes)} probes", request):
            argv = probes[reply["i"]].argv
            outputs[reply["i"]] = Output(argv, reply["rc"], reply["stdout"], reply["stderr"], reply["seconds"])
        return tuple(outputs[index] for index in range(len(probes)))

    async def lock(self, what: str, *, within_s: float = 10, path: str = LOCK) -> None:
        """Keep everybody else from working on this node until the session (and what it began) has ended.

        A run that is at work is waited for briefly, what a killed one left to be finished up to `within_s`.
        Raises `Locked`.
        """
        holder = {
            "who": f"{getpass.getuser()}@{socket.gethostname()}",
            "pid": os.getpid(),
            "when": datetime.now(UTC).isoformat(timespec="seconds"),
            "what": what,
        }
        request = {"op": "lock", "path": path, "within_s": within_s, "holder": holder}
        async for reply in self._ask("taking the lock", request):
            raise Locked(self.host, _holder(reply["refused"]))

    async def _ask(self, doing: str, request: Json) -> AsyncIterator[Json]:
        """The replies to one request, up to its last."""
        number = next(self._ids)
        replies = self._replies[number] = asyncio.Queue()
        over = False
        try:
            await self._send(doing, request | {"id": number})
            while True:
                reply = None if self._ended.is_set() and replies.empty() else await replies.get()
                if reply is None:
                    over = True
                    raise self._lost(doing)
                if reply.get("done"):
                    over = True
                    if "error" in reply:
                        raise AgentLost(self.host, doing, f"the agent failed: {reply['error']}")
                    return
                yield reply
        finally:
            del self._replies[number]
            if not over and not self._ended.is_set():
                await self._send(doing, {"op": "cancel", "of": number})

    async def _send(self, doing: str, request: Json | None) -> None:
        data = b"" if request is None else zlib.compress(json.dumps(request).encode(), 3)
        try:
            async with self._sending:
                await self._channel.write(b"%d\n" % len(data) + data)
        except ConnectionError as error:
            raise AgentLost(self.host, doing, str(error) or "the connection is gone") from error

    async def _read(self) -> None:
        """Hand every line of the agent's to the request it answers."""
        rest = b""
        try:
            while data := await self._channel.read():
                *lines, rest = (rest + data).split(b"\n")
                for line in lines:
                    self._dispatch(json.loads(line))
            self._ending = await self._channel.ending()
        except ValueError as error:
            self._ending = Ending(None, f"not the agent's words: {error}")
        finally:
            self._ended.set()
            if not self._hello.done():
                self._hello.set_result(None)
            for replies in self._replies.values():
                replies.put_nowait(None)

    def _dispatch(self, reply: Json) -> None:
        if "hello" in reply:
            self._hello.set_result(reply)
        elif "id" not in reply:
            raise ValueError(reply.get("error"))
        elif reply["id"] in self._replies:
            self._replies[reply["id"]].put_nowait(reply)

    async def _keep_alive(self) -> None:
        """Tell the agent that somebody is here: after a minute's silence it ends and frees the lock."""
        while not self._ended.is_set():
            try:
                await asyncio.wait_for(self._ended.wait(), _SIGN_OF_LIFE_S)
            except TimeoutError:
                await self._send("keeping the session alive", None)

    async def _greet(self, ssh: Ssh, timeout_s: float) -> None:
        try:
            await self._channel.write(ARCHIVE)
            hello = await asyncio.wait_for(asyncio.shield(self._hello), timeout_s)
        except TimeoutError as error:
            reason = f"no agent within {timeout_s:g} s of connecting"
            raise Unreachable(self.host, reason, f"try `ssh {ssh.user}@{self.node.address} python3 -V`") from error
        except ConnectionError:
            await self._ended.wait()
            hello = None
        if hello is None:
            raise _no_agent(self.node, ssh, self._ending)
        if hello["uid"] != 0 and ssh.user != "root":
            raise Unreachable(
                self.host, "sudo did not make us root", f"let {ssh.user} run python3 as root with NOPASSWD"
            )

    def _lost(self, doing: str) -> AgentLost:
        status, stderr = self._ending.status, self._ending.stderr
        how = "the connection broke" if status is None else f"the agent ended with exit status {status}"
        return AgentLost(self.host, doing, f"{how}: {stderr.splitlines()[-1]}" if stderr else how)


@dataclass(frozen=True, slots=True)
class Opened:
    """The sessions that could be opened, by node name in the order asked for, and why the others could not."""

    sessions: Mapping[str, Session]
    unreachable: tuple[Unreachable, ...]


@asynccontextmanager
async def open_all(
    nodes: Iterable[Node],
    ssh: Ssh,
    *,
    transport: Transport | None = None,
    timeout_s: float = 15,
    at_once: int = AT_ONCE,
) -> AsyncIterator[Opened]:
    """A session on every node, opened at once; the caller decides what an unreachable node means."""
    nodes = list(nodes)
    turn = asyncio.Semaphore(at_once)
    stacks = {node.name: AsyncExitStack() for node in nodes}

    async def open_one(node: Node) -> Session | Unreachable:
        async with turn:
            try:
                opening = Session.open(node, ssh, transport=transport, timeout_s=timeout_s)
                return await stacks[node.name].enter_async_context(opening)
            except Unreachable as failure:
                return failure

    try:
        results = await asyncio.gather(*(open_one(node) for node in nodes))
        yield Opened(
            {result.host: result for result in results if isinstance(result, Session)},
            tuple(result for result in results if isinstance(result, Unreachable)),
        )
    finally:
        await asyncio.gather(*(stack.aclose() for stack in stacks.values()))


async def lock_all(sessions: Iterable[Session], what: str, *, within_s: float = 10, path: str = LOCK) -> None:
    """Lock every node, the first by name before the others: so two runs never hold half each. Raises `Locked`."""
    in_order = sorted(sessions, key=lambda session: session.host)
    for session in in_order[:1]:
        await session.lock(what, within_s=within_s, path=path)
    others = (session.lock(what, within_s=within_s, path=path) for session in in_order[1:])
    for result in await asyncio.gather(*others, return_exceptions=True):
        if isinstance(result, BaseException):
            raise result


def _event(host: str, stage: str, item: str, reply: Json) -> Event:
    failure = None
    if "argv" in reply:
        outputs = reply.get("stdout", ""), reply.get("stderr", "")
        failure = Failure(tuple(reply["argv"]), reply.get("rc"), *outputs)
    return Event(
        host,
        stage,
        item,
        Status(reply["status"]),
        reply.get("seconds", 0.0),
        reply.get("detail", ""),
        tuple(reply.get("diff", ())),
        tuple(reply.get("actions", ())),
        failure,
    )


def _holder(text: str) -> str:
    try:
        holder = json.loads(text)
    except ValueError:  # between taking the lock and saying so
        return "somebody who has not said who they are"
    left = ", which was cut off: what it had begun is being finished" if holder.get("cut_off") else ""
    return f"{holder['who']} (process {holder['pid']}) since {holder['when']}: {holder['what']}{left}"


def _no_agent(node: Node, ssh: Ssh, ending: Ending) -> Unreachable:
    """Why the agent did not start, from how the remote command ended."""
    said = ending.stderr.splitlines()[-1] if ending.stderr else f"exit status {ending.status}"
    if "Host key verification failed" in ending.stderr or "host key is known" in ending.stderr:
        remedy = (
            f"compare its key with the host's console, then ssh-keyscan -H {node.address} >> ~/.ssh/known_hosts"
        )
    elif "Permission denied" in ending.stderr:
        remedy = f"add your public key to authorized_keys of {ssh.user} on the host"
    elif "sudo" in ending.stderr:
        remedy = f"let {ssh.user} run python3 as root without a password (NOPASSWD in sudoers)"
    elif ending.status == 127:  # noqa: PLR2004 - a shell's "command not found"
        remedy = "install what is missing there: apt-get install python3"
    else:
        remedy = f"try `ssh {ssh.user}@{node.address} python3 -V`"
    return Unreachable(node.name, said, remedy)
