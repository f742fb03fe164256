"""A judged run for the tests of what is reported: one case of each kind, with hostile names."""

from dataclasses import replace

from healthy import CASE, EXCHANGE, RECORD, RED, evidence, faulted, run

from greenproof.analysis.authenticity import judge_run
from greenproof.analysis.authenticity.conclusion import Gate, conclude
from greenproof.model.facts import FaultKind, Outcome
from greenproof.model.proof import Proof, TargetSeen

HOSTILE = "test_orders.py::test_evil[\x1b[31m|<script>`*\n\udc80]"


def proof() -> Proof:
    """Proven, hollow, failed, not run: one each, and a finding."""
    hollow = replace(RECORD, id="test_orders.py::test_blind", connections=0)
    failed = replace(RED, id=HOSTILE)
    skipped = replace(RECORD, id="test_orders.py::test_later", outcome=Outcome.SKIPPED, skip_reason="no | reason")
    plain = run(RECORD, hollow, failed, skipped, exit_code=0)
    judged = evidence(
        plain=plain, error=faulted(FaultKind.ERROR, RED), value=faulted(FaultKind.VALUE, RED), planned=(CASE,)
    )
    cases, findings = judge_run(judged)
    return Proof(
        run="20260101T000000Z-abcdef",
        at="2026-01-01T00:00:00+00:00",
        command=("pytest", "-q"),
        targets=(TargetSeen("api", "http://127.0.0.1:8000", "api-1", "platform", "api-1"),),
        verdict=conclude(cases, findings, Gate()),
        plain=plain,
        error=judged.error,
        value=judged.value,
        receipts=(),
        faults=True,
        tail=("1 failed",),
    )


__all__ = ["EXCHANGE", "HOSTILE", "proof"]
