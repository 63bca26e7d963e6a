"""kill -9 of a daemon, and SIGSTOP: it lives, takes connections, and never answers."""

from collections.abc import Iterator
from dataclasses import dataclass
from functools import partial

from quorate.drill import aims
from quorate.drill.affliction import Affliction, acts
from quorate.drill.fault import Fault
from quorate.drill.hosts import sh
from quorate.drill.scene import Scene
from quorate.model.design import Design
from quorate.model.resource import Clone, Primitive

HUNG_S = 30
# The cluster's own, which no resource is for.
STACK = {
    "corosync": ("corosync", "its node falls silent: the others fence it"),
    "pacemakerd": ("pacemakerd", "systemd starts it again, and it finds its own daemons at work"),
    "pacemaker-controld": ("pacemaker-controld", "its node is fenced, or it is started again and takes part anew"),
}
# The nodes where a component or a resource's daemon matters more, or less, than elsewhere.
WHERE = {"galera": "writer", "haproxy": "bystander"}


@dataclass(frozen=True, slots=True)
class Daemon:
    """Processes that belong together: `signal` is a shell script that sends them the signal $SIGNAL."""

    name: str
    signal: str
    aim: str
    expects: str

    def script(self, signal: str) -> str:
        """Send it."""
        return f"SIGNAL={signal}; {self.signal}"


def faults(design: Design) -> Iterator[Fault]:
    """Two for each daemon."""
    for daemon in daemons(design):
        yield Fault(
            name=f"kill-{daemon.name}",
            does=f"kills {daemon.name} on a node (SIGKILL)",
            heals="by itself: it is started again",
            expects=daemon.expects,
            aim=daemon.aim,
            # so long clients alone are at work: it is started again meanwhile
            hold_s=10,
            harm=partial(_kill, daemon),
            heal=_nothing_left,
        )
        hang, let_go = acts(partial(_stopped, daemon))
        yield Fault(
            name=f"hang-{daemon.name}",
            does=f"freezes {daemon.name} on a node (SIGSTOP): it takes connections and never answers",
            heals="lets it go on (SIGCONT)",
            expects="the others serve; what asks it finds that out within its timeouts",
            aim=daemon.aim,
            hold_s=HUNG_S,
            harm=hang,
            heal=let_go,
        )


def daemons(design: Design) -> Iterator[Daemon]:
    """The cluster stack's, and one for each resource that runs processes."""
    for name, (process, expects) in STACK.items():
        yield Daemon(name, f"kill -s $SIGNAL $(pgrep -f '^[^ ]*/{process}( |$)')", "random", expects)
    for cluster in design.clusters:
        for resource in cluster.configuration.resources:
            for primitive in resource.primitives:
                signal = _signal(primitive)
                if signal and isinstance(resource, Clone):
                    aim = WHERE.get(primitive.id, "random")
                    yield Daemon(
                        primitive.id, signal, aim, "Pacemaker starts it again; the others serve meanwhile"
                    )
                elif signal:
                    aim = aims.runner(primitive.id)
                    yield Daemon(primitive.id, signal, aim, "Pacemaker starts it again; it is away until then")


def _signal(primitive: Primitive) -> str | None:
    if primitive.agent.startswith("systemd:"):
        unit = primitive.agent.removeprefix("systemd:")
        return f"systemctl kill --kill-whom=all --signal=$SIGNAL {unit}.service"
    if "pid" in primitive.parameters:
        return f'kill -s $SIGNAL "$(cat {primitive.parameters["pid"]})"'
    return None


async def _kill(daemon: Daemon, scene: Scene, node: str) -> None:
    async with scene.hosts.session(node) as session:
        scene.strike()
        await sh(session, daemon.script("KILL"))


async def _nothing_left(_scene: Scene, _node: str) -> None:
    """What was killed is the cluster's to start."""


def _stopped(daemon: Daemon, _scene: Scene, node: str) -> dict[str, Affliction]:
    return {node: Affliction(daemon.script("STOP"), f"{{ {daemon.script('CONT')}; }} || true")}
