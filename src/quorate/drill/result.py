"""What came of a drill, as a value that is kept and read again."""

from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass, field
from typing import Any, Self

from quorate.drill.happening import Happening, Kind
from quorate.drill.judges import Judgement, Wrong
from quorate.drill.operation import Operation
from quorate.drill.outage import AFTERSHOCK_S, SLOW_S, after_harm, outages
from quorate.model.check import Result
from quorate.model.finding import Verdict

ERRORS = 5


@dataclass(frozen=True, slots=True)
class Service:
    """What one workload's clients lived through from the harm on.

    `outage_s` is the first time without service (0.0 if there was none), from `outage_at_s` after the harm began;
    `aftershocks_s` are later ones longer than AFTERSHOCK_S; `longest_s` is the longest that one operation took.
    `asks` is what these operations do; an answer that took longer than `slow_s` was none.
    """

    workload: str
    component: str
    operations: int
    failed: int
    outage_s: float
    outage_at_s: float
    aftershocks_s: tuple[float, ...]
    longest_s: float
    errors: tuple[str, ...]
    asks: tuple[str, ...] = ()
    slow_s: float = SLOW_S

    @classmethod
    def of(cls, workload: str, component: str, asked: Iterable[Operation], slow_s: float = SLOW_S) -> Self:
        """From the operations that a service in order always answers, in seconds after the harm."""
        after = after_harm(asked)
        found = outages(after, slow_s=slow_s)
        first = found[0] if found else None
        errors = tuple(dict.fromkeys(error for one in found for error in one.errors))
        took = [each.ended_s - each.began_s for each in after if each.ended_s is not None]
        return cls(
            workload,
            component,
            len(after),
            sum(not each.ok for each in after),
            round(first.seconds, 3) if first else 0.0,
            round(first.began_s, 3) if first else 0.0,
            tuple(round(each.seconds, 3) for each in found[1:] if each.seconds > AFTERSHOCK_S),
            round(max(took, default=0.0), 3),
            errors[:ERRORS],
            tuple(sorted({each.does for each in after})),
            slow_s,
        )


@dataclass(frozen=True, slots=True)
class Term:
    """One moment of a failover, in seconds after the harm began: as measured, and as the timers predict."""

    name: str
    measured_s: float | None
    predicted_s: float | None


@dataclass(frozen=True, slots=True)
class Drilled:
    """One drill. Times are seconds after the harm began; None where it did not come to that.

    `struck_s` is that moment in the histories' seconds. `healed_s` is when the drill had put right what is its to
    put right, `healthy_s` when everything was as designed again, and every service could be used: asked after the
    clients have ended, it counts from before if it goes well at once. `trouble` is what kept the drill from going
    its way. `at_first` says where each resource that may be active once was active before.
    """

    fault: str
    node: str
    began_at: str
    struck_s: float = 0.0
    services: tuple[Service, ...] = ()
    judgements: tuple[Judgement, ...] = ()
    looked: tuple[Result, ...] = ()
    terms: tuple[Term, ...] = ()
    happenings: tuple[Happening, ...] = field(default=(), repr=False)
    healed_s: float | None = None
    healthy_s: float | None = None
    trouble: str = ""
    directory: str = ""
    at_first: Mapping[str, str] = field(default_factory=dict, repr=False)

    @property
    def verdict(self) -> Verdict:
        """No if a promise was broken or the cloud did not become whole; unknown if something was never seen."""
        verdicts = {each.verdict for each in self.judgements} | {each.verdict for each in self.looked}
        if Verdict.NO in verdicts or (self.trouble and self.healthy_s is None):
            return Verdict.NO
        if self.trouble or not self.judgements or Verdict.UNKNOWN in verdicts:
            return Verdict.UNKNOWN
        return Verdict.YES

    @property
    def outage_s(self) -> float:
        """The longest outage of any service."""
        return max((each.outage_s for each in self.services), default=0.0)

    @property
    def aftershocks(self) -> int:
        """Of all services."""
        return sum(len(each.aftershocks_s) for each in self.services)

    def as_json(self) -> dict[str, Any]:
        """Everything, for a file or a program; `of_json` reads it."""
        said = asdict(self)
        said["verdict"] = self.verdict.value
        for judgement, one in zip(said["judgements"], self.judgements, strict=True):
            judgement["verdict"] = one.verdict.value
        for result in said["looked"]:
            result["verdict"] = result["verdict"].value
        for happening in said["happenings"]:
            happening["kind"] = happening["kind"].value
        return said

    @classmethod
    def of_json(cls, said: Mapping[str, Any]) -> Self:
        """What `as_json` gave. Raises KeyError, TypeError or ValueError for anything else."""
        rest = {name: said[name] for name in _PLAIN}
        return cls(
            **rest,
            services=tuple(Service(**_tuples(each)) for each in said["services"]),
            judgements=tuple(_judgement(each) for each in said["judgements"]),
            looked=tuple(Result(Verdict(each["verdict"]), each["seen"], each["node"]) for each in said["looked"]),
            terms=tuple(Term(**each) for each in said["terms"]),
            happenings=tuple(Happening(**{**each, "kind": Kind(each["kind"])}) for each in said["happenings"]),
            at_first=dict(said.get("at_first", {})),
        )


_PLAIN = ("fault", "node", "began_at", "struck_s", "healed_s", "healthy_s", "trouble", "directory")


def _tuples(said: Mapping[str, Any]) -> dict[str, Any]:
    return {name: tuple(value) if isinstance(value, list) else value for name, value in said.items()}


def _judgement(said: Mapping[str, Any]) -> Judgement:
    wrongs = tuple(Wrong(**_tuples(each)) for each in said["wrongs"])
    return Judgement(said["workload"], wrongs, said["counts"], said["why_unknown"])
