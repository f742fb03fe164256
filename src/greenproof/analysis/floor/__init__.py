"""The floor: from what a suite showed on controlled backends to what its green is worth."""

from greenproof.analysis.floor.findings import finding_of, outcome_of
from greenproof.analysis.floor.judging import Plans, judge_floor
from greenproof.analysis.floor.resuming import Cut, remaining

__all__ = ["Cut", "Plans", "finding_of", "judge_floor", "outcome_of", "remaining"]
