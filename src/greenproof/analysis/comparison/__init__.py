"""Comparison: one run beside another, and beside the last good one, over a fixed denominator."""

from greenproof.analysis.comparison.comparing import compare
from greenproof.analysis.comparison.gating import gate
from greenproof.analysis.comparison.inheriting import Plan, take_over
from greenproof.analysis.comparison.naming import named_run, nearest
from greenproof.analysis.comparison.timing import Others

__all__ = ["Others", "Plan", "compare", "gate", "named_run", "nearest", "take_over"]
