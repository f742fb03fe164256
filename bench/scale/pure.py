"""One size, in a process of its own: facts of that many cases are made, then each stage is timed. Prints JSON."""

import gc
import json
import shutil
import sys
import tempfile
import time
import tracemalloc
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).resolve().parents[2] / "tests" / "support"))

from healthy import EXCHANGE, PROCESS, RECORD, RED

from greenproof.analysis.authenticity import Evidence, judge_run, plan_faults
from greenproof.analysis.authenticity.claims import Claims
from greenproof.analysis.authenticity.conclusion import Gate, conclude
from greenproof.analysis.value.matrix import matrix
from greenproof.analysis.value.risk import features_at_risk
from greenproof.ledger import Ledger, prepare
from greenproof.model.events import CaseFinished, Event, RunStarted, VerdictReached
from greenproof.model.facts import CaseRecord, Exchange, FaultKind, FixtureSpan, Phase, RunObservation
from greenproof.model.plan import DEFAULT_PLUMBING, Category, Claim, Feature, Priority
from greenproof.model.proof import Proof, TargetSeen
from greenproof.model.report import CycleReport
from greenproof.model.routes import Route
from greenproof.reporting.result import result
from greenproof.reporting.summary import summary_lines
from greenproof.reporting.worklog import worklog

FILES = 100


def case_id(number: int) -> str:
    return f"tests/test_{number % FILES}.py::test_{number}"


def observed(size: int, fault: FaultKind | None) -> RunObservation:
    """A tenth stays green under faults, a tenth rests on a fixture of its file."""
    cases: list[CaseRecord] = []
    exchanges: list[Exchange] = []
    spans: list[FixtureSpan] = []
    for n in range(size):
        start = n * 1_000
        case, red = case_id(n), fault is not None and n % 10 != 3
        times: dict[str, Any] = {
            "id": case, "setup_start_ns": start, "call_start_ns": start + 200, "call_end_ns": start + 800,
            "end_ns": start + 900, "last_check_ns": start + 700, "fixtures": (f"tests/test_{n % FILES}.py::order",),
        }  # fmt: skip
        cases.append(replace(RED if red else RECORD, **times))
        if n < FILES:
            spans.append(FixtureSpan(f"tests/test_{n}.py::order", None, case, start + 10, start + 150))
            when = {"start_ns": start + 20, "head_ns": start + 30, "end_ns": start + 40, "phase": Phase.SETUP}
            exchanges.append(replace(EXCHANGE, id=f"s{n}", case=case, trace_id=f"{n:032x}", fault=fault, **when))
        if n % 10 != 7:
            when = {"start_ns": start + 300, "head_ns": start + 400, "end_ns": start + 410, "fault": fault}
            exchanges.append(replace(EXCHANGE, id=f"x{n}", case=case, trace_id=f"{n:032x}", **when))
    ids = tuple(c.id for c in cases)
    run = RunObservation(fault, 0, False, (PROCESS,), ids, (), (), tuple(cases), tuple(exchanges))
    return replace(run, fixtures=tuple(spans))


def main() -> None:
    """Time each stage, then once more under tracemalloc for its peak."""
    size = int(sys.argv[1])
    claims = Claims(
        tuple(Claim((f"tests/test_{n}.py::*",), (Route.parse("POST /orders"),)) for n in range(20)), DEFAULT_PLUMBING
    )
    runs = [observed(size, kind) for kind in (None, FaultKind.ERROR, FaultKind.VALUE)]
    planned = tuple(case_id(n) for n in range(size))
    evidence = Evidence(runs[0], claims, runs[1], runs[2], expected={"api": "api-1"}, planned=planned)
    cases, findings = judge_run(evidence)
    seen = TargetSeen("api", "http://127.0.0.1:8000", "api-1", "platform", "api-1")
    verdict = conclude(cases, findings, Gate())
    proof = Proof("r", "2026-01-01T00:00:00+00:00", ("pytest",), (seen,), verdict, *runs, receipts=(), faults=True)
    globs = tuple((f"tests/test_{n}*",) for n in range(10))
    features = tuple(Feature(f"f{n}", 10.0, "all", glob) for n, glob in enumerate(globs))
    categories = tuple(Category(f"c{n}", glob, 10) for n, glob in enumerate(globs))
    priorities = tuple(Priority(f"P{n}", glob, 0.0, True) for n, glob in enumerate(globs))

    def values() -> object:
        return matrix(categories, priorities, cases), features_at_risk(features, cases)

    report = CycleReport("p", "local", "r", "a", "b", (), (), proof=proof)
    stages: list[tuple[str, Callable[[], object]]] = [
        ("plan the faults", lambda: plan_faults(runs[0], claims)),
        ("judge", lambda: judge_run(evidence)),
        ("conclude, with ten priorities", lambda: conclude(cases, findings, Gate(priorities))),
        ("matrix and features", values),
        ("JSON result", lambda: json.dumps(result(proof))),
        ("summary, every case", lambda: list(summary_lines(proof, verbose=True))),
        ("worklog", lambda: worklog(report)),
        ("ledger: case by case, verdicts", lambda: recorded(runs[0], proof)),
        ("ledger: verify", lambda: verified(runs[0], proof)),
    ]
    found = []
    for name, work in stages:
        gc.collect()
        start = time.process_time()
        work()
        spent = time.process_time() - start
        tracemalloc.start()
        work()
        peak = tracemalloc.get_traced_memory()[1]
        tracemalloc.stop()
        found.append((name, round(spent, 4), round(peak / 1e6, 3)))
    for folder in _KEPT.values():
        shutil.rmtree(folder)
    print(json.dumps(found))


_KEPT: dict[int, Path] = {}


def recorded(run: RunObservation, proof: Proof) -> Path:
    """A ledger with every case, one append each as they finish, and every verdict."""
    folder = Path(tempfile.mkdtemp(prefix="scale-"))
    with Ledger.open(prepare(folder / ".greenproof")) as ledger:
        ledger.append("r", RunStarted("r", "prove", "local", "local", None))
        for record in run.cases:
            ledger.append("r", CaseFinished(1, "", record, None))
        events: list[Event] = [VerdictReached(1, "", verdict, None) for verdict in proof.verdict.cases]
        ledger.append_many("r", events)
    if before := _KEPT.pop(len(run.cases), None):
        shutil.rmtree(before)
    _KEPT[len(run.cases)] = folder
    return folder


def verified(run: RunObservation, proof: Proof) -> None:
    """Read and re-hash all of it."""
    folder = _KEPT.get(len(run.cases)) or recorded(run, proof)
    with Ledger.open(prepare(folder / ".greenproof")) as ledger:
        if ledger.verify().findings:
            raise RuntimeError("the ledger does not verify")


if __name__ == "__main__":
    main()
