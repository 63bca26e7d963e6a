"""Where the agent begins."""

from __future__ import annotations

import os
import signal
import sys

from quorate.remote.agent.channel import Agent
from quorate.remote.agent.requests import serve


def main() -> None:
    os.umask(0o022)
    os.chdir("/")
    for number in (signal.SIGHUP, signal.SIGINT):
        signal.signal(number, lambda *_: None)  # not SIG_IGN: children would inherit that
    sink = os.dup(1)
    os.dup2(2, 1)
    agent = Agent(sys.stdin.buffer, sink, serve)
    agent.send({"hello": 1, "python": sys.version.split()[0], "uid": os.getuid(), "pid": os.getpid()})
    agent.live()
    os._exit(0)  # the reader may still be blocked on standard input
