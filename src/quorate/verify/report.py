"""What a verification found, as a value."""

from dataclasses import dataclass

from quorate.model.check import Result, verdict
from quorate.model.finding import Verdict


@dataclass(frozen=True, slots=True)
class Outcome:
    """A check and what came of it."""

    name: str
    component: str
    about: str
    results: tuple[Result, ...]

    @property
    def verdict(self) -> Verdict:
        """One no makes it no; otherwise one unknown makes it unknown."""
        return verdict(self.results)


@dataclass(frozen=True, slots=True)
class Report:
    """Every check's outcome, in the order they are shown, and how long it took."""

    outcomes: tuple[Outcome, ...]
    seconds: float

    @property
    def verdict(self) -> Verdict:
        """As of one check: no before unknown before yes."""
        verdicts = {outcome.verdict for outcome in self.outcomes}
        order = (Verdict.NO, Verdict.UNKNOWN, Verdict.YES)
        return next((each for each in order if each in verdicts), Verdict.UNKNOWN)

    def outcome(self, name: str) -> Outcome:
        """The outcome of the check of that name (KeyError if it was not asked)."""
        for outcome in self.outcomes:
            if outcome.name == name:
                return outcome
        raise KeyError(name)
