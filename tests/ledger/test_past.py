"""The past of cases, components and runs, out of a real ledger."""

from pathlib import Path

import pytest

from greenproof.ledger import Ledger, past
from greenproof.model.events import (
    CaseFinished,
    CasesPlanned,
    CasesSelected,
    Event,
    PerformanceMeasured,
    ReadingTaken,
    ReleaseDeployed,
    RunFinished,
    RunJudged,
    RunStarted,
    VerdictReached,
)
from greenproof.model.facts import TARGET_PROBE, CaseRecord, Outcome, Reading, Release, Revision
from greenproof.model.history import RunSummary
from greenproof.model.verdicts import CaseVerdict, Reason, Verdict

RELEASE = Release("r-1", (Revision("api", "api-1", "1"),))


def started(run: str, *arguments: str, command: str = "prove") -> RunStarted:
    return RunStarted(run, command, "local", arguments=arguments or ("pytest",), faults=True)


def finished(case: str, outcome: Outcome = Outcome.PASSED) -> CaseFinished:
    return CaseFinished(1, "", CaseRecord(case, outcome, call_start_ns=1_000_000_000, call_end_ns=1_250_000_000))


def judged(case: str, verdict: Verdict, seconds: float = 0.5, outcome: Outcome = Outcome.PASSED) -> VerdictReached:
    reasons = () if verdict is Verdict.PROVEN else (Reason("unchecked", "Nothing was checked."),)
    told = CaseVerdict(case, outcome, verdict, reasons, exchanges=("x1",), receipts=("header:x1",), sensitivity=0.5)
    return VerdictReached(1, "", CaseVerdict(**{**_fields(told), "duration_s": seconds}), "r-1")


def _fields(verdict: CaseVerdict) -> dict[str, object]:
    return {name: getattr(verdict, name) for name in CaseVerdict.__slots__}


def reading(name: str, state: str = "ready", probe: str = "http", latency: float = 4.0) -> ReadingTaken:
    return ReadingTaken(1, Reading(name, probe, "2026-01-01T00:00:00Z", state == "ready", state, None, latency))


@pytest.fixture
def ledger(tmp_path: Path):
    with Ledger.open(tmp_path / "ledger.db") as ledger:
        whole: list[Event] = [
            ReleaseDeployed(1, "local", RELEASE, duration_s=2.5, key="a/1/deploy"),
            reading("api"),
            reading("redis"),
            finished("t::1"),
            finished("t::2"),
            CasesPlanned(1, "", ("t::1", "t::2", "t::3"), {"t::1": "f00d"}),
            judged("t::1", Verdict.HOLLOW),
            judged("t::2", Verdict.PROVEN),
            judged("t::3", Verdict.NOT_RUN),
            RunJudged(1, "", "failed", 1, {}, release="r-1", revisions=(("web", "web-1"),)),
            PerformanceMeasured(1, "", "answers", "met", "response", "p95", 100.0, 9, 42.0),
            RunFinished("failed", 1),
        ]
        ledger.append_many("a", [started("a"), *whole])
        ledger.append_many("cut", [started("cut"), CasesSelected(1, "", ("t::2", "t::1")), finished("t::1")])
        ledger.append_many("cut", [reading("api", "refused"), reading("api", probe=TARGET_PROBE)])
        ledger.append_many(
            "b", [started("b"), judged("t::1", Verdict.PROVEN, 0.75), RunJudged(1, "", "verified", 0, {})]
        )
        ledger.append_many("other", [started("other", "pytest", "-x"), RunJudged(1, "", "verified", 0, {})])
        yield ledger


def run(ledger: Ledger, name: str) -> RunSummary:
    (found,) = (one for one in past.summaries(ledger) if one.run == name)
    return found


def test_a_case_has_one_entry_for_each_turn_the_newest_first(ledger: Ledger) -> None:
    newest, cut, oldest = past.case_past(ledger, "t::1")
    assert [e.run for e in (newest, cut, oldest)] == ["b", "cut", "a"]
    assert (oldest.verdict, oldest.outcome, oldest.duration_s) == (Verdict.HOLLOW, Outcome.PASSED, 0.5)
    assert (oldest.sensitivity, oldest.release, oldest.evidence) == (0.5, "r-1", ("x1", "header:x1"))
    assert [reason.code for reason in oldest.reasons] == ["unchecked"]
    assert (cut.verdict, cut.outcome, cut.duration_s) == (None, Outcome.PASSED, 0.25)
    assert past.case_past(ledger, "t::1", 2) == (newest, cut)
    assert past.case_past(ledger, "t") == ()
    kept = {entry.seq: entry.hash for entry in ledger.entries()}
    assert all(kept[e.event] == e.hash for e in (newest, cut, oldest))


def test_a_component_has_its_readings_with_release_and_ready_time(ledger: Ledger) -> None:
    target, refused, ready = past.component_past(ledger, "api")
    assert (ready.state, ready.revision, ready.ready_s, ready.release, ready.latency_ms) == (
        "ready",
        "api-1",
        2.5,
        "r-1",
        4.0,
    )
    assert (refused.state, refused.ok, refused.revision, refused.ready_s, refused.release) == (
        "refused",
        False,
        None,
        None,
        None,
    )
    assert target.probe == TARGET_PROBE
    assert past.component_past(ledger, "api", 1) == (target,)
    (redis,) = past.component_past(ledger, "redis")
    assert (redis.revision, redis.release) == (None, "r-1")


def test_a_run_holds_its_plan_its_verdicts_and_the_last_reading_of_each_component(ledger: Ledger) -> None:
    whole = past.run_record(ledger, run(ledger, "a"))
    assert whole.planned == ("t::1", "t::2", "t::3")
    assert whole.bodies == {"t::1": "f00d"}
    assert {case: one.verdict for case, one in whole.cases.items()} == {
        "t::1": Verdict.HOLLOW,
        "t::2": Verdict.PROVEN,
        "t::3": Verdict.NOT_RUN,
    }
    assert {name: one.state for name, one in whole.components.items()} == {"api": "ready", "redis": "ready"}
    assert whole.summary.revisions == (("api", "api-1"),)
    assert {name: (one.met, one.value_ms) for name, one in whole.performance.items()} == {"answers": ("met", 42.0)}
    assert past.promises(ledger, ("a", "b")) == {"answers": [42.0]}
    assert (whole.summary.arguments, whole.summary.faults) == (("pytest",), True)


def test_a_run_that_was_cut_off_still_has_what_was_selected(ledger: Ledger) -> None:
    cut = past.run_record(ledger, run(ledger, "cut"))
    assert cut.planned == ("t::2", "t::1")
    assert set(cut.cases) == {"t::1"}
    assert {name: one.probe for name, one in cut.components.items()} == {"api": "http"}
    assert not cut.summary.judged


def test_other_runs_are_judged_ones_of_the_same_kind(ledger: Ledger) -> None:
    every = past.summaries(ledger)
    assert past.others_of_kind(every, run(ledger, "b"), ()) == ("a", "b")
    assert past.others_of_kind(every, run(ledger, "b"), ("b",)) == ("a",)
    assert past.others_of_kind(every, run(ledger, "b"), (), most=1) == ("b",)
    assert past.durations(ledger, ("a", "b")) == {"t::1": [0.5, 0.75], "t::2": [0.5], "t::3": [0.5]}
    assert past.latencies(ledger, ("a", "cut")) == {"api": [4.0, 4.0], "redis": [4.0]}


def test_a_limit_is_not_answered_by_reading_everything(ledger: Ledger, monkeypatch: pytest.MonkeyPatch) -> None:
    ledger.append_many("many", [started("many"), *(finished(f"u::{n}") for n in range(3_000)), finished("t::1")])
    read = 0
    original = Ledger._entry

    def counted(self: Ledger, row: object) -> object:
        nonlocal read
        read += 1
        return original(self, row)  # type: ignore[arg-type]

    monkeypatch.setattr(Ledger, "_entry", counted)
    assert [e.run for e in past.case_past(ledger, "t::1", 2)] == ["many", "b"]
    assert len(past.summaries(ledger)) == 5
    assert read < 50
