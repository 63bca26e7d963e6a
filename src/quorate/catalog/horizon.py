"""Horizon, the dashboard: Apache on every member; a session is a signed cookie, which any member understands."""

from collections.abc import Iterator

from quorate.catalog import haproxy, keystone, memcached
from quorate.catalog.openstack.process import NEEDS
from quorate.formats import settings
from quorate.model.cloud import Cloud
from quorate.model.component import Component, Listener, Mode
from quorate.model.design import Design
from quorate.model.item import File
from quorate.model.resource import Clone, systemd
from quorate.model.secret import Secret
from quorate.model.topology import Cluster, Node

PORT = 80
ROOT = "/horizon"
STATIC = "/var/lib/openstack-dashboard/static"
# Who has not logged in is sent to do so: that takes a tenth of the time of the page itself.
LISTENER = Listener("horizon", PORT, Mode.HTTP, check=f"GET {ROOT}/", status=302, public=True)
KEY = Secret("horizon/secret-key", length=64)
UNIT = "horizon.service"
APACHE = "/etc/openstack-dashboard/apache.conf"
SETTINGS = "/etc/openstack-dashboard/local_settings.d/_9000_quorate.py"


def declare(cloud: Cloud, cluster: Cluster) -> Component:
    """A clone of Apache."""
    del cluster
    apache = systemd("horizon", "horizon", monitor_s=cloud.timers.monitor_interval_s, start_s=120, stop_s=60)
    return Component(
        name="horizon",
        requires=NEEDS,
        packages=("openstack-dashboard-apache", "python3-memcache", "python3-pymemcache"),
        owned_units=(UNIT,),
        # With a configuration of its own: what other packages enable in the shared one is none of the dashboard's.
        masked_units=("apache2.service",),
        resources=(Clone(apache, meta={"interleave": "true"}),),
        listeners=(LISTENER,),
        secrets=(KEY,),
    )


def config(design: Design, node: Node) -> Iterator[File]:
    """Apache's configuration, its unit, and what differs from Django's settings as packaged."""
    read_by = ("horizon",)
    workers = design.cloud.workers.get("horizon", 4)
    apache = _APACHE.format(
        notice=settings.NOTICE, node=node, port=PORT, root=ROOT, static=STATIC, workers=workers
    )
    yield File(APACHE, apache, read_by=read_by)
    unit = settings.merged(_UNIT, {"Service": haproxy.drained(design, LISTENER)})
    yield File(f"/etc/systemd/system/{UNIT}", settings.unit(unit), read_by=read_by)
    yield haproxy.drained_program()
    yield File(SETTINGS, _settings(design), group="www-data", mode=0o640, read_by=read_by)


_UNIT: settings.Settings = {
    "Unit": {
        "Description": "OpenStack Dashboard under Apache",
        "Wants": "network-online.target",
        "After": "network-online.target",
    },
    "Service": {
        "Type": "exec",
        "RuntimeDirectory": "horizon",
        "ExecStart": f"/usr/sbin/apache2 -f {APACHE} -D FOREGROUND",
        "ExecStop": f"/usr/sbin/apache2 -f {APACHE} -k stop",
        "KillMode": "mixed",
        "TimeoutStopSec": "15",
    },
}

_APACHE = """\
# {notice}
ServerRoot /usr/lib/apache2
ServerName {node.name}
PidFile /run/horizon/apache.pid
Listen {node.address}:{port}
User www-data
Group www-data
LoadModule mpm_event_module modules/mod_mpm_event.so
LoadModule authz_core_module modules/mod_authz_core.so
LoadModule alias_module modules/mod_alias.so
LoadModule mime_module modules/mod_mime.so
LoadModule deflate_module modules/mod_deflate.so
LoadModule filter_module modules/mod_filter.so
LoadModule wsgi_module modules/mod_wsgi.so
TypesConfig /etc/mime.types
AddOutputFilterByType DEFLATE text/html text/css text/javascript application/javascript application/json
ServerTokens Prod
Timeout 60
LogFormat "%h %l %u %t \\"%r\\" %>s %O \\"%{{Referer}}i\\" \\"%{{User-Agent}}i\\"" combined
ErrorLog /var/log/apache2/horizon-error.log
CustomLog /var/log/apache2/horizon-access.log combined
RedirectMatch ^/$ {root}/
WSGISocketPrefix /run/horizon/wsgi
WSGIDaemonProcess horizon user=www-data group=www-data processes={workers} threads=8 display-name=horizon
WSGIProcessGroup horizon
WSGIApplicationGroup %{{GLOBAL}}
WSGIScriptAlias {root} /usr/share/openstack-dashboard/wsgi.py
Alias {root}/static {static}
# The package's style sheets look for their fonts there, wherever the dashboard is.
Alias /static {static}
# Where Apache looks for what comes after the dashboard's own path, and says so if it may not.
DocumentRoot {static}
<Directory />
    Require all denied
</Directory>
<Directory /usr/share/openstack-dashboard>
    Require all granted
</Directory>
<Directory {static}>
    Require all granted
</Directory>
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
