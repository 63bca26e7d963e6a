"""The transport over the installed `ssh`, against a real SSH server."""

import asyncio
import shutil
import signal
import time
from pathlib import Path

import pytest

from quorate.model.cloud import Ssh
from quorate.model.item import Command
from quorate.model.topology import MANAGEMENT, Node
from quorate.remote.errors import AgentLost, Unreachable
from quorate.remote.openssh_transport import OpensshTransport
from quorate.remote.session import Session
from quorate.remote.shipping import Probe

from .conftest import appears, make_key

pytestmark = pytest.mark.skipif(shutil.which("ssh") is None, reason="needs ssh: apt-get install openssh-client")
NODE = Node("controller1", {MANAGEMENT: "127.0.0.1"})


def open_session(ssh: Ssh, node: Node = NODE):
    return Session.open(node, ssh, transport=OpensshTransport())


def open_and_close(ssh: Ssh) -> None:
    async def main() -> None:
        async with open_session(ssh):
            pass

    asyncio.run(main())


def test_a_known_host_is_reached_by_its_name_at_the_node_s_address(sshd):
    sshd.trust()

    async def main():
        async with open_session(sshd.ssh) as session:
            return (await session.run([Probe(("cat",), stdin="there and back")]))[0].stdout

    assert asyncio.run(main()) == "there and back"


def test_the_host_name_of_the_ssh_config_comes_first(sshd):
    sshd.trust()
    ssh = sshd.ssh
    with Path(ssh.config).open("a") as config:
        config.write("Host controller1\n  HostName 127.0.0.1\n")

    async def main():
        async with open_session(ssh, Node("controller1", {MANAGEMENT: "192.0.2.1"})) as session:
            return (await session.run([Probe(("true",))]))[0].rc

    assert asyncio.run(main()) == 0


def test_a_jump_host_is_gone_through_with_its_own_settings(sshd):
    sshd.trust()
    ssh = sshd.ssh
    bastion = (
        f"Host bastion\n  HostName 127.0.0.1\n  Port {sshd.port}\n  User root\n"
        f"  IdentityFile {sshd.directory}/id\n  UserKnownHostsFile {sshd.directory}/known_hosts\n"
        "Host controller*\n  ProxyJump bastion\n"
    )
    with Path(ssh.config).open("a") as config:
        config.write(bastion)

    async def main():
        async with open_session(ssh) as session:
            return (await session.run([Probe(("true",))]))[0].rc

    assert asyncio.run(main()) == 0
    assert (sshd.directory / "jumped").exists()


@pytest.mark.parametrize("known", ["nothing", "another key"])
def test_an_unknown_or_changed_host_key_is_refused_with_the_remedy(sshd, known):
    if known == "another key":
        sshd.trust("other.pub")
    with pytest.raises(Unreachable, match=r"Host key verification failed.*console, then ssh-keyscan"):
        open_and_close(sshd.ssh)


def test_a_refused_key_is_said_with_the_way_to_add_it(sshd):
    sshd.trust()
    make_key(sshd.directory / "id")
    with pytest.raises(Unreachable, match=r"ermission denied.*authorized_keys of root"):
        open_and_close(sshd.ssh)


def test_a_port_nobody_listens_on(sshd):
    sshd.trust()
    sshd.process.kill()
    sshd.process.wait()
    with pytest.raises(Unreachable, match="refused"):
        open_and_close(sshd.ssh)


def test_a_connection_cut_in_mid_command_loses_the_agent_and_the_command_ends(sshd, tmp_path):
    sshd.trust()
    script = f"touch {tmp_path}/begun; sleep 1; touch {tmp_path}/ended"

    async def main():
        async with open_session(sshd.ssh) as session:
            work = asyncio.create_task(session.apply("bootstrap", [Command("long", ("sh", "-c", script))]))
            await appears(tmp_path / "begun")
            sshd.process.kill()
            with pytest.raises(AgentLost, match="lost controller1 while applying bootstrap"):
                await work
        await appears(tmp_path / "ended")

    asyncio.run(main())


def test_a_frozen_host_is_noticed_by_its_missing_keepalives(sshd):
    sshd.trust()

    async def main():
        async with open_session(sshd.ssh) as session:
            sshd.process.send_signal(signal.SIGSTOP)
            begun = time.monotonic()
            with pytest.raises(AgentLost, match="not responding"):
                await session.run([Probe(("true",))])
            return time.monotonic() - begun

    assert asyncio.run(main()) < 14
