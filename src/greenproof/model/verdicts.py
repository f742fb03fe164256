"""Verdicts: what is concluded about a case and a run, with reasons."""

from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from enum import StrEnum

from greenproof.model.exits import ExitCode
from greenproof.model.facts import Failure, Outcome


class Verdict(StrEnum):
    """What Greenproof concludes about a case."""

    PROVEN = "proven"
    HOLLOW = "hollow"
    UNPROVEN = "unproven"
    FAILED = "failed"
    FLAKY = "flaky"
    QUARANTINED = "quarantined"
    NOT_RUN = "not-run"
    PASSED_OFFLINE = "passed-offline"
    """Passed in a suite that needs no backend; never proves a release."""


@dataclass(frozen=True, slots=True)
class Reason:
    """Why a verdict is what it is: a stable code, a sentence, and the ids of its evidence."""

    code: str
    text: str
    evidence: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class FaultResult:
    """What a case did under one fault."""

    kind: str
    """`error` or `value`."""
    delivered: int
    """Answers that were replaced on its routes."""
    outcome: Outcome | None
    phase: str | None
    """The phase in which it turned red, if it did."""
    noticed: bool
    where: str = "call"
    """`call`, or `fixture` when only answers that a fixture fetched were replaced."""
    failure: str | None = None
    """`check: AssertionError`, `error: KeyError` ...: what turned it red."""


@dataclass(frozen=True, slots=True)
class CaseVerdict:
    """The verdict about one case, with everything that it rests on."""

    id: str
    outcome: Outcome | None
    verdict: Verdict
    reasons: tuple[Reason, ...]
    remarks: tuple[str, ...] = ()
    routes_claimed: tuple[str, ...] = ()
    routes_reached: tuple[str, ...] = ()
    routes_missed: tuple[str, ...] = ()
    receipts: tuple[str, ...] = ()
    """Ids of the receipts that count."""
    exchanges: tuple[str, ...] = ()
    faults: tuple[FaultResult, ...] = ()
    sensitivity: float | None = None
    """Share of the delivered faults that the case noticed, 0 to 1; None when none was delivered."""
    failure: Failure | None = None
    duration_s: float | None = None
    conditions: str | None = None
    """Digest of all that what it did under the faults depended on; None: some of it is not known."""
    faults_run: str | None = None
    """The earlier run that observed the faults under the same conditions; None: this one did."""
    faults_at: str | None = None
    """When that run judged them: UTC in ISO 8601."""


@dataclass(frozen=True, slots=True)
class RunVerdict:
    """The verdict about a run of a suite."""

    verdict: str
    """`verified`, `failed`, `nothing-verified` or `inconclusive`."""
    exit_code: ExitCode
    cases: tuple[CaseVerdict, ...]
    findings: tuple[Reason, ...]
    """What concerns the suite as a whole: a lost target, a forged exit status, ids that were never collected."""


def counts(verdicts: Iterable[CaseVerdict]) -> Mapping[str, int]:
    """How many cases have each verdict; every verdict is named, also with 0."""
    found = Counter(v.verdict for v in verdicts)
    return {verdict.value: found.get(verdict, 0) for verdict in Verdict}
