"""Machines with Linux kernels of their own: each one a process, with this system's root for its disk.

A server has a wire to every member. The members are at work one after the other, and lose their power when they
have done as asked. Reads JSON: {"kernel": where Debian's user-mode-linux is unpacked, "server": its script,
"members": their scripts}; prints JSON: the lines that each member printed.

A script is a shell's. It begins with /proc, /sys and a network; the directories in OWN are its machine's own.
"""

import json
import os
import pathlib
import queue
import signal
import socket
import subprocess
import sys
import tempfile
import threading
import time

SERVER, MEMBERS = "192.0.2.1", "192.0.2.1{}"
OWN = ("/run", "/tmp", "/srv", "/var/lib/nfs", "/var/lib/cinder", "/etc/nfs.conf.d", "/usr/lib/modules")
MEMORY = "192M"
READY, DONE = "ready for members", "done as asked"
WITHIN_S = 60

BEGIN = """
set -eu
export PATH=/usr/sbin:/usr/bin:/sbin:/bin HOME=/root
mount -t proc proc /proc
mount -t sysfs sysfs /sys
for own in {own}; do mkdir -p "$own"; mount -t tmpfs own "$own"; done
ln -s {kernel}/usr/lib/uml/modules/* /usr/lib/modules/
cp /etc/hosts /run/hosts
echo {server} files.example >> /run/hosts
mount --bind /run/hosts /etc/hosts
ip link set lo up
"""


class Machine:
    """A kernel in a process group of its own; what it prints is kept."""

    def __init__(self, kernel, place, script, wires):
        init = pathlib.Path(place, "init")
        init.write_text(f"#!/bin/sh\n{script}", encoding="utf-8")
        init.chmod(0o755)
        links = (f"vec{n}:transport=fd,fd={wire.fileno()},vec=0" for n, wire in enumerate(wires))
        self.process = subprocess.Popen(
            [
                *(f"{kernel}/usr/bin/linux.uml", f"mem={MEMORY}", "rootfstype=hostfs", "rootflags=/", "rw"),
                *(f"init={init}", f"uml_dir={place}", "con=null", "con0=null,fd:1", "quiet", *links),
            ],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            errors="replace",
            pass_fds=[wire.fileno() for wire in wires],
            env={**os.environ, "TMPDIR": "/var/tmp"},
            start_new_session=True,
        )
        self.printed, self.lines = queue.Queue(), []
        threading.Thread(target=self._read, daemon=True).start()

    def _read(self):
        for line in self.process.stdout:
            self.printed.put(line.rstrip())
        self.printed.put(None)

    def until(self, wanted):
        """Wait for that line. Raises SystemExit with the others when it does not come."""
        end = time.monotonic() + WITHIN_S
        while not self.lines or self.lines[-1] != wanted:
            try:
                line = self.printed.get(timeout=max(0, end - time.monotonic()))
            except queue.Empty:
                line = None
            if line is None:
                raise SystemExit("\n".join([*self.lines, f"no line: {wanted}"]))
            self.lines.append(line)

    def cut(self):
        """As when the power is lost."""
        if self.process.returncode is None:
            os.killpg(self.process.pid, signal.SIGKILL)
            self.process.wait()


def main(asked):
    """Boot the server, then one member after the other."""
    kernel, running, told = asked["kernel"], [], []
    begin = BEGIN.format(own=" ".join(OWN), kernel=kernel, server=SERVER)
    wires = [socket.socketpair(socket.AF_UNIX, socket.SOCK_DGRAM) for _ in asked["members"]]
    network = [f"ip address add {SERVER}/32 dev lo"]
    for number in range(len(wires)):
        way = f"{MEMBERS.format(number)} dev vec{number} src {SERVER}"
        network += [f"ip link set vec{number} up", f"ip route add {way}"]
    with tempfile.TemporaryDirectory(dir="/var/tmp") as place:

        def boot(name, script, ends, last):
            directory = pathlib.Path(place, name)
            directory.mkdir()
            whole = f"{begin}\n{script}\necho {last}\nexec sleep infinity\n"
            running.append(Machine(kernel, directory, whole, ends))
            running[-1].until(last)
            return running[-1]

        try:
            boot("server", "\n".join([*network, asked["server"]]), [ours for ours, _ in wires], READY)
            for number, script in enumerate(asked["members"]):
                way = f"ip address add {MEMBERS.format(number)}/32 dev vec0\nip link set vec0 up\n"
                way += f"ip route add {SERVER} dev vec0\n"
                member = boot(f"member{number}", way + script, [wires[number][1]], DONE)
                told.append(member.lines[:-1])
                member.cut()
        finally:
            for machine in running:
                machine.cut()
    json.dump(told, sys.stdout)


main(json.load(sys.stdin))
