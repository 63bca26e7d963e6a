"""The cluster as crmsh's configuration, for `crm configure load update FILE` (crmsh 5).

Without a word of comment: crmsh carries comments on into the CIB.
"""

import itertools
from collections.abc import Iterable, Iterator, Mapping

from quorate.formats import cib, shell
from quorate.model.resource import (
    Clone,
    Colocation,
    Configuration,
    Constraint,
    FencingLevel,
    Group,
    Location,
    Order,
    Primitive,
    Resource,
)


def script(conf: Configuration) -> str:
    """One statement for each resource and constraint, in the design's order.

    Raises ValueError for what crmsh cannot say: a value that is not ASCII, holds a line break or ends in a
    backslash, and fencing levels that are not numbered from 1 without a gap.
    """
    breaks = ("params", "meta", "op")
    return "".join(f"{shell.fold(map(_checked, words), breaks)}\n" for words in _statements(conf))


def _statements(conf: Configuration) -> Iterator[Iterable[str]]:
    for keyword, pairs in (
        ("property", cib.decided(conf.properties)),
        ("rsc_defaults", conf.resource_defaults),
        ("op_defaults", conf.op_defaults),
    ):
        if pairs:
            yield (keyword, *_pairs(pairs))
    for resource in conf.resources:
        yield from _resource(resource)
    for constraint in conf.constraints:
        yield _constraint(constraint)
    if conf.fencing_levels:
        yield ("fencing_topology", *_levels(conf.fencing_levels))


def _resource(resource: Resource) -> Iterator[Iterable[str]]:
    match resource:
        case Primitive():
            ops = (("op", op.name, *_pairs(cib.op_attributes(op))) for op in resource.ops)
            params = _clause("params", resource.parameters)
            meta = _clause("meta", resource.meta)
            yield ("primitive", resource.id, resource.agent, *params, *meta, *itertools.chain(*ops))
        case Group():
            for member in resource.primitives:
                yield from _resource(member)
            members = (member.id for member in resource.primitives)
            yield ("group", resource.id, *members, *_clause("meta", resource.meta))
        case Clone():
            yield from _resource(resource.child)
            yield ("clone", resource.id, resource.child.id, *_clause("meta", resource.meta))


def _constraint(constraint: Constraint) -> Iterable[str]:
    match constraint:
        case Order(first=first, then=then, kind=kind, first_action=action):
            return ("order", constraint.id, f"{kind.value}:", f"{first}:{action}", f"{then}:start")
        case Colocation(resource=one, with_resource=other, score=score):
            return ("colocation", constraint.id, f"{score}:", one, other)
        case Location(resource=resource, node=node, score=score):
            return ("location", constraint.id, resource, f"{score}:", node)


def _levels(levels: Iterable[FencingLevel]) -> Iterator[str]:
    targets: dict[str, dict[int, FencingLevel]] = {}
    for level in levels:
        targets.setdefault(level.target, {})[level.index] = level
    for target, numbered in targets.items():
        if sorted(numbered) != list(range(1, len(numbered) + 1)):
            raise ValueError(
                f"crmsh numbers fencing levels from 1 on, those of {target} are {sorted(numbered)}; "
                "renumber them, or load the configuration as XML",
            )
        yield f"{target}:"
        yield from (",".join(numbered[index].devices) for index in sorted(numbered))


def _clause(keyword: str, pairs: Mapping[str, str]) -> Iterable[str]:
    return (keyword, *_pairs(pairs)) if pairs else ()


def _pairs(settings: Mapping[str, str]) -> Iterator[str]:
    return (f"{name}={value}" for name, value in settings.items())


def _checked(word: str) -> str:
    if not word.isascii() or "\n" in word or word.endswith("\\"):
        raise ValueError(f"crmsh cannot read {word!r} back unchanged; load the configuration as XML")
    return word
