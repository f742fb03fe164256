"""Conditions 3 and 4, checked and falsifiable: what a case did when its answers were replaced."""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace

from greenproof.analysis.authenticity import reasons
from greenproof.analysis.authenticity.claims import Claims
from greenproof.analysis.authenticity.contact import Contact, Contacts
from greenproof.model.facts import CaseRecord, Exchange, Failure, FaultKind, Outcome, Phase, RunObservation
from greenproof.model.inheritance import Remembered
from greenproof.model.verdicts import FaultResult, Reason

INCIDENTAL = frozenset(
    {
        "AttributeError", "IndexError", "JSONDecodeError", "KeyError", "NameError", "StopAsyncIteration",
        "StopIteration", "TypeError", "UnboundLocalError", "UnicodeDecodeError", "ValueError",
    }
)  # fmt: skip
"""Raised by an expression that met a shape it did not expect: no check, however often it is right."""


_OWN = (FaultKind.TAILORED, FaultKind.LATER, FaultKind.EMPTIED)
_UNCHECKED = {FaultKind.LATER: reasons.LATER_UNCHECKED, FaultKind.EMPTIED: reasons.CONTENT_UNCHECKED}
_RED_BY_ITSELF = "Only a helper refused the error; in the second fault run it turned red before any fault came."
_RED_AGAIN = "In the second fault run it turned red at the same line, and no answer had been replaced."
_RED_APART = "Only a library or a helper refused the error; else it turned red at a line that depends on no answer."
_CUT = (None, Outcome.UNFINISHED)
_NO_CHECK_AFTER = "Only a helper refused its first answers, and no check came after the last that was said."
OF_CHECKS = frozenset({"AssertionError", "Failed", "BaseExceptionGroup", "ExceptionGroup"})
"""What an assert, unittest or `pytest.fail` raises; another type comes from a `raise` of the suite's own."""


def _validates(failure: Failure) -> bool:
    """Whether a library that the test asked to judge the answer raised it."""
    return failure.kind == "error" and failure.type not in INCIDENTAL


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
        failure = f"{case.failure.kind}: {case.failure.type}" if case.failure else None
        delivered = len(in_call) + len(in_fixture)
        kind = next((x.fault for x in in_call if x.fault in _OWN), None) or self.run.fault
        return FaultResult(kind.value, delivered, case.outcome, phase, noticed, where, failure)

    def hit(self, result: FaultResult | None) -> bool:
        """Whether a case whose set-up failed may have been hit by a fault that was meant for another one, which looks
        at nothing but what a fixture fetched, and shares that fixture.
        """
        setup = result is not None and result.outcome is Outcome.ERROR and not result.delivered
        return setup and any(x.fault and x.phase is Phase.SETUP for x in self.run.exchanges)

    def replaced(self, case_id: str) -> tuple[str, ...]:
        """Ids of the exchanges of the case whose answers were replaced, in this run."""
        case = self._cases.get(case_id)
        return tuple(x.id for x in self._contacts.of(case).all if x.fault) if case is not None else ()

    def first_answer(self, case_id: str) -> Exchange | None:
        """The first answer of the service that was replaced in the call phase, as the service gave it."""
        case = self._cases.get(case_id)
        if case is None:
            return None
        return next((x for x in self._contacts.of(case).call if x.fault and x.phase is Phase.CALL), None)

    def failure(self, case_id: str) -> Failure | None:
        """What turned the case red in its call phase."""
        case = self._cases.get(case_id)
        failure = case.failure if case else None
        return failure if failure is not None and failure.phase is Phase.CALL else None


@dataclass(frozen=True, slots=True)
class Falsification:
    """What the fault runs showed about a case."""

    results: tuple[FaultResult, ...]
    reason: Reason | None
    """Why it is not falsifiable; None: it is."""
    hollow: bool = False
    failures: Mapping[FaultKind, Failure] = field(default_factory=dict)
    """What turned it red in its call phase, by the fault that was delivered."""
    replaced: tuple[str, ...] = ()
    """Ids of the exchanges whose answers were replaced."""

    @property
    def failed_a_check(self) -> bool:
        """A check turned it red: its own, or, with the shape of the answer kept, a validator that it called."""
        values = self.failures.get(FaultKind.VALUE)
        return any(f.kind == "check" for f in self.failures.values()) or (values is not None and _validates(values))

    @property
    def refused_by(self) -> str | None:
        """The type of an error that something else than a check raised, and that is not merely incidental."""
        return next((f.type for f in self.failures.values() if _validates(f)), None)

    @property
    def by_accident(self) -> bool:
        """It only stumbled over the shape of an error, and no changed value was noticed."""
        error = self.failures.get(FaultKind.ERROR)
        stumbled = error is not None and error.kind == "error" and error.type in INCIDENTAL
        told = any(r.kind == FaultKind.VALUE and r.delivered and r.outcome is Outcome.PASSED for r in self.results)
        return stumbled and told

    @property
    def sensitivity(self) -> float | None:
        """Share of the delivered faults that turned the case red in its call phase."""
        told = [r for r in self.results if r.delivered and r.outcome in (Outcome.PASSED, Outcome.FAILED)]
        return sum(r.noticed for r in told) / len(told) if told else None


def falsified(record: CaseRecord, contact: Contact, runs: Mapping[FaultKind, FaultRun]) -> Falsification:
    """Judge a case that passed and arrived by its fault runs. `record` is that of the plain run."""
    case_id = record.id
    results: dict[FaultKind, FaultResult] = {}
    failures: dict[FaultKind, Failure] = {}
    for run in runs.values():
        result, failure = run.result(case_id), run.failure(case_id)
        if result is not None:
            results[FaultKind(result.kind)] = result
            if result.delivered and failure is not None:
                failures[FaultKind(result.kind)] = failure
    told = tuple(results[kind] for kind in FaultKind if kind in results)
    if not runs:
        return Falsification(told, _with_evidence(reasons.NO_FAULT_RUN.reason(), case_id, contact, runs))
    if not contact.call:
        reason, hollow = _decide_by_fixture(results.get(FaultKind.ERROR), results.get(FaultKind.VALUE))
    else:
        reason, hollow = _decide_by_call(contact, results, failures)
        if reason is None and _only_a_helper(record, contact, results, failures):
            reason = reasons.LATER_UNCHECKED.reason(_NO_CHECK_AFTER)
        second = runs[FaultKind.VALUE].result(case_id) if FaultKind.VALUE in runs else None
        if reason is None and FaultKind.VALUE in runs:
            reason = _of_second(second, runs[FaultKind.VALUE], failures.get(FaultKind.ERROR), case_id)
        first = runs[FaultKind.ERROR].first_answer(case_id) if FaultKind.ERROR in runs else None
        if reason is None and _differs(contact, first):
            reason = reasons.NOT_REPEATABLE.reason()
    replaced = tuple(i for run in runs.values() for i in run.replaced(case_id))
    return Falsification(told, _with_evidence(reason, case_id, contact, runs), hollow, failures, replaced)


def _with_evidence(
    reason: Reason | None, case_id: str, contact: Contact, runs: Mapping[FaultKind, FaultRun]
) -> Reason | None:
    """The reason, with the answers that were replaced and not noticed; else with all that were replaced; where none
    was, with the answers as the service gave them.
    """
    if reason is None:
        return None
    replaced = [(run.result(case_id), run.replaced(case_id)) for run in runs.values()]
    unnoticed = tuple(i for result, ids in replaced if result is not None and not result.noticed for i in ids)
    evidence = unnoticed or tuple(i for _, ids in replaced for i in ids) or tuple(x.id for x in contact.on_route)
    return replace(reason, evidence=evidence)


def _decide_by_call(
    contact: Contact, results: Mapping[FaultKind, FaultResult], failures: Mapping[FaultKind, Failure]
) -> tuple[Reason | None, bool]:
    reason, hollow = _decide(results.get(FaultKind.ERROR))
    value = results.get(FaultKind.VALUE)
    if hollow and value is not None and _is_handshake(contact, value, failures.get(FaultKind.VALUE)):
        return reasons.HANDSHAKE_ONLY.reason(), False
    if reason is None:
        reason, hollow = _put_up_with(contact, results.get(FaultKind.TAILORED))
    return (reason, hollow) if reason is not None else _left_unchecked(results)


def as_remembered(known: Remembered) -> Falsification:
    """What an earlier run saw of a case that it proved: falsifiable, and by what."""
    failures = {}
    for result in known.faults:
        if result.delivered and result.failure and result.phase == Phase.CALL.value:
            kind, _, name = result.failure.partition(": ")
            failures[FaultKind(result.kind)] = Failure(Phase.CALL, kind, name, "")
    return Falsification(known.faults, None, failures=failures)


def _is_handshake(contact: Contact, value: FaultResult, failure: Failure | None) -> bool:
    """Whether a check noticed what the value fault changes in a WebSocket, though it let wrong messages pass."""
    noticed = value.delivered > 0 and value.noticed and failure is not None and failure.kind == "check"
    return noticed and all(x.method == "WS" for x in contact.call)


def _put_up_with(contact: Contact, result: FaultResult | None) -> tuple[Reason | None, bool]:
    """Green under the very failure that the test was suspected to put up with."""
    if result is None or not result.delivered:
        return None, False
    if result.outcome is Outcome.SKIPPED:
        return reasons.SKIPS_ON_FAILURE.reason(), True
    if result.outcome is not Outcome.PASSED:
        return None, False
    last = contact.call[-1].status
    if last is not None and 400 <= last < 500:
        return reasons.ANY_ERROR_WILL_DO.reason(), False
    return reasons.TOLERATES_FAILURE.reason(), True


def _left_unchecked(results: Mapping[FaultKind, FaultResult]) -> tuple[Reason | None, bool]:
    """Only its first answers are checked, or nothing but that there was an answer: that does not refute it."""
    for kind, reason in _UNCHECKED.items():
        result = results.get(kind)
        if result is not None and result.delivered:
            if result.outcome is Outcome.SKIPPED:
                return reasons.SKIPS_ON_FAILURE.reason(), True
            if result.outcome is Outcome.PASSED:
                return reason.reason(), False
    return None, False


def _only_a_helper(
    record: CaseRecord,
    contact: Contact,
    results: Mapping[FaultKind, FaultResult],
    failures: Mapping[FaultKind, Failure],
) -> bool:
    """Whether a helper refused the first messages of a conversation, none came once it was done, and no check of the
    plain run came after the last that was said.
    """
    failure, value = failures.get(FaultKind.ERROR), results.get(FaultKind.VALUE)
    if failure is None or failure.helper is None or value is None or value.delivered:
        return False
    last = max((x.last_ns for x in contact.call if x.last_ns is not None), default=None)
    return last is not None and record.checks >= 0 and (record.last_check_ns or 0) < last


def _of_second(second: FaultResult | None, run: FaultRun, first: Failure | None, case_id: str) -> Reason | None:
    """Why the second run leaves open what the first showed."""
    if second is None or second.outcome in _CUT:
        return reasons.FAULT_RUN_CUT.reason()
    if _red_by_itself(second, first) and not run.hit(second):
        return reasons.NOT_REPEATABLE.reason(_RED_BY_ITSELF)
    text = _not_by_an_answer(second, first, run.failure(case_id))
    return reasons.NOT_REPEATABLE.reason(text) if text else None


def _red_by_itself(second: FaultResult, first: Failure | None) -> bool:
    """Whether the run that was to tell more than a helper's refusal told nothing: it was red without a fault."""
    if first is None or first.helper is None:
        return False
    return not second.delivered and second.outcome in (Outcome.FAILED, Outcome.ERROR)


def _not_by_an_answer(second: FaultResult, first: Failure | None, again: Failure | None) -> str | None:
    """Why the red of the second run, or that of both, does not come from an answer; None: it may."""
    if first is None or again is None or second.outcome is not Outcome.FAILED:
        return None
    if not second.delivered and first.line is not None and (first.line, first.helper) == (again.line, again.helper):
        return _RED_AGAIN
    own = first.kind == "check" and first.helper is None
    return _RED_APART if second.delivered and again.apart and not first.apart and not own else None


def _differs(contact: Contact, repeated: Exchange | None) -> bool:
    """Whether the service refused in the fault run what it had granted to the same case before, or the other way.

    Only the first answer that was replaced is looked at: what comes after it follows from the fault.
    """
    if repeated is None or repeated.status is None:
        return False
    before = {x.status // 100 for x in contact.call if x.status is not None and _alike(x, repeated)}
    return bool(before) and repeated.status // 100 not in before


def _alike(one: Exchange, other: Exchange) -> bool:
    """The same kind of request; ids in the path may differ from run to run."""
    same = (one.target, one.method) == (other.target, other.method)
    return same and len(one.path.split("/")) == len(other.path.split("/"))


def _decide_by_fixture(error: FaultResult | None, value: FaultResult | None) -> tuple[Reason | None, bool]:
    """Only a fixture fetched its answers. An error there mostly ends the set-up and then says nothing; where it came
    through to the test, it decides. A changed value keeps the shape, so staying green under it refutes nothing.
    """
    if error is not None and error.delivered and error.outcome in (Outcome.PASSED, Outcome.FAILED, Outcome.SKIPPED):
        return _decide(error)
    reason, hollow = _decide(value)
    return (reasons.SURVIVES_VALUES.reason(), False) if hollow else (reason, hollow)


def _decide(result: FaultResult | None) -> tuple[Reason | None, bool]:
    if result is None or result.outcome in _CUT:
        return reasons.FAULT_RUN_CUT.reason(), False
    if result.noticed:
        return None, False
    if result.outcome in (Outcome.ERROR, Outcome.XFAILED, Outcome.XPASSED):
        return reasons.RED_OUTSIDE_CALL.reason(), False
    if not result.delivered:
        return reasons.FAULT_NOT_DELIVERED.reason(), False
    if result.outcome is Outcome.SKIPPED:
        return reasons.SKIPS_ON_FAILURE.reason(), True
    return reasons.SURVIVES_FAULT.reason(), True
