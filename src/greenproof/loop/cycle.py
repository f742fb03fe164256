"""One turn of the loop, as a plain list of steps: last state in, next state out."""

import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from pathlib import Path

from greenproof.adapters.platforms.base import Platform
from greenproof.analysis.selection import RunPhase, select
from greenproof.analysis.value import features_at_risk, matrix
from greenproof.loop.journal import Journal
from greenproof.loop.proving import Execution, Listener, ProofRequest, collect, execute, judge
from greenproof.loop.requests import suite_request
from greenproof.model.errors import GreenproofError, UsageError
from greenproof.model.exits import ExitCode
from greenproof.model.facts import Reading, Release
from greenproof.model.plan import Environment, Plan, Suite
from greenproof.model.proof import Proof
from greenproof.model.report import Component, CycleReport, StepRecord
from greenproof.model.verdicts import Verdict


@dataclass(frozen=True, slots=True)
class CycleOptions:
    """What a person chose for this cycle."""

    deploy: bool = True
    fail_fast: bool = True
    limit: int | None = None
    """At most so many cases, the most important ones."""
    faults: bool = True
    removed: tuple[str, ...] = ()
    """Globs of cases that are gone on purpose."""
    repeat_faults: bool = False
    """Make fault runs again that an earlier run made under the same conditions."""


@dataclass(frozen=True, slots=True)
class Cycle:
    """The state of one turn, handed from step to step."""

    plan: Plan
    environment: Environment
    suite: Suite
    platform: Platform
    journal: Journal
    listener: Listener
    render: Callable[[CycleReport], str]
    """Turns the report into the worklog's text."""
    options: CycleOptions = CycleOptions()
    started: str = ""
    readings_before: tuple[Reading, ...] = ()
    readings: tuple[Reading, ...] = ()
    release_before: Release | None = None
    release: Release | None = None
    request: ProofRequest | None = None
    phases: tuple[RunPhase, ...] = ()
    execution: Execution | None = None
    proof: Proof | None = None
    steps: tuple[StepRecord, ...] = ()
    failure: GreenproofError | None = None
    head: str | None = None
    """Of the ledger, after the last event of the run."""
    worklog: Path | None = None
    detail: str = ""
    """What the present step has to say."""

    @property
    def exit_code(self) -> ExitCode:
        """Of the cycle so far."""
        if self.failure is not None:
            return self.failure.exit_code
        return self.proof.verdict.exit_code if self.proof else ExitCode.NOTHING_VERIFIED


def read_state(cycle: Cycle) -> Cycle:
    """ready: what is the present state? Nothing deployed yet is a valid answer."""
    cycle.platform.up()
    readings = cycle.platform.ready()
    release = cycle.platform.status().current
    said = ", ".join(f"{r.service} {r.state}" for r in readings)
    return replace(cycle, readings_before=readings, release_before=release, detail=said)


def deploy_release(cycle: Cycle) -> Cycle:
    """deploy: the services as they are now, as one release; every one proven by its identity."""
    if cycle.options.deploy:
        release = cycle.journal.deploy(cycle.platform.deploy)
    else:
        current = cycle.platform.status().current
        if current is None:
            raise UsageError(
                "nothing is deployed, and --no-deploy was given",
                code="not-deployed",
                where=f"environments.{cycle.environment.name}",
                expected="a release that is there already",
                hint="leave --no-deploy out, or run `greenproof deploy` first",
            )
        release = current
    readings = cycle.platform.ready()
    if cycle.options.deploy:
        cycle.journal.deployed(release, cycle.release_before, readings)
    else:
        cycle.journal.found([revision.name for revision in release.revisions], release.name)
        for reading in readings:
            cycle.journal.reading(reading)
    return replace(cycle, release=release, readings=readings, detail=release.name)


def select_cases(cycle: Cycle) -> Cycle:
    """select: what the suite holds, sorted by priority and value."""
    request = suite_request(cycle.plan, cycle.environment, cycle.platform, cycle.suite)
    request = replace(request, faults=request.faults and cycle.options.faults, fail_fast=cycle.options.fail_fast)
    request = replace(request, removed=cycle.options.removed, measure_gates=True)
    request = cycle.journal.informed(request, not cycle.options.repeat_faults)
    ids = collect(request, replace(cycle.listener, output=lambda line: None))
    phases = select(ids, cycle.plan.priorities, cycle.plan.features, cycle.options.limit)
    cycle.journal.selected(phases)
    count = sum(len(phase.cases) for phase in phases)
    detail = f"{count} of {len(ids)} cases in {len(phases)} phases"
    # Without a case there is nothing to put into phases; the plain run then shows why.
    return replace(cycle, request=replace(request, phases=phases, collected=ids), phases=phases, detail=detail)


def execute_suite(cycle: Cycle) -> Cycle:
    """execute: the plain run phase by phase, then the fault runs."""
    assert cycle.request is not None
    execution = execute(cycle.request, cycle.listener)
    ran = len(execution.plain.cases)
    detail = f"{ran} cases ran, {len(execution.plain.exchanges)} exchanges seen"
    return replace(cycle, execution=execution, detail=detail)


def judge_cases(cycle: Cycle) -> Cycle:
    """judge: a verdict for every planned case, and one for the run."""
    assert cycle.request is not None
    assert cycle.execution is not None
    proof = judge(cycle.execution, cycle.request, cycle.journal.run)
    cycle.journal.judged(proof)
    proven = sum(v.verdict is Verdict.PROVEN for v in proof.verdict.cases)
    return replace(cycle, proof=proof, detail=f"{proof.verdict.verdict}: {proven} of {len(proof.verdict.cases)} proven")


def write_report(cycle: Cycle) -> Cycle:
    """report: the worklog of everything before. Its head is that of the last event that it can speak of: its own
    record and the end of the run come after it, and hold nothing that it doesn't say itself.
    """
    event, head = cycle.journal.head()
    place = cycle.journal.write_worklog(cycle.render(_report_of(cycle, event, head)), head)
    return replace(cycle, worklog=place, detail=str(place))


type Step = Callable[[Cycle], Cycle]

STEPS: tuple[tuple[str, Step], ...] = (
    ("ready", read_state),
    ("deploy", deploy_release),
    ("select", select_cases),
    ("execute", execute_suite),
    ("judge", judge_cases),
    ("report", write_report),
)


def run_cycle(cycle: Cycle) -> Cycle:
    """Take the steps in order. After one that fails only the report is reached, which tells of it."""
    cycle = replace(cycle, started=_now())
    for name, step in STEPS:
        if cycle.failure is not None and step is not write_report:
            cycle = _with_step(cycle, StepRecord(name, "not reached", 0.0))
            continue
        cycle.listener.say(f"step {name}")
        cycle.listener.doing(f"step {name}", None, False)
        cycle.journal.step_started(name)
        began = time.monotonic()
        try:
            cycle = step(replace(cycle, detail=""))
            record = StepRecord(name, "done", time.monotonic() - began, cycle.detail)
        except GreenproofError as error:
            cycle = replace(cycle, failure=error)
            record = StepRecord(name, "failed", time.monotonic() - began, error.message)
        cycle.journal.step_finished(record)
        cycle.listener.detail(f"step {name}: {record.duration_s:.2f} s")
        cycle.listener.say(
            f"step {name}: {record.result}, {record.detail}" if record.detail else f"step {name}: {record.result}"
        )
        cycle = _with_step(cycle, record)
    return replace(cycle, head=cycle.journal.finish(cycle.exit_code))


def _report_of(cycle: Cycle, event: int, head: str) -> CycleReport:
    """What the worklog tells: this cycle, beside the run before."""
    cases = cycle.proof.verdict.cases if cycle.proof else ()
    by_category, by_priority = matrix(cycle.plan.categories, cycle.plan.priorities, cases)
    before = cycle.journal.before
    inherited = cycle.proof.inherited if cycle.proof else cycle.journal.inherited
    promises = cycle.proof.performance if cycle.proof else ()
    promises_before = cycle.journal.promises_before
    return CycleReport(
        project=cycle.plan.name,
        environment=cycle.environment.name,
        run=cycle.journal.run,
        started=cycle.started,
        finished=_now(),
        steps=cycle.steps,
        components=tuple(
            _component(r, before.readings, cycle.release) for r in cycle.readings or cycle.readings_before
        ),
        release=cycle.release,
        release_before=cycle.release_before.name if cycle.release_before else None,
        run_before=before.run,
        proof=cycle.proof,
        by_category=by_category,
        by_priority=by_priority,
        features=features_at_risk(cycle.plan.features, cases),
        failure=tuple(cycle.failure.lines()) if cycle.failure else (),
        evidence=cycle.journal.evidence,
        head=head,
        head_event=event,
        inherited=(*before.inherited, *promises_before.inherited(promises), *inherited),
        performance_before=promises_before.beside(promises),
        exit_code=int(cycle.exit_code),
    )


def _component(reading: Reading, before: Mapping[str, Reading], release: Release | None) -> Component:
    past = before.get(reading.service)
    revisions = {r.service: r.name for r in release.revisions} if release else {}
    return Component(
        reading.service,
        reading.state,
        reading.identity or revisions.get(reading.service),
        reading.latency_ms,
        reading.detail,
        past.state if past else None,
        past.latency_ms if past else None,
    )


def _with_step(cycle: Cycle, record: StepRecord) -> Cycle:
    return replace(cycle, steps=(*cycle.steps, record))


def _now() -> str:
    return datetime.now(UTC).isoformat(timespec="seconds")
