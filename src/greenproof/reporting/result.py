"""The JSON result of `prove`: a versioned schema, `result.schema.json` beside this file."""

import json
from collections.abc import Mapping
from importlib.resources import files
from typing import Any

from greenproof.model.facts import Exchange
from greenproof.model.inheritance import Inherited
from greenproof.model.proof import Proof
from greenproof.model.redaction import redact_arguments
from greenproof.model.verdicts import CaseVerdict, FaultResult, Reason, counts
from greenproof.reporting.conclusions import known_document
from greenproof.reporting.measure import measure_document
from greenproof.reporting.performance import performance_document
from greenproof.reporting.sensitivity import sensitivity_document
from greenproof.reporting.sides import side_document

SCHEMA = "greenproof.result/1"


def result(proof: Proof, *, head: str | None = None) -> dict[str, Any]:
    """The result as plain JSON values. `head` is the ledger's head after the run."""
    exchanges = {x.id: x for x in proof.plain.exchanges}
    return {
        "schema": SCHEMA,
        "run": proof.run,
        "at": proof.at,
        "command": list(redact_arguments(proof.command)),
        "verdict": proof.verdict.verdict,
        "exit_code": int(proof.verdict.exit_code),
        "summary": summary(proof),
        "release": {
            t.name: {"url": t.url, "revision": t.expected, "named_by": t.named_by, "at_end": t.at_end}
            for t in proof.targets
        },
        "findings": [_reason(f) for f in proof.verdict.findings],
        "cases": [_case(v, exchanges) for v in proof.verdict.cases],
        "ledger_head": head,
        "sensitivity": sensitivity_document(proof.sensitivity),
        "performance": [performance_document(found) for found in proof.performance],
        "measure": measure_document(proof.measure) if proof.measure else None,
        "known_before": known_document(proof.known_before) if proof.known_before else None,
        "inherited": [_inherited(item) for item in proof.inherited],
        "side": side_document(proof.side) if proof.side else None,
    }


def summary(proof: Proof) -> dict[str, Any]:
    """The counts, each with its denominator beside it."""
    cases = proof.verdict.cases
    plain = proof.plain
    return {
        "cases": len(cases),
        "verdicts": dict(counts(cases)),
        "runner": {
            "exit_code": plain.exit_code,
            "passed": sum(v.outcome == "passed" for v in cases),
            "collected": len(plain.collected),
        },
        "exchanges": len(plain.exchanges),
        "duration_s": round(sum(run.duration_s for run in (plain, proof.error, proof.value) if run), 3),
    }


def _case(verdict: CaseVerdict, exchanges: Mapping[str, Exchange]) -> dict[str, Any]:
    return {
        "id": verdict.id,
        "outcome": verdict.outcome.value if verdict.outcome else None,
        "verdict": verdict.verdict.value,
        "reasons": [_reason(r) for r in verdict.reasons],
        "remarks": list(verdict.remarks),
        "routes": {
            "claimed": list(verdict.routes_claimed),
            "reached": list(verdict.routes_reached),
            "missed": list(verdict.routes_missed),
        },
        "receipts": list(verdict.receipts),
        "sensitivity": verdict.sensitivity,
        "exchanges": [_exchange(exchanges[i]) for i in verdict.exchanges if i in exchanges],
        "faults": [_fault(f) for f in verdict.faults],
        "failure": _failure(verdict),
        "duration_s": verdict.duration_s,
        "faults_run": verdict.faults_run,
        "faults_at": verdict.faults_at,
    }


def _inherited(item: Inherited) -> dict[str, Any]:
    return {
        "what": item.what,
        "text": item.text,
        "run": item.run,
        "at": item.at,
        "release": item.release,
        "cases": list(item.cases),
    }


def _failure(verdict: CaseVerdict) -> dict[str, Any] | None:
    failure = verdict.failure
    if failure is None:
        return None
    return {"phase": failure.phase.value, "kind": failure.kind, "type": failure.type, "text": failure.text}


def _reason(reason: Reason) -> dict[str, Any]:
    return {"code": reason.code, "text": reason.text, "evidence": list(reason.evidence)}


def _fault(fault: FaultResult) -> dict[str, Any]:
    return {
        "kind": fault.kind,
        "where": fault.where,
        "delivered": fault.delivered,
        "outcome": fault.outcome.value if fault.outcome else None,
        "phase": fault.phase,
        "noticed": fault.noticed,
        "failure": fault.failure,
    }


def _exchange(exchange: Exchange) -> dict[str, Any]:
    return {
        "id": exchange.id,
        "target": exchange.target,
        "protocol": exchange.protocol,
        "method": exchange.method,
        "path": exchange.path,
        "status": exchange.status,
        "phase": exchange.phase.value if exchange.phase else None,
        "joined_by": exchange.join.value,
        "revision": exchange.identity,
        "depth": exchange.depth.value,
        "trace_id": exchange.trace_id,
    }


def schema() -> dict[str, Any]:
    """The published JSON Schema of a result."""
    text = files("greenproof.reporting").joinpath("result.schema.json").read_text("utf-8")
    loaded: dict[str, Any] = json.loads(text)
    return loaded
