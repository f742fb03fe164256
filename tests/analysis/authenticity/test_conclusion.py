"""The verdict on a run, in the order of the exit codes."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from greenproof.analysis.authenticity.conclusion import Gate, conclude
from greenproof.analysis.authenticity.reasons import DESELECTED
from greenproof.model.plan import Priority
from greenproof.model.verdicts import CaseVerdict, Reason, Verdict, counts


def verdicts(*kinds: str) -> list[CaseVerdict]:
    return [CaseVerdict(f"t.py::test_{i}", None, Verdict(kind), ()) for i, kind in enumerate(kinds)]


@pytest.mark.parametrize(
    ("kinds", "exit_code"),
    [
        (["proven", "proven"], 0),
        (["proven", "failed"], 1),
        (["proven", "hollow"], 1),
        (["unproven", "failed"], 1),
        (["unproven"], 5),
        (["not-run"], 5),
        ([], 5),
        (["proven", "unproven"], 6),
        (["proven", "not-run"], 6),
        (["proven", "flaky"], 6),
        (["passed-offline"], 0),
    ],
)
def test_exit_codes(kinds: list[str], exit_code: int) -> None:
    assert conclude(verdicts(*kinds), (), Gate()).exit_code == exit_code


def test_only_gating_priorities_decide() -> None:
    gate = Gate((Priority("P1", ("*_0",)), Priority("P2", ("*_1",), gates=False)))
    assert conclude(verdicts("proven", "failed"), (), gate).exit_code == 0
    assert conclude(verdicts("failed", "proven"), (), gate).exit_code == 1


def test_a_finding_forbids_verified() -> None:
    assert conclude(verdicts("proven"), (Reason("process-ended-early", ""),), Gate()).exit_code == 6
    assert conclude(verdicts("proven"), (Reason("exit-status-disagrees", ""),), Gate()).exit_code == 1


def test_what_the_command_line_left_out_was_not_selected() -> None:
    left_out = CaseVerdict("t.py::test_b", None, Verdict.NOT_RUN, (DESELECTED.reason(),))
    assert conclude([*verdicts("proven"), left_out], (), Gate(command=("pytest", "-k", "a"))).exit_code == 0
    assert conclude([*verdicts("proven"), left_out], (), Gate(command=("pytest",))).exit_code == 6


@given(st.lists(st.sampled_from(list(Verdict))))
def test_nothing_but_proof_verifies(kinds: list[Verdict]) -> None:
    found = verdicts(*kinds)
    code = conclude(found, (), Gate()).exit_code
    assert (code == 0) == (bool(kinds) and set(kinds) <= {Verdict.PROVEN, Verdict.PASSED_OFFLINE})
    assert sum(counts(found).values()) == len(kinds)
