"""Runs that are over, for the tests of what is compared and told of them."""

from collections.abc import Mapping, Sequence

from greenproof.model.facts import Outcome
from greenproof.model.history import CasePast, ComponentPast, RunRecord, RunSummary
from greenproof.model.verdicts import Reason, Verdict

BEFORE = "20260101T000000Z-aaaaaa"
AFTER = "20260102T000000Z-bbbbbb"
COMMAND = ("pytest", "-q", "tests")


def summary(run: str = BEFORE, **changes: object) -> RunSummary:
    values: dict[str, object] = {
        "run": run,
        "started": "2026-01-01T00:00:00.000000Z",
        "last": "2026-01-01T00:01:00.000000Z",
        "command": "prove",
        "environment": "local",
        "verdict": "failed",
        "exit_code": 1,
        "arguments": COMMAND,
        "faults": True,
        "release": "r-1",
    }
    return RunSummary(**{**values, **changes})  # type: ignore[arg-type]


def past(
    case: str, verdict: Verdict | None, *codes: str, run: str = BEFORE, duration_s: float | None = 0.5
) -> CasePast:
    reasons = tuple(Reason(code, f"About {code}.") for code in codes)
    outcome = {Verdict.FAILED: Outcome.FAILED, Verdict.NOT_RUN: None}.get(verdict or Verdict.PROVEN, Outcome.PASSED)
    return CasePast(
        case,
        run,
        1,
        "2026-01-01T00:00:30Z",
        7,
        "c" * 64,
        "",
        outcome,
        verdict,
        reasons,
        duration_s,
        1.0,
        "r-1",
        ("x1",),
    )


def component(name: str, state: str = "ready", revision: str | None = None, latency_ms: float = 5.0) -> ComponentPast:
    ok = state == "ready"
    at = "2026-01-01T00:00:10Z"
    return ComponentPast(name, BEFORE, 1, at, 3, "d" * 64, "http", state, ok, revision, latency_ms, 2.5, "r-1", "")


def record(
    run: RunSummary,
    *pasts: CasePast,
    components: Sequence[ComponentPast] = (),
    bodies: Mapping[str, str] | None = None,
    planned: Sequence[str] = (),
) -> RunRecord:
    cases = {one.id: one for one in pasts}
    known = tuple(dict.fromkeys((*planned, *cases)))
    return RunRecord(run, known, cases, {one.name: one for one in components}, bodies or {})


__all__ = ["AFTER", "BEFORE", "COMMAND", "component", "past", "record", "summary"]
