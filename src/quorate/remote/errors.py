"""What can go wrong between here and a host. Not reaching it and its command failing are different types."""

import shlex

from quorate.remote.event import Event, Outcome

_SHOWN_LINES = 20


class Unreachable(Exception):
    """No session with a host could be opened; nothing was changed there."""

    def __init__(self, host: str, reason: str, remedy: str) -> None:
        super().__init__(f"cannot reach {host}: {reason}; {remedy}")
        self.host, self.reason, self.remedy = host, reason, remedy


class AgentLost(Exception):
    """The connection to a host was lost within a session: what ran there is let finish, nothing more is begun."""

    def __init__(self, host: str, doing: str, reason: str) -> None:
        super().__init__(
            f"lost {host} while {doing}: {reason}; "
            "a command that was running there is let finish; check the host and run this again"
        )
        self.host, self.doing, self.reason = host, doing, reason


class Locked(Exception):
    """Somebody else works on a host."""

    def __init__(self, host: str, holder: str) -> None:
        super().__init__(
            f"{host} is being worked on by {holder}; wait until that has ended "
            "(the lock goes by itself, also if its owner was killed: then a command is still being finished)"
        )
        self.host, self.holder = host, holder


class CommandFailed(Exception):
    """An item of a stage could not be brought to its state on a host."""

    def __init__(self, event: Event, outcome: Outcome) -> None:
        super().__init__(_told(event))
        self.event, self.outcome = event, outcome
        self.host, self.stage = event.host, event.stage


def _told(event: Event) -> str:
    lines = [f"{event.host}: {event.stage}: {event.item}: {event.detail}"]
    if event.failure:
        lines.append(f"  command: {shlex.join(event.failure.argv)}")
        for name, text in (("stdout", event.failure.stdout), ("stderr", event.failure.stderr)):
            lines += [f"  {name}: {line}" for line in text.strip().splitlines()[-_SHOWN_LINES:]]
    return "\n".join(lines)
