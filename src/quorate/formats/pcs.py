"""The cluster as the `pcs` commands that make it (pcs 0.12)."""

import re
from collections.abc import Iterable, Iterator, Mapping

from quorate.formats import cib, shell
from quorate.model.resource import (
    Clone,
    Colocation,
    Configuration,
    Constraint,
    Group,
    Location,
    Op,
    Order,
    Primitive,
    Resource,
)

_MILLISECONDS = re.compile(r"\d+ms")

_HEAD = """\
#!/bin/sh
# The cluster, as pcs commands. Options given to this script go to every one of them. Best made in a file and
# loaded at once, or resources start before the constraints that hold them back are known:
#   pcs cluster cib new.xml && cp new.xml old.xml
#   sh THIS_SCRIPT -f new.xml && pcs cluster cib-push new.xml diff-against=old.xml
set -eu
"""


def script(conf: Configuration) -> str:
    """A shell script of `commands`, each with the reasons the design gives for it."""
    reasons = {_constrain(each): each.why for each in conf.constraints if isinstance(each, Order)}
    lines = [_HEAD]
    for words in commands(conf):
        lines += [f"# {line}" for line in reasons.get(words, "").splitlines()]
        text = shell.fold(words, breaks=("op", "meta", "clone", "promotable", "group"))
        lines.append(text.replace("pcs ", 'pcs "$@" ', 1))
    return "\n".join(lines) + "\n"


def commands(conf: Configuration) -> tuple[tuple[str, ...], ...]:
    """The commands, in the order in which they must be carried out on an empty configuration.

    Raises ValueError for what pcs cannot say: an empty value, an interval or timeout in milliseconds.
    """
    return tuple(_commands(conf))


def _commands(conf: Configuration) -> Iterator[tuple[str, ...]]:
    properties = cib.decided(conf.properties)
    # Pacemaker takes milliseconds, which pcs has to be told to pass on
    forced = {name: value for name, value in properties.items() if _MILLISECONDS.fullmatch(value)}
    if plain := {name: value for name, value in properties.items() if name not in forced}:
        yield ("pcs", "property", "set", *_pairs(plain))
    if forced:
        yield ("pcs", "property", "set", "--force", *_pairs(forced))
    if conf.resource_defaults:
        yield ("pcs", "resource", "defaults", "update", *_pairs(conf.resource_defaults))
    if conf.op_defaults:
        yield ("pcs", "resource", "op", "defaults", "update", *_pairs(conf.op_defaults))
    for resource in conf.resources:
        yield from _create(resource)
    for constraint in conf.constraints:
        yield _constrain(constraint)
    for level in conf.fencing_levels:
        yield ("pcs", "stonith", "level", "add", str(level.index), level.target, *level.devices)


def _create(resource: Resource) -> Iterator[tuple[str, ...]]:
    match resource:
        case Primitive():
            yield from _primitive(resource)
        case Clone(child=Primitive() as child):
            yield from _primitive(child, _clone(resource))
        case Clone(child=Group() as child):
            yield from _create(child)
            keyword, *meta = _clone(resource)
            yield ("pcs", "resource", keyword, child.id, *meta)
        case Group():
            for member in resource.primitives:
                yield from _primitive(member, ("group", resource.id))
            if resource.meta:
                yield ("pcs", "resource", "meta", resource.id, *_pairs(resource.meta))


def _primitive(primitive: Primitive, place: Iterable[str] = ()) -> Iterator[tuple[str, ...]]:
    agent = primitive.agent.removeprefix("stonith:")
    kind = "resource" if agent == primitive.agent else "stonith"
    words = ["--no-default-ops", "--future"] if kind == "resource" else []
    words += [primitive.id, agent, *_pairs(primitive.parameters)]
    for op in primitive.ops:
        words += ["op", op.name, *_pairs(_settings(primitive, op))]
    if primitive.meta:
        words += ["meta", *_pairs(primitive.meta)]
    yield ("pcs", kind, "create", *words, *place)
    if not any(op.name == "monitor" for op in primitive.ops):
        # pcs always makes one, also with --no-default-ops.
        yield ("pcs", kind, "op", "delete", primitive.id, "monitor")


def _settings(primitive: Primitive, op: Op) -> Mapping[str, str]:
    for seconds in (op.interval_s, op.timeout_s):
        if cib.duration(seconds).endswith("ms"):
            raise ValueError(
                f"pcs takes whole seconds only: {op.name} of {primitive.id} has {cib.duration(seconds)}; "
                "round it, or load the configuration as XML",
            )
    return cib.op_attributes(op)


def _clone(clone: Clone) -> tuple[str, ...]:
    keyword = "promotable" if clone.promotable else "clone"
    meta = {name: value for name, value in clone.meta.items() if not (clone.promotable and name == "promotable")}
    return (keyword, "meta", *_pairs(meta)) if meta else (keyword,)


def _constrain(constraint: Constraint) -> tuple[str, ...]:
    match constraint:
        case Order(first=first, then=then, kind=kind, first_action=action):
            return (
                "pcs",
                "constraint",
                "order",
                action,
                first,
                "then",
                "start",
                then,
                f"kind={kind.value}",
                f"id={constraint.id}",
            )
        case Colocation(resource=one, with_resource=other, score=score):
            return (
                "pcs",
                "constraint",
                "colocation",
                "add",
                one,
                "with",
                other,
                f"score={score}",
                f"id={constraint.id}",
            )
        case Location(resource=resource, node=node, score=score):
            return ("pcs", "constraint", "location", "add", constraint.id, resource, node, f"score={score}")


def _pairs(settings: Mapping[str, str]) -> Iterator[str]:
    for name, value in settings.items():
        if not value:
            raise ValueError(
                f"pcs reads {name}= as 'remove {name}': leave it out, or load the configuration as XML"
            )
        yield f"{name}={value}"
