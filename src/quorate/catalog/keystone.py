"""Keystone, the identity service: stateless, active/active, its tokens and caches shared by keys and lists."""

import json
from collections.abc import Iterator
from importlib.resources import files

from quorate.catalog import memcached, rabbitmq
from quorate.formats import settings, shell
from quorate.model.cloud import Cloud
from quorate.model.component import Component, Database, Listener, Mode, Requires, Service, Step
from quorate.model.design import Design
from quorate.model.item import Command, File, KeyRepository, Until
from quorate.model.resource import Clone, Kind, Op, Primitive
from quorate.model.secret import KeySet, Secret
from quorate.model.topology import Cluster, Node

PORT = 5000
ADMIN = Secret("keystone/admin")
DATABASE = Database("keystone", Secret("database/keystone"))
TOKENS = "keystone/fernet"
CREDENTIALS = KeySet(
    "keystone/credential",
    migrate=("su", "-s", "/bin/sh", "-c", "keystone-manage credential_migrate", "keystone"),
)
SERVICE = Service("keystone", "identity", "keystone", "/v3", "OpenStack Identity")
TOKEN_LIFETIME_S = 3600
HEALTH = "/healthcheck"

_ANSWERS = f"""
import socket, urllib.request
urllib.request.urlopen(f"http://{{socket.gethostname()}}:{PORT}{HEALTH}", timeout=5).close()
"""


def declare(cloud: Cloud, cluster: Cluster) -> Component:
    """The API under uWSGI as a clone, its keys and what its first start needs."""
    del cluster
    api = Primitive(
        "keystone",
        "systemd:keystone",
        ops=(
            Op("start", timeout_s=120),
            Op("stop", timeout_s=60),
            Op("monitor", cloud.timers.monitor_interval_s, timeout_s=30),
        ),
    )
    return Component(
        name="keystone",
        requires=(
            Requires(
                "galera",
                Kind.OPTIONAL,
                "one member's database may restart while the API goes on with another through the proxy",
            ),
            Requires("haproxy", Kind.OPTIONAL, "a proxy that restarts must not take the API with it"),
            Requires("memcached", Kind.OPTIONAL, "a cache that is away only makes requests slower"),
            Requires("rabbitmq", None, "notifications are not part of answering a request"),
        ),
        packages=(
            "keystone",
            "python3-keystone",
            "uwsgi-plugin-python3",
            "python3-pymysql",
            "python3-memcache",
        ),
        owned_units=("keystone.service",),
        prepare=(
            KeyRepository("/etc/keystone/fernet-keys", TOKENS, "keystone", "keystone"),
            KeyRepository("/etc/keystone/credential-keys", CREDENTIALS.name, "keystone", "keystone"),
        ),
        resources=(Clone(api, meta={"interleave": "true"}),),
        ready=(Until("Keystone answers", ("python3", "-c", _ANSWERS), within_s=120),),
        listeners=(Listener("keystone", PORT, Mode.HTTP, check=f"GET {HEALTH}", public=True),),
        databases=(DATABASE,),
        services=(SERVICE,),
        secrets=(ADMIN, DATABASE.secret, rabbitmq.PASSWORD),
        key_sets=(KeySet(TOKENS, lifetime_s=_token_lifetime_s(cloud)), CREDENTIALS),
    )


def _token_lifetime_s(cloud: Cloud) -> int:
    return int(cloud.extra.get("keystone.conf", {}).get("token", {}).get("expiration", TOKEN_LIFETIME_S))


def bootstrap(design: Design) -> tuple[Step, ...]:
    """The tables, then the first user and the catalogue; both guarded by what is there."""
    url, public = design.url(SERVICE), design.url(SERVICE, public=True)
    proxy = design.address(design.listener("galera"))
    wanted = {"url": url, "public": public, "region": design.cloud.region, "password": ADMIN.reference}
    script = files("quorate.catalog").joinpath("programs", "keystone_ready.py").read_text()
    ready = ("python3", "-c", script)
    return (
        Step(
            "create the tables",
            (
                Command(
                    "the identity service's tables",
                    ("su", "-s", "/bin/sh", "-c", "keystone-manage db_sync", "keystone"),
                    unless=("python3", "-c", _TABLES),
                    unless_stdin=f"{proxy} {DATABASE.secret.reference}\n",
                    timeout_s=600,
                ),
            ),
        ),
        Step(
            "create the first user and the catalogue",
            (
                Command(
                    "the admin user, its role and the catalogue entry",
                    (
                        "sh",
                        "-ec",
                        "IFS= read -r OS_BOOTSTRAP_PASSWORD; export OS_BOOTSTRAP_PASSWORD; exec "
                        + shell.join(_bootstrap(design.cloud, url, public)),
                    ),
                    unless=ready,
                    stdin=f"{ADMIN.reference}\n",
                    unless_stdin=json.dumps(wanted),
                ),
                Until("a token through the virtual IP", ready, within_s=60, stdin=json.dumps(wanted)),
            ),
        ),
    )


def _bootstrap(cloud: Cloud, url: str, public: str) -> tuple[str, ...]:
    return (
        *("keystone-manage", "bootstrap", "--bootstrap-username", "admin"),
        *("--bootstrap-project-name", "admin", "--bootstrap-role-name", "admin"),
        *("--bootstrap-service-name", SERVICE.name, "--bootstrap-region-id", cloud.region),
        *("--bootstrap-internal-url", url, "--bootstrap-admin-url", url, "--bootstrap-public-url", public),
    )


# Exits 0 when the tables are at the revision the package wants (its *_HEAD files); reads "host password".
_TABLES = """
import importlib.util, pathlib, pymysql, sys
host, password = sys.stdin.read().split()
(package,) = importlib.util.find_spec("keystone").submodule_search_locations
versions = pathlib.Path(package, "common/sql/migrations/versions")
heads = {path.read_text().strip() for path in versions.glob("*_HEAD")}
with pymysql.connect(host=host, user="keystone", password=password, database="keystone") as connection:
    with connection.cursor() as cursor:
        cursor.execute("SELECT version_num FROM alembic_version")
        present = {row[0] for row in cursor.fetchall()}
raise SystemExit(heads != present)
"""


def config(design: Design, node: Node) -> Iterator[File]:
    """keystone.conf, uWSGI's settings, the unit that runs it, and root's way in as a client."""
    extra = design.cloud.extra
    yield File(
        "/etc/keystone/keystone.conf",
        settings.ini(settings.merged(_keystone(design), extra.get("keystone.conf"))),
        group="keystone",
        mode=0o640,
        read_by=("keystone",),
    )
    uwsgi = settings.merged(_uwsgi(design, node), extra.get("keystone-uwsgi.ini"))
    yield File("/etc/keystone/keystone-uwsgi.ini", settings.ini(uwsgi), read_by=("keystone",))
    yield File("/etc/openstack/clouds.yaml", _clouds(design), mode=0o600)
    yield File("/etc/systemd/system/keystone.service", settings.unit(_UNIT), read_by=("keystone",))


# In place of the package's unit: its wrapper binds every address, also the virtual IP that HAProxy needs, and it
# wants the database and the broker, which systemd would start behind Pacemaker's back. A drop-in cannot undo that.
_UNIT: settings.Settings = {
    "Unit": {
        "Description": "OpenStack Identity under uWSGI",
        "Wants": "network-online.target",
        "After": "network-online.target",
    },
    "Service": {
        "Type": "notify",
        "NotifyAccess": "all",
        "ExecStart": "/usr/bin/uwsgi_python3 --ini /etc/keystone/keystone-uwsgi.ini",
        "KillSignal": "SIGTERM",
        "TimeoutStopSec": "15",
        "User": "keystone",
        "Group": "keystone",
        "WorkingDirectory": "~",
        "RuntimeDirectory": "keystone lock/keystone",
        "CacheDirectory": "keystone",
        "LimitNOFILE": "65535",
    },
}


def _clouds(design: Design) -> str:
    """What `openstack --os-cloud admin` reads, for root on a controller; JSON is YAML."""
    auth = {
        "auth_url": design.url(SERVICE),
        "username": "admin",
        "password": ADMIN.reference,
        "project_name": "admin",
        "user_domain_id": "default",
        "project_domain_id": "default",
    }
    cloud = {"auth": auth, "region_name": design.cloud.region, "interface": "internal", "identity_api_version": 3}
    return json.dumps({"clouds": {"admin": cloud}}, indent=2) + "\n"


def _keystone(design: Design) -> settings.Settings:
    cloud, timers = design.cloud, design.cloud.timers
    database = design.address(design.listener("galera"))
    patience = f"connect_timeout={timers.database_connect_s}&read_timeout={timers.database_read_s}"
    return {
        "DEFAULT": {
            "transport_url": rabbitmq.transport_url(cloud.topology),
            "log_dir": "/var/log/keystone",
        },
        "database": {
            "connection": f"mysql+pymysql://keystone:{DATABASE.secret.reference}@{database}/keystone"
            f"?charset=utf8mb4&{patience}",
            # A read sees all that was acknowledged before it, also after the writer has changed.
            "mysql_wsrep_sync_wait": "1",
            # Below HAProxy's idle timeout, so that the pool never holds a session that the proxy closed.
            "connection_recycle_time": "600",
            "max_retries": "-1",
            "retry_interval": "1",
        },
        "cache": {
            "enabled": "true",
            # This backend, unlike dogpile.cache.pymemcache, survives a dead server: it sets it aside.
            "backend": "oslo_cache.memcache_pool",
            "memcache_servers": memcached.servers(cloud.topology),
            "memcache_socket_timeout": f"{timers.memcached_timeout_ms / 1000:g}",
            "memcache_dead_retry": str(timers.memcached_dead_retry_s),
            "memcache_pool_maxsize": "100",
            "memcache_pool_connection_get_timeout": "2",
        },
        "token": {
            "provider": "fernet",
            "expiration": str(TOKEN_LIFETIME_S),
            # A cache that one process has set aside keeps a token valid that another has revoked (docs/adr/0012).
            "caching": "false",
        },
        # Quorate rotates and drops keys by their age; Keystone must not drop any by their number.
        "fernet_tokens": {"key_repository": "/etc/keystone/fernet-keys", "max_active_keys": "1000"},
        "credential": {"key_repository": "/etc/keystone/credential-keys"},
        "oslo_messaging_notifications": {"driver": "noop"},
        "oslo_messaging_rabbit": rabbitmq.client_settings(cloud),
        "oslo_middleware": {"enable_proxy_headers_parsing": "true"},
    }


def _uwsgi(design: Design, node: Node) -> settings.Settings:
    return {
        "uwsgi": {
            "master": "true",
            "plugins": "python3",
            "wsgi-file": "/usr/bin/keystone-wsgi-public",
            "http-socket": f"{node.address}:{PORT}",
            "processes": str(design.cloud.workers.get("keystone", 4)),
            "threads": "8",
            "enable-threads": "true",
            "lazy-apps": "true",
            "thunder-lock": "true",
            "buffer-size": "65535",
            # uWSGI closes after each answer; a client that is told so does not try the connection again.
            "add-header": "Connection: close",
            "listen": "128",
            "die-on-term": "true",
            "no-orphans": "true",
            "close-on-exec": "true",
            "logto": "/var/log/keystone/uwsgi.log",
            "chdir": "/var/lib/keystone",
            "env": "OS_OSLO_MESSAGING_RABBIT__PROCESSNAME=keystone",
        }
    }
