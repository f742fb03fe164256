"""Which cases run, and in which order: the most value first."""

from greenproof.analysis.selection.phases import RunPhase, select

__all__ = ["RunPhase", "select"]
