"""`quorate tempest-conf`: what it writes is private, never in place of another file, and right or refused."""

import configparser
import io
import stat

import pytest

from quorate.cli.main import main
from quorate.spec import template

IMAGE = "0a8a2a6c-3f5e-4f0e-8f0a-7f1f5d0c2b11"
PASSWORD = "pa$$word#1"


def made(directory, monkeypatch, text):
    """A cloud's file, its secrets beside it, the administrator's password the operator's own."""
    file = directory / "quorate.yaml"
    file.write_text(text)
    monkeypatch.setenv("QUORATE_FILE", str(file))
    assert main(["secrets", "init"]) == 0
    monkeypatch.setattr("sys.stdin", io.StringIO(f"{PASSWORD}\n"))
    assert main(["secrets", "set", "keystone/admin"]) == 0


@pytest.fixture
def full(tmp_path, monkeypatch, capsys):
    """The directory of a cloud with every component."""
    made(tmp_path, monkeypatch, template.lab("lab", template.LAB_NETWORKS[0], 3, full=True))
    capsys.readouterr()
    return tmp_path


def settings(path):
    read = configparser.RawConfigParser()
    read.read(path)
    return read


def test_both_files_are_private_and_no_secret_is_told(full, capsys):
    assert main(["tempest-conf", "--image", IMAGE]) == 0
    conf, exclude = full / "tempest.conf", full / "tempest.exclude"
    assert {stat.S_IMODE(path.stat().st_mode) for path in (conf, exclude)} == {0o600}
    told = settings(conf)
    assert told["auth"]["admin_password"] == PASSWORD.replace("$", "$$"), "oslo.config takes $word for a setting"
    assert told["compute"]["image_ref"] == IMAGE
    assert told["oslo_concurrency"]["lock_path"] == str(full / ".quorate" / "tempest")
    said = "".join(capsys.readouterr())
    assert PASSWORD not in said
    assert f"--config-file {conf} --exclude-list {exclude}" in said
    assert "none was given (--flavor)" in said
    assert "none was given (--flavor)" in exclude.read_text()


def test_files_go_where_they_are_wanted(full, capsys):
    assert main(["tempest-conf", "--to", str(full / "mine.conf")]) == 0
    assert main(["tempest-conf", "--to", str(full / "mine.conf")]) == 0
    assert "mine.exclude is as it should be" in capsys.readouterr().out
    assert settings(full / "mine.conf")["service_available"]["nova"] == "true"


def test_another_file_is_left_as_it_is(full, capsys):
    path = full / "tempest.conf"
    path.write_text("[auth]\n")
    assert main(["tempest-conf"]) == 2
    assert "is left as it is; name another: --to PATH" in capsys.readouterr().err
    assert path.read_text() == "[auth]\n"


def test_every_mistake_is_told_with_its_remedy(full, capsys):
    assert main(["tempest-conf", "--image", "cirros", "--public-network", "ext", "--flavor", "a b;c"]) == 2
    said = capsys.readouterr().err.splitlines()
    assert [line.split()[0] for line in said] == ["--image", "--flavor", "--public-network"]
    assert said[0] == "--image cirros is no id; see: openstack image show --format value --column id NAME"
    assert not (full / "tempest.conf").exists()


def test_what_the_cloud_has_not_needs_no_id(tmp_path, monkeypatch, capsys, lab_text):
    made(tmp_path, monkeypatch, lab_text)
    assert main(["tempest-conf", "--image", IMAGE]) == 2
    assert capsys.readouterr().err.endswith("--image: the cloud has no glance; leave it out\n")
    assert main(["tempest-conf"]) == 0
    assert settings(tmp_path / "tempest.conf")["service_available"]["glance"] == "false"
