"""Keystone, the identity service: stateless, active/active, its tokens and caches shared by keys and lists."""

import json
from collections.abc import Iterator
from typing import Any

from quorate.catalog import memcached, program, rabbitmq
from quorate.catalog.openstack import database
from quorate.catalog.openstack.process import Api, conf
from quorate.formats import settings, shell
from quorate.model.check import Probe
from quorate.model.cloud import Cloud
from quorate.model.component import Component, Database, Requires, Service, ServiceUser, Step
from quorate.model.design import Design
from quorate.model.item import Command, File, KeyRepository, Until
from quorate.model.resource import Kind
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
API = Api("keystone", "keystone", PORT, "/usr/bin/keystone-wsgi-public")
SERVICE = Service("keystone", "identity", API.name, "/v3", "OpenStack Identity")
TOKEN_LIFETIME_S = 3600


def declare(cloud: Cloud, cluster: Cluster) -> Component:
    """The API under uWSGI as a clone, its keys and what its first start needs."""
    del cluster
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
        owned_units=(API.process.unit,),
        prepare=(
            KeyRepository("/etc/keystone/fernet-keys", TOKENS, "keystone", "keystone"),
            KeyRepository("/etc/keystone/credential-keys", CREDENTIALS.name, "keystone", "keystone"),
        ),
        resources=(API.process.clone(cloud),),
        ready=(API.answers(),),
        listeners=(API.listener(cloud),),
        databases=(DATABASE,),
        services=(SERVICE,),
        secrets=(ADMIN, DATABASE.secret, rabbitmq.PASSWORD),
        key_sets=(KeySet(TOKENS, lifetime_s=_token_lifetime_s(cloud)), CREDENTIALS),
    )


def _token_lifetime_s(cloud: Cloud) -> int:
    return int(cloud.extra.get("keystone.conf", {}).get("token", {}).get("expiration", TOKEN_LIFETIME_S))


def preparations(design: Design) -> tuple[Command, ...]:
    """The tables."""
    revisions = "keystone/common/sql/migrations/versions"
    return (database.migration(design, DATABASE, revisions, ("keystone-manage", "db_sync"), "keystone"),)


def bootstrap(design: Design) -> tuple[Step, ...]:
    """The first user and the catalogue, then every service's user and entry; guarded by what is there."""
    url, public = design.url(SERVICE), design.url(SERVICE, public=True)
    wanted = {"url": url, "public": public, "region": design.cloud.region, "password": ADMIN.reference}
    ready = program("keystone_ready")
    first = Step(
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
    )
    entries = json.dumps(_entries(design))
    make = program("identity_entries")
    rest = Command(
        "the services' users and catalogue entries",
        make,
        unless=(*make, "check"),
        stdin=entries,
        unless_stdin=entries,
    )
    return first, Step("create the services' users and catalogue entries", (rest,))


def leftovers(design: Design) -> Probe:
    """Users and catalogue entries of services that are no more."""
    return Probe((*program("identity_entries"), "left"), json.dumps(_entries(design)), timeout_s=60)


def _entries(design: Design) -> dict[str, Any]:
    """What `programs/identity_entries.py` is asked for."""
    parts = tuple(design.components())
    users: list[tuple[ServiceUser, str | None]] = [(user, None) for part in parts for user in part.users]
    users += [(domain.admin, domain.name) for part in parts for domain in part.domains]
    services = [service for service, _ in design.services() if service != SERVICE]
    return {
        "url": design.url(SERVICE),
        "password": ADMIN.reference,
        "region": design.cloud.region,
        "roles": [name for part in parts for name in part.roles],
        "users": [
            {
                "name": user.name,
                "password": user.secret.reference,
                "roles": list(user.roles),
                "domain": domain,
            }
            for user, domain in users
        ],
        "services": [
            {
                "name": service.name,
                "type": service.type,
                "description": service.description,
                "urls": {
                    "public": design.url(service, public=True),
                    "internal": design.url(service),
                    "admin": design.url(service),
                },
            }
            for service in services
        ],
    }


def _bootstrap(cloud: Cloud, url: str, public: str) -> tuple[str, ...]:
    return (
        *("keystone-manage", "bootstrap", "--bootstrap-username", "admin"),
        *("--bootstrap-project-name", "admin", "--bootstrap-role-name", "admin"),
        *("--bootstrap-service-name", SERVICE.name, "--bootstrap-region-id", cloud.region),
        *("--bootstrap-internal-url", url, "--bootstrap-admin-url", url, "--bootstrap-public-url", public),
    )


def config(design: Design, node: Node) -> Iterator[File]:
    """keystone.conf, uWSGI's settings, the unit that runs it, and root's way in as a client."""
    yield conf(design, "/etc/keystone/keystone.conf", _keystone(design), "keystone", (API.name,))
    yield from API.files(design, node)
    yield File("/etc/openstack/clouds.yaml", clouds(design, "admin"), mode=0o600)


def clouds(design: Design, name: str, *, public: bool = False) -> str:
    """What `openstack --os-cloud NAME` reads, as administrator; JSON is YAML.

    For root on a controller, or for one who comes from outside (`public`).
    """
    auth = {
        "auth_url": design.url(SERVICE, public=public),
        "username": "admin",
        "password": ADMIN.reference,
        "project_name": "admin",
        "user_domain_id": "default",
        "project_domain_id": "default",
    }
    cloud = {
        "auth": auth,
        "region_name": design.cloud.region,
        "interface": "public" if public else "internal",
        "identity_api_version": 3,
    }
    return json.dumps({"clouds": {name: cloud}}, indent=2) + "\n"


def _keystone(design: Design) -> settings.Settings:
    cloud, timers = design.cloud, design.cloud.timers
    return {
        "DEFAULT": {
            "transport_url": rabbitmq.transport_url(cloud.topology),
            "log_dir": "/var/log/keystone",
        },
        "database": database.connection(design, DATABASE),
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
        # What bcrypt takes: with more allowed Keystone warns at every password.
        "identity": {"max_password_length": "72"},
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
