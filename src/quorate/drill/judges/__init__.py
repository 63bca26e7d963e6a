"""Judges: each a pure function of a history, which says what was lost and what appeared from nowhere."""

from quorate.drill.judges.judgement import Judgement, Wrong

__all__ = ["Judgement", "Wrong"]
