"""What must always hold, each a function of a trace: the states that were passed through, the transitions between.

`ALL` has every property by its name. A component's own are of the same kind.
"""

from quorate.prove.properties.configured import PROPERTIES as CONFIGURED
from quorate.prove.properties.constraints import PROPERTIES as CONSTRAINTS
from quorate.prove.properties.fenced import PROPERTIES as FENCED
from quorate.prove.properties.motion import PROPERTIES as MOTION
from quorate.prove.properties.placement import PROPERTIES as PLACEMENT
from quorate.prove.properties.property import Breach, Judged, Property

ACCEPTED = "accepted"
"""The property that is not one of a trace: `crm_verify` has the word."""

_ACCEPTED = Property(ACCEPTED, "crm_verify accepts the configuration", lambda _trace, _intent: ())

ALL: dict[str, Property] = {
    each.name: each for each in (*PLACEMENT, *FENCED, *CONSTRAINTS, *MOTION, *CONFIGURED, _ACCEPTED)
}

__all__ = ["ACCEPTED", "ALL", "Breach", "Judged", "Property"]
