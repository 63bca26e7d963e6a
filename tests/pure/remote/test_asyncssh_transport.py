"""The transport against a real SSH server: asyncssh's own, in a process that can be killed and frozen."""

import asyncio
import signal
import time
from pathlib import Path

import pytest

from quorate.model.cloud import Ssh
from quorate.model.item import Command
from quorate.model.topology import MANAGEMENT, Node
from quorate.remote.errors import AgentLost, Unreachable
from quorate.remote.session import Session, open_all
from quorate.remote.shipping import Probe

from .conftest import appears, make_key

NODE = Node("controller1", {MANAGEMENT: "127.0.0.1"})


def open_and_close(ssh: Ssh) -> None:
    async def main() -> None:
        async with Session.open(NODE, ssh):
            pass

    asyncio.run(main())


def test_a_known_host_is_reached_by_its_name_at_the_node_s_address(sshd):
    sshd.trust()

    async def main():
        async with Session.open(NODE, sshd.ssh) as session:
            (output,) = await session.run([Probe(("cat",), stdin="there and back")])
            return output.stdout

    assert asyncio.run(main()) == "there and back"


def test_the_host_name_of_the_ssh_config_comes_first(sshd):
    sshd.trust()
    ssh = sshd.ssh
    with Path(ssh.config).open("a") as config:
        config.write("Host controller1\n  HostName 127.0.0.1\n")
    elsewhere = Node("controller1", {MANAGEMENT: "192.0.2.1"})

    async def main():
        async with Session.open(elsewhere, ssh) as session:
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
        async with Session.open(NODE, ssh) as session:
            return (await session.run([Probe(("true",))]))[0].rc

    assert asyncio.run(main()) == 0
    assert (sshd.directory / "jumped").exists()


@pytest.mark.parametrize("known", ["nothing", "another key"])
def test_an_unknown_or_changed_host_key_is_refused_with_the_remedy(sshd, known):
    (sshd.directory / "known_hosts").write_text("")
    if known == "another key":
        sshd.trust("other.pub")
    with pytest.raises(Unreachable, match=r"cannot reach controller1: .*[Hh]ost key.*ssh-keyscan") as caught:
        open_and_close(sshd.ssh)
    assert "console" in caught.value.remedy


def test_a_missing_known_hosts_file_is_named_with_the_way_to_make_it(sshd):
    known = sshd.directory / "known_hosts"
    with pytest.raises(Unreachable, match=rf"{known}: No such file.*ssh-keyscan -H .* >> {known}"):
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
    with pytest.raises(Unreachable, match=r"[Cc]onnect.*sshd runs there"):
        open_and_close(sshd.ssh)


def test_a_host_that_accepts_and_says_nothing(sshd):
    sshd.trust()
    sshd.process.send_signal(signal.SIGSTOP)

    async def main():
        async with Session.open(NODE, sshd.ssh, timeout_s=0.5):
            pass

    with pytest.raises(Unreachable, match=r"no answer within 0\.5 s.*power and the network"):
        asyncio.run(main())


def test_a_broken_ssh_config_is_named(tmp_path):
    (tmp_path / "config").write_text("Host *\n  Port many\n")
    with pytest.raises(Unreachable, match=f"correct the ssh configuration .*{tmp_path}/config"):
        open_and_close(Ssh(config=str(tmp_path / "config")))


def test_a_connection_cut_in_mid_command_loses_the_agent_and_the_command_ends(sshd, tmp_path):
    sshd.trust()
    script = f"touch {tmp_path}/begun; sleep 1; touch {tmp_path}/ended"

    async def main():
        async with Session.open(NODE, sshd.ssh) as session:
            items = [Command("long", ("sh", "-c", script)), Command("next", ("touch", f"{tmp_path}/next"))]
            work = asyncio.create_task(session.apply("bootstrap", items))
            await appears(tmp_path / "begun")
            sshd.process.kill()
            with pytest.raises(AgentLost, match="lost controller1 while applying bootstrap"):
                await work
        await appears(tmp_path / "ended")
        await asyncio.sleep(0.3)

    asyncio.run(main())
    assert not (tmp_path / "next").exists()


def test_a_frozen_host_is_noticed_by_its_missing_keepalives(sshd):
    sshd.trust()

    async def main():
        async with Session.open(NODE, sshd.ssh) as session:
            sshd.process.send_signal(signal.SIGSTOP)
            begun = time.monotonic()
            with pytest.raises(AgentLost):
                await session.run([Probe(("true",))])
            return time.monotonic() - begun

    assert asyncio.run(main()) < 12


def test_many_hosts_open_at_once(sshd):
    sshd.trust()

    async def main():
        nodes = [Node(f"controller{n}", {MANAGEMENT: "127.0.0.1"}) for n in range(12)]
        async with open_all(nodes, sshd.ssh, timeout_s=60) as opened:
            assert opened.unreachable == ()
            results = await asyncio.gather(*(each.run([Probe(("true",))]) for each in opened.sessions.values()))
            return [output.rc for (output,) in results]

    assert asyncio.run(main()) == [0] * 12
