"""Sessions to every node of a plan, or the reasons why not."""

from collections.abc import AsyncIterator, Iterable, Mapping
from contextlib import asynccontextmanager

from quorate.model.cloud import Ssh
from quorate.model.topology import Node
from quorate.remote.errors import Unreachable
from quorate.remote.openssh_transport import OpensshTransport
from quorate.remote.session import Session, open_all


@asynccontextmanager
async def sessions(
    nodes: Iterable[Node], ssh: Ssh, *, openssh: bool = False
) -> AsyncIterator[Mapping[str, Session]]:
    """All of them; raises ExceptionGroup-free `Unreachable` naming every node that cannot be reached."""
    async with open_all(nodes, ssh, transport=OpensshTransport() if openssh else None) as opened:
        if opened.unreachable:
            first, *others = opened.unreachable
            if not others:
                raise first
            names = ", ".join(failure.host for failure in opened.unreachable)
            reasons = "\n".join(
                f"  {failure.host}: {failure.reason}; {failure.remedy}" for failure in opened.unreachable
            )
            raise Unreachable(names, "none was changed", f"mend these and run it again:\n{reasons}")
        yield opened.sessions
