"""How a service reaches the others: the identity service as its own user, the brokers and caches by lists."""

from quorate.catalog import keystone, memcached, rabbitmq
from quorate.formats import settings
from quorate.model.component import ServiceUser
from quorate.model.design import Design

NOBODY_LISTENS = {"driver": "noop"}
"""The section `oslo_messaging_notifications`: without a listener notifications would fill their queues."""


def session(design: Design, user: ServiceUser) -> dict[str, str]:
    """Keystoneauth's settings of any section by which a service asks another as itself."""
    return {
        "auth_type": "password",
        "auth_url": design.url(keystone.SERVICE),
        "username": user.name,
        "password": user.secret.reference,
        "user_domain_name": "Default",
        "project_name": "service",
        "project_domain_name": "Default",
    }


def adapter(design: Design, user: ServiceUser) -> dict[str, str]:
    """The same for another service's API, whose address is in the catalogue."""
    return {**session(design, user), "region_name": design.cloud.region, "valid_interfaces": "internal"}


def tokens(design: Design, user: ServiceUser) -> dict[str, str]:
    """The section `keystone_authtoken`: who asks is known by the identity service, or by the caches."""
    timers = design.cloud.timers
    return {
        **session(design, user),
        "www_authenticate_uri": design.url(keystone.SERVICE, public=True),
        "region_name": design.cloud.region,
        "interface": "internal",
        "memcached_servers": memcached.servers(design.cloud.topology),
        "memcache_pool_dead_retry": str(timers.memcached_dead_retry_s),
        # in whole seconds; the library's 3 s are 3 s more of an outage
        "memcache_pool_socket_timeout": str(max(1, timers.memcached_timeout_ms // 1000)),
        "service_token_roles": "service",
        "service_token_roles_required": "true",
    }


def messaging(design: Design, project: str) -> settings.Settings:
    """The brokers, and where processes lock what they share: queues are named by a file under such a lock."""
    return {
        "DEFAULT": {"transport_url": rabbitmq.transport_url(design.cloud.topology)},
        "oslo_messaging_rabbit": rabbitmq.client_settings(design.cloud),
        "oslo_messaging_notifications": NOBODY_LISTENS,
        "oslo_concurrency": {"lock_path": f"/var/lock/{project}"},
    }


def proxied() -> settings.Settings:
    """What every API behind HAProxy is told."""
    return {"oslo_middleware": {"enable_proxy_headers_parsing": "true"}}
