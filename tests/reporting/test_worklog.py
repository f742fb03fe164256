"""The worklog: what was verified and what was not, beside the run before."""

from dataclasses import replace

from promises import ALL
from proofs import proof
from syrupy.assertion import SnapshotAssertion

from greenproof.analysis.value import features_at_risk, matrix
from greenproof.model.facts import Release, Revision
from greenproof.model.history import PerformancePast
from greenproof.model.inheritance import Inherited
from greenproof.model.plan import Category, Feature, Priority
from greenproof.model.report import Component, CycleReport, StepRecord
from greenproof.reporting.worklog import escaped, worklog


def report() -> CycleReport:
    judged = proof()
    cases = judged.verdict.cases
    by_category, by_priority = matrix(
        (Category("Orders", ("*test_order*",), 2),), (Priority("P1", ("*test_order", "*blind")),), cases
    )
    return CycleReport(
        project="shop",
        environment="local",
        run=judged.run,
        started=judged.at,
        finished="2026-01-01T00:01:00+00:00",
        steps=(StepRecord("ready", "done", 0.5, "api ready"), StepRecord("deploy", "done", 2.0)),
        components=(
            Component("api", "ready", "api-1", 12.0, "", "ready", 4.0),
            Component("postgres", "ready", None, 1.0),
        ),
        release=Release("r-1", (Revision("api", "api-1", "1" * 64),)),
        release_before="r-0",
        run_before="20251231T000000Z-000000",
        proof=judged,
        by_category=by_category,
        by_priority=by_priority,
        features=features_at_risk((Feature("ordering", 500.0, "enterprise", ("*test_order",)),), cases),
        evidence=(("exchanges of the plain run", "../evidence/ab/abcd"),),
        head="f" * 64,
        head_event=57,
        inherited=(
            Inherited("components", "2 components.", "20251231T000000Z-000000", "2025-12-31T00:00:00Z", "r-0"),
            Inherited(
                "plan", "1 is missing | now.", "20251230T000000Z-000000", "2025-12-30T00:00:00Z", None, ("t::1",)
            ),
        ),
        exit_code=1,
    )


def test_the_worklog_as_it_is_written(snapshot: SnapshotAssertion) -> None:
    assert worklog(report()) == snapshot


def test_promises_about_time_beside_the_run_before(snapshot: SnapshotAssertion) -> None:
    judged = report()
    assert judged.proof is not None
    before = {"API response": PerformancePast("API response", "missed", "response", "p95", 100.0, 140.0)}
    text = worklog(replace(judged, proof=replace(judged.proof, performance=ALL), performance_before=before))
    section = text.split("## Performance\n")[1].split("\n## ")[0]
    assert section == snapshot
    assert "\x1b" not in section
    assert "## Performance" not in worklog(judged)


def test_a_component_that_became_slower_says_by_which_factor() -> None:
    assert "| api | ready | ready | 12.0 ms | 4.0 ms | 3.0 x | api-1 |" in worklog(report())


def test_a_report_that_inherits_nothing_says_so() -> None:
    text = worklog(replace(report(), inherited=()))
    assert "Nothing: everything here was observed in this run." in text


def test_nothing_from_outside_becomes_markup() -> None:
    text = worklog(report())
    assert "<script>" not in text
    assert "\x1b" not in text
    assert escaped("a|b\nc") == r"a\|b?c"
