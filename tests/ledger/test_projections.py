"""What the entries of a ledger say about runs."""

import pytest

from greenproof.ledger import Ledger, projections
from greenproof.model.events import (
    CaseFinished,
    ReadingTaken,
    ReleaseDeployed,
    RolledBack,
    RunFinished,
    RunJudged,
    RunStarted,
    StepStarted,
    UnknownEvent,
    VerdictReached,
)
from greenproof.model.facts import CaseRecord, Outcome, Reading, Release, Revision
from greenproof.model.verdicts import CaseVerdict, Verdict

OLD = Release("r-old", (Revision("auth", "auth-1", "1"),))
NEW = Release("r-new", (Revision("auth", "auth-2", "2"),))


def finished(case: str, outcome: Outcome, cycle: int = 1) -> CaseFinished:
    return CaseFinished(cycle, "e2e", CaseRecord(case, outcome))


def judged(case: str, verdict: Verdict) -> VerdictReached:
    return VerdictReached(1, "e2e", CaseVerdict(case, Outcome.PASSED, verdict, ()))


@pytest.fixture
def entries(tmp_path):
    with Ledger.open(tmp_path / "ledger.db") as ledger:
        ledger.append_many("a", [RunStarted("a", "prove", "local", suite="e2e"), ReleaseDeployed(1, "local", OLD)])
        ledger.append("b", RunStarted("b", "prove", "local", suite="demo"))
        ledger.append_many(
            "a",
            [
                ReadingTaken(1, Reading("auth", "http", "2026-01-01T00:00:00Z", True, "ready")),
                finished("t::1", Outcome.FAILED),
                finished("t::2", Outcome.PASSED),
                ReleaseDeployed(2, "local", NEW),
                finished("t::1", Outcome.PASSED, 2),
                judged("t::1", Verdict.HOLLOW),
                judged("t::1", Verdict.PROVEN),
                RolledBack(2, "local", OLD, "r-new"),
                RunJudged(2, "e2e", "failed", 1, {"proven": 1}),
                RunFinished("failed", 1, cycles=2),
            ],
        )
        ledger.append_many("c", [RunStarted("c", "prove", "local"), RunJudged(1, "e2e", "verified", 0, {})])
        ledger.append("c", RunFinished("verified", 0))
        ledger.append("b", UnknownEvent("Teleported", {"cycle": 9}))
        yield list(ledger.entries())


def test_runs(entries):
    a, b, c = projections.runs(entries)
    assert (a.run, a.command, a.suite, a.release, a.verdict, a.exit_code) == ("a", "prove", "e2e", "r-old", "failed", 1)
    assert (a.cycles, a.finished, a.events) == (2, True, 12)
    assert (b.finished, b.verdict, b.events) == (False, None, 2)
    assert c.suite == "e2e"
    assert projections.runs([]) == ()


def test_a_run_without_a_suite_has_none_after_it_was_judged_either(tmp_path):
    with Ledger.open(tmp_path / "ledger.db") as ledger:
        ledger.append_many("a", [RunStarted("a", "prove", "local"), RunJudged(1, "", "verified", 0, {})])
        (run,) = projections.runs(ledger.entries())
    assert run.suite is None


def test_last_run(entries):
    assert projections.last_run(entries).run == "c"
    assert projections.last_run(entries, "c").run == "a"
    assert projections.last_run(entries, "a") is None
    assert projections.last_run(entries, verdict="failed").run == "a"
    assert projections.last_run(entries, suite="demo") is None


def test_a_run_taken_up_again_is_not_finished(tmp_path):
    with Ledger.open(tmp_path / "ledger.db") as ledger:
        ledger.append_many("a", [RunStarted("a", "run", "local"), RunFinished("interrupted", 2)])
        ledger.append_many("a", [RunStarted("a", "run", "local", resumed=True), StepStarted(1, "ready")])
        (run,) = projections.runs(ledger.entries())
    assert not run.finished


def test_cases_and_verdicts_of_a_run_are_the_last_ones(entries):
    cases = projections.cases_of(entries, "a")
    assert [(event.case.id, event.case.outcome, event.cycle) for event in cases] == [
        ("t::1", Outcome.PASSED, 2),
        ("t::2", Outcome.PASSED, 1),
    ]
    (verdict,) = projections.verdicts_of(entries, "a")
    assert verdict.verdict.verdict is Verdict.PROVEN
    assert projections.cases_of(entries, "b") == ()


def test_readings_and_release_of_a_run(entries):
    assert [reading.state for reading in projections.readings_of(entries, "a")] == ["ready"]
    assert projections.release_of(entries, "a") == OLD
    assert projections.release_of(entries, "b") is None
