"""What the services wrote to their logs while everything was deployed: no warning that a setting could remove."""

import os
import re

import pytest

pytestmark = [pytest.mark.lab, pytest.mark.timeout(1500)]

SERVICES = ("keystone", "glance", "placement", "nova", "neutron", "cinder", "heat", "horizon")
# Of a traceback the line that it begins with. What Apache logs of the dashboard's own words has no level.
READ = r"""
cd /var/log
for name in $(cat); do
    case $name in
    *.service) set -- "$@" --unit="$name" ;;
    *) grep -HE ' (WARNING|ERROR|CRITICAL) [^ ]+ \[|^/.*Warning: ' "$name"/*.log ;;
    esac
done
grep -HE ':(warn|error|crit|alert|emerg)\] .*(AH[0-9]+:|Warning: )' apache2/horizon-error.log
grep -HE '\|(WARN|ERR|EMER)\|' openvswitch/*.log
journalctl --quiet --output=cat --priority=warning --unit='quorate-*' "$@"
"""
# What tells of a setting, by its words; the rest comes and goes with what is done.
SETTING = re.compile(
    r"deprecat|obsolete|\boptions?\b|\bsettings?\b|configuration|policy rule|unset|not set|unsupported"
    # A connection that is lost for a moment is an "unknown error" to its client.
    r"|unknown(?! error)|ignor|insecure|unsafe|maximum|truncat|should be|AH\d+:|\w+Warning: |is dropped"
    r"|service token",
    re.IGNORECASE,
)
# Each with its reason, in the words of docs/services.md.
ALLOWED = {
    "upstream's own: extensions that register twice, types and modules that it keeps for old users": (
        r"neutron\.quota\.resource_registry .* is already registered$",
        r"neutron\.api\.extensions .* Did not find expected name \"Stdattrs_common\"",
        r"heat\.engine\.environment .* is (HIDDEN|DEPRECATED|UNSUPPORTED)\.",
        r"cinder\.api\.contrib\.hosts .* The Host API is deprecated",
        r"cinder\.quota .* Default quota for resource: \w+___DEFAULT__ is set by the default quota flag",
        r"rbac_enforcer\.enforcer .* Deprecated policy rules found",
        r"/usr/lib/python3/dist-packages/.*: \w*Warning: ",
        r"py\.warnings .*: UserWarning: Invalid uuid: ",
        r"middleware\.auth_context .* A valid token was submitted as a service token",
    ),
    "upstream's race: a consumer of a stream before its channel is set up; it tries again": (
        r"consumer prefetch count is not set for stream queue",
    ),
    "units as packaged": (r"Referenced but unset environment variable", r"Dependency \S+ is dropped"),
}


def complaints(operator, node):
    """The lines that tell of a setting, and are not expected."""
    units = [unit for part in operator.design.components() if part.name in SERVICES for unit in part.owned_units]
    said = operator.on(node, READ, stdin=" ".join((*SERVICES[:-1], *units)), check=False)
    expected = re.compile("|".join(pattern for patterns in ALLOWED.values() for pattern in patterns))
    return [line for line in said.splitlines() if SETTING.search(line) and not expected.search(line)]


@pytest.mark.skipif("QUORATE_FULL_LAB_FILE" in os.environ, reason="its logs tell of more than its deployment")
def test_nobody_warns_of_what_a_setting_could_remove(everything):
    assert [(node, line) for node in everything.nodes for line in complaints(everything, node)] == []
