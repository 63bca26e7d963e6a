"""No secret stands where anybody but root and its own service can read it."""

import json
import re

import pytest

pytestmark = [pytest.mark.lab, pytest.mark.timeout(300)]

# Prints "NAME in PLACE" for each secret found; the secrets come on standard input.
SEARCH = r"""
import json, os, pathlib, stat, subprocess, sys
values = {name: value.encode() for name, value in json.load(sys.stdin).items()}
found = set()

def search(place, data):
    found.update(f"{name} in {place}" for name, value in values.items() if value in data)

for what, command in (
    ("the journal", ["journalctl", "--no-pager", "--output=export"]),
    ("the CIB", ["cibadmin", "--query"]),
    ("fencing history", ["stonith_admin", "--history", "*", "--verbose"]),
):
    search(what, subprocess.run(command, capture_output=True).stdout)
for top in ("etc", "home", "opt", "root", "run", "srv", "tmp", "usr/local", "var"):
    for directory, _, names in os.walk(f"/{top}"):
        for name in names:
            path = pathlib.Path(directory, name)
            try:
                status = path.lstat()
                log = path.is_relative_to("/var/log") and not path.is_relative_to("/var/log/journal")
                if stat.S_ISREG(status.st_mode) and (log or status.st_mode & 0o004):
                    search(path, path.read_bytes())
            except OSError:
                continue
print(json.dumps(sorted(found)))
"""


def test_not_in_journals_logs_the_cib_or_files_that_anybody_can_read(cluster):
    values = json.dumps(cluster.secret_values())
    for node in cluster.nodes:
        assert cluster.python(node, SEARCH, values) == []


def test_the_search_finds_what_is_there(cluster):
    """Otherwise the test above would hold whatever there is."""
    found = cluster.python("ctl1", SEARCH, json.dumps({"public": "localhost", "private": "[fernet_tokens]"}))
    assert "public in /etc/hosts" in found
    assert "private in /etc/keystone/keystone.conf" not in found


def test_not_in_what_the_commands_have_printed_nor_in_a_saved_plan(cluster, tmp_path):
    cluster.change("keystone.conf", "DEFAULT", "max_token_size", "250", "249")
    for node in cluster.nodes:
        cluster.on(node, "sed -i 's/password/&_was/' /etc/openstack/clouds.yaml && rm /etc/quorate/fencing/ctl1")
    plan = tmp_path / "plan"
    shown = cluster.quorate("plan", "--save", plan, within_s=60)
    assert "/etc/openstack/clouds.yaml" in shown.stdout
    assert plan.stat().st_mode & 0o777 == 0o600
    cluster.deployed(plan)
    cluster.quorate("deploy", "--yes", "-o", "json")
    cluster.quorate("verify", "-o", "json")
    cluster.quorate("show", "services")
    cluster.quorate("render", "-d", tmp_path / "rendered")
    rendered = "".join(path.read_text() for path in (tmp_path / "rendered").rglob("*") if path.is_file())
    printed = "\n".join([*cluster.said, plan.read_text(), rendered])
    values = cluster.secret_values()
    assert [name for name, value in values.items() if value in printed] == []
    assert re.search(r"\$\{secret:keystone/admin\}", printed)


def test_processes_of_nobody_special_cannot_read_what_holds_secrets(cluster):
    readable = "find /etc/keystone /etc/rabbitmq /etc/quorate /etc/openstack /etc/corosync -type f -readable"
    for node in cluster.nodes:
        files = cluster.on(
            node, f"setpriv --reuid nobody --regid nogroup --clear-groups {readable} 2>/dev/null || true"
        )
        assert not {
            "/etc/keystone/keystone.conf",
            "/etc/rabbitmq/rabbitmq.conf",
            "/etc/openstack/clouds.yaml",
        } & set(files.split())
        assert "fencing" not in files
        assert "authkey" not in files
