"""The second fault of a case: what the first could not show, or changed values.

Who turned red by a check of its own under a 500 has shown that it checks. What is still unknown:
- whether it checks what comes after the answer at which it turned red: errors, but only for those (`later`);
- where it was a helper that refused the error, as it would for every test that calls it, whether anything looks at what
  an answer says: the same status, and nothing in it (`emptied`); in a conversation, whether anything looks at what the
  service says once the helper is done (`later`);
- in a conversation, whether it checks more than the greeting of the service (`later`);
- where it was a library that refused the error, in the test's own line, the same: nothing in the answers, or other
  values, by what its checks seem to look at (`looks`);
- where it turned red at a statement that seems to depend on no answer (`apart`), whether it does so without any fault;
- whether another failure would get past it: the one that its source names (`tolerance`); where it expects to be
  refused, another error than the one it expects; and where nothing looks at the status, an error page without a word of
  the first.

All others get changed values. Who stumbled over the shape of the one error gets them without the headers that the error
took away as well: a check of a header is none of the shape.
"""

from collections.abc import Callable, Collection
from dataclasses import replace

from greenproof.analysis.authenticity.claims import Claims
from greenproof.analysis.authenticity.contact import Contact, Contacts
from greenproof.analysis.authenticity.falsifiable import INCIDENTAL, OF_CHECKS, FaultRun
from greenproof.analysis.authenticity.looks import Looks
from greenproof.analysis.authenticity.shared import Statements
from greenproof.analysis.authenticity.tolerance import Tolerance
from greenproof.model.facts import CaseRecord, Failure, Outcome, RunObservation
from greenproof.model.faults import CaseFaults, FaultPlan, Substitute

_REDIRECTS = (301, 302, 303, 307, 308)
_LIKELY = (503, 502, 504, 429)
"""Statuses of a system that is not there: those that tests put up with most."""


def tailored(
    value: FaultPlan,
    plain: RunObservation,
    error: RunObservation,
    claims: Claims,
    tolerance: Callable[[str], Tolerance],
    statements: Statements,
    looks: Callable[[str], Looks] = lambda case: Looks(),
) -> FaultPlan:
    """The plan of the second fault run, after the first: a substitute for each case that one tells more about."""
    first, contacts = FaultRun(error, claims), Contacts(plain, claims)
    passed = {case.id: case for case in plain.cases if case.outcome is Outcome.PASSED}
    # Who is first on the wire is a matter of luck: a service that was seen to greet greets always.
    greeting = frozenset((x.target, x.path) for x in plain.exchanges if x.greeted)
    cases: dict[str, CaseFaults] = {}
    for case_id, faults in value.cases.items():
        failure, result = first.failure(case_id), first.result(case_id)
        instead = None
        if failure is not None and result is not None and result.noticed:
            case, contact = passed[case_id], contacts.of(passed[case_id])
            by_check, checks = failure.kind == "check", _checks_afterwards(case, contact)
            raised = by_check and failure.type not in OF_CHECKS
            look = looks(case_id)
            shared = _of_helper(case_id, contact, failure, result.delivered, statements, look)
            if failure.apart:
                instead = Substitute(status=None, untouched=True)
            elif shared is not None:
                instead = shared
            elif _is_greeted(contact, greeting):
                instead = Substitute(status=500, greeted=True)
            elif raised and result.delivered >= len(contact.call):
                instead = look.let_through(len(contact.call), 0)
            elif by_check or checks:
                instead = substitute(contact, tolerance(case_id), by_check, result.delivered)
                if not by_check and (instead is None or instead.after):
                    instead = _of_library(case, contact, failure, look) or instead
            if instead is None and not by_check and _asked_once(contact):
                instead = Substitute(status=None, bare=True)
        cases[case_id] = replace(faults, instead=instead)
    return replace(value, cases=cases)


def _of_library(case: CaseRecord, contact: Contact, failure: Failure, looks: Looks) -> Substitute | None:
    """What tells whether anything but a library that refused the error would notice. None: it would not tell.

    Where a refusal is expected, or the test looks at something else than its answers as well (a database, a header,
    that a thing is not among others), green on changed answers says nothing.
    """
    stumbled = failure.type in INCIDENTAL and _asked_once(contact)
    granted = all(x.status is not None and (200 <= x.status < 300 or x.status in _REDIRECTS) for x in contact.call)
    spoken = all(x.method not in ("WS", "GRPC") for x in contact.call)
    if stumbled or not granted or not spoken or case.foreign_connections or looks.beyond_content:
        return None
    return looks.emptied(len(contact.call))


def _of_helper(
    case_id: str, contact: Contact, failure: Failure, reached: int, statements: Statements, looks: Looks
) -> Substitute | None:
    """What tells whether anything but the helper that refused the error would notice. None: no helper did."""
    if failure.helper is None or failure.line is None or not contact.call:
        return None
    if any(x.method == "GRPC" for x in contact.call):
        return None
    if any(x.method == "WS" for x in contact.call):
        past = statements.of_helper(case_id, failure.line, failure.helper)
        return Substitute(status=500, past=past) if past else None
    if 400 <= (contact.call[-1].status or 0) < 500 or looks.absence:
        return None
    # What says nothing can't be emptied.
    count = max((number for number, x in enumerate(contact.call, 1) if x.status != 204), default=0)
    spared = 0 if reached >= count or _asked_again(contact, reached) else reached
    return looks.let_through(count, spared)


def _asked_again(contact: Contact, reached: int) -> bool:
    """Whether what was asked so far, and made nothing, is asked again: else its first answer would do for the later."""
    later = {(x.target, x.path) for x in contact.call[reached:] if x.method == "GET"}
    return all(x.method == "GET" and (x.target, x.path) in later for x in contact.call[:reached])


def _asked_once(contact: Contact) -> bool:
    return len(contact.on_route) == 1 and all(x.method not in ("WS", "GRPC") for x in contact.call)


def _is_greeted(contact: Contact, greeting: Collection[tuple[str, str]]) -> bool:
    """Whether there is more in its conversations than a greeting; none is known of gRPC."""
    talks = [x for x in contact.call if x.method == "WS" and (x.target, x.path) in greeting]
    return all(x.method != "GRPC" for x in contact.call) and any(x.sent and x.received > 1 for x in talks)


def _checks_afterwards(case: CaseRecord, contact: Contact) -> bool:
    first = min((x.head_ns for x in contact.call if x.head_ns is not None), default=None)
    return first is not None and case.checks > 0 and (case.last_check_ns or 0) > first


def substitute(contact: Contact, tolerance: Tolerance, by_check: bool = True, reached: int = 0) -> Substitute | None:
    """What to send to a case with this contact; None: changed values tell more. `by_check`: a check of its own, and no
    stumble over the shape of the answer, turned it red under the first error, at the answer number `reached`.
    """
    statuses = [x.status for x in contact.call if x.status is not None]
    if any(x.method in ("WS", "GRPC") for x in contact.call) or not statuses:
        return None
    if 400 <= statuses[-1] < 500:
        # Who turned red at an earlier answer has not been asked about the refusal.
        return Substitute(status=500, only_errors=True) if by_check or 0 < reached < len(contact.call) else None
    named = [status for status in tolerance.statuses if status not in statuses]
    likely = [status for status in _LIKELY if status in named]
    if 0 < reached < len(statuses):
        return Substitute(status=(likely or named or [500])[0], after=reached)
    if named:
        return Substitute(status=(likely or named)[0])
    if tolerance.broken_connection:
        return Substitute(status=None)
    return Substitute(status=503) if tolerance.blind_to_status and by_check else None
