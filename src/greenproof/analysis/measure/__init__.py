"""Guarding the measure: what changed in tests and their configuration so that they may be green for less."""

from greenproof.analysis.measure.accepting import accept
from greenproof.analysis.measure.comparing import compare, compare_forms, count_tests
from greenproof.analysis.measure.keeping import Measure, read_form
from greenproof.analysis.measure.taking import digest_of, form_of

__all__ = ["Measure", "accept", "compare", "compare_forms", "count_tests", "digest_of", "form_of", "read_form"]
