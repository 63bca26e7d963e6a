import argparse

import pytest

from quorate.cli import doors, lab
from quorate.cli.cloud import Opened
from quorate.lab.lab import HostStatus

MIB = 1024 * 1024


def parsed(*argv: str) -> argparse.Namespace:
    parser = argparse.ArgumentParser()
    lab.add_parser(parser.add_subparsers())
    return parser.parse_args(["lab", *argv])


@pytest.mark.parametrize(
    "argv",
    [
        ("exec", "ctl1", "-f", "a.yaml", "--", "ls", "-la"),
        ("exec", "-f", "a.yaml", "ctl1", "--", "ls", "-la"),
    ],
)
def test_the_command_after_two_hyphens_is_the_hosts(argv):
    args = parsed(*argv)
    assert (args.node, args.file, args.command) == ("ctl1", "a.yaml", ["ls", "-la"])


@pytest.mark.parametrize(
    "argv", [("exec", "ctl1"), ("power", "sideways", "ctl1"), ("cut",), ("up", "--nodes", "x")]
)
def test_half_a_command_is_a_usage_error(argv):
    with pytest.raises(SystemExit) as ended:
        parsed(*argv)
    assert ended.value.code == 2


@pytest.mark.parametrize(
    ("host", "row"),
    [
        (
            HostStatus(
                "ctl1", "10.77.1.11", power=True, cut=False, paused=False, bmc=True, memory_bytes=300 * MIB
            ),
            ("ctl1", "on", "connected", "running", "on", "10.77.1.11", "300 MiB"),
        ),
        (
            HostStatus("ctl1", "10.77.1.11", power=True, cut=True, paused=True, bmc=False, memory_bytes=1),
            ("ctl1", "on", "cut", "paused", "dead", "10.77.1.11", "0 MiB"),
        ),
        (
            HostStatus("ctl1", "10.77.1.11", power=False, cut=False, paused=False, bmc=None, memory_bytes=None),
            ("ctl1", "off", "-", "-", "none", "10.77.1.11", "-"),
        ),
    ],
)
def test_a_host_is_told_in_a_line(host, row):
    assert lab._row(host) == row
    assert host.well is (row[1:5] == ("on", "connected", "running", "on"))


def test_a_lab_has_the_packages_and_the_file_systems_of_every_component(full, tmp_path):
    made = {}

    class Booted:
        def up(self, packages, secrets, **options):
            made.update(options, packages=packages, secrets=secrets)

    doors.boot(Booted(), Opened(tmp_path / "quorate.yaml", full), {"name": "value"})
    assert {"galera-4", "glance-api", "crmsh"} <= set(made["packages"])
    assert set(made["data"]) == {"/var/lib/mysql", "/srv/glusterfs"}
    assert made["secrets"] == {"name": "value"}
