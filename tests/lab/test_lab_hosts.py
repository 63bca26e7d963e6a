"""A lab of hosts with nothing deployed: power, cables, BMCs, and that nothing is left behind."""

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping
from contextlib import suppress
from ipaddress import ip_network
from pathlib import Path

import pytest

from quorate.drill.hosts import PUNCTUAL
from quorate.lab import answers, bmc, containers, processes, wiring
from quorate.lab.command import LabError
from quorate.lab.lab import HostStatus, Lab, down
from quorate.model.cloud import Cloud, Fencing
from quorate.model.topology import MANAGEMENT, PUBLIC, Bmc, Network, Node, Topology
from quorate.spec.profiles import timers

pytestmark = [pytest.mark.lab, pytest.mark.timeout(900)]

PACKAGES = ("fence-agents-ipmilan", "ipmitool")
MEMORY = "512m"
# A directory in which the image has something.
DATA = "/etc/skel"


def cloud(name: str, third_octet: int, nodes: int) -> Cloud:
    networks = (
        Network(MANAGEMENT, ip_network(f"10.77.{third_octet}.0/24")),
        Network(PUBLIC, ip_network(f"10.78.{third_octet}.0/24")),
    )
    hosts = tuple(
        Node(
            f"h{number}",
            {network.name: str(network.cidr[10 + number]) for network in networks},
            Bmc(str(networks[0].cidr[1]), "operator", 6300 + number),
        )
        for number in range(1, nodes + 1)
    )
    return Cloud(name, "epoxy", "RegionOne", Topology(networks, hosts, (), ()), timers("fast", nodes), Fencing(()))


def secrets(lab: Lab) -> Mapping[str, str]:
    return {f"bmc/{host.node}": f"secret-{host.node}" for host in lab.layout.hosts}


def bring_up(lab: Lab) -> None:
    lab.up(PACKAGES, secrets(lab), data=(DATA,), memory=MEMORY)


@pytest.fixture(scope="module")
def running(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Lab]:
    lab = Lab(cloud("labtest", 231, 2), tmp_path_factory.mktemp("spec"))
    lab.down()
    bring_up(lab)
    yield lab
    lab.down()


@pytest.fixture
def lab(running: Lab) -> Iterator[Lab]:
    """The running lab; what a test has cut, paused or switched off is well again after it."""
    yield running
    for host in running.status():
        if host.paused:
            running.resume(host.node)
        if host.cut:
            running.mend(host.node)
    bring_up(running)


def ssh(lab: Lab, node: str, command: str, *, connect_s: int = 5) -> subprocess.CompletedProcess[str]:
    options = (
        "-F",
        str(lab.layout.state / "ssh_config"),
        "-o",
        f"ConnectTimeout={connect_s}",
        "-o",
        "BatchMode=yes",
    )
    return subprocess.run(["ssh", *options, node, command], capture_output=True, text=True, check=False)


def on(lab: Lab, node: str, *command: str) -> subprocess.CompletedProcess[str]:
    argv = lab.exec_command(node, command, terminal=False)
    return subprocess.run(argv, capture_output=True, text=True, check=False, stdin=subprocess.DEVNULL)


def fence(lab: Lab, by: str, victim: str, action: str, password: str | None = None) -> tuple[str, float]:
    """What fence_ipmilan, run on host `by`, says about `victim`'s BMC, and how long it took."""
    target = lab.layout.host(victim).bmc
    assert target is not None
    options = {
        "ip": target.address,
        "ipport": target.port,
        "username": target.username,
        "password": password or secrets(lab)[f"bmc/{victim}"],
        "lanplus": 1,
        "cipher": 3,
        "power_wait": 0,
        "action": action,
    }
    argv = lab.exec_command(by, ("fence_ipmilan",), terminal=False)
    begun = time.monotonic()
    done = subprocess.run(
        argv,
        input="".join(f"{name}={value}\n" for name, value in options.items()),
        capture_output=True,
        text=True,
        check=False,
    )
    return done.stdout + done.stderr, time.monotonic() - begun


def status(lab: Lab, node: str) -> HostStatus:
    return next(host for host in lab.status() if host.node == node)


def reaches(lab: Lab, node: str, address: str) -> bool:
    return on(lab, node, "ping", "-c", "1", "-W", "1", address).returncode == 0


def leftovers(name: str, lab: Lab | None = None) -> list[object]:
    runtime = Path("/run/quorate/lab", name)
    names = subprocess.run(
        ["podman", "ps", "--all", "--external", "--format", "{{.Names}}"],
        capture_output=True,
        text=True,
        check=True,
    ).stdout.split()
    known = subprocess.run(
        ["podman", "ps", "--all", "--no-trunc", "--format", "{{.ID}}"], capture_output=True, text=True, check=True
    ).stdout.split()
    states = [path for runtime in containers.RUNTIMES for path in Path("/run", runtime).glob("*/state.json")]
    return [
        *(path for path in states if f"quorate_{name}_" in path.read_text() and path.parent.name not in known),
        *processes.find(lambda process: f"quorate_{name}_" in process.command),
        *(entry for entry in names if entry.startswith(f"quorate_{name}_")),
        *wiring.devices(name),
        *(line for line in Path("/proc/mounts").read_text().splitlines() if f"{runtime}/" in line),
        *wiring.namespaces(name),
        *bmc.running(runtime),
        *(path for path in (runtime, lab.layout.state.parent if lab else runtime) if path.exists()),
    ]


def test_hosts_are_reached_by_name_over_ssh_and_know_who_they_are(lab):
    for node in ("h1", "h2"):
        assert ssh(lab, node, "hostname; id -un; cat /etc/debian_version").stdout.splitlines()[:2] == [
            node,
            "root",
        ]


def test_a_host_is_a_healthy_system_with_nothing_running_but_what_a_server_has(lab):
    assert ssh(lab, "h1", "systemctl is-system-running --wait").stdout.strip() == "running"
    units = ssh(lab, "h1", "systemctl list-units --type service --state running --plain --no-legend").stdout
    assert {line.split()[0] for line in units.splitlines()} <= {
        "dbus.service",
        "ssh.service",
        "systemd-journald.service",
        "systemd-logind.service",
        "user@0.service",
    }


def test_hosts_have_identities_of_their_own(lab):
    identity = "cat /etc/machine-id /etc/ssh/ssh_host_ed25519_key.pub"
    assert ssh(lab, "h1", identity).stdout != ssh(lab, "h2", identity).stdout


def test_a_deployment_can_rename_its_own_etc_hosts_into_place_and_set_kernel_parameters(lab):
    done = ssh(
        lab,
        "h1",
        "cp /etc/hosts /etc/hosts.new && mv /etc/hosts.new /etc/hosts && sysctl -w net.ipv4.ip_nonlocal_bind=1",
    )
    assert (done.returncode, done.stdout.strip()) == (0, "net.ipv4.ip_nonlocal_bind = 1")


def test_a_host_cannot_reset_this_machine(lab):
    assert on(lab, "h1", "sh", "-c", "echo h > /proc/sysrq-trigger").returncode != 0
    assert on(lab, "h1", "sh", "-c", "ls /dev/[svn]d[a-z]* /dev/nvme* /dev/kmsg 2>/dev/null").stdout == ""


def test_memory_is_limited(lab):
    state = json.loads(
        subprocess.run(
            [*lab.machine.podman, "inspect", lab.layout.host("h1").container],
            capture_output=True,
            text=True,
            check=True,
        ).stdout
    )[0]
    assert state["HostConfig"]["Memory"] == 512 * 1024 * 1024
    used = status(lab, "h1").memory_bytes
    assert used is not None
    assert 1_000_000 < used < 512 * 1024 * 1024


def test_a_second_up_finds_everything_there(lab):
    before = [(host.node, switch_pid(lab, host.node)) for host in lab.status()]
    said: list[str] = []
    Lab(cloud("labtest", 231, 2), lab.layout.state.parent.parent, report=said.append).up(
        PACKAGES, secrets(lab), memory=MEMORY
    )
    assert said == ["h1: is on", "h2: is on"]
    assert [(host.node, switch_pid(lab, host.node)) for host in lab.status()] == before


def switch_pid(lab: Lab, node: str) -> int | None:
    return lab._switch(node).init_pid()


def test_fencing_sees_and_works_the_power_through_ipmi(lab):
    said, seconds = fence(lab, "h2", "h1", "status")
    assert "Status: ON" in said
    assert seconds < 10
    assert "Success: Powered OFF" in fence(lab, "h2", "h1", "off")[0]
    assert not status(lab, "h1").power
    assert "Status: OFF" in fence(lab, "h2", "h1", "status")[0]
    assert "Success: Powered ON" in fence(lab, "h2", "h1", "on")[0]
    answers.wait(lab.layout.hosts)
    assert ssh(lab, "h1", "hostname").stdout == "h1\n"


def test_fencing_reboots(lab):
    before = switch_pid(lab, "h1")
    said, seconds = fence(lab, "h2", "h1", "reboot")
    assert "Success: Rebooted" in said
    assert seconds < 20
    answers.wait(lab.layout.hosts)
    assert switch_pid(lab, "h1") not in {before, None}


def test_a_host_that_reboots_itself_comes_back(lab):
    before = switch_pid(lab, "h1")
    ssh(lab, "h1", f"systemd-run --quiet --on-active=1 {PUNCTUAL} systemctl reboot")
    gone = time.monotonic() + 60
    while switch_pid(lab, "h1") in {before, None}:
        assert time.monotonic() < gone, "h1 has not rebooted within 60 s"
        time.sleep(0.2)  # until its new first process is there
    answers.wait(lab.layout.hosts)
    assert status(lab, "h1").power is True


def test_a_wrong_password_moves_nothing(lab):
    before = switch_pid(lab, "h1")
    assert "Success" not in fence(lab, "h2", "h1", "off", password="wrong")[0]
    assert switch_pid(lab, "h1") == before


def test_a_paused_host_can_be_fenced(lab):
    lab.pause("h1")
    assert status(lab, "h1").paused
    assert "Success: Rebooted" in fence(lab, "h2", "h1", "reboot")[0]
    answers.wait(lab.layout.hosts)
    assert not status(lab, "h1").paused


def test_a_host_without_power_is_silent_at_once_rather_than_refusing(lab):
    address = lab.layout.host("h1").address
    assert reaches(lab, "h2", address)
    lab.power_off("h1")
    assert not reaches(lab, "h2", address)
    connect = on(lab, "h2", "curl", "--silent", "--show-error", "--connect-timeout", "1", f"http://{address}:22")
    assert "refused" not in connect.stderr
    assert status(lab, "h1").power is False


def test_a_power_cut_keeps_the_disk_and_the_journal_and_nothing_else(lab):
    mac = "cat /sys/class/net/eth0/address"
    before = ssh(lab, "h1", mac).stdout
    ssh(
        lab,
        "h1",
        "touch /root/on-disk /run/in-memory /dev/shm/in-memory /tmp/in-memory; "
        "ip address add 10.77.231.99/24 dev eth0; sysctl -qw net.ipv4.ip_nonlocal_bind=1; "
        "logger -t labtest before-the-cut; journalctl --sync; sync",
    )
    lab.power_reset("h1")
    answers.wait(lab.layout.hosts)
    assert ssh(lab, "h1", "ls /root /run/in-memory /dev/shm /tmp/in-memory 2>/dev/null").stdout.split() == [
        "/dev/shm:",
        "/root:",
        "on-disk",
    ]
    assert ssh(lab, "h1", mac).stdout == before
    assert "10.77.231.99" not in ssh(lab, "h1", "ip -br address").stdout
    assert ssh(lab, "h1", "cat /proc/sys/net/ipv4/ip_nonlocal_bind").stdout == "0\n"
    assert "before-the-cut" in ssh(lab, "h1", "journalctl -t labtest -o cat").stdout
    journal = containers.journal(lab.layout, lab.layout.host("h1"))
    assert list(journal.rglob("system*.journal"))


@pytest.mark.skipif(not Path("/dev/loop-control").exists(), reason="this machine cannot mount images")
def test_data_has_a_disk_of_its_own_that_outlives_a_power_cut_and_no_wipe(lab):
    def seen(command: str) -> str:
        return ssh(lab, "h1", command).stdout.strip()

    assert seen(f"stat -c %d {DATA}") != seen("stat -c %d /")
    as_made = seen(f"ls -A {DATA}").split()
    assert ".bashrc" in as_made
    assert "lost+found" not in as_made
    assert 2000 < int(seen(f"df --block-size=1M --output=size {DATA} | tail -1")) < 3100
    seen(f"touch {DATA}/mine /root/mine; sync")
    lab.power_reset("h1")
    answers.wait(lab.layout.hosts)
    assert "mine" in seen(f"ls {DATA}").split()
    lab.wipe("h1")
    bring_up(lab)
    assert seen(f"ls -A {DATA}").split() == as_made
    assert "mine" not in seen("ls /root").split()


def test_a_cut_host_reaches_nobody_and_nobody_reaches_it_but_its_bmc_answers(lab):
    lab.cut("h1")
    assert status(lab, "h1").cut
    for network in (0, 1):
        target = lab.layout.host("h2").ports[network].address.split("/")[0]
        assert not reaches(lab, "h1", target)
        assert not reaches(lab, "h2", lab.layout.host("h1").ports[network].address.split("/")[0])
    assert "UP" in on(lab, "h1", "ip", "-br", "link", "show", "eth0").stdout
    assert "Status: ON" in fence(lab, "h2", "h1", "status")[0]
    lab.mend("h1")
    assert not status(lab, "h1").cut
    assert reaches(lab, "h2", lab.layout.host("h1").address)


def test_a_power_cycle_mends_a_cut(lab):
    lab.cut("h1")
    lab.power_reset("h1")
    answers.wait(lab.layout.hosts)
    assert not status(lab, "h1").cut
    assert reaches(lab, "h2", lab.layout.host("h1").address)


def test_a_host_that_is_off_has_no_cable_to_cut(lab):
    lab.power_off("h1")
    with pytest.raises(LabError, match="h1 is off"):
        lab.cut("h1")


def test_an_address_that_moves_from_host_to_host_is_followed(lab):
    for holder in ("h1", "h2"):
        take = "ip address add 10.77.231.50/24 dev eth0 && ip neighbour flush dev eth0"
        # this machine learns of it by the ARP request before the ping, as it would by IPaddr2's announcement
        assert on(lab, holder, "sh", "-c", f"{take} && ping -c 1 -W 1 -I 10.77.231.50 10.77.231.1").returncode == 0
        seen = subprocess.run(
            ["ssh-keyscan", "-T", "2", "-t", "ed25519", "10.77.231.50"],
            capture_output=True,
            text=True,
            check=False,
        ).stdout
        assert ssh(lab, holder, "cat /etc/ssh/ssh_host_ed25519_key.pub").stdout.split()[1] in seen
        lab.power_reset(holder)
        answers.wait(lab.layout.hosts)


def test_commands_run_on_a_host_with_their_exit_code(lab):
    assert on(lab, "h1", "sh", "-c", "exit 42").returncode == 42


def test_a_dead_bmc_is_seen_and_started_again(lab):
    bmc.stop(lab.layout.host("h1").runtime)
    assert status(lab, "h1").bmc is False
    assert status(lab, "h2").bmc is True
    bring_up(lab)
    assert status(lab, "h1").bmc is True
    assert "Status: ON" in fence(lab, "h2", "h1", "status")[0]


def test_a_second_lab_stands_beside_and_its_end_does_not_touch_the_first(lab, tmp_path):
    beside = Lab(cloud("labtest-2", 232, 1), tmp_path)
    bring_up(beside)
    assert ssh(beside, "h1", "hostname").returncode == 0
    assert beside.down()
    assert leftovers("labtest-2", beside) == []
    assert all(host.well for host in lab.status())


@pytest.mark.usefixtures("lab")
def test_two_labs_cannot_have_one_name(tmp_path):
    with pytest.raises(LabError, match=r"lab named labtest already, of .*`quorate lab down --name labtest`"):
        bring_up(Lab(cloud("labtest", 233, 1), tmp_path))


@pytest.mark.usefixtures("lab")
def test_two_labs_cannot_have_one_network(tmp_path):
    other = Lab(cloud("labtest-3", 231, 1), tmp_path)
    try:
        with pytest.raises(LabError, match=r"10\.77\.231\.0/24 is already in use on this machine"):
            bring_up(other)
    finally:
        other.down()


UP = """
import sys
sys.path.insert(0, sys.argv[1])
from pathlib import Path
import test_lab_hosts as t
t.bring_up(t.Lab(t.cloud("labtest-4", 234, 2), Path(sys.argv[2])))
"""


@pytest.mark.usefixtures("running")
@pytest.mark.parametrize("after_s", [0.3, 0.5, 0.7, 0.9, 1.1, 1.3])
def test_killed_on_its_way_up_it_can_be_brought_up_or_taken_down(tmp_path, after_s):
    lab = Lab(cloud("labtest-4", 234, 2), tmp_path)
    try:
        with subprocess.Popen(
            [sys.executable, "-c", UP, str(Path(__file__).parent), str(tmp_path)],
            stderr=subprocess.DEVNULL,
            start_new_session=True,
        ) as process:
            with suppress(subprocess.TimeoutExpired):
                process.wait(after_s)
            with suppress(ProcessLookupError):
                os.killpg(process.pid, signal.SIGKILL)
        bring_up(lab)
        assert all(host.well for host in lab.status())
        assert ssh(lab, "h2", "true").returncode == 0
    finally:
        down("labtest-4")
    assert leftovers("labtest-4", lab) == []


@pytest.mark.usefixtures("running")
@pytest.mark.parametrize("steps", [1, 2, 3])
def test_a_bridge_whose_maker_was_killed_is_completed_or_taken_down(tmp_path, steps):
    lab = Lab(cloud("labtest-4", 234, 1), tmp_path)
    bridge, *_ = lab.layout.bridges

    def begin():
        begun = (
            ("link", "add", bridge.device, "type", "bridge"),
            ("link", "set", bridge.device, "alias", bridge.alias),
            ("address", "add", bridge.addresses[0], "dev", bridge.device),
        )
        for step in begun[:steps]:
            subprocess.run(["ip", *step], check=True)

    try:
        begin()
        bring_up(lab)
        assert ssh(lab, "h1", "true").returncode == 0
        assert down("labtest-4")
        begin()
    finally:
        down("labtest-4")
    assert leftovers("labtest-4", lab) == []


@pytest.mark.usefixtures("running")
def test_a_lab_whose_hosts_and_bmcs_died_is_taken_down_by_name_alone(tmp_path):
    lab = Lab(cloud("labtest-4", 234, 1), tmp_path)
    bring_up(lab)
    bmc.stop(lab.layout.runtime)
    pid = switch_pid(lab, "h1")
    assert pid is not None
    os.kill(pid, signal.SIGKILL)
    (lab.layout.host("h1").runtime / "init.pid").write_text("1\n")
    assert down("labtest-4")
    assert leftovers("labtest-4", lab) == []
    assert not down("labtest-4")
