"""What a configuration must say for a fault to be noticed and mended at all."""

from collections.abc import Iterator

from quorate.prove.configuration import Configuration, Primitive
from quorate.prove.history import Role
from quorate.prove.intent import Active, Intent
from quorate.prove.properties.property import Breach, Property
from quorate.prove.settle import Trace
from quorate.prove.spelling import true


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
    for node in conf.nodes:
        for name in ("standby", "maintenance"):
            yield _left_behind(true(conf.node_attributes(node).get(name)), f"{node} is in {name}", ())


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


def remotes(trace: Trace, intent: Intent) -> Iterator[Breach | None]:
    """Remotes carry what is meant for them alone.

    A clone without `clone-max` has an instance for every remote too, each of which is weighed in every decision:
    with 100 remotes a schedule takes many times as long. One that is limited is meant for the members.
    """
    if trace.episodes:
        return
    conf = trace.start.configuration
    for service, active in intent.services.items():
        primitive, there = conf.primitives[service], set(trace.start.instances(service))
        there &= set(conf.remotes)
        limit = primitive.meta.get("clone-max")
        about = (primitive.clone or service,)
        if active is Active.ALL and limit is None and not there:
            message = f"{about[0]} runs on no remote and has no clone-max: it has an instance for each of them"
            yield Breach("remotes", message, resources=about)
        elif there and (active is Active.ONE or _at_most(limit, len(conf.members))):
            message = f"{about[0]}, of which there are as many as members, runs on {', '.join(sorted(there))}"
            yield Breach("remotes", message, resources=about, nodes=tuple(sorted(there)))
        else:
            yield None


def _at_most(limit: str | None, number: int) -> bool:
    return limit is not None and limit.isdigit() and int(limit) <= number


PROPERTIES = (
    Property("watched", "every service is monitored, and a failure has consequences", watched),
    Property(
        "remotes",
        "remotes carry what is meant for them alone",
        remotes,
        lambda trace, _intent: bool(trace.start.configuration.remotes),
    ),
    Property("managed", "nothing is left behind that ties Pacemaker's hands", managed),
)
