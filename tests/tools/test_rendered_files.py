"""Every rendered file passes the checker of the program that reads it, and the checker refuses a wrong one."""

import configparser
import posixpath
import re
import subprocess
from collections.abc import Callable, Iterator, Mapping

import pytest

from quorate.model import secret
from quorate.model.design import Design
from quorate.model.item import Command, File
from quorate.plan.task import POLICY, tasks

COROSYNC = "/etc/corosync/corosync.conf"
HAPROXY = "/etc/haproxy/haproxy.cfg"
MARIADB = "/etc/mysql/mariadb.conf.d/99-quorate.cnf"
RABBITMQ = "/etc/rabbitmq/rabbitmq.conf"
RABBITMQ_ENV = "/etc/rabbitmq/rabbitmq-env.conf"
KEYSTONE = "/etc/keystone/keystone.conf"
CLOUDS = "/etc/openstack/clouds.yaml"
UWSGI = "/etc/keystone/keystone-uwsgi.ini"
MEMCACHED = "/etc/memcached.conf"
SYSCTL = "/etc/sysctl.d/90-quorate.conf"
HOSTS = "/etc/hosts"

Done = subprocess.CompletedProcess[str]


def filled(design: Design, node: str) -> dict[str, str]:
    """A node's files by path, with values of the right length for the secrets."""
    values = {each.name: "s3cretValue" * 40 for each in design.secrets()}
    values = {each.name: values[each.name][: each.length] for each in design.secrets()}
    return {file.path: secret.fill(file.content, values) for file in design.files[node]}


@pytest.fixture(scope="module")
def node(lab_design: Design) -> str:
    """The first node; that the others' files are its, but for names and addresses, is held by tests/pure."""
    return lab_design.cloud.topology.nodes[0].name


@pytest.fixture(scope="module")
def files(lab_design: Design, node: str) -> dict[str, str]:
    return filled(lab_design, node)


@pytest.fixture(scope="module")
def address(lab_design: Design, node: str) -> str:
    return lab_design.cloud.topology.node(node).address


@pytest.fixture(scope="module")
def placed(tools, files: dict[str, str]) -> None:
    """The node's files where they belong; but podman has its own /etc/hosts, which cannot be replaced."""
    tools.run("true", files={path: text for path, text in files.items() if path != HOSTS})


# In a network of its own that has the node's address, so that daemons find and bind it.
AS_THE_NODE = ("unshare", "--user", "--map-root-user", "--net", "sh", "-c")
ITS_ADDRESS = 'ip link set lo up; ip address add "$1/32" dev lo; '


def checked_corosync(tools, path: str, address: str) -> Done:
    command = ITS_ADDRESS + 'exec corosync -t -c "$2"'
    return tools.run(*AS_THE_NODE, command, "sh", address, path)


def checked_haproxy(tools, path: str, _: str) -> Done:
    return tools.run("haproxy", "-c", "-dW", "-f", path)  # -dW: warnings are errors


def checked_mariadb(tools, path: str, _: str) -> Done:
    return tools.run("mariadbd", f"--defaults-file={path}", "--help", "--verbose")


# What rabbit_prelaunch_conf does with the file at a start, without the start.
_CUTTLEFISH = """\
#!/usr/bin/escript
main([Path]) ->
    code:add_pathsa(filelib:wildcard("/usr/lib/rabbitmq/lib/*/plugins/*/ebin")),
    Schema = cuttlefish_schema:files(filelib:wildcard("/usr/lib/rabbitmq/lib/*/plugins/rabbit-*/priv/schema/*")),
    case cuttlefish_conf:file(Path) of
        {errorlist, Unread} -> io:format("~p~n", [Unread]), halt(1);
        Settings ->
            case cuttlefish_generator:map(Schema, Settings) of
                {error, Phase, {errorlist, Errors}} ->
                    [io:format("~s: ~s~n", [Phase, cuttlefish_error:xlate(Error)]) || {error, Error} <- Errors],
                    halt(1);
                Config -> io:format("~p~n", [Config])
            end
    end.
"""


def checked_rabbitmq(tools, path: str, _: str) -> Done:
    script = f"{posixpath.dirname(path)}/cuttlefish"
    return tools.run("escript", script, path, files={script: _CUTTLEFISH})


# The validator judges names; this reads every value as its type, and every option of every namespace is known.
_OSLO = """\
import sys
from importlib.metadata import entry_points
from oslo_config import cfg
conf = cfg.ConfigOpts()
for point in entry_points(group="oslo.config.opts"):
    if point.name in sys.argv[2:]:
        for group, options in point.load()():
            conf.register_opts(options, group)
conf([], default_config_files=[sys.argv[1]])
for name, group in [(None, conf), *((name, conf[name]) for name in conf._groups)]:
    for option in group:
        getattr(group, option)
"""
_NAMESPACES = ("keystone", "oslo.cache", "oslo.db", "oslo.log", "oslo.messaging", "oslo.middleware", "oslo.policy")


def checked_oslo(tools, path: str, _: str) -> Done:
    namespaces = [f"--namespace={name}" for name in _NAMESPACES]
    names = tools.run("oslo-config-validator", *namespaces, "--fatal-warnings", f"--input-file={path}")
    if names.returncode:
        return names
    return tools.run("python3", "-c", _OSLO, path, *_NAMESPACES)


def checked_memcached(tools, path: str, _: str) -> Done:
    # getopt's errors come before -V ends it; the words are split as the package's wrapper splits them.
    return tools.run("sh", "-c", "exec memcached $(grep '^-' \"$1\") -V", "sh", path)


def checked_uwsgi(tools, path: str, _: str) -> Done:
    """Ends at the bind: the address is not here, and by then every setting was taken."""
    shown = 'sed "s#^logto = .*#logto = /dev/stdout#" "$1" > "$1.ini"; exec uwsgi_python3 --strict --ini "$1.ini"'
    done = tools.run("sh", "-c", shown, "sh", path, within_s=20)
    reached = "bind(): Cannot assign requested address" in done.stdout
    return subprocess.CompletedProcess(done.args, 0 if reached else 1, done.stdout, done.stderr)


def checked_sysctl(tools, path: str, _: str) -> Done:
    return tools.run("sysctl", "--dry-run", "--load", path)


def checked_environment(tools, path: str, _: str) -> Done:
    return tools.run("sh", "-n", path)


_CLIENT = """\
import sys
from openstack.config import OpenStackConfig
OpenStackConfig(config_files=[sys.argv[1]]).get_one("admin").get_auth()
"""


def checked_client(tools, path: str, _: str) -> Done:
    return tools.run("python3", "-c", _CLIENT, path)


Checker = Callable[..., Done]
CHECKERS: Mapping[str, Checker] = {
    COROSYNC: checked_corosync,
    HAPROXY: checked_haproxy,
    MARIADB: checked_mariadb,
    RABBITMQ: checked_rabbitmq,
    RABBITMQ_ENV: checked_environment,
    KEYSTONE: checked_oslo,
    CLOUDS: checked_client,
    UWSGI: checked_uwsgi,
    MEMCACHED: checked_memcached,
    SYSCTL: checked_sysctl,
}


@pytest.mark.usefixtures("placed")
@pytest.mark.parametrize("path", CHECKERS, ids=posixpath.basename)
def test_the_program_that_reads_a_file_takes_it(tools, address: str, path: str) -> None:
    done = CHECKERS[path](tools, path, address)
    assert done.returncode == 0, done.stdout + done.stderr


WRONG = (
    # path, what is replaced, by what, and what is said of it
    (COROSYNC, "crypto_cipher: aes256", "crypto_cipher: rot13", "Invalid cipher"),
    (COROSYNC, "nodeid: 2", "nodeid: 1", "appears twice"),
    (COROSYNC, "transport: knet", "transport: pigeon", "Invalid transport"),
    (HAPROXY, "on-marked-down shutdown-sessions", "on-marked-down shut", "on-marked-down"),
    (HAPROXY, "on-marked-up shutdown-backup-sessions", "on-marked-up shutdown", "on-marked-up"),
    (HAPROXY, "timeout connect", "timeout conect", "conect"),
    (HAPROXY, "option forwardfor", "option forwardfor if-nne", "forwardfor"),
    (MARIADB, "innodb_flush_log_at_trx_commit", "innodb_flush_log_at_trx_comit", "unknown variable"),
    (MARIADB, "binlog_format = ROW", "binlog_format = COLUMN", "COLUMN"),
    (RABBITMQ, "pause_minority", "pause_majority", "not a valid enum value"),
    (RABBITMQ, "default_queue_type", "default_queue_kind", "unknown variable"),
    (RABBITMQ, "heartbeat = ", "heartbeat = every ", "cannot be converted"),
    (RABBITMQ_ENV, 'none"', "none", ""),
    (KEYSTONE, "memcache_socket_timeout", "memcache_sock_timeout", "not part of the sample config"),
    (KEYSTONE, "[cache]", "[caches]", "not part of the sample config"),
    (KEYSTONE, "expiration = 3600", "expiration = soon", "soon"),
    (CLOUDS, '"admin": {', '"root": {', "Cloud admin was not found"),
    (CLOUDS, '"auth_url"', '"auth_uri"', "auth_url"),
    (UWSGI, "lazy-apps", "lazy-app", "unknown config directive"),
    (MEMCACHED, "-c 4096", "-j 4096", "invalid option"),
    (SYSCTL, "tcp_retries2", "tcp_retries3", "No such file"),
)


@pytest.mark.parametrize("wrong", WRONG, ids=[wrong[2] for wrong in WRONG])
def test_it_would_have_refused_a_wrong_one(tools, lab_design: Design, wrong: tuple[str, str, str, str]) -> None:
    path, old, new, says = wrong
    first = lab_design.cloud.topology.nodes[0]
    content = filled(lab_design, first.name)
    assert old in content[path]
    changed = f"{tools.directory()}/{posixpath.basename(path)}"
    tools.run(
        "true",
        files={
            changed: content[path].replace(old, new),
            "/etc/corosync/authkey": content["/etc/corosync/authkey"],
        },
    )
    done = CHECKERS[path](tools, changed, first.address)
    assert done.returncode != 0
    assert says in done.stdout + done.stderr


@pytest.mark.usefixtures("placed")
def test_mariadb_reads_the_file_beside_the_packages_and_it_wins(tools, address: str) -> None:
    """Debian's own files in the directory bind loopback and limit connections: ours comes after all of them."""
    done = tools.run("mariadbd", "--help", "--verbose")
    values = dict(re.findall(r"^([a-z-]+) {2,}(\S+)$", done.stdout, re.MULTILINE))
    assert values["bind-address"] == address
    assert values["innodb-flush-log-at-trx-commit"] == "1"
    assert values["max-connections"] == "4096"


_FIRST_MEMBER = r"""
ip link set lo up; ip address add "$1/32" dev lo
mariadb-install-db --no-defaults --user=root --datadir="$3/data" --skip-test-db > /dev/null 2>&1
mariadbd --defaults-file="$2" --user=root --datadir="$3/data" --socket="$3/socket" --pid-file="$3/pid" \
    --wsrep-new-cluster --log-error="$3/server.log" 2> /dev/null &
server=$!
while kill -0 $server 2> /dev/null; do
    if mariadb --no-defaults --socket="$3/socket" -NBe 'SELECT @@wsrep_provider_options' 2> /dev/null; then
        kill $server; wait $server; exit
    fi
    sleep 0.1
done
grep ERROR "$3/server.log" >&2; exit 1
"""


def galera_begins(tools, address: str, text: str) -> Done:
    here = tools.directory()
    argv = (*AS_THE_NODE, _FIRST_MEMBER, "sh", address, f"{here}/server.cnf", here)
    return tools.run(*argv, files={f"{here}/server.cnf": text})


def test_galera_takes_its_options_and_holds_them(tools, lab_design: Design) -> None:
    first = lab_design.cloud.topology.nodes[0]
    text = filled(lab_design, first.name)[MARIADB]
    done = galera_begins(tools, first.address, text)
    assert done.returncode == 0, done.stderr
    held = dict(re.findall(r"([\w.]+) = (\S+?);", done.stdout))
    wanted = dict(re.findall(r"([a-z]+\.[a-z_]+)=([^;\"]+)", text))
    assert len(wanted) > 5
    assert {key: held.get(key) for key in wanted} == wanted


@pytest.mark.parametrize(
    ("old", "new", "says"),
    [
        ("evs.suspect_timeout", "evs.suspct_timeout", "Failed to load provider"),
        ("suspect_timeout=PT", "suspect_timeout=", "failed to open gcomm backend"),
    ],
)
def test_galera_would_have_refused_others(tools, lab_design: Design, old: str, new: str, says: str) -> None:
    first = lab_design.cloud.topology.nodes[0]
    text = filled(lab_design, first.name)[MARIADB]
    assert old in text
    done = galera_begins(tools, first.address, text.replace(old, new))
    assert done.returncode != 0
    assert says in done.stderr


def owned_units(design: Design) -> list[str]:
    return sorted({unit for component in design.components() for unit in component.owned_units})


def verified_units(tools, *units: str) -> Done:
    # The image has no man pages; the units' dependencies are the package's own matter.
    return tools.run("systemd-analyze", "verify", "--man=no", "--recursive-errors=no", *units)


@pytest.mark.usefixtures("placed")
def test_systemd_finds_nothing_wrong_with_the_units_and_drop_ins(
    tools, lab_design: Design, files: dict[str, str]
) -> None:
    rendered = [path.split("/")[4] for path in files if path.startswith("/etc/systemd/system/")]
    units = sorted({*owned_units(lab_design), *(name.removesuffix(".d") for name in rendered)})
    done = verified_units(tools, *units)
    said = [line for line in done.stderr.splitlines() if "quorate" in line or "/etc/systemd/" in line]
    assert (done.returncode, said) == (0, []), done.stderr


@pytest.mark.parametrize("line", ["LimitNOFILE=many", "Typo=notify", "ExecStart=\nExecStart=/nowhere"])
def test_systemd_would_have_said_so(tools, line: str) -> None:
    path = f"{tools.directory()}/wrong.service"
    tools.run("true", files={path: f"[Service]\nExecStart=/bin/true\n{line}\n"})
    named = re.search(r"LimitNOFILE|Typo|/nowhere", line)
    assert named
    assert named[0] in verified_units(tools, path).stderr


@pytest.mark.usefixtures("placed")
def test_no_unit_of_the_clusters_pulls_in_another(tools, lab_design: Design) -> None:
    """A unit that wants another starts it behind Pacemaker's back, for instance where it was stopped by hand."""
    units = owned_units(lab_design)
    masked = [unit for component in lab_design.components() for unit in component.masked_units]
    controlled = {*units, *masked, "mysql.service"}
    assert [unit for unit in units if pulled_in(tools, unit) & controlled - {unit}] == []
    assert "network-online.target" in pulled_in(tools, "haproxy.service")


def pulled_in(tools, unit: str) -> set[str]:
    done = tools.run("systemd-analyze", "cat-config", f"systemd/system/{unit}")
    assert "[Service]" in done.stdout, done.stderr
    wanted = re.findall(r"^(?:Wants|Requires|BindsTo|Upholds)=(.*)$", done.stdout, re.MULTILINE)
    return {word for line in wanted for word in line.split()}


def programs(design: Design) -> Iterator[tuple[str, str]]:
    """Every script there is, by name: rendered files, guards, and what steps give to sh and python3."""
    for node, rendered in design.files.items():
        yield from ((f"{node}:{file.path}", file.content) for file in rendered if file.content.startswith("#!"))
    for task in tasks(design):
        for item in task.items:
            match item:
                case File(path=path, content=text) if path == POLICY:
                    yield f"{task.node}:{path}", text
                case _:
                    for argv in (getattr(item, "argv", ()), item.unless if isinstance(item, Command) else ()):
                        shebang = {"sh": "#!/bin/sh", "python3": "#!/usr/bin/python3"}.get((*argv, "")[0])
                        flags = [word for word in argv[1:3] if re.fullmatch(r"-I?e?c", word)]
                        if shebang and flags:
                            yield f"{task.id}: {item}"[:80], f"{shebang}\n{argv[argv.index(flags[-1]) + 1]}"


def syntax(tools, scripts: Mapping[str, str]) -> str:
    here = tools.directory()
    files = {f"{here}/{number}": text for number, text in enumerate(scripts.values())}
    shell = [path for path, text in files.items() if text.startswith("#!/bin/sh")]
    python = [path for path in files if path not in shell]
    done = [
        tools.run("sh", "-c", 'for each do sh -n "$each"; done', "sh", *shell, files=files),
        tools.run(
            "python3", "-c", "import sys\nfor x in sys.argv[1:]: compile(open(x).read(), x, 'exec')", *python
        ),
    ]
    return "".join(each.stderr for each in done)


def test_every_script_is_of_its_language(tools, lab_design: Design) -> None:
    scripts = dict(programs(lab_design))
    assert len(scripts) > 20
    assert {text.splitlines()[0] for text in scripts.values()} == {"#!/bin/sh", "#!/usr/bin/python3"}
    assert syntax(tools, scripts) == ""


def test_a_script_with_a_mistake_would_not_be(tools) -> None:
    assert "Syntax error" in syntax(tools, {"a": "#!/bin/sh\ncase x in\n"})
    assert "SyntaxError" in syntax(tools, {"a": "#!/usr/bin/python3\ndef x(:\n"})


def test_the_python_programs_find_their_libraries(tools, lab_design: Design) -> None:
    """What they import comes with the packages that their components name."""
    scripts = [text for _, text in programs(lab_design) if "python3" in text.splitlines()[0]]
    imports = {line for text in scripts for line in re.findall(r"^(?:import|from) .*$", text, re.MULTILINE)}
    assert {"import pymysql"} <= imports
    done = tools.run("python3", "-Ic", "\n".join(sorted(imports)))
    assert (done.returncode, done.stderr) == (0, "")


def test_names_are_resolved_from_the_rendered_hosts_file(lab_design: Design) -> None:
    for node in lab_design.files:
        lines = [line.split() for line in filled(lab_design, node)[HOSTS].splitlines() if line[:1] != "#"]
        assert [words[0] for words in lines if "localhost" in words] == ["127.0.0.1", "::1"]
        by_name = {name: words[0] for words in lines for name in words[1:]}
        assert {each.name: by_name[each.name] for each in lab_design.cloud.topology.nodes} == {
            each.name: each.address for each in lab_design.cloud.topology.nodes
        }


def test_uwsgi_and_keystone_files_say_nothing_twice(lab_design: Design) -> None:
    for path in (KEYSTONE, UWSGI):
        configparser.RawConfigParser(strict=True).read_string(
            filled(lab_design, next(iter(lab_design.files)))[path]
        )


def test_every_file_is_checked_by_something(lab_design: Design) -> None:
    """A file that a component adds has to get a checker here."""
    for name, rendered in lab_design.files.items():
        left = [
            file.path
            for file in rendered
            if file.path not in {*CHECKERS, HOSTS, "/etc/corosync/authkey", "/var/lib/rabbitmq/.erlang.cookie"}
            and not file.path.startswith("/etc/systemd/system/")
            and not file.content.startswith("#!")
        ]
        assert left == [], name


@pytest.mark.usefixtures("placed")
def test_every_unit_in_the_cluster_is_there(tools, lab_design: Design) -> None:
    units = {
        each.agent.removeprefix("systemd:") + ".service"
        for cluster in lab_design.clusters
        for each in cluster.configuration.primitives()
        if "systemd:" in each.agent
    }
    assert units == set(owned_units(lab_design))
    there = 'test -e "/etc/systemd/system/$each" || test -e "/usr/lib/systemd/system/$each"'
    script = f"for each do {there} || echo $each; done"
    assert tools.run("sh", "-c", script, "sh", *units).stdout == ""
    assert tools.run("sh", "-c", script, "sh", "nosuch.service").stdout == "nosuch.service\n"
