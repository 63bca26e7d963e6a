"""What a configuration must say for a fault to be noticed and mended at all."""

from collections.abc import Iterator

from quorate.prove.configuration import Configuration, Primitive, true
from quorate.prove.history import Role
from quorate.prove.intent import Intent
from quorate.prove.properties.property import Breach, Property
from quorate.prove.settle import Trace


def watched(trace: Trace, intent: Intent) -> Iterator[Breach | None]:
    """Every service is asked again and again whether it runs, in each of its roles; failing has consequences."""
    if trace.episodes:
        return
    conf = trace.start.configuration
    for service in intent.services:
        primitive = conf.primitives[service]
        roles = set(trace.start.instances(service).values()) or {Role.STARTED}
        for role in sorted(roles):
            yield _watched(primitive, promoted=role is Role.PROMOTED)


def _watched(primitive: Primitive, *, promoted: bool) -> Breach | None:
    monitors = primitive.monitors(promoted=promoted)
    if any(each.get("on-fail", "restart") not in {"ignore", "block"} for each in monitors):
        return None
    role = "promoted" if promoted else "started"
    why = f"on-fail={monitors[0]['on-fail']}" if monitors else "no recurring monitor"
    message = f"a failure of {primitive.id} ({role}) has no consequence: {why}"
    constraint = monitors[0].get("id") if monitors else None
    return Breach("watched", message, resources=(primitive.id,), constraint=constraint)


def managed(trace: Trace, intent: Intent) -> Iterator[Breach | None]:
    """Nothing is left behind that ties Pacemaker's hands: maintenance, unmanaged or stopped resources, bans."""
    if trace.episodes:
        return
    conf = trace.start.configuration
    yield _left_behind(conf.enabled("maintenance-mode", default=False), "maintenance-mode=true", ())
    for service in intent.services:
        yield from _left(conf.primitives[service])
    yield from _bans(conf)


def _left(primitive: Primitive) -> Iterator[Breach | None]:
    about = (primitive.id,)
    unmanaged = not true(primitive.meta.get("is-managed", "true")) or true(primitive.meta.get("maintenance"))
    yield _left_behind(unmanaged, f"{primitive.id} is not managed: is-managed, maintenance", about)
    stopped = primitive.meta.get("target-role", "Started").lower() == "stopped"
    yield _left_behind(stopped, f"{primitive.id} is stopped: target-role=Stopped", about)


def _bans(conf: Configuration) -> Iterator[Breach | None]:
    for each in conf.locations:
        ours = each.id.startswith(("cli-ban-", "cli-prefer-"))
        message = f"a move or ban by hand is still in force: {each.id}"
        yield Breach("managed", message, resources=(each.resource,), constraint=each.id) if ours else None


def _left_behind(broken: bool, message: str, resources: tuple[str, ...]) -> Breach | None:
    return Breach("managed", message, resources=resources) if broken else None


PROPERTIES = (
    Property("watched", "every service is monitored, and a failure has consequences", watched),
    Property("managed", "nothing is left behind that ties Pacemaker's hands", managed),
)
