"""Guarding the measure: what changed in tests and their configuration so that they may be green for less."""

from greenproof.analysis.measure.accepting import accept
from greenproof.analysis.measure.comparing import compare, count_tests
from greenproof.analysis.measure.keeping import Measure, digest_of, form_of, read_form

__all__ = ["Measure", "accept", "compare", "count_tests", "digest_of", "form_of", "read_form"]
