"""Tempest takes the configuration that is made for it, and has every test that is left out."""

import re

import pytest

from quorate.catalog.openstack import tempest
from quorate.formats import settings
from smoke import Suite

GIVEN = tempest.Given(image="i", flavor="f", public_network="n")
NAMESPACES = ("tempest.config", "oslo.log", "oslo.concurrency")


@pytest.fixture
def suite(tmp_path, full_design) -> Suite:
    """Set up for a cloud with every component, and for nothing to be left out."""
    conf = tmp_path / tempest.NAME
    conf.write_text(settings.ini(tempest.conf(full_design, GIVEN, str(tmp_path))))
    return Suite(tmp_path, conf)


def test_no_setting_is_unknown_or_deprecated(suite):
    namespaces = (f"--namespace={name}" for name in NAMESPACES)
    done = suite.program("oslo-config-validator", *namespaces, "--fatal-warnings", f"--input-file={suite.conf}")
    assert done.returncode == 0, done.stdout + done.stderr


def test_each_reason_to_leave_out_finds_tests(suite, full_design):
    tests = suite.tests()
    assert len(tests) > 100
    for each in tempest.left_out(full_design, tempest.Given()):
        assert [name for name in tests if re.search(each.tests, name)], each


def test_tempest_reads_what_is_left_out(suite, full_design):
    exclude = suite.directory / "tempest.exclude"
    left_out = tuple(tempest.left_out(full_design, GIVEN))
    exclude.write_text(tempest.exclusions(left_out))
    rest = Suite(suite.directory, suite.conf, exclude).tests()
    gone = suite.tests() - rest
    assert gone
    assert all(any(re.search(each.tests, name) for each in left_out) for name in gone)
    assert not any(re.search(each.tests, name) for name in rest for each in left_out)
