"""The lab's ssh identities: a key pair for its user, a host key for every node, and their configuration."""

from collections.abc import Iterable
from pathlib import Path

from quorate.lab.command import run
from quorate.lab.layout import Host, Layout


def make(lab: Layout) -> None:
    """Make the keys that are not there yet, and write known_hosts and ssh_config."""
    lab.state.mkdir(mode=0o700, parents=True, exist_ok=True)
    (lab.state / "host-keys").mkdir(mode=0o700, exist_ok=True)
    _generate(user_key(lab), comment=f"lab {lab.lab}")
    for host in lab.hosts:
        _generate(host_key(lab, host), comment=host.node)
    known = "".join(_known_host(lab, host) for host in lab.hosts)
    _write(lab.state / "known_hosts", known)
    _write(lab.state / "ssh_config", ssh_config(lab.state, lab.hosts))


def user_key(lab: Layout) -> Path:
    """The private key that logs in to every host as root."""
    return lab.state / "id_ed25519"


def host_key(lab: Layout, host: Host) -> Path:
    """The private key a host proves itself with."""
    return lab.state / "host-keys" / host.node


def public(key: Path) -> Path:
    """The public half of a private key."""
    return key.with_name(key.name + ".pub")


def ssh_config(state: Path, hosts: Iterable[Host]) -> str:
    """An OpenSSH client configuration under which each host is reached by its node's name."""
    return "".join(
        f"Host {host.node}\n"
        f"    HostName {host.address}\n"
        "    User root\n"
        f'    IdentityFile "{state / "id_ed25519"}"\n'
        "    IdentitiesOnly yes\n"
        f'    UserKnownHostsFile "{state / "known_hosts"}"\n'
        "    StrictHostKeyChecking yes\n"
        for host in hosts
    )


def _known_host(lab: Layout, host: Host) -> str:
    return f"{host.node},{host.address} {public(host_key(lab, host)).read_text(encoding='ascii')}"


def _generate(key: Path, comment: str) -> None:
    if not key.exists():
        run("ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-C", comment, "-f", str(key))


def _write(path: Path, text: str) -> None:
    path.touch(mode=0o600)
    path.write_text(text, encoding="utf-8")
