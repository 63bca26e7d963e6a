"""Horizon, the dashboard: Apache on every member; a session is a signed cookie, which any member understands."""

from collections.abc import Iterator

from quorate.catalog import keystone, memcached
from quorate.catalog.openstack.process import NEEDS
from quorate.formats import settings
from quorate.model.cloud import Cloud
from quorate.model.component import Component, Listener, Mode
from quorate.model.design import Design
from quorate.model.item import File
from quorate.model.resource import Clone, Op, Primitive
from quorate.model.secret import Secret
from quorate.model.topology import Cluster, Node

PORT = 80
ROOT = "/horizon"
KEY = Secret("horizon/secret-key", length=64)
SITE = "/etc/apache2/sites-enabled/000-default.conf"


def declare(cloud: Cloud, cluster: Cluster) -> Component:
    """A clone of Apache."""
    del cluster
    apache = Primitive(
        "horizon",
        "systemd:apache2",
        ops=(
            Op("start", timeout_s=120),
            Op("stop", timeout_s=60),
            Op("monitor", cloud.timers.monitor_interval_s, timeout_s=30),
        ),
    )
    return Component(
        name="horizon",
        requires=NEEDS,
        packages=("openstack-dashboard-apache", "python3-memcache", "python3-pymemcache"),
        owned_units=("apache2.service",),
        resources=(Clone(apache, meta={"interleave": "true"}),),
        listeners=(Listener("horizon", PORT, Mode.HTTP, check=f"GET {ROOT}/auth/login/", public=True),),
        secrets=(KEY,),
    )


def config(design: Design, node: Node) -> Iterator[File]:
    """Apache's port and site, and what differs from Django's settings as packaged."""
    readers = ("horizon",)
    yield File("/etc/apache2/ports.conf", f"# {settings.NOTICE}\nListen {node.address}:{PORT}\n", read_by=readers)
    workers = design.cloud.workers.get("horizon", 4)
    yield File(
        SITE,
        _SITE.format(notice=settings.NOTICE, node=node, port=PORT, root=ROOT, workers=workers),
        read_by=readers,
    )
    yield File(
        "/etc/openstack-dashboard/local_settings.d/_9000_quorate.py",
        _settings(design),
        group="horizon",
        mode=0o640,
        read_by=readers,
    )


_SITE = """\
# {notice}
<VirtualHost {node.address}:{port}>
    ServerName {node.name}
    RedirectMatch ^/$ {root}/
    WSGIScriptAlias {root} /usr/share/openstack-dashboard/wsgi.py
    WSGIProcessGroup horizon
    WSGIApplicationGroup %{{GLOBAL}}
    WSGIDaemonProcess horizon user=horizon group=horizon processes={workers} threads=8 display-name=horizon
    Alias {root}/static /var/lib/openstack-dashboard/static
    <Directory /usr/share/openstack-dashboard>
        Require all granted
    </Directory>
    <Directory /var/lib/openstack-dashboard/static>
        Require all granted
    </Directory>
    ErrorLog /var/log/apache2/horizon-error.log
    CustomLog /var/log/apache2/horizon-access.log combined
</VirtualHost>
"""


def _settings(design: Design) -> str:
    servers = memcached.servers(design.cloud.topology).split(",")
    values = {
        "SECRET_KEY": KEY.reference,
        "ALLOWED_HOSTS": ["*"],
        "OPENSTACK_KEYSTONE_URL": design.url(keystone.SERVICE),
        "OPENSTACK_ENDPOINT_TYPE": "internalURL",
        "SESSION_ENGINE": "django.contrib.sessions.backends.signed_cookies",
        "WEBROOT": f"{ROOT}/",
        "CACHES": {
            "default": {
                "BACKEND": "django.core.cache.backends.memcached.PyMemcacheCache",
                "LOCATION": servers,
                # a dead cache is a miss, and is left alone for a while
                "OPTIONS": {"ignore_exc": True, "connect_timeout": 1, "timeout": 1, "dead_timeout": 30},
            }
        },
    }
    lines = [f"{key} = {value!r}" for key, value in values.items()]
    return "\n".join([f"# {settings.NOTICE}", *lines]) + "\n"
