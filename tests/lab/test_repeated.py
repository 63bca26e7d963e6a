"""A deployed cloud is left as it is by another deployment."""

import pytest

pytestmark = [pytest.mark.lab, pytest.mark.timeout(1200)]


def test_a_second_deployment_changes_nothing_and_says_so(cluster):
    before = cluster.started()
    cluster.unchanged()
    assert cluster.started() == before


def test_it_does_not_ask_when_there_is_nothing_to_agree_to(cluster):
    assert cluster.quorate("deploy").returncode == 0


def test_a_plan_of_it_is_empty(cluster):
    done = cluster.quorate("plan")
    assert (done.returncode, done.stdout) == (0, "nothing would change\n")
    assert cluster.quorate("plan", "-o", "json").stdout == "[]\n"
