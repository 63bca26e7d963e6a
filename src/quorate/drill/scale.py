"""Where a second after the harm is in a picture: the first seconds get more room than all that follow."""

import math
from collections.abc import Iterable
from dataclasses import dataclass

ALWAYS = float("inf")
"""The end of what does not end; with a minus, when that began that had always been so."""
BEFORE_S = 2.0
"""So much of what was before the harm is shown."""
NEAR_S = (6.0, 10.0, 15.0)
"""How long the first seconds may be."""
ROOM = 1.1
"""So many times as long they are at least as what happens in them."""
NEAR = 0.6
"""Their share of the width."""
DENSER = 1.5
"""The rest is told apart only if it would be so many times as dense."""
TICKS_S = (1, 2, 5, 10, 20, 30, 60, 120, 300, 600, 1200, 3600)
BIN_S = 0.5
BINS = 60
"""So many bins at most after the first seconds."""


@dataclass(frozen=True, slots=True)
class Scale:
    """Places are from 0 to 1: the first seconds end at `near_s`, and all ends at `until_s`."""

    from_s: float
    near_s: float
    until_s: float

    @classmethod
    def around(cls, moments: Iterable[float], until_s: float) -> "Scale":
        """The first seconds have room for what happens early: for those of `moments` that can be among them."""
        latest = max((each for each in moments if each * ROOM <= NEAR_S[-1]), default=0.0)
        near_s = next(each for each in NEAR_S if each >= latest * ROOM)
        until_s = max(until_s, near_s)
        dense = (until_s - near_s) / (1 - NEAR) / ((near_s + BEFORE_S) / NEAR)
        return cls(-BEFORE_S, near_s if dense >= DENSER else until_s, until_s)

    @property
    def broken(self) -> bool:
        """Whether there is a rest that is denser."""
        return self.near_s < self.until_s

    @property
    def denser(self) -> float:
        """How many times as dense the rest is."""
        return (self.until_s - self.near_s) / (1 - NEAR) / ((self.near_s - self.from_s) / NEAR)

    def place(self, at_s: float) -> float:
        """Where that second is; what is outside is at the edge."""
        at_s = min(max(at_s, self.from_s), self.until_s)
        share = NEAR if self.broken else 1.0
        if at_s <= self.near_s:
            return share * (at_s - self.from_s) / (self.near_s - self.from_s)
        return NEAR + (1 - NEAR) * (at_s - self.near_s) / (self.until_s - self.near_s)

    def bins(self) -> tuple[float, ...]:
        """The edges of bins in which operations are counted, all of about the same width."""
        near = round((self.near_s - self.from_s) / BIN_S)
        near_s = BIN_S if near <= BINS else (self.near_s - self.from_s) / BINS
        edges = [self.from_s + near_s * each for each in range(round((self.near_s - self.from_s) / near_s))]
        rest_s = max(BIN_S, math.ceil((self.until_s - self.near_s) / BINS / BIN_S) * BIN_S)
        edges += [self.near_s + rest_s * each for each in range(math.ceil((self.until_s - self.near_s) / rest_s))]
        return (*edges, self.until_s)

    def ticks(self, width: float, room: float) -> tuple[float, ...]:
        """Seconds to be written below a picture of that width, `room` apart at least."""
        near = _step((self.near_s - self.from_s) / (width * self.place(self.near_s)), room)
        found = [float(each) for each in range(0, math.floor(self.near_s) + 1, near)]
        if self.broken:
            per_s = (self.until_s - self.near_s) / (width * (1 - NEAR))
            step = _step(per_s, room)
            first = math.ceil((found[-1] + 1) / step) * step
            far = [float(each) for each in range(first, math.floor(self.until_s) + 1, step)]
            found += [each for each in far if width * (self.place(each) - self.place(found[-1])) >= room]
        return tuple(each for each in found if width * (1 - self.place(each)) >= room / 2)


def _step(seconds_per_unit: float, room: float) -> int:
    return next((each for each in TICKS_S if each >= seconds_per_unit * room), TICKS_S[-1])
