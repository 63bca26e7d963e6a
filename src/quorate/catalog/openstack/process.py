"""A service's processes: what they need, their units, and the uWSGI that runs an API on its node's own address.

Units replace the packages': their wrappers bind every address, also the virtual IP that HAProxy needs, and they
want the database and the broker, which systemd would start behind Pacemaker's back. A drop-in cannot undo that.
"""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field

from quorate.catalog import haproxy
from quorate.formats import settings
from quorate.model.cloud import Cloud
from quorate.model.component import Listener, Mode, Requires
from quorate.model.design import Design
from quorate.model.item import File, Until
from quorate.model.resource import Clone, Kind, Primitive, systemd
from quorate.model.topology import Node

NEEDS = (
    Requires("galera", Kind.OPTIONAL, "a member's database may restart: the proxy finds another"),
    Requires("haproxy", Kind.OPTIONAL, "a proxy that restarts must not take the service with it"),
    Requires("memcached", Kind.OPTIONAL, "a cache that is away only makes requests slower"),
    Requires("rabbitmq", Kind.OPTIONAL, "its clients go on with another broker"),
    Requires("keystone", Kind.OPTIONAL, "tokens are checked by whichever instance the proxy finds"),
)
"""What every OpenStack service but the identity service needs, and starts after."""

HEALTH = "/healthcheck"
"""Where oslo.middleware answers without a token."""

_ANSWERS = """
import socket, sys, urllib.request
port, path = sys.argv[1:]
urllib.request.urlopen(f"http://{socket.gethostname()}:{port}{path}", timeout=5).close()
"""


@dataclass(frozen=True, slots=True)
class Process:
    """One process that Pacemaker starts by a unit of its name, as `user`.

    `service` adds to the unit's section of that name; `wants` is another unit that is started with it.
    """

    name: str
    user: str
    command: str
    service: Mapping[str, str] = field(default_factory=dict)
    wants: str = ""

    @property
    def unit(self) -> str:
        """Its unit."""
        return f"{self.name}.service"

    @classmethod
    def daemon(cls, name: str, user: str, *files: str, program: str = "", **service: str) -> "Process":
        """One that reads these configuration files and writes its log to a file of its name."""
        options = "".join(f" --config-file {path}" for path in files)
        log = f" --log-file /var/log/{user}/{name}.log"
        return cls(name, user, f"/usr/bin/{program or name}{options}{log}", service)

    def primitive(self, cloud: Cloud) -> Primitive:
        """Its resource: the first start of many on a busy node takes long, and a hung one is to be killed."""
        return systemd(self.name, self.name, monitor_s=cloud.timers.monitor_interval_s, start_s=120, stop_s=60)

    def clone(self, cloud: Cloud) -> Clone:
        """An instance on every member."""
        return Clone(self.primitive(cloud), meta={"interleave": "true"})

    def file(self, **service: str) -> File:
        """Its unit's file, with more in the unit's section of that name."""
        unit: settings.Settings = {
            "Unit": {
                "Description": f"OpenStack {self.name}",
                "Wants": f"network-online.target {self.wants}".rstrip(),
                "After": "network-online.target",
            },
            "Service": {
                "ExecStart": self.command,
                "User": self.user,
                "Group": self.user,
                "WorkingDirectory": "~",
                "RuntimeDirectory": f"{self.user} lock/{self.user}",
                # of several processes, which come and go one by one
                "RuntimeDirectoryPreserve": "yes",
                "CacheDirectory": self.user,
                "LimitNOFILE": "65535",
                "TimeoutStopSec": "15",
                **self.service,
                **service,
            },
        }
        return File(f"/etc/systemd/system/{self.unit}", settings.unit(unit), read_by=(self.name,))


@dataclass(frozen=True, slots=True)
class Api:
    """An API under uWSGI, behind HAProxy.

    `project` names its user, its directory in /etc and its number of `workers:`; `wsgi_file` is the script that
    gives the application. `check` is the path that HAProxy asks. `uwsgi` adds to uWSGI's settings.
    """

    name: str
    project: str
    port: int
    wsgi_file: str
    check: str = HEALTH
    threads: int = 8
    uwsgi: Mapping[str, str] = field(default_factory=dict)
    public: bool = True
    idle_s: int = 60

    @property
    def ini(self) -> str:
        """The path of uWSGI's settings."""
        return f"/etc/{self.project}/{self.name}-uwsgi.ini"

    @property
    def process(self) -> Process:
        """The server, uWSGI; it tells systemd when its workers are there."""
        notify = {"Type": "notify", "NotifyAccess": "all", "KillSignal": "SIGTERM"}
        return Process(self.name, self.project, f"/usr/bin/uwsgi_python3 --ini {self.ini}", notify)

    def listener(self, cloud: Cloud) -> Listener:
        """Where clients reach it."""
        return Listener(
            self.name,
            self.port,
            Mode.HTTP,
            check=f"GET {self.check}",
            capacity=self._workers(cloud) if self.threads == 1 else None,
            public=self.public,
            idle_s=self.idle_s,
        )

    def _workers(self, cloud: Cloud) -> int:
        return cloud.workers.get(self.project, 4)

    def answers(self) -> Until:
        """It serves on the node where this is asked."""
        return Until(
            f"{self.name} answers",
            ("python3", "-c", _ANSWERS, str(self.port), self.check),
            # Where many start at once one may fail, and is tried again once that is forgotten.
            within_s=400,
            every_s=1,
        )

    def files(self, design: Design, node: Node) -> Iterator[File]:
        """Its unit, what that runs, and uWSGI's settings."""
        extra = design.cloud.extra.get(f"{self.name}-uwsgi.ini")
        yield File(self.ini, settings.ini(settings.merged(self._uwsgi(design, node), extra)), read_by=(self.name,))
        yield self.process.file(**haproxy.drained(design, self.listener(design.cloud)))
        yield haproxy.drained_program()

    def _uwsgi(self, design: Design, node: Node) -> settings.Settings:
        return {
            "uwsgi": {
                "master": "true",
                "plugins": "python3",
                "wsgi-file": self.wsgi_file,
                "http-socket": f"{node.address}:{self.port}",
                "processes": str(self._workers(design.cloud)),
                "threads": str(self.threads),
                "enable-threads": "true",
                "lazy-apps": "true",
                "thunder-lock": "true",
                "buffer-size": "65535",
                # uWSGI closes after each answer; a client that is told so does not try the connection again.
                "add-header": "Connection: close",
                "listen": "128",
                # The proxy writes down every request; here are those that failed, and no checks that it cut short.
                "disable-logging": "true",
                "log-4xx": "true",
                "log-5xx": "true",
                "ignore-sigpipe": "true",
                "ignore-write-errors": "true",
                "disable-write-exception": "true",
                "die-on-term": "true",
                "no-orphans": "true",
                "close-on-exec": "true",
                "logto": f"/var/log/{self.project}/{self.name}-uwsgi.log",
                "chdir": f"/var/lib/{self.project}",
                "env": f"OS_OSLO_MESSAGING_RABBIT__PROCESSNAME={self.name}",
                **self.uwsgi,
            }
        }


def conf(design: Design, path: str, content: settings.Settings, group: str, read_by: Iterable[str]) -> File:
    """An OpenStack configuration file with the file's `extra:` settings in it; its group alone may read it."""
    merged = settings.merged(content, design.cloud.extra.get(path.rpartition("/")[2]))
    return File(path, settings.ini(merged), group=group, mode=0o640, read_by=tuple(read_by))
