"""The lab of one cloud: brought up, taken down, and its hosts' power and cables handled one by one."""

import fcntl
import os
import shutil
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from quorate.lab import answers, bmc, containers, disks, image, keys, wiring
from quorate.lab.command import CommandFailed, LabError, run
from quorate.lab.containers import Container
from quorate.lab.layout import RUNTIME, Host, Layout, layout, prefix, runtime_of
from quorate.lab.machine import Machine, lab_machine
from quorate.lab.power import PowerError, Switch
from quorate.model.cloud import Cloud

MEMORY = "6g"

Report = Callable[[str], None]


@dataclass(frozen=True, slots=True)
class HostStatus:
    """How one host is: `memory_bytes` is without file cache, None while it is off; `bmc` None if it has none."""

    node: str
    address: str
    power: bool
    cut: bool
    paused: bool
    bmc: bool | None
    memory_bytes: int | None

    @property
    def well(self) -> bool:
        """Whether nothing is being done to it."""
        return self.power and not self.cut and not self.paused and self.bmc is not False


class Lab:
    """The lab of a cloud whose file is in `directory`.

    Every method raises LabError when it could not do what its name says. `report` is told what is being done,
    one line each.
    """

    def __init__(self, cloud: Cloud, directory: Path, *, report: Report = lambda _line: None) -> None:
        self.machine: Machine = lab_machine()
        self.layout: Layout = layout(cloud, directory)
        self._report = report

    def up(
        self,
        packages: Sequence[str],
        secrets: Mapping[str, str],
        *,
        data: Sequence[str] = (),
        memory: str = MEMORY,
        nodes: int | None = None,
    ) -> None:
        """Make and boot what is missing, of the first `nodes` nodes or all, until sshd and BMC of each answer.

        `secrets` holds the BMCs' passwords as `bmc/NODE`; `data` are directories that get a file system of their
        own on each host, where this machine can mount one; `memory` limits each host, in podman's notation.
        """
        hosts = self.layout.hosts[:nodes]
        with _alone():
            disk = image.ensure(self.machine.podman, packages, self._report)
            self._claim(hosts)
            keys.make(self.layout)
            for network in wiring.lay(self.layout.bridges):
                self._report(f"network {network}: made")
            with ThreadPoolExecutor() as pool:
                for line in pool.map(lambda host: self._boot(host, disk, data, memory), hosts):
                    self._report(line)
            for host in hosts:
                if host.bmc and bmc.start(host, secrets[f"bmc/{host.node}"]):
                    self._report(f"{host.node}: BMC started at {host.bmc.address} port {host.bmc.port}")
            answers.wait(hosts)

    def down(self) -> bool:
        """Remove everything the lab has made but the image; whether there was anything."""
        return down(self.layout.lab, state=self.layout.state)

    def power_off(self, node: str) -> None:
        """Cut the host's power at once: no shutdown, no goodbye on the network."""
        with _as_lab_error():
            self._switch(node).off()

    def power_on(self, node: str) -> None:
        """Boot the host; its disk is as the power cut left it, its memory and network are new."""
        with _as_lab_error():
            self._switch(node).on()

    def power_reset(self, node: str) -> None:
        """Cut the power and restore it."""
        with _as_lab_error():
            switch = self._switch(node)
            switch.off()
            switch.on()

    def exists(self) -> bool:
        """Whether any host of it was made."""
        there = containers.of_lab(self.machine.podman, self.layout.lab)
        return any(container.state == self.layout.state for container in there)

    def powered(self, node: str) -> bool:
        """Whether the host has power."""
        return self._switch(node).is_on()

    def wipe(self, node: str) -> None:
        """Cut the host's power and throw its disk away; `up` makes it anew, with nothing but the system."""
        self.power_off(node)
        container = self.layout.host(node).container
        containers.remove(self.machine.podman, lambda name: name == container)
        disks.remove(self.layout, self.layout.host(node))

    def cut(self, node: str) -> None:
        """Drop all traffic of the host; its BMC stays reachable for the others."""
        wiring.cut(self.layout.host(node))

    def mend(self, node: str) -> None:
        """Let the host's traffic flow again."""
        wiring.mend(self.layout.host(node))

    def pause(self, node: str) -> None:
        """Freeze every process of the host; its addresses still answer ARP and ping, as a hung host's do."""
        run(*self.machine.podman, "pause", self._running(node))

    def resume(self, node: str) -> None:
        """Let a paused host go on."""
        run(*self.machine.podman, "unpause", self._running(node))

    def exec_command(self, node: str, command: Sequence[str], *, terminal: bool) -> tuple[str, ...]:
        """The argument vector that runs a command as root on a host, with this process's input and output."""
        options = ("--interactive", "--tty", "--env", "TERM") if terminal else ("--interactive",)
        return (*self.machine.podman, "exec", *options, self._running(node), *command)

    def status(self) -> tuple[HostStatus, ...]:
        """How every host is."""
        paused = {
            container.node
            for container in containers.of_lab(self.machine.podman, self.layout.lab)
            if container.status == "paused"
        }
        cut = wiring.cut_ports(self.layout.hosts)
        return tuple(self._status(host, cut=cut, paused=paused) for host in self.layout.hosts)

    def _status(self, host: Host, *, cut: frozenset[str], paused: set[str]) -> HostStatus:
        try:
            switch = Switch.load(str(host.runtime))
        except FileNotFoundError:
            on, init = False, None
        else:
            on, init = switch.is_on(), switch.init_pid()
        return HostStatus(
            node=host.node,
            address=host.address,
            power=on,
            cut=host.node in cut,
            paused=host.node in paused and on,
            bmc=bool(bmc.running(host.runtime)) if host.bmc else None,
            memory_bytes=containers.memory_bytes(init) if init else None,
        )

    def _claim(self, hosts: Sequence[Host]) -> None:
        """Make the runtime directories, unless the name is another lab's or this one's keys are lost."""
        there = containers.of_lab(self.machine.podman, self.layout.lab)
        for container in there:
            if container.state != self.layout.state:
                raise LabError(
                    f"there is a lab named {self.layout.lab} already, of {container.state.parent.parent}; take it "
                    f"down with `quorate lab down --name {self.layout.lab}` or give this cloud another name"
                )
        if there and not keys.user_key(self.layout).exists():
            raise LabError(
                f"{self.layout.state} is gone, and with it the hosts' keys: `quorate lab down`, then up"
            )
        for host in hosts:
            host.runtime.mkdir(mode=0o700, parents=True, exist_ok=True)

    def _boot(self, host: Host, disk: str, data: Sequence[str], memory: str) -> str:
        """Create the host's container if need be and switch it on; what was done."""
        podman = self.machine.podman
        there = {each.node: each for each in containers.of_lab(podman, self.layout.lab)}.get(host.node)
        booted = containers.booted(self.layout, host)
        if there and _is_unfinished(there, booted, containers.switch(self.machine, host, there.id)):
            containers.remove(podman, lambda name: name == host.container)
            there = None
        if there and there.wiring != containers.fingerprint(host):
            raise LabError(f"{host.node}: the file gives it other addresses now; `quorate lab down` and up again")
        volumes = self._disks(host, data)
        container_id = (
            there.id
            if there
            else containers.create(self.machine, self.layout, host, disk, memory, volumes=volumes)
        )
        switch = containers.switch(self.machine, host, container_id)
        switch.save()
        was_on = switch.has_booted()
        if not there:
            containers.seed(self.machine, self.layout, host, data if volumes else ())
        with _as_lab_error():
            switch.on()
        booted.parent.mkdir(exist_ok=True)
        booted.write_text(container_id, encoding="ascii")
        return f"{host.node}: {'is on' if was_on else 'switched on' if there else 'made and switched on'}"

    def _disks(self, host: Host, data: Sequence[str]) -> tuple[str, ...]:
        """Podman's options for them; none where this machine cannot mount images (no loop devices, say)."""
        try:
            return disks.attach(self.layout, host, data)
        except CommandFailed as error:
            self._report(f"{host.node}: {' and '.join(data)} on the host's own disk: {error}")
            return ()

    def _running(self, node: str) -> str:
        """The container of a host, which must be on."""
        if not self._switch(node).is_on():
            raise LabError(f"{node} is off; `quorate lab power on {node}`")
        return self.layout.host(node).container

    def _switch(self, node: str) -> Switch:
        host = self.layout.host(node)
        try:
            return Switch.load(str(host.runtime))
        except FileNotFoundError as error:
            raise LabError(f"{node} has not been made yet; run `quorate lab up`") from error


def down(name: str, *, state: Path | None = None) -> bool:
    """Remove everything that carries a lab's name but the image, however far it got; whether there was anything.

    Needs no spec: the lab's containers know the directory beside it. LabError if something would not go.
    """
    runtime = runtime_of(name)
    podman = lab_machine().podman
    with _alone():
        # first the BMCs: they could switch a host on again
        bmcs = bmc.stop(runtime)
        for switch in _switches(runtime):
            with _as_lab_error():
                switch.off()
        states = {container.state for container in containers.of_lab(podman, name)} | ({state} if state else set())
        hosts = containers.remove(podman, lambda container: container.startswith(prefix(name)))
        devices = (*wiring.devices(name), *wiring.namespaces(name))
        wiring.tear(name)
        disks.release(runtime)
        directories = [path for path in (runtime, *states) if path.exists()]
        for path in directories:
            shutil.rmtree(path)
        for path in states:
            if path.parent.is_dir() and not any(path.parent.iterdir()):
                path.parent.rmdir()
    return bool(bmcs or hosts or devices or directories)


def _switches(runtime: Path) -> Iterator[Switch]:
    for path in sorted(runtime.glob("*/switch")):
        yield Switch.load(str(path.parent))


def _is_unfinished(container: Container, booted: Path, switch: Switch) -> bool:
    """Whether a container was left by an `up` that was killed before the host had ever booted."""
    known = booted.exists() and booted.read_text(encoding="ascii") == container.id
    return not known and not switch.has_booted()


@contextmanager
def _alone() -> Iterator[None]:
    """One `up` or `down` at a time on this machine (LabError if another is running)."""
    RUNTIME.mkdir(mode=0o700, parents=True, exist_ok=True)
    lock = os.open(RUNTIME, os.O_RDONLY | os.O_DIRECTORY)
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        yield
    except BlockingIOError as error:
        raise LabError("another `quorate lab up` or `down` is running on this machine; wait for it") from error
    finally:
        os.close(lock)


@contextmanager
def _as_lab_error() -> Iterator[None]:
    try:
        yield
    except PowerError as error:
        raise LabError(str(error)) from error
