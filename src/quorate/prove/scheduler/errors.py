"""What can go wrong with asking the scheduler. Not reaching it and its refusing an input are different types."""

from collections.abc import Mapping


class SchedulerUnavailable(Exception):
    """No place has the Pacemaker that was wanted; `reasons` says of each by its name why."""

    def __init__(self, reasons: Mapping[str, str]) -> None:
        super().__init__(dict(reasons))
        self.reasons = dict(reasons)

    def __str__(self) -> str:
        reasons = "; ".join(f"{place}: {why}" for place, why in self.reasons.items()) or "no place was named"
        return f"Pacemaker's scheduler cannot be asked: {reasons}"


class ScheduleFailed(Exception):
    """Pacemaker refused an input, aborted on it, or did not end in time."""
