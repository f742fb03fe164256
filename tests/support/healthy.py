"""Builders of facts for the judge's tests: a healthy case, from which each test takes one thing away."""

from dataclasses import replace

from greenproof.analysis.authenticity import Evidence
from greenproof.analysis.authenticity.claims import Claims
from greenproof.model.facts import (
    CaseRecord,
    Depth,
    Exchange,
    Failure,
    FaultKind,
    Join,
    Outcome,
    Phase,
    RunObservation,
    TestProcess,
)
from greenproof.model.plan import DEFAULT_PLUMBING

CASE = "test_orders.py::test_order"

EXCHANGE = Exchange(
    id="x1",
    target="api",
    protocol="http/1.1",
    method="POST",
    path="/orders",
    status=201,
    case=CASE,
    phase=Phase.CALL,
    worker=None,
    join=Join.PORT,
    start_ns=110,
    head_ns=120,
    end_ns=125,
    trace_id="a" * 32,
    identity="api-1",
    depth=Depth.CORE,
)

RECORD = CaseRecord(
    id=CASE,
    outcome=Outcome.PASSED,
    executed=Outcome.PASSED,
    setup_start_ns=90,
    call_start_ns=100,
    call_end_ns=200,
    end_ns=210,
    checks=1,
    last_check_ns=150,
    connections=1,
)

RED = replace(
    RECORD,
    outcome=Outcome.FAILED,
    executed=Outcome.FAILED,
    failure=Failure(Phase.CALL, "check", "AssertionError", "assert 500 == 201"),
)

PROCESS = TestProcess(1, "main", None, "/suite", ("test_orders.py",), exit_status=0)


def run(*cases: CaseRecord, exchanges: tuple[Exchange, ...] = (EXCHANGE,), **changes: object) -> RunObservation:
    """A run in which everything is in order, but for the changes."""
    ids = tuple(c.id for c in cases)
    red = any(c.outcome is not Outcome.PASSED for c in cases)
    base = RunObservation(None, int(red), False, (PROCESS,), ids, (), (), cases, exchanges)
    return replace(base, **changes)  # type: ignore[arg-type]


def faulted(kind: FaultKind, *cases: CaseRecord, exchanges: tuple[Exchange, ...] | None = None) -> RunObservation:
    """A fault run whose fault was delivered on every exchange."""
    delivered = (replace(EXCHANGE, fault=kind),) if exchanges is None else exchanges
    return run(*cases, exchanges=delivered, fault=kind)


def evidence(**changes: object) -> Evidence:
    """The evidence for a case that is proven, but for the changes."""
    base = Evidence(
        plain=run(RECORD),
        claims=Claims((), DEFAULT_PLUMBING),
        error=faulted(FaultKind.ERROR, RED),
        value=faulted(FaultKind.VALUE, RED),
        expected={"api": "api-1"},
    )
    return replace(base, **changes)  # type: ignore[arg-type]
