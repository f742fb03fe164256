"""Guarding the measure: what changed in tests and their configuration so that they may be green for less."""

from greenproof.analysis.measure.accepting import accept
from greenproof.analysis.measure.comparing import compare
from greenproof.analysis.measure.keeping import Measure, form_of, read_form

__all__ = ["Measure", "accept", "compare", "form_of", "read_form"]
