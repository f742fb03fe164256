"""Is a green real? Accounted, arrived, checked, falsifiable."""

from greenproof.analysis.authenticity.faulting import FaultCandidates, plan_faults
from greenproof.analysis.authenticity.judge import Evidence, judge_run

__all__ = ["Evidence", "FaultCandidates", "judge_run", "plan_faults"]
