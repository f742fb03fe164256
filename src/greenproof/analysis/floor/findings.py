"""What one case showed: its outcome on each backend, and the finding from all of them."""

from collections.abc import Mapping

from greenproof.model.facts import CaseRecord, Outcome
from greenproof.model.floor import DEAD, Backend, Finding, FloorOutcome

_OUTCOMES = {
    Outcome.PASSED: FloorOutcome.PASSED,
    Outcome.FAILED: FloorOutcome.FAILED,
    Outcome.ERROR: FloorOutcome.ERROR,
    Outcome.SKIPPED: FloorOutcome.SKIPPED,
    Outcome.XFAILED: FloorOutcome.XFAILED,
    Outcome.XPASSED: FloorOutcome.FAILED,
    Outcome.UNFINISHED: FloorOutcome.FAILED,
}


def outcome_of(record: CaseRecord | None, *, cut_off: bool = False) -> FloorOutcome:
    """What became of a case. One that was cut off failed, even if it swallowed that and passed."""
    if record is None:
        return FloorOutcome.NOT_RUN
    outcome = _OUTCOMES[record.outcome]
    return FloorOutcome.FAILED if cut_off and outcome is not FloorOutcome.ERROR else outcome


def finding_of(outcomes: Mapping[Backend, FloorOutcome]) -> Finding:
    """The first finding that fits. A backend on which the case was not decided says nothing for or against it."""
    green = [b for b, o in outcomes.items() if o is FloorOutcome.PASSED]
    if not any(o.decided for o in outcomes.values()):
        return Finding.NOT_RUN
    static = outcomes.get(Backend.STATIC, FloorOutcome.NOT_RUN)
    if any(b in DEAD for b in green) and static.decided and Backend.STATIC not in green:
        return Finding.INVERTED
    if len(green) == len(Backend):
        return Finding.BLIND
    return Finding.PARTLY_BLIND if green else Finding.RED


def took_too_long(record: CaseRecord, limit_s: float) -> bool:
    """Whether the case was ended by its deadline, or should have been."""
    if record.failure is not None and record.failure.type == "CutOff":
        return True
    start, end = record.setup_start_ns, record.call_end_ns
    return start is not None and end is not None and end - start >= limit_s * 1e9
