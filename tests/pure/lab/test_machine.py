import os
from dataclasses import replace
from pathlib import Path

import pytest

from quorate.lab.command import LabError
from quorate.lab.machine import Machine, drops_between_hosts, lab_machine, missing

UNIFIED = Machine(unified=True, storage=None, nofile=1024, nproc=2048, devices=("/dev/fuse",))
HYBRID = Machine(unified=False, storage=None, nofile=1024, nproc=2048, devices=())


def test_only_where_cgroups_are_hybrid_is_podman_called_in_a_special_way():
    assert UNIFIED.podman == ("podman",)
    assert HYBRID.podman == ("podman", "--runtime", "runc")
    legacy = "SYSTEMD_CGROUP_ENABLE_LEGACY_FORCE=1"
    assert legacy in HYBRID.create_options()
    assert legacy not in UNIFIED.create_options()


def test_an_ordinary_user_s_images_are_apart_from_others_and_never_copied():
    podman = replace(HYBRID, storage=Path("/home/u/.cache/quorate")).podman
    assert podman[:5] == ("podman", "--runtime", "runc", "--storage-driver", "overlay")
    assert podman[5:] == (
        *("--root", "/home/u/.cache/quorate/storage"),
        *("--runroot", "/home/u/.cache/quorate/run"),
    )


def test_hosts_get_the_callers_limits_and_the_devices_there_are():
    options = UNIFIED.create_options()
    assert "nofile=1024:1024" in options
    assert "nproc=2048:2048" in options
    assert options[options.index("--device") + 1] == "/dev/fuse"


@pytest.mark.parametrize(
    ("rules", "drops"),
    [
        ("-P FORWARD ACCEPT\n", False),
        ("-P FORWARD DROP\n-A FORWARD -o docker0 -j DOCKER\n", True),
        ("-P FORWARD DROP\n-A FORWARD -i qrt+ -o qrt+ -j ACCEPT\n", False),
    ],
)
def test_a_firewall_that_would_part_the_hosts_is_noticed(rules, drops):
    assert drops_between_hosts(rules) is drops


def test_every_missing_program_is_named_with_its_package():
    programs = {"sh": "dash", "no-such-program": "one", "nor-this": "another"}
    assert missing(programs) == {"no-such-program": "one", "nor-this": "another"}


@pytest.mark.skipif(os.geteuid() == 0, reason="is about ordinary users")
def test_labs_are_for_root_alone():
    with pytest.raises(LabError, match="a lab needs root"):
        lab_machine()
