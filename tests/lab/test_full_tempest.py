"""OpenStack's own test suite against the full lab, from outside its nodes (docs/tempest.md)."""

import pytest

import smoke
from quorate.catalog import keystone
from quorate.verify.cloud import connection
from smoke import Suite

pytestmark = [
    pytest.mark.lab,
    pytest.mark.timeout(1500),
    # what the client library says to itself
    pytest.mark.filterwarnings("ignore::PendingDeprecationWarning:openstack"),
]

WITHIN_S = 900
"""For the tests of the smoke set, of which most want Neutron or the identity service."""
AREAS = (
    *(f"tempest.api.{each}." for each in ("identity", "compute", "image", "volume", "network")),
    "tempest.scenario.test_dashboard_basic_ops.",
)


def test_the_smoke_set_passes_from_outside(everything, tmp_path):
    """Whatever it skips is in the docs with that reason, nothing is quietly not run, and what it made is gone."""
    url, password = everything.design.url(keystone.SERVICE), everything.secret_values()["keystone/admin"]
    cloud = connection(url, everything.design.cloud.region, password, 60)
    before = smoke.present(cloud)
    suite = Suite(tmp_path, tmp_path / "tempest.conf", tmp_path / "tempest.exclude")
    with smoke.provided(cloud) as given:
        made = everything.quorate("tempest-conf", "--to", suite.conf, *given)
        assert made.returncode == 0, made.stderr
        done = suite.run("--concurrency", 2, within_s=WITHIN_S)
    assert done.returncode == 0, done.stdout
    told = list(smoke.told(done.stdout))
    passed = {each.name for each in told if each.ending == "ok"}
    skipped = [each for each in told if each.ending == "SKIPPED"]
    reasons = smoke.documented()
    assert [each for each in skipped if not any(reason in each.why for reason in reasons)] == []
    known = passed | {each.name for each in skipped}
    assert [name for name in suite.tests() if not known & {name, name.rpartition(".")[0]}] == []
    assert [area for area in AREAS if not any(name.startswith(area) for name in passed)] == []
    everything.until("the cloud has what it had", lambda: smoke.present(cloud) - before, lambda left: not left, 60)
