"""The commands around the file: written, judged and given its secrets, with the exit codes they promise."""

import argparse
import io
import json
import stat
import tomllib
from pathlib import Path

import pytest

from quorate import secrets as store
from quorate.cli import check, init, secrets
from quorate.cli.exit import UsageError
from quorate.cli.main import main
from quorate.spec import template


@pytest.fixture(autouse=True)
def directory(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("QUORATE_FILE", raising=False)
    return tmp_path


def quorate(*argv: str) -> int:
    parser = argparse.ArgumentParser()
    subparsers = parser.add_subparsers()
    for command in (init, check, secrets):
        command.add_parser(subparsers)
    args = parser.parse_args(argv)
    return args.run(args)


def test_a_labs_file_is_written_once_and_passes_the_check(directory, capsys):
    assert quorate("init", "--lab", "--nodes", "5", "--name", "blue") == 0
    assert capsys.readouterr().out == "wrote quorate.yaml; next: quorate lab up\n"
    text = (directory / "quorate.yaml").read_text()
    assert "cloud: blue\n" in text
    with pytest.raises(UsageError, match=r"quorate\.yaml is there already and is left as it is"):
        quorate("init", "--lab")
    assert (directory / "quorate.yaml").read_text() == text
    assert quorate("check") == 0
    *lines, last = capsys.readouterr().out.splitlines()
    assert [line.split()[:3] for line in lines] == [
        ["warning", "Q104", "clusters.control.nodes:"],
        ["warning", "Q409", "extra.keystone.conf.identity.password_hash_rounds:"],
    ]
    assert last == "2 warnings"


def test_the_file_goes_where_the_option_or_the_variable_says(directory, monkeypatch):
    quorate("init", "-f", "a.yaml")
    monkeypatch.setenv("QUORATE_FILE", "b.yaml")
    quorate("init")
    assert {path.name for path in directory.iterdir()} == {"a.yaml", "b.yaml"}


@pytest.mark.parametrize("argv", [("--nodes", "10"), ("--nodes", "0"), ("--name", "my_lab"), ("--name", "7")])
def test_a_lab_that_cannot_be_is_refused_and_nothing_written(directory, argv):
    with pytest.raises(UsageError):
        quorate("init", "--lab", *argv)
    assert list(directory.iterdir()) == []


def test_the_networks_of_a_routing_table_are_not_taken():
    table = (
        "Iface\tDestination\tGateway \tFlags\tRefCnt\tUse\tMetric\tMask\t\tMTU\tWindow\tIRTT\n"
        "eth0\t00000000\t010200C0\t0003\t0\t0\t0\t00000000\t0\t0\t0\n"
        "br0\t00004D0A\t00000000\t0001\t0\t0\t0\t00FFFFFF\t0\t0\t0\n"
        "br1\t00004E0A\t00000000\t0001\t0\t0\t0\t0000FFFF\t0\t0\t0\n"
    )
    used = list(init.routed(table))
    assert [str(network) for network in used] == ["10.77.0.0/24", "10.78.0.0/16"]
    assert str(template.lab_network(used)) == "10.79.0.0/24"


def test_an_error_among_the_findings_ends_with_1(directory, capsys):
    text = template.cloud().replace("ctl1, ctl2, ctl3", "ctl1, ctl2")
    (directory / "quorate.yaml").write_text(text)
    assert quorate("check") == 1
    assert capsys.readouterr().out == (
        "error Q101 clusters.control.nodes: control has 2 members: when one is lost no majority remains, "
        "and there is no quorum device; name 3 or more nodes, an odd number\n"
        "warning Q104 clusters.control.nodes: the members share one network, management: its failure splits the "
        "cluster; give every member an address on a second network, on other switches\n"
        "warning Q106 nodes.ctl3: ctl3 is a member of no cluster, so nothing runs on it; "
        "name it in a cluster's nodes, or remove it\n"
        "1 error, 2 warnings\n"
    )
    assert quorate("check", "-o", "json") == 1
    findings = json.loads(capsys.readouterr().out)
    assert [finding["code"] for finding in findings] == ["Q101", "Q104", "Q106"]
    assert set(findings[0]) == {"code", "severity", "place", "message", "remedy"}


def test_secrets_are_made_kept_and_never_printed(directory, capsys):
    quorate("init", "--lab")
    assert quorate("secrets", "init") == 0
    held = store.read(directory / "quorate.yaml")
    assert {"bmc/ctl1", "keystone/admin", "rabbitmq/openstack"} <= set(held.values)
    assert stat.S_IMODE((directory / "quorate.secrets.json").stat().st_mode) == 0o600
    assert quorate("secrets", "init") == 0
    out = capsys.readouterr().out
    assert f"made {len(held.values) + len(held.key_sets)} secrets in quorate.secrets.json" in out
    assert "nothing is missing in quorate.secrets.json" in out
    assert not any(value in out for value in held.values.values())
    assert store.read(directory / "quorate.yaml") == held


def test_a_secret_is_set_from_standard_input_and_not_shown(directory, monkeypatch, capsys):
    quorate("init", "--lab")
    monkeypatch.setattr("sys.stdin", io.StringIO("S3$cret!\n"))
    assert quorate("secrets", "set", "bmc/ctl1") == 0
    assert store.read(directory / "quorate.yaml").values == {"bmc/ctl1": "S3$cret!"}
    assert "S3$cret!" not in capsys.readouterr().out


def test_a_secret_that_nothing_uses_is_refused(directory, monkeypatch):
    quorate("init", "--lab")
    monkeypatch.setattr("sys.stdin", io.StringIO("x\n"))
    with pytest.raises(UsageError, match="nothing uses a secret bmc/ctl9; those in use are bmc/ctl1, bmc/ctl2"):
        quorate("secrets", "set", "bmc/ctl9")
    assert not (directory / "quorate.secrets.json").exists()


def test_a_secret_that_an_extra_setting_refers_to_can_be_set(directory, monkeypatch):
    text = template.cloud() + 'extra: {keystone.conf: {ldap: {password: "${secret:ldap/bind}"}}}\n'
    (directory / "quorate.yaml").write_text(text)
    monkeypatch.setattr("sys.stdin", io.StringIO("x\n"))
    assert quorate("secrets", "set", "ldap/bind") == 0
    assert store.read(directory / "quorate.yaml").values == {"ldap/bind": "x"}


def test_the_version_is_the_projects(capsys: pytest.CaptureFixture[str]) -> None:
    project = tomllib.loads((Path(__file__).parents[3] / "pyproject.toml").read_text())["project"]
    with pytest.raises(SystemExit) as ended:
        main(["--version"])
    assert (ended.value.code, capsys.readouterr().out) == (0, f"quorate {project['version']}\n")
