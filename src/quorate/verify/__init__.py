"""Is it as designed? Named checks, each yes, no or unknown, with what was seen."""

from quorate.verify.report import Outcome, Report
from quorate.verify.verification import NODES, ask, checks, looks, names, verify

__all__ = ["NODES", "Outcome", "Report", "ask", "checks", "looks", "names", "verify"]
