"""Comparison: one run beside another, and beside the last good one, over a fixed denominator."""

from greenproof.analysis.comparison.comparing import compare
from greenproof.analysis.comparison.inheriting import Plan, take_over

__all__ = ["Plan", "compare", "take_over"]
