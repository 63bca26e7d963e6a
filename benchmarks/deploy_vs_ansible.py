"""The same work by Quorate's agent and by ansible-core, on the same hosts, one after the other, in one run.

    .venv/bin/python benchmarks/deploy_vs_ansible.py --ssh-config FILE controller1 controller2 controller3

Each host gets 60 files and 20 guarded commands under /var/tmp; that is applied, applied again (nothing to do), and
looked at (check mode). ansible-core is installed into a virtual environment of its own and runs at its best
settings: pipelining, a fork a host, no fact gathering, one ssh connection a host kept open.
"""

import argparse
import asyncio
import json
import os
import re
import resource
import subprocess
import sys
import tempfile
import time
import venv
from collections.abc import Callable
from pathlib import Path

from quorate.model.cloud import Ssh
from quorate.model.item import Command, Directory, File, Item
from quorate.model.topology import MANAGEMENT, Node
from quorate.remote.session import Session, open_all

FILES = 60
COMMANDS = 20
PLACE = "/var/tmp/quorate-benchmark"


def content(number: int) -> str:
    return "".join(f"[section{line}]\nsetting{line} = value {number} {line}\n" for line in range(40))


def items(place: str) -> list[Item]:
    files = [File(f"{place}/service{number}.conf", content(number), mode=0o640) for number in range(FILES)]
    markers = [f"{place}/marker{number}" for number in range(COMMANDS)]
    commands = [Command(f"make {marker}", ("touch", marker), unless=("test", "-e", marker)) for marker in markers]
    return [Directory(place), *files, *commands]


def playbook(place: str) -> list[dict[str, object]]:
    tasks: list[dict[str, object]] = [
        {"ansible.builtin.file": {"path": place, "state": "directory", "mode": "0755"}}
    ]
    tasks += [
        {
            "ansible.builtin.copy": {
                "dest": f"{place}/service{number}.conf",
                "content": content(number),
                "owner": "root",
                "group": "root",
                "mode": "0640",
            }
        }
        for number in range(FILES)
    ]
    tasks += [
        {
            "ansible.builtin.command": {
                "argv": ["touch", f"{place}/marker{number}"],
                "creates": f"{place}/marker{number}",
            }
        }
        for number in range(COMMANDS)
    ]
    return [{"hosts": "all", "gather_facts": False, "tasks": tasks}]


async def with_quorate(hosts: list[str], ssh: Ssh, *, check: bool) -> int:
    """Apply on all hosts; how many items changed."""

    async def one(session: Session) -> int:
        outcome = await session.apply("benchmark", items(f"{PLACE}/quorate"), check=check)
        return len(outcome.events)

    nodes = [Node(host, {MANAGEMENT: host}) for host in hosts]
    async with open_all(nodes, ssh, timeout_s=60) as opened:
        if opened.unreachable:
            sys.exit("\n".join(map(str, opened.unreachable)))
        return sum(await asyncio.gather(*map(one, opened.sessions.values())))


def install_ansible(where: Path) -> Path:
    venv.create(where, with_pip=True)
    subprocess.run([where / "bin/pip", "install", "--quiet", "--quiet", "ansible-core"], check=True)
    return where / "bin/ansible-playbook"


def with_ansible(program: Path, work: Path, hosts: list[str], ssh: Ssh, *, check: bool) -> int:
    """Run the playbook on all hosts; how many tasks changed."""
    (work / "playbook.json").write_text(json.dumps(playbook(f"{PLACE}/ansible")))
    (work / "inventory").write_text("\n".join(hosts) + "\n")
    (work / "ansible.cfg").write_text(
        f"[defaults]\nforks = {len(hosts)}\n"
        "interpreter_python = /usr/bin/python3\n[connection]\npipelining = True\n"
        f"[ssh_connection]\nssh_args = -F {ssh.config} -o ControlMaster=auto -o ControlPersist=60s\n"
    )
    argv = [program, "-i", "inventory", "-u", ssh.user, *(["--check", "--diff"] if check else []), "playbook.json"]
    environment = {**os.environ, "ANSIBLE_CONFIG": str(work / "ansible.cfg"), "ANSIBLE_HOME": str(work / "home")}
    done = subprocess.run(argv, cwd=work, env=environment, capture_output=True, text=True, check=False)
    if done.returncode != 0:
        sys.exit(f"ansible-playbook failed:\n{done.stdout[-3000:]}\n{done.stderr[-3000:]}")
    return sum(int(count) for count in re.findall(r"\bchanged=(\d+)", done.stdout))


def measured(run: Callable[[], int]) -> tuple[float, float, int]:
    """Wall seconds, processor seconds (ours and our children's), and how much the run says it changed."""

    def processor() -> float:
        usages = (resource.getrusage(who) for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN))
        return sum(usage.ru_utime + usage.ru_stime for usage in usages)

    wall, used = time.monotonic(), processor()
    changed = run()
    return time.monotonic() - wall, processor() - used, changed


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--ssh-config", required=True, help="an OpenSSH client configuration that names the hosts")
    parser.add_argument("--user", default="root")
    parser.add_argument("hosts", nargs="+")
    options = parser.parse_args()
    ssh = Ssh(user=options.user, config=str(Path(options.ssh_config).resolve()))

    def quorate(*, check: bool) -> int:
        return asyncio.run(with_quorate(options.hosts, ssh, check=check))

    clean = [Command("clean", ("rm", "-rf", PLACE))]

    async def clear() -> None:
        nodes = [Node(host, {MANAGEMENT: host}) for host in options.hosts]
        async with open_all(nodes, ssh) as opened:
            await asyncio.gather(*(session.apply("clean", clean) for session in opened.sessions.values()))

    with tempfile.TemporaryDirectory(prefix="quorate-benchmark-") as directory:
        work = Path(directory)
        program = install_ansible(work / "venv")
        asyncio.run(clear())
        sys.stdout.write(f"{len(options.hosts)} hosts, {FILES} files and {COMMANDS} guarded commands each\n")
        sys.stdout.write("              quorate: s  cpu s  changed   ansible-core: s  cpu s  changed   ratio\n")
        for name, check in (("first", False), ("unchanged", False), ("check", True)):
            ours = measured(lambda check=check: quorate(check=check))
            theirs = measured(lambda check=check: with_ansible(program, work, options.hosts, ssh, check=check))
            sys.stdout.write(
                f"{name:12} {ours[0]:11.2f} {ours[1]:6.2f} {ours[2]:8} "
                f"{theirs[0]:17.2f} {theirs[1]:6.2f} {theirs[2]:8} {theirs[0] / ours[0]:7.1f}\n"
            )
            sys.stdout.flush()
        asyncio.run(clear())


if __name__ == "__main__":
    main()
