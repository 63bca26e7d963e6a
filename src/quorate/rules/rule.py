"""What a rule is: a code that never changes, how bad a breach of it is, and the function that finds breaches."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Generic, TypeVar

from quorate.model.finding import Finding, Severity

Subject = TypeVar("Subject")


@dataclass(frozen=True, slots=True)
class Breach:
    """Where a rule is broken (a dotted path into the file), how, and what to do."""

    place: str
    message: str
    remedy: str


@dataclass(frozen=True, slots=True)
class Rule(Generic[Subject]):
    """A rule about clouds or about designs; its first docstring line is its title, the rest its reason."""

    code: str
    severity: Severity
    breaches: Callable[[Subject], Iterator[Breach]]

    @property
    def title(self) -> str:
        """What must hold, in one line."""
        return (self.breaches.__doc__ or "").strip().partition("\n")[0]

    @property
    def reason(self) -> str:
        """Why, and whose experience it is."""
        return " ".join((self.breaches.__doc__ or "").strip().partition("\n")[2].split())

    def judge(self, subject: Subject) -> Iterator[Finding]:
        """The rule's breaches as findings."""
        for breach in self.breaches(subject):
            yield Finding(self.code, self.severity, breach.place, breach.message, breach.remedy)
