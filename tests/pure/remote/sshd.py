"""An SSH server on loopback that runs each command here: sshd.py DIRECTORY (holds `host`, `authorized`)."""

import asyncio
import shlex
import sys
from asyncio.subprocess import PIPE
from pathlib import Path

import asyncssh


async def run(process):
    words = shlex.split(process.command)
    words[words.index("python3")] = sys.executable
    child = await asyncio.create_subprocess_exec(*words, stdin=PIPE, stdout=PIPE, stderr=PIPE)
    await process.redirect(stdin=child.stdin, stdout=child.stdout, stderr=child.stderr)
    process.exit(await child.wait())


class Server(asyncssh.SSHServer):
    def connection_requested(self, *_):
        """Be a jump host for anyone, and note it."""
        Path(sys.argv[1], "jumped").touch()
        return True


async def main(directory):
    listening = await asyncssh.listen(
        "127.0.0.1",
        0,
        server_factory=Server,
        server_host_keys=[f"{directory}/host"],
        authorized_client_keys=f"{directory}/authorized",
        process_factory=run,
        encoding=None,
    )
    sys.stdout.write(f"{listening.get_port()}\n")
    sys.stdout.flush()
    await asyncio.Event().wait()


asyncio.run(main(sys.argv[1]))
