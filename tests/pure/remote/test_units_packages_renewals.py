"""What systemctl, apt and Pacemaker are asked: shell programs play their parts and note how they are called."""

import os
import subprocess
import time

import pytest

from quorate.model.item import Packages, Renewal, Renewed, Unit
from quorate.remote.errors import CommandFailed
from quorate.remote.event import Status

SYSTEMCTL = """
DIR=$(dirname $0)/units; verb=$1; shift
case $verb in
show) shift; for unit in "$@"; do
    [ "$unit" = -- ] && continue
    set -- $(cat $DIR/$unit 2>/dev/null || echo not-found inactive)
    printf 'LoadState=%s\\nActiveState=%s\\nUnitFileState=%s\\nNeedDaemonReload=no\\n\\n' "$1" "$2" "$3"
  done;;
*) for unit in "$@"; do
    [ "$unit" = -- ] && continue
    set -- $(cat $DIR/$unit 2>/dev/null || echo not-found inactive)
    case $verb in
    start) [ $unit = broken.service ] && exit 1; set -- $1 active $3;;
    stop) set -- $1 inactive $3;;
    enable) set -- $1 $2 enabled;;
    disable) set -- $1 $2 disabled;;
    mask) set -- masked $2 masked;;
    unmask) set -- loaded $2 disabled;;
    esac
    echo $* > $DIR/$unit
  done;;
esac
"""


@pytest.fixture
def units(programs):
    states = programs.directory / "units"
    states.mkdir()
    programs.add("systemctl", SYSTEMCTL)
    programs.add("journalctl", "echo the database directory is not empty")

    def have(**given):
        for name, state in given.items():
            (states / f"{name}.service").write_text(state)
        return programs

    return have


def apply(with_agent, programs, *items, **options):
    return with_agent(lambda session: session.apply("s", items, **options), programs.transport)


def test_units_are_brought_to_their_states_with_one_call_a_verb(with_agent, units):
    programs = units(
        a="loaded inactive disabled",
        b="loaded inactive disabled",
        c="loaded active enabled",
        d="loaded active enabled",
    )
    items = (
        Unit("a.service", enabled=True, active=True),
        Unit("b.service", enabled=True, active=True),
        Unit("c.service", enabled=False, active=False),
        Unit("d.service", enabled=True, active=True),
    )
    outcome = apply(with_agent, programs, *items)

    assert [(event.item, event.detail) for event in outcome.events] == [
        ("a.service", "enable, start"),
        ("b.service", "enable, start"),
        ("c.service", "disable, stop"),
    ]
    acting = [call for call in programs.calls() if " show " not in call]
    assert acting == [
        "systemctl disable -- c.service",
        "systemctl enable -- a.service b.service",
        "systemctl stop -- c.service",
        "systemctl start -- a.service b.service",
    ]
    assert not apply(with_agent, programs, *items).changed


def test_a_unit_that_is_not_there_yet_can_be_masked_but_not_started(with_agent, units):
    programs = units()
    assert apply(with_agent, programs, Unit("later.service", masked=True)).changed
    programs.add("systemctl", SYSTEMCTL.replace("start) ", "start) exit 5; "))
    assert apply(with_agent, programs, Unit("never.service", active=True), check=True).changed
    with pytest.raises(CommandFailed, match=r"systemctl start never.service: the unit is not-found/inactive"):
        apply(with_agent, programs, Unit("never.service", active=True))


def test_check_of_units_says_what_it_would_do(with_agent, units):
    programs = units(a="loaded active enabled")
    outcome = apply(with_agent, programs, Unit("a.service", enabled=False, active=False), check=True)
    assert [event.detail for event in outcome.events] == ["disable, stop"]
    assert [call for call in programs.calls() if " show " not in call] == []


def test_a_unit_that_does_not_start_shows_its_journal(with_agent, units):
    programs = units(a="loaded inactive enabled", broken="loaded inactive enabled")
    with pytest.raises(CommandFailed) as caught:
        apply(with_agent, programs, Unit("a.service", active=True), Unit("broken.service", active=True))
    assert caught.value.event.item == "broken.service"
    assert "the database directory is not empty" in str(caught.value)
    assert [event.status for event in caught.value.outcome.events] == [Status.CHANGED, Status.FAILED]


@pytest.fixture
def apt(programs):
    installed = programs.directory / "installed"
    installed.write_text("haproxy\tinstalled\t3.0.11-1\nold\tconfig-files\t1\n")
    programs.add("dpkg-query", f"cat {installed}")
    programs.add(
        "apt-get",
        f"""
        case "$*" in
        *update*) touch {programs.directory}/updated;;
        *) [ -e {programs.directory}/updated ] || {{ echo 'E: Unable to locate package x' >&2; exit 100; }}
           while [ $1 != -- ]; do shift; done; shift
           for name in "$@"; do printf '%s\\tinstalled\\t1\\n' ${{name%=*}} >> {installed}; done;;
        esac""",
    )
    return programs


def test_missing_packages_come_in_one_installation_after_one_update(with_agent, apt):
    item = Packages(("haproxy", "memcached", "old"))
    assert apply(with_agent, apt, item, check=True).events[0].diff == ("+memcached", "+old")
    assert apply(with_agent, apt, item).changed
    installs = [call for call in apt.calls() if " install " in call]
    assert len(installs) == 2
    assert installs[1].endswith("install -- memcached old")
    assert "--no-install-recommends" in installs[1]
    assert "DPkg::Lock::Timeout=300" in installs[1]
    assert not apply(with_agent, apt, item).changed


def test_packages_of_one_stage_ask_dpkg_once(with_agent, apt):
    apply(with_agent, apt, Packages(("haproxy",)), Packages(("haproxy",)))
    assert len([call for call in apt.calls() if call.startswith("dpkg-query")]) == 1


def test_a_version_that_is_not_the_pinned_one_is_installed(with_agent, apt):
    outcome = apply(with_agent, apt, Packages(("haproxy=3.2.1",)), check=True)
    assert outcome.events[0].diff == ("+haproxy=3.2.1",)


def test_an_installation_that_was_cut_short_is_ended_first(with_agent, apt):
    apt.add("dpkg", f"sed -i s/half-configured/installed/ {apt.directory}/installed")
    with (apt.directory / "installed").open("a") as state:
        state.write("rabbitmq-server\thalf-configured\t4\n")
    (apt.directory / "updated").touch()
    apply(with_agent, apt, Packages(("memcached",)))
    calls = [call.split()[0] for call in apt.calls()]
    assert calls.index("dpkg") < calls.index("apt-get")


@pytest.fixture
def daemon(tmp_path, programs):
    """A process with a pid file; a ban in the cluster's configuration stops it, and its removal starts it."""
    pid_file = tmp_path / "daemon.pid"
    start = f"sleep 300 >/dev/null 2>&1 & echo $! > {pid_file}"
    programs.add("crm_resource", "exit 0")
    programs.add("crm_attribute", "echo false")
    programs.add(
        "cibadmin",
        f'case "$*" in --modify*) kill $(cat {pid_file});; --delete*) {start};; esac',
    )
    subprocess.run(["sh", "-c", start], check=True)
    yield pid_file
    subprocess.run(["kill", pid_file.read_text().strip()], check=True)


def test_a_daemon_older_than_its_file_is_restarted_through_pacemaker_once(with_agent, programs, daemon, tmp_path):
    config = tmp_path / "my.cnf"
    time.sleep(0.2)
    config.write_text("[mysqld]")
    item = Renewed(
        "galera", f"ocf:{daemon}", (str(config), str(tmp_path / "absent")), Renewal.RESTART, timeout_s=20
    )

    assert apply(with_agent, programs, item, check=True).changed
    time.sleep(0.2)
    assert apply(with_agent, programs, item).changed
    assert not apply(with_agent, programs, item).changed

    ban = 'id="quorate-restart-galera-on-n1"'
    create = "cibadmin --modify --allow-create --scope constraints --xml-text"
    calls = [call for call in programs.calls() if call.startswith("cibadmin")]
    assert calls == [
        f'{create} <constraints><rsc_location {ban} rsc="galera" node="n1" score="-INFINITY"/></constraints>',
        f"cibadmin --delete --xml-text <rsc_location {ban}/>",
    ]


def test_in_maintenance_nothing_is_restarted_and_nobody_waits(with_agent, programs, daemon, tmp_path):
    programs.add("crm_attribute", "echo true")
    config = tmp_path / "my.cnf"
    time.sleep(0.1)
    config.write_text("[mysqld]")
    item = Renewed("galera", f"ocf:{daemon}", (str(config),), Renewal.RESTART, timeout_s=300)
    with pytest.raises(CommandFailed, match="galera would be restarted, and the cluster is in maintenance mode"):
        apply(with_agent, programs, item)
    assert not [call for call in programs.calls() if call.startswith("cibadmin")]


@pytest.mark.parametrize("lacking", ["stopped", "started again"])
def test_a_restart_that_does_not_happen_is_a_failure_and_its_ban_lifted(
    with_agent, programs, daemon, tmp_path, lacking
):
    begin = f"sleep 300 >/dev/null 2>&1 & echo $! > {daemon}"
    stop = "" if lacking == "stopped" else f"--modify*) kill $(cat {daemon});;"
    programs.add("cibadmin", f'case "$*" in {stop} *) ;; esac')
    config = tmp_path / "my.cnf"
    time.sleep(0.1)
    config.write_text("[mysqld]")
    item = Renewed("galera", f"ocf:{daemon}", (str(config),), Renewal.RESTART, timeout_s=0.5)
    with pytest.raises(CommandFailed, match=f"has not {lacking} within 0.5 s"):
        apply(with_agent, programs, item)
    assert programs.calls()[-1] == 'cibadmin --delete --xml-text <rsc_location id="quorate-restart-galera-on-n1"/>'
    subprocess.run(["sh", "-c", begin], check=True)


def test_those_that_follow_one_another_are_restarted_together(with_agent, programs, tmp_path):
    pids = {name: tmp_path / f"{name}.pid" for name in ("api", "conductor", "scheduler")}
    starts = {name: f"sleep 300 >/dev/null 2>&1 & echo $! > {pid}" for name, pid in pids.items()}
    stop = "; ".join(f'case "$*" in *-{name}-on*) kill $(cat {pid});; esac' for name, pid in pids.items())
    start = "; ".join(f'case "$*" in *-{name}-on*) {each};; esac' for name, each in starts.items())
    programs.add("crm_resource", "exit 0")
    programs.add("crm_attribute", "echo false")
    programs.add("cibadmin", f'case "$*" in --modify*) {stop};; --delete*) {start};; esac')
    for each in starts.values():
        subprocess.run(["sh", "-c", each], check=True)
    config = tmp_path / "nova.conf"
    time.sleep(0.2)
    config.write_text("[DEFAULT]")
    of = {"api": (), "conductor": (str(config),), "scheduler": (str(config),)}
    items = [Renewed(name, f"ocf:{pids[name]}", of[name], Renewal.RESTART, timeout_s=20) for name in pids]
    outcome = apply(with_agent, programs, *items)
    assert [event.status for event in outcome.events if event.status is not Status.RUNNING] == [Status.CHANGED] * 2
    calls = [call.partition(" ")[2].partition(" ")[0] for call in programs.calls() if call.startswith("cibadmin")]
    assert calls == ["--modify", "--delete", "--delete"]
    for pid in pids.values():
        subprocess.run(["kill", pid.read_text().strip()], check=True)


def test_a_group_of_which_several_read_anew_is_banned_once(with_agent, programs, daemon, tmp_path):
    config = tmp_path / "agents.conf"
    time.sleep(0.1)
    config.write_text("[DEFAULT]")
    items = [Renewed("agents", f"ocf:{daemon}", (str(config),), Renewal.RESTART, timeout_s=20)] * 2
    apply(with_agent, programs, *items)
    (created,) = (call for call in programs.calls() if call.startswith("cibadmin --modify"))
    assert created.count("<rsc_location ") == 1


LOCATED = 'case "$*" in *--locate) echo "resource heat-engine is {}";; esac'


@pytest.mark.parametrize("place", ["running on: n2", "NOT running"])
def test_what_runs_once_need_not_come_back_but_has_to_run(with_agent, programs, daemon, tmp_path, place):
    """Banned from its node it goes to another one, and stays there."""
    programs.add("cibadmin", f'case "$*" in --modify*) kill $(cat {daemon});; esac')
    programs.add("crm_resource", LOCATED.format(place))
    config = tmp_path / "heat.conf"
    time.sleep(0.1)
    config.write_text("[DEFAULT]")
    item = Renewed("heat-engine", f"ocf:{daemon}", (str(config),), Renewal.RESTART, timeout_s=1, once=True)
    if place == "NOT running":
        with pytest.raises(CommandFailed, match="has not started again within 1 s"):
            apply(with_agent, programs, item)
    else:
        assert apply(with_agent, programs, item).changed
    subprocess.run(["sh", "-c", f"sleep 300 >/dev/null 2>&1 & echo $! > {daemon}"], check=True)


def test_what_does_not_run_reads_its_files_when_it_starts(with_agent, programs, tmp_path):
    config = tmp_path / "my.cnf"
    config.write_text("[mysqld]")
    item = Renewed("galera", f"ocf:{tmp_path}/none.pid", (str(config),), Renewal.RESTART)
    assert not apply(with_agent, programs, item).changed


RELOADING = """
case "$*" in
show*) printf 'ActiveState=active\\nReloadResult=%s\\n' $(cat {directory}/result)
       echo "StateChangeTimestamp=$(cat {directory}/stamp)";;
reload*) date -u '+%a %Y-%m-%d %H:%M:%S.%6N UTC' > {directory}/stamp; echo success > {directory}/result;;
esac
"""


def test_a_reload_is_due_for_a_newer_file_and_after_one_that_failed(with_agent, programs, tmp_path):
    directory = programs.directory
    programs.add("systemctl", RELOADING.format(directory=directory))
    (directory / "stamp").write_text("Fri 2026-11-20 23:12:38.123456 UTC")
    (directory / "result").write_text("success")
    config = tmp_path / "haproxy.cfg"
    config.write_text("global")
    item = Renewed("haproxy", "haproxy.service", (str(config),), Renewal.RELOAD)

    os.utime(config, (1, 1))
    assert not apply(with_agent, programs, item).changed
    (directory / "result").write_text("exit-code")
    assert apply(with_agent, programs, item).changed
    os.utime(config)
    time.sleep(0.1)
    outcome = apply(with_agent, programs, item)
    assert outcome.events[0].detail == f"reloads haproxy: {config} is newer"
    assert not apply(with_agent, programs, item).changed
