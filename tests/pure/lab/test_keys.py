from pathlib import Path

from quorate.lab import keys
from quorate.lab.layout import layout


def test_each_node_is_reached_by_name_and_must_prove_itself(cloud):
    lab = layout(cloud, Path("/a spec"))
    first, *_, last = keys.ssh_config(lab.state, lab.hosts).strip().split("Host ")[1:]
    assert first.startswith("ctl1\n    HostName 10.77.1.11\n")
    assert last.startswith("ctl3\n    HostName 10.77.1.13\n")
    assert 'IdentityFile "/a spec/.quorate/lab/id_ed25519"' in first
    assert "StrictHostKeyChecking yes" in first


def test_keys_are_private_made_once_and_every_host_has_its_own(cloud, tmp_path):
    lab = layout(cloud, tmp_path)
    keys.make(lab)
    made = {path: path.read_bytes() for path in lab.state.rglob("*") if path.is_file()}
    assert len({made[keys.host_key(lab, host)] for host in lab.hosts}) == 3
    assert lab.state.stat().st_mode & 0o777 == 0o700
    assert all(keys.host_key(lab, host).stat().st_mode & 0o777 == 0o600 for host in lab.hosts)
    known = (lab.state / "known_hosts").read_text().splitlines()
    assert [line.split()[0] for line in known] == ["ctl1,10.77.1.11", "ctl2,10.77.1.12", "ctl3,10.77.1.13"]
    keys.make(lab)
    assert {path: path.read_bytes() for path in lab.state.rglob("*") if path.is_file()} == made
