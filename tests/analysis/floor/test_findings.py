"""What the outcomes on the controlled backends say about a case."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from greenproof.analysis.floor import finding_of, outcome_of
from greenproof.model.facts import CaseRecord, Outcome
from greenproof.model.floor import DEAD, Backend, Finding, FloorOutcome

OUTCOMES = st.fixed_dictionaries({backend: st.sampled_from(list(FloorOutcome)) for backend in Backend})


@pytest.mark.parametrize(
    ("outcomes", "finding"),
    [
        ("passed passed passed", "blind"),
        ("passed failed passed", "partly-blind"),
        ("failed failed passed", "partly-blind"),
        ("passed passed failed", "inverted"),
        ("failed passed error", "inverted"),
        ("passed failed skipped", "partly-blind"),
        ("skipped passed passed", "partly-blind"),
        ("failed error failed", "red"),
        ("skipped skipped failed", "red"),
        ("skipped xfailed not-run", "not-run"),
        ("skipped skipped passed", "partly-blind"),
    ],
)
def test_the_finding_of_a_case(outcomes: str, finding: str) -> None:
    given_ = dict(zip(Backend, map(FloorOutcome, outcomes.split()), strict=True))
    assert finding_of(given_).value == finding


@given(OUTCOMES)
def test_findings_keep_their_order_and_meaning(outcomes: dict[Backend, FloorOutcome]) -> None:
    finding = finding_of(outcomes)
    green = {b for b, o in outcomes.items() if o is FloorOutcome.PASSED}
    decided = {b for b, o in outcomes.items() if o.decided}
    assert (finding is Finding.NOT_RUN) == (not decided)
    assert (finding is Finding.BLIND) == (green == set(Backend))
    assert (finding is Finding.RED) == (bool(decided) and not green)
    inverted = bool(green & set(DEAD)) and Backend.STATIC in decided - green
    assert (finding is Finding.INVERTED) == inverted


def test_a_case_that_was_cut_off_failed_whatever_it_says() -> None:
    assert outcome_of(CaseRecord("t", Outcome.PASSED), cut_off=True) is FloorOutcome.FAILED
    assert outcome_of(CaseRecord("t", Outcome.ERROR), cut_off=True) is FloorOutcome.ERROR
    assert outcome_of(CaseRecord("t", Outcome.UNFINISHED)) is FloorOutcome.FAILED
    assert outcome_of(CaseRecord("t", Outcome.XPASSED)) is FloorOutcome.FAILED
    assert outcome_of(None) is FloorOutcome.NOT_RUN
