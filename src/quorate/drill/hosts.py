"""What a drill asks and tells the hosts; each time in a session of its own, as they come and go."""

import asyncio
from collections.abc import AsyncIterator, Iterable, Mapping, Sequence
from contextlib import AbstractAsyncContextManager, asynccontextmanager

from quorate.formats import status
from quorate.formats.status import Status
from quorate.model.cloud import Cloud
from quorate.model.topology import Node
from quorate.remote.errors import AgentLost, Unreachable
from quorate.remote.session import Output, Session, open_all
from quorate.remote.shipping import Probe
from quorate.remote.until import until

WORD_S = 30.0
PUNCTUAL = "--timer-property=AccuracySec=100ms"
"""For a timer of systemd-run; without it it is due at any moment of the minute that follows (systemd.timer(5))."""


class ScriptFailed(Exception):
    """A script on a host did not end well."""

    def __init__(self, node: str, script: str, output: Output) -> None:
        how = "was not done in time" if output.rc is None else f"ended with {output.rc}"
        said = (output.stderr or output.stdout).strip().splitlines()[-3:]
        super().__init__(f"{node}: `{script.strip().splitlines()[0]}` {how}: {'; '.join(said) or 'nothing said'}")


class Hosts:
    """The nodes of a cloud, by name."""

    def __init__(self, cloud: Cloud) -> None:
        self._ssh = cloud.ssh
        self.nodes: Mapping[str, Node] = {node.name: node for node in cloud.topology.nodes}

    def session(self, node: str) -> AbstractAsyncContextManager[Session]:
        """A session with a node's agent (Unreachable)."""
        return Session.open(self.nodes[node], self._ssh)

    @asynccontextmanager
    async def sessions(self, nodes: Iterable[str]) -> AsyncIterator[Mapping[str, Session]]:
        """A session with each of some nodes (Unreachable)."""
        async with open_all([self.nodes[node] for node in nodes], self._ssh) as opened:
            if opened.unreachable:
                raise opened.unreachable[0]
            yield opened.sessions

    async def sh(self, node: str, script: str, *, timeout_s: float = WORD_S) -> str:
        """What a shell script prints on a node. Raises ScriptFailed, Unreachable, AgentLost."""
        async with self.session(node) as session:
            return await sh(session, script, timeout_s=timeout_s)

    async def insist(self, node: str, script: str, *, within_s: float) -> None:
        """Have an idempotent script succeed on a node that may be rebooting (Deadline)."""

        async def tried() -> str:
            try:
                await self.sh(node, script)
            except (ScriptFailed, Unreachable, AgentLost) as error:
                return str(error)
            return ""

        await until(f"{node} is put right", tried, lambda trouble: not trouble, within_s=within_s, every_s=1)

    async def ask(self, probes: Sequence[Probe]) -> Mapping[str, tuple[Output, ...]]:
        """What the nodes that can be reached answer, by name; the others are left out."""
        async with open_all(self.nodes.values(), self._ssh) as opened:
            asked = [session.run(probes) for session in opened.sessions.values()]
            answers = await asyncio.gather(*asked, return_exceptions=True)
        found = {}
        for name, answer in zip(opened.sessions, answers, strict=True):
            if isinstance(answer, tuple):
                found[name] = answer
            elif not isinstance(answer, AgentLost):
                raise answer
        return found

    async def views(self) -> Mapping[str, Status]:
        """What `crm_mon` says on each node where it says anything."""
        answers = await self.ask([Probe(status.COMMAND)])
        return {name: status.read(output.stdout) for name, (output,) in answers.items() if output.rc == 0}


async def sh(session: Session, script: str, *, timeout_s: float = WORD_S) -> str:
    """What a shell script prints in a session that is open already. Raises ScriptFailed, AgentLost."""
    (output,) = await session.run([Probe(("sh", "-ec", script), timeout_s=timeout_s)])
    if output.rc != 0:
        raise ScriptFailed(session.host, script, output)
    return output.stdout
