"""Pacemaker's own scheduler, asked where Pacemaker is: on this machine, in a container or on a node.

The caller's side; `worker` is what runs there.
"""

from quorate.prove.scheduler.errors import ScheduleFailed, SchedulerUnavailable
from quorate.prove.scheduler.place import LOCAL, Place, in_image
from quorate.prove.scheduler.scheduler import COMMAND, LIBRARY, Scheduler, Verified, scheduler_at

__all__ = [
    "COMMAND",
    "LIBRARY",
    "LOCAL",
    "Place",
    "ScheduleFailed",
    "Scheduler",
    "SchedulerUnavailable",
    "Verified",
    "in_image",
    "scheduler_at",
]
