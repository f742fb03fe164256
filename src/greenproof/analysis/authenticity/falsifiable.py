"""Conditions 3 and 4, checked and falsifiable: what a case did when its answers were replaced."""

from collections.abc import Mapping
from dataclasses import dataclass

from greenproof.analysis.authenticity import reasons
from greenproof.analysis.authenticity.claims import Claims
from greenproof.analysis.authenticity.contact import Contact, Contacts
from greenproof.model.facts import CaseRecord, FaultKind, Outcome, Phase, RunObservation
from greenproof.model.verdicts import FaultResult, Reason


class FaultRun:
    """One fault run, asked case by case."""

    def __init__(self, run: RunObservation, claims: Claims) -> None:
        self.run = run
        self._cases: Mapping[str, CaseRecord] = {case.id: case for case in run.cases}
        self._contacts = Contacts(run, claims)

    def result(self, case_id: str) -> FaultResult | None:
        """What the case did; None: it did not run."""
        case = self._cases.get(case_id)
        if case is None or self.run.fault is None:
            return None
        contact = self._contacts.of(case)
        in_call = [x for x in contact.all if x.fault and x.phase is Phase.CALL and x.case == case_id]
        in_fixture = [x for x in contact.fixture if x.fault]
        where = "call" if in_call or not in_fixture else "fixture"
        phase = case.failure.phase.value if case.failure else None
        noticed = case.outcome is Outcome.FAILED and bool(in_call or in_fixture)
        return FaultResult(self.run.fault.value, len(in_call) + len(in_fixture), case.outcome, phase, noticed, where)

    def failed_a_check(self, case_id: str) -> bool:
        """Whether a check, in the call phase, is what turned the case red."""
        case = self._cases.get(case_id)
        failure = case.failure if case else None
        return failure is not None and failure.kind == "check" and failure.phase is Phase.CALL


@dataclass(frozen=True, slots=True)
class Falsification:
    """What the fault runs showed about a case."""

    results: tuple[FaultResult, ...]
    reason: Reason | None
    """Why it is not falsifiable; None: it is."""
    hollow: bool = False
    failed_a_check: bool = False

    @property
    def sensitivity(self) -> float | None:
        """Share of the delivered faults that turned the case red in its call phase."""
        told = [r for r in self.results if r.delivered and r.outcome in (Outcome.PASSED, Outcome.FAILED)]
        return sum(r.noticed for r in told) / len(told) if told else None


def falsified(case_id: str, contact: Contact, runs: Mapping[FaultKind, FaultRun]) -> Falsification:
    """Judge a case that passed and arrived by its fault runs."""
    results = {kind: result for kind, run in runs.items() if (result := run.result(case_id))}
    checked = any(
        run.failed_a_check(case_id) for kind, run in runs.items() if kind in results and results[kind].delivered
    )
    # An answer that only a fixture fetched can't be replaced by an error without breaking the set-up.
    decisive = FaultKind.ERROR if contact.call else FaultKind.VALUE
    told = tuple(results[kind] for kind in FaultKind if kind in results)
    if not runs:
        return Falsification(told, reasons.NO_FAULT_RUN.reason())
    reason, hollow = _decide(results.get(decisive))
    return Falsification(told, reason, hollow, checked)


def _decide(result: FaultResult | None) -> tuple[Reason | None, bool]:
    if result is None or result.outcome in (None, Outcome.UNFINISHED):
        return reasons.FAULT_RUN_CUT.reason(), False
    if result.noticed:
        return None, False
    if result.outcome in (Outcome.ERROR, Outcome.XFAILED, Outcome.XPASSED):
        return reasons.RED_OUTSIDE_CALL.reason(), False
    if not result.delivered:
        return reasons.FAULT_NOT_DELIVERED.reason(), False
    if result.outcome is Outcome.SKIPPED:
        return reasons.SKIPS_ON_FAILURE.reason(), True
    return reasons.SURVIVES_FAULT.reason(f"{reasons.SURVIVES_FAULT.meaning} Fault: {result.kind}."), True
