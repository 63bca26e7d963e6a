# ruff: noqa: ASYNC240 - the files are local
import asyncio
import contextlib
import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from quorate.model.cloud import Ssh
from quorate.model.item import Command
from quorate.model.topology import MANAGEMENT, Node
from quorate.remote import boot
from quorate.remote.errors import AgentLost, Locked, Unreachable
from quorate.remote.openssh_transport import ProcessChannel
from quorate.remote.session import Session, lock_all, open_all
from quorate.remote.shipping import Probe

from .conftest import NODE, LocalTransport, appears, session


def sh(script):
    return ("sh", "-c", script)


def agent_pid(opened):
    return opened._channel._process.pid


def test_a_second_run_is_refused_and_told_who_holds_the_lock(tmp_path):
    async def main():
        async with session() as first, session() as second:
            await first.lock("deploy of lab", path=str(tmp_path / "lock"))
            with pytest.raises(
                Locked, match=r"n1 is being worked on by .*@.*\(process \d+\) since .*: deploy of lab"
            ):
                async with asyncio.timeout(20):  # who is at work is not waited for that long
                    await second.lock("another", within_s=60, path=str(tmp_path / "lock"))
        async with session() as third:
            await third.lock("afterwards", path=str(tmp_path / "lock"))
            holder = json.loads((tmp_path / "lock").read_text())
            assert holder["what"] == "afterwards"
            assert holder["pid"] == os.getpid()

    asyncio.run(main())


def test_a_lock_is_waited_for(tmp_path):
    async def main():
        async with session() as second:
            async with session() as first:
                await first.lock("first", path=str(tmp_path / "lock"))
                waiting = asyncio.create_task(second.lock("second", within_s=20, path=str(tmp_path / "lock")))
                await asyncio.sleep(0.3)
                assert not waiting.done()
            await waiting

    asyncio.run(main())


def test_all_nodes_are_locked_or_the_holder_is_named(tmp_path):
    async def main():
        path = str(tmp_path / "lock")
        nodes = [Node(name, {MANAGEMENT: "127.0.0.1"}) for name in ("n1", "n2", "n3")]
        async with open_all(nodes, Ssh(), transport=LocalTransport()) as opened, session() as mine:
            with pytest.raises(Locked, match="n2"):  # one machine, so n1 keeps it from n2 and n3
                await lock_all(opened.sessions.values(), "mine", within_s=0.3, path=path)
            with pytest.raises(Locked, match="n1"):
                await lock_all([mine], "yours", within_s=0, path=path)
        await lock_all([], "nobody's", path=path)

    asyncio.run(main())


CLIENT = """
import asyncio, sys
sys.path.insert(0, {tests!r})
from quorate.model.item import Command
from tests_conftest import session
async def main():
    async with session() as opened:
        await opened.lock("killed", path={lock!r})
        await opened.apply("s", [Command("long", ("sh", "-c", {script!r})), Command("next", ("touch", {after!r}))])
asyncio.run(main())
"""


def test_killed_in_mid_command_the_command_ends_nothing_more_begins_and_the_lock_goes(tmp_path):
    lock, begun, ended, after = (str(tmp_path / name) for name in ("lock", "begun", "ended", "after"))
    (tmp_path / "tests_conftest.py").write_text((Path(__file__).parent / "conftest.py").read_text())
    script = f"touch {begun}; sleep 4; touch {ended}"
    code = CLIENT.format(tests=str(tmp_path), lock=lock, script=script, after=after)
    client = subprocess.Popen([sys.executable, "-c", code], stderr=subprocess.PIPE)

    async def main():
        await appears(Path(begun))
        client.kill()
        client.wait()
        client.stderr.close()
        async with session() as opened:
            with pytest.raises(Locked, match="killed"):
                await opened.lock("too early", within_s=0, path=lock)
            assert not Path(ended).exists()
            await opened.lock("rerun", within_s=15, path=lock)
        assert Path(ended).exists()
        assert not Path(after).exists()

    asyncio.run(main())


def test_a_lost_agent_is_said_with_what_was_being_done():
    async def main():
        async with session() as opened:
            work = asyncio.create_task(opened.apply("bootstrap", [Command("long", ("sleep", "2"))]))
            await opened.run([Probe(("true",))])
            os.kill(agent_pid(opened), signal.SIGKILL)
            with pytest.raises(
                AgentLost, match=r"lost n1 while applying bootstrap: the connection broke; .* again"
            ):
                await work
            with pytest.raises(AgentLost):
                await opened.run([Probe(("true",))])

    asyncio.run(main())


def test_a_silent_controller_counts_as_gone():
    """A frozen or cut-off controller sends no end of file: its lock must go all the same."""
    impatient = "from quorate.remote.agent import channel;channel.SILENCE_S=0.5;from quorate"
    program = boot.PROGRAM.replace("from quorate", impatient, 1)
    process = subprocess.Popen(
        [sys.executable, "-IS", "-c", program], stdin=subprocess.PIPE, stdout=subprocess.PIPE
    )
    process.stdin.write(boot.ARCHIVE)
    process.stdin.flush()
    assert "hello" in json.loads(process.stdout.readline())
    begun = time.monotonic()
    assert process.wait(20) == 0
    assert time.monotonic() - begun > 0.4
    process.stdin.close()
    process.stdout.close()


def test_leaving_a_session_does_not_wait_for_its_command(tmp_path):
    async def main():
        begun = time.monotonic()
        async with session() as opened:
            work = asyncio.create_task(opened.apply("s", [Command("long", sh(f"sleep 2; touch {tmp_path}/done"))]))
            await asyncio.sleep(0.3)
            work.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await work
        assert time.monotonic() - begun < 1.9
        await appears(tmp_path / "done")

    asyncio.run(main())


def test_the_agent_has_no_file_of_its_own(with_agent):
    """Open in it: its streams and what the interpreter needs, nothing with a name."""
    script = "readlink /proc/$PPID/fd/* | grep ^/ | grep -v -e ^/dev/ -e ^/memfd: -e deleted"
    assert with_agent(lambda opened: opened.run([Probe(sh(script))]))[0].stdout == ""


@pytest.mark.parametrize(
    ("script", "reason", "remedy"),
    [
        ("no-python3-here -c x", "not found", "apt-get install python3"),
        ("echo sudo: a password is required >&2; exit 1", "password is required", "NOPASSWD"),
        ("exit 5", "exit status 5", "python3 -V"),
    ],
)
def test_why_no_agent_started_and_what_to_do(script, reason, remedy):
    class Broken:
        async def open(self, *_):
            return await ProcessChannel.start("sh", "-c", script)

    async def main():
        async with Session.open(NODE, Ssh(user="ops"), transport=Broken()):
            pass

    with pytest.raises(Unreachable, match=reason) as caught:
        asyncio.run(main())
    assert remedy in caught.value.remedy
    assert caught.value.host == "n1"


def test_an_agent_that_says_nothing_is_unreachable():
    class Mute:
        async def open(self, *_):
            return await ProcessChannel.start("sleep", "30")

    async def main():
        async with Session.open(NODE, Ssh(), transport=Mute(), timeout_s=0.3):
            pass

    with pytest.raises(Unreachable, match=r"no agent within 0\.3 s"):
        asyncio.run(main())


def test_all_that_cannot_be_reached_are_told_and_the_others_open():
    class Some:
        async def open(self, node, ssh, command, timeout_s):
            if node.name in ("n2", "n4"):
                raise Unreachable(node.name, "no answer", "check its power")
            return await LocalTransport().open(node, ssh, command, timeout_s)

    async def main():
        nodes = [Node(f"n{number}", {MANAGEMENT: "127.0.0.1"}) for number in range(1, 5)]
        async with open_all(nodes, Ssh(), transport=Some(), at_once=2) as opened:
            outputs = await asyncio.gather(
                *(each.run([Probe(("echo", name))]) for name, each in opened.sessions.items())
            )
            return [output.stdout for (output,) in outputs], [failure.host for failure in opened.unreachable]

    assert asyncio.run(main()) == (["n1\n", "n3\n"], ["n2", "n4"])


OLDEST = next(
    (path for path in Path.home().glob(".pyenv/versions/3.9*/bin/python3") if path.exists()), Path("python3.9")
)


@pytest.mark.skipif(not OLDEST.exists(), reason="there is no Python 3.9 here")
def test_the_oldest_python_that_hosts_may_have_runs_the_agent(tmp_path, with_agent):
    item = Command("touch", ("touch", str(tmp_path / "x")))
    outcome = with_agent(lambda opened: opened.apply("s", [item]), LocalTransport(python=str(OLDEST)))
    assert outcome.changed


def test_the_agent_starts_with_nothing_that_python3_minimal_lacks():
    lacking = "difflib=None, xml=None, shlex=None, concurrent=None, asyncio=None, logging=None"
    process = subprocess.run(
        [sys.executable, "-IS", "-c", f"import sys; sys.modules.update({lacking});{boot.PROGRAM}"],
        input=boot.ARCHIVE,
        capture_output=True,
        timeout=20,
        check=False,
    )
    assert json.loads(process.stdout)["hello"] == 1, process.stderr
