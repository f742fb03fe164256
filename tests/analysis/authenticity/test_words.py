"""Every word of the design leads to an explanation, and every explanation to codes that are really given."""

import pytest

from greenproof.analysis.authenticity.reasons import CATALOGUE
from greenproof.analysis.authenticity.ways import WAYS
from greenproof.analysis.authenticity.words import SAME, WORDS, Sort, as_code
from greenproof.analysis.measure.rules import kinds
from greenproof.model.error_codes import ERRORS
from greenproof.model.floor import Finding
from greenproof.model.verdicts import Verdict

KNOWN = {*CATALOGUE, *WAYS, *WORDS, *kinds(), *ERRORS}
SAID = """
no contact, in-process only, mocked, fallback after failure, replayed cassette, wrong target, wrong route, stale revision,
health instead of the feature, another process, server-side bypass, canned or cached answer, unchecked,
checked only what it sent, swallowed failure, swallowed, tautology, early return, empty loop, accepts any status,
retries until green, skip on failure, survives fault, set-up only, sleeps for effect, inverted, cannot pass,
planned but never collected, import error, deselected, dropped by a hook, reports flipped, exit status forged,
process ended early, -O, || true, a pipe that hides the status, survives-fault, no_contact, [mocked]
"""


@pytest.mark.parametrize("word", [" ".join(word.split()) for word in SAID.split(",")])
def test_what_is_said_is_found(word: str) -> None:
    assert as_code(word) in KNOWN


def test_every_verdict_and_every_finding_of_the_floor_is_explained() -> None:
    runs = {"verified", "failed", "nothing-verified", "inconclusive"}
    assert {*(verdict.value for verdict in Verdict), *runs, *(finding.value for finding in Finding)} <= KNOWN
    of_verdicts = {word.code for word in WORDS.values() if word.sort is Sort.VERDICT}
    assert of_verdicts == {*(verdict.value for verdict in Verdict), *runs} - CATALOGUE.keys()


def test_words_lead_to_codes_and_hide_none() -> None:
    assert not WORDS.keys() & {*CATALOGUE, *WAYS, *kinds(), *ERRORS}
    for word in WORDS.values():
        assert set(word.leads_to) <= {*CATALOGUE, *WAYS, *ERRORS}, word.code
    assert not SAME.keys() & KNOWN
    assert set(SAME.values()) <= KNOWN
