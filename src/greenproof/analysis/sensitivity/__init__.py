"""Sensitivity: further faults on proven cases, which of them fit, and what was noticed. One file per family."""

from greenproof.analysis.sensitivity.fitting import Fitting, writes
from greenproof.analysis.sensitivity.measuring import by_operator, cases_of, fields_of, trials_of
from greenproof.analysis.sensitivity.packing import Packed, pack
from greenproof.analysis.sensitivity.registry import OPERATORS

__all__ = ["OPERATORS", "Fitting", "Packed", "by_operator", "cases_of", "fields_of", "pack", "trials_of", "writes"]
