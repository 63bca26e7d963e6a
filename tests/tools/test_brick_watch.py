"""A brick that GlusterFS' daemon has taken over without a port, with the real daemon and the real brick."""

import os
import re
from collections.abc import Iterator
from importlib.resources import files

import pytest

from waiting import until

pytestmark = pytest.mark.skipif(
    os.geteuid() != 0, reason="GlusterFS writes on bricks what only the machine's own root may"
)

VOLUME, HOST, PROCESSES = "trial", "brick-host", "/var/run/gluster/vols/trial"
START = f"""
grep -q ' {HOST}$' /etc/hosts || echo 127.0.0.1 {HOST} >> /etc/hosts
glusterd
"""
CREATE = f"""
gluster --mode=script volume create {VOLUME} {HOST}:$1 force
gluster --mode=script volume start {VOLUME}
"""
STOP = """
kill -9 $(pidof glusterd glusterfsd)
rm -r /var/lib/glusterd/vols/*
"""
# As a start that failed leaves it, though the brick runs.
FORGET = f"""
kill -9 $(pidof glusterd)
while pidof -q glusterd; do :; done
sed -i 's/^listen-port=.*/listen-port=0/' /var/lib/glusterd/vols/{VOLUME}/bricks/*
glusterd
"""
WATCH = f"timeout 60 $1 {VOLUME} {HOST}:$2 {PROCESSES} > $1.said 2>&1 &"


class Daemon:
    """GlusterFS' daemon in the container with every package, and its one brick."""

    def __init__(self, tools) -> None:
        self.tools = tools
        self.brick = f"{tools.directory()}/brick"

    def do(self, script: str) -> None:
        done = self.tools.run("sh", "-ec", script, "sh", self.brick, privileged=True)
        assert done.returncode == 0, done.stderr

    def answers(self) -> bool:
        return self.tools.run("gluster", "peer", "status").returncode == 0

    def port(self) -> int:
        """Where it sends who asks for the brick."""
        done = self.tools.run(
            "sh", "-ec", "gluster get-state glusterd odir $1 file state >&2; cat $1/state", "sh", "/tmp"
        )
        assert done.returncode == 0, done.stderr
        [port] = re.findall(r"^Volume1\.Brick1\.port: (\d+)$", done.stdout, re.MULTILINE)
        return int(port)

    def process(self) -> str:
        return self.tools.run("pidof", "glusterfsd").stdout.strip()


@pytest.fixture
def daemon(full_tools) -> Iterator[Daemon]:
    there = Daemon(full_tools)
    there.do(START)
    try:
        until(there.answers, "the daemon answers")
        there.do(CREATE)
        until(lambda: there.port() != 0, "the brick has a port")
        yield there
    finally:
        there.do(STOP)


def test_a_brick_that_was_taken_over_without_a_port_is_started_anew(full_tools, daemon) -> None:
    lost = daemon.process()
    daemon.do(FORGET)
    until(daemon.answers, "the daemon answers again")
    daemon.do(f"gluster --mode=script volume start {VOLUME} force")
    assert (daemon.port(), daemon.process()) == (0, lost), "GlusterFS mends it by itself"

    program = files("quorate.catalog").joinpath("programs", "brick_watch.py").read_text()
    watch = f"{full_tools.directory()}/brick-watch"
    started = full_tools.run(
        *("sh", "-ec", WATCH, "sh", watch, daemon.brick), files={watch: program}, privileged=True
    )
    assert started.returncode == 0, started.stderr
    said = "no client was sent to the brick of this host: started\n"
    until(lambda: full_tools.read(f"{watch}.said") == said, "it says that it has started the brick")
    assert daemon.process() not in ("", lost)
    until(lambda: daemon.port() != 0, "the brick has a port again")
