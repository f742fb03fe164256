"""From the verdicts on cases to the verdict on a run, and its exit code."""

from collections.abc import Sequence
from dataclasses import dataclass

from greenproof.analysis.authenticity import reasons
from greenproof.analysis.authenticity.accounted import selects
from greenproof.analysis.authenticity.claims import matches_any
from greenproof.model.exits import ExitCode
from greenproof.model.plan import Priority
from greenproof.model.verdicts import CaseVerdict, Reason, RunVerdict, Verdict

UNCLASSIFIED = "unclassified"

_DAMNING = {
    reasons.EXIT_DISAGREES.code,
    reasons.ASSERTS_OFF.code,
    reasons.TARGET_DIED.code,
    reasons.PERFORMANCE_MISSED.code,
}


@dataclass(frozen=True, slots=True)
class Gate:
    """Which cases decide about a run. Without priorities every case does."""

    priorities: tuple[Priority, ...] = ()
    command: tuple[str, ...] = ()

    def priority(self, case: str) -> str:
        """The name of the first priority that names the case."""
        return next((p.name for p in self.priorities if matches_any(case, p.tests)), UNCLASSIFIED)

    def gates(self, verdict: CaseVerdict) -> bool:
        """Whether the case decides. What the command line itself left out was not selected."""
        if any(r.code == reasons.DESELECTED.code for r in verdict.reasons) and selects(self.command):
            return False
        if not self.priorities:
            return True
        return any(p.gates and matches_any(verdict.id, p.tests) for p in self.priorities)


def conclude(verdicts: Sequence[CaseVerdict], findings: Sequence[Reason], gate: Gate) -> RunVerdict:
    """The verdict on a run, in the order of `ExitCode`: failed, nothing verified, inconclusive, verified."""
    gating = [v for v in verdicts if gate.gates(v)]
    if not gating and verdicts:
        findings = (*findings, reasons.NOTHING_GATES.reason())
    kinds = {v.verdict for v in gating}
    proven = any(v.verdict in (Verdict.PROVEN, Verdict.PASSED_OFFLINE) for v in verdicts)
    if kinds & {Verdict.FAILED, Verdict.HOLLOW} or any(f.code in _DAMNING for f in findings):
        name, code = "failed", ExitCode.FAILED
    elif not proven:
        name, code = "nothing-verified", ExitCode.NOTHING_VERIFIED
    elif kinds - {Verdict.PROVEN, Verdict.PASSED_OFFLINE} or findings or not gating:
        name, code = "inconclusive", ExitCode.INCONCLUSIVE
    else:
        name, code = "verified", ExitCode.VERIFIED
    return RunVerdict(name, code, tuple(verdicts), tuple(findings))
