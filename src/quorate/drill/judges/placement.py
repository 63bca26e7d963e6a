"""What the cluster did, by its own logs: nothing twice that may run once, nothing elsewhere before fencing."""

from collections.abc import Iterable, Iterator, Mapping

from quorate.drill.happening import Happening, Kind
from quorate.drill.judges.judgement import Judgement, Wrong


def judge(happenings: Iterable[Happening], at_first: Mapping[str, str]) -> Judgement:
    """`at_first` says where each resource that may be active once was active before (resource to node).

    An instance ends when it is stopped, when its node is fenced, or when Pacemaker begins anew there.
    """
    happened = list(happenings)
    twice = list(_twice(happened, dict(at_first)))
    counts = {kind.value: sum(each.kind is kind for each in happened) for kind in Kind}
    return Judgement.of(
        "placement",
        (
            Wrong.of(
                "twice",
                "started while it was active elsewhere: neither stopped there, nor its node fenced",
                twice,
            ),
        ),
        {name: count for name, count in counts.items() if count},
        why_unknown="" if at_first else "nothing in this cluster may be active only once",
    )


def _twice(happenings: Iterable[Happening], once: Mapping[str, str]) -> Iterator[str]:
    active: dict[str, str | None] = dict(once)
    for each in happenings:
        if each.kind in {Kind.FENCED, Kind.BEGUN}:
            active = {resource: None if node == each.node else node for resource, node in active.items()}
        elif each.resource in active and each.kind is Kind.STOP and active[each.resource] == each.node:
            active[each.resource] = None
        elif each.resource in active and each.kind is Kind.START:
            other = active[each.resource]
            if other not in {None, each.node}:
                yield f"{each.resource} on {each.node} at {each.at_s:.1f} s, still active on {other}"
            active[each.resource] = each.node
