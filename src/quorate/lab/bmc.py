"""A BMC for every host: OpenIPMI's ipmi_sim, which speaks real IPMI and works the host's power switch."""

import os
import shlex
import subprocess
from pathlib import Path

from quorate.lab import power, processes
from quorate.lab.command import LabError
from quorate.lab.layout import Host
from quorate.lab.processes import Process

PASSWORD_BYTES = 20
"""What IPMI 2.0 allows a password to have (specification 2.0, section 22.30)."""

_SETUP = """\
mc_setbmc 0x20
mc_add 0x20 0 no-device-sdrs 0x23 9 8 0x9f 0x1291 0xf02 persist_sdr
mc_enable 0x20
"""


def start(host: Host, password: str) -> bool:
    """Start the host's BMC in a session of its own, unless it runs; whether it had to be started.

    The password goes through 0600 files only. LabError if it could not be started.
    """
    if host.bmc is None or running(host.runtime):
        return False
    if not 1 <= len(password.encode()) <= PASSWORD_BYTES:
        raise LabError(
            f"the secret bmc/{host.node} has {len(password.encode())} bytes; IPMI allows 1 to {PASSWORD_BYTES}"
        )
    state = host.runtime / "bmc"
    state.mkdir(mode=0o700, exist_ok=True)
    _write_private(_config(host.runtime), config(host, password))
    _write_private(host.runtime / "bmc.commands", _SETUP)
    log = os.open(host.runtime / "bmc.log", os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)
    try:
        subprocess.run(
            (
                *("setsid", "--fork", "ipmi_sim", "-n", "-c", str(_config(host.runtime))),
                *("-f", str(host.runtime / "bmc.commands"), "-s", str(state)),
            ),
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=log,
            cwd=host.runtime,
            check=True,
        )
    finally:
        os.close(log)
    return True


def stop(runtime: Path) -> bool:
    """End every BMC whose configuration lies in a lab's or a host's runtime directory; whether there was any."""
    return processes.end(lambda process: _belongs(process, runtime))


def running(runtime: Path) -> tuple[int, ...]:
    """The BMC processes that belong to a runtime directory.

    They are known by the configuration they were started with, which no other process has: so there is no pid
    file that could be stale, and none that could be lost.
    """
    return tuple(process.pid for process in processes.find(lambda process: _belongs(process, runtime)))


def config(host: Host, password: str) -> str:
    """The host's ipmi_lan(5) file; authentication that would show the password on the wire is off."""
    assert host.bmc is not None
    switch = power.program(str(host.runtime))
    return f"""\
name {_quoted(host.node)}
set_working_mc 0x20
  startlan 1
    addr {host.bmc.address} {host.bmc.port}
    priv_limit admin
    allowed_auths_callback md5
    allowed_auths_user md5
    allowed_auths_operator md5
    allowed_auths_admin md5
    guid {_guid(host)}
  endlan
  chassis_control {_quoted(shlex.join(switch))}
  user 1 false "" "" user 1 md5
  user 2 true {_quoted(host.bmc.username)} {_quoted(password)} admin 10 md5
"""


def _config(runtime: Path) -> Path:
    return runtime / "bmc.conf"


def _guid(host: Host) -> str:
    return host.node.encode().hex().ljust(32, "0")[:32]


def _quoted(text: str) -> str:
    if '"' in text or "\n" in text:
        raise LabError(f"ipmi_sim cannot be told a name, password or path with a double quote: {text[:1]}...")
    return f'"{text}"'


def _belongs(process: Process, runtime: Path) -> bool:
    argv = process.command.split("\0")
    if Path(argv[0]).name != "ipmi_sim" or "-c" not in argv[:-1]:
        return False
    return Path(argv[argv.index("-c") + 1]).is_relative_to(runtime)


def _write_private(path: Path, text: str) -> None:
    path.unlink(missing_ok=True)
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with os.fdopen(descriptor, "w", encoding="utf-8") as file:
        file.write(text)
