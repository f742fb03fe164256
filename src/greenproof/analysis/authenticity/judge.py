"""From the facts of a run to a verdict for each case: the four conditions, in order."""

from collections import defaultdict
from collections.abc import Mapping
from dataclasses import dataclass, field, replace

from greenproof.analysis.authenticity import reasons
from greenproof.analysis.authenticity.accounted import absent_cases, run_findings, silenced_cases
from greenproof.analysis.authenticity.arrived import Arrival, arrived
from greenproof.analysis.authenticity.claims import Claims, route_of
from greenproof.analysis.authenticity.contact import Contact, Contacts
from greenproof.analysis.authenticity.falsifiable import Falsification, FaultRun, as_remembered, falsified
from greenproof.model.facts import CaseRecord, FaultKind, LostTarget, Outcome, Receipt, RunObservation
from greenproof.model.inheritance import Remembered
from greenproof.model.verdicts import CaseVerdict, Reason, Verdict


@dataclass(frozen=True, slots=True)
class Evidence:
    """Everything that a verdict may rest on."""

    plain: RunObservation
    claims: Claims
    error: RunObservation | None = None
    value: RunObservation | None = None
    receipts: tuple[Receipt, ...] = ()
    """Of the plain run."""
    expected: Mapping[str, str | None] | None = None
    """Target to revision; None for a target that names none."""
    services: Mapping[str, str] | None = None
    """Target to the service name in receipts."""
    planned: tuple[str, ...] = ()
    """The census: ids of test functions found in the files, without parameters; and the ids of the last good run."""
    inherited: frozenset[str] = frozenset()
    """Those of them that only the last good run knew."""
    silenced: Mapping[str, str] = field(default_factory=dict)
    """Ids of what looks like a test and is never collected, each with the reason."""
    command: tuple[str, ...] = ()
    offline: bool = False
    conditions: Mapping[str, str] = field(default_factory=dict)
    """Digest of all that a case's fault runs depend on, where all of it is known."""
    remembered: Mapping[str, Remembered] = field(default_factory=dict)
    """Cases that were proven before under these conditions, and what they did under the faults."""


def judge_run(evidence: Evidence) -> tuple[tuple[CaseVerdict, ...], tuple[Reason, ...]]:
    """Judge every planned case, and the run as a whole. Cases come in the order in which they ran."""
    judge = _Judge(evidence)
    verdicts = [judge.case(record) for record in evidence.plain.cases]
    verdicts += absent_cases(evidence.plain, evidence.planned, evidence.command, evidence.inherited)
    verdicts += silenced_cases(evidence.silenced)
    return tuple(verdicts), run_findings(evidence.plain)


class _Judge:
    """The evidence, indexed once."""

    def __init__(self, evidence: Evidence) -> None:
        self._evidence = evidence
        self._contacts = Contacts(evidence.plain, evidence.claims)
        self._receipts: dict[str, list[Receipt]] = defaultdict(list)
        for receipt in evidence.receipts:
            self._receipts[receipt.trace_id].append(receipt)
        runs = ((FaultKind.ERROR, evidence.error), (FaultKind.VALUE, evidence.value))
        self._faults = {kind: FaultRun(run, evidence.claims) for kind, run in runs if run}
        self._lost_ns = min((_died_ns(t, evidence.plain) for t in evidence.plain.lost_targets), default=None)
        self._broken = bool(evidence.plain.hook_errors) or evidence.plain.relay_lost

    def case(self, record: CaseRecord) -> CaseVerdict:
        contact = self._contacts.of(record)
        base = self._base(record, contact)
        if record.outcome is not Outcome.PASSED:
            return _red(base, record, self._lost_ns)
        if record.executed in (Outcome.FAILED, Outcome.ERROR):
            return replace(base, verdict=Verdict.HOLLOW, reasons=(reasons.REPORT_FLIPPED.reason(),))
        if record.retried:
            return replace(base, verdict=Verdict.FLAKY, reasons=(reasons.FLAKY.reason(),))
        if self._evidence.offline:
            return _offline(base, record)
        return self._green(base, record, contact)

    def _base(self, record: CaseRecord, contact: Contact) -> CaseVerdict:
        """What is known of a case whatever its verdict."""
        claimed = self._evidence.claims.of(record.id)
        reached = {route_of(x, claimed) for x in contact.on_route}
        return CaseVerdict(
            id=record.id,
            outcome=record.outcome,
            verdict=Verdict.UNPROVEN,
            reasons=(),
            routes_claimed=tuple(str(r) for r in claimed),
            routes_reached=tuple(sorted(str(r) for r in reached)),
            routes_missed=tuple(str(r) for r in claimed if r not in reached),
            exchanges=tuple(x.id for x in contact.all),
            failure=record.failure,
            duration_s=_duration(record),
        )

    def _green(self, base: CaseVerdict, record: CaseRecord, contact: Contact) -> CaseVerdict:
        """A passed case: proven only if all conditions hold; what refutes comes before what is missing."""
        evidence = self._evidence
        traces = {x.trace_id for x in contact.all if x.trace_id}
        receipts = [r for trace in sorted(traces) for r in self._receipts.get(trace, ())]
        arrival = arrived(
            record,
            contact,
            receipts,
            evidence.expected or {},
            evidence.services or {},
            claimed=bool(evidence.claims.of(record.id)),
        )
        base = replace(base, receipts=arrival.receipts, remarks=arrival.remarks)
        if not contact.on_route:
            return self._verdict(base, arrival, None, None)
        known = evidence.remembered.get(record.id)
        faults = falsified(record, contact, self._faults) if known is None else as_remembered(known)
        base = replace(
            base,
            faults=faults.results,
            sensitivity=faults.sensitivity,
            conditions=evidence.conditions.get(record.id),
            faults_run=known.run if known else None,
            faults_at=known.at if known else None,
        )
        weak = _checked(record, contact, faults) or _by_accident(contact, faults)
        return self._verdict(base, arrival, faults, weak)

    def _verdict(
        self,
        base: CaseVerdict,
        arrival: Arrival,
        faults: Falsification | None,
        unchecked: tuple[Reason, bool] | None,
    ) -> CaseVerdict:
        found: list[tuple[Reason, bool]] = []
        if arrival.reason:
            found.append((arrival.reason, arrival.hollow))
        if faults and faults.reason:
            found.append((faults.reason, faults.hollow))
        if unchecked:
            found.append(unchecked)
        if self._broken:
            found.append((reasons.WITNESS_MISSING.reason(), False))
        refuting = tuple(reason for reason, hollow in found if hollow)
        missing = tuple(reason for reason, hollow in found if not hollow)
        if refuting:
            return replace(base, verdict=Verdict.HOLLOW, reasons=(*refuting, *missing))
        if missing:
            return replace(base, verdict=Verdict.UNPROVEN, reasons=missing)
        return replace(base, verdict=Verdict.PROVEN)


def _checked(record: CaseRecord, contact: Contact, faults: Falsification) -> tuple[Reason, bool] | None:
    """Condition 3: a check ran after the head of the first answer, or one turned the case red under a fault."""
    if faults.failed_a_check:
        return None
    first = min(x.head_ns for x in contact.on_route if x.head_ns is not None)
    if record.checks and record.last_check_ns is not None and record.last_check_ns > first:
        return None
    if record.checks < 0:
        return reasons.CHECKS_UNKNOWN.reason(None, *(x.id for x in contact.on_route)), False
    if faults.refused_by:
        text = f"{reasons.NO_OWN_CHECK.meaning} It was {faults.refused_by}."
        return reasons.NO_OWN_CHECK.reason(text, *faults.replaced), False
    return reasons.UNCHECKED.reason(None, *(x.id for x in contact.on_route)), True


def _by_accident(contact: Contact, faults: Falsification) -> tuple[Reason, bool] | None:
    """With one answer, a stumble over its shape is all that the error showed. With several, the stumble over the
    first hid what the test would have said of the others; unless the last was a refusal, of which it stumbled over the
    opposite only.
    """
    if not faults.by_accident or faults.reason is not None:
        return None
    delivered = sum(result.delivered for result in faults.results if result.kind == FaultKind.ERROR)
    last = contact.call[-1].status if contact.call and delivered >= len(contact.call) else None
    refused = last is not None and 400 <= last < 500
    if refused or len(contact.on_route) == 1:
        return reasons.RED_BY_ACCIDENT.reason(None, *faults.replaced), False
    return None


def _offline(base: CaseVerdict, record: CaseRecord) -> CaseVerdict:
    if record.checks == 0:
        return replace(base, verdict=Verdict.HOLLOW, reasons=(reasons.UNCHECKED.reason("No check ran."),))
    return replace(base, verdict=Verdict.PASSED_OFFLINE)


def _died_ns(lost: LostTarget, run: RunObservation) -> int:
    """When a target died: with the first request after its last answer that got none. Connecting fails only later."""
    exchanges = [x for x in run.exchanges if x.target == lost.target]
    alive = max((x.head_ns for x in exchanges if x.head_ns is not None and not x.synthetic), default=0)
    mute = (x.start_ns for x in exchanges if x.start_ns > alive and (x.synthetic or x.head_ns is None))
    return min(lost.at_ns, min(mute, default=lost.at_ns))


def _red(base: CaseVerdict, record: CaseRecord, lost_ns: int | None) -> CaseVerdict:
    """Every outcome but passed."""
    verdict, kind = _RED[record.outcome]
    text = None
    if record.outcome in (Outcome.SKIPPED, Outcome.XFAILED) and record.skip_reason:
        text = f"{kind.meaning} Reason given: {record.skip_reason[:200]}"
    if record.outcome is Outcome.FAILED:
        if record.failure is None and record.end_ns is None:
            # Reported by xdist's controller: the worker died with it.
            kind = reasons.KILLED
        elif record.failure and record.failure.kind == "error":
            kind = reasons.ERROR_RAISED
    if lost_ns is not None and verdict is Verdict.FAILED:
        if (record.setup_start_ns or 0) > lost_ns:
            verdict, kind = Verdict.NOT_RUN, reasons.TARGET_LOST
        elif (record.end_ns or lost_ns) >= lost_ns:
            kind = reasons.TARGET_DIED_HERE
    # What was asked last tells when the target died; of all other reds the failure itself is the evidence.
    seen = base.exchanges if kind is reasons.TARGET_DIED_HERE else ()
    return replace(base, verdict=verdict, reasons=(kind.reason(text, *seen),))


_RED: Mapping[Outcome, tuple[Verdict, reasons.ReasonKind]] = {
    Outcome.FAILED: (Verdict.FAILED, reasons.CHECK_FAILED),
    Outcome.ERROR: (Verdict.FAILED, reasons.SETUP_FAILED),
    Outcome.UNFINISHED: (Verdict.FAILED, reasons.KILLED),
    Outcome.XPASSED: (Verdict.FAILED, reasons.XPASSED),
    Outcome.SKIPPED: (Verdict.NOT_RUN, reasons.SKIPPED),
    Outcome.XFAILED: (Verdict.NOT_RUN, reasons.XFAILED),
}


def _duration(record: CaseRecord) -> float | None:
    """Seconds of the call phase: told, but never evidence."""
    if record.call_start_ns is None or record.call_end_ns is None:
        return None
    return (record.call_end_ns - record.call_start_ns) / 1e9
