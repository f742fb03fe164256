"""One turn of the loop, as a plain list of steps: last state in, next state out.

The state is a value that can be kept as JSON, so that a step is taken by whichever process is there.
"""

import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime

from greenproof.adapters.platforms.base import Platform
from greenproof.analysis.authenticity.conclusion import Gate
from greenproof.analysis.selection import RunPhase, select
from greenproof.analysis.value import features_at_risk, matrix
from greenproof.loop.journal import Journal
from greenproof.loop.kept import Kept
from greenproof.loop.lastgood import keep_configuration
from greenproof.loop.proof_request import Listener, ProofRequest
from greenproof.loop.proving import Execution, collect, execute, judge
from greenproof.loop.requests import suite_request
from greenproof.model.errors import GreenproofError, LeaseLostError, UsageError
from greenproof.model.events import EffectRecovered
from greenproof.model.exits import ExitCode
from greenproof.model.facts import Reading, Release
from greenproof.model.inheritance import Inherited
from greenproof.model.plan import Environment, Plan, Suite
from greenproof.model.proof import Proof
from greenproof.model.releases import Recovery
from greenproof.model.report import Component, CycleReport, StepRecord
from greenproof.model.verdicts import Reason, Verdict

FROZEN = "rollback-frozen"
"""The code of a platform that can't go back, because something on the way can't be undone."""
NOT_REACHED = "not reached"
_EXECUTION = "execution"


@dataclass(frozen=True, slots=True, kw_only=True)
class CycleOptions:
    """What a person chose for the cycles of a run."""

    deploy: bool = True
    fail_fast: bool = True
    limit: int | None = None
    """At most so many cases, the most important ones."""
    faults: bool = True
    removed: tuple[str, ...] = ()
    """Globs of cases that are gone on purpose."""
    repeat_faults: bool = False
    """Make fault runs again that an earlier run made under the same conditions."""
    read_only: bool = False
    """Nothing is written into the working tree, as far as that is ours to say."""
    rollback: bool = True
    """Go back to the last known good release from one on which a gating case failed."""


@dataclass(frozen=True, slots=True)
class Failed:
    """Why a step could not be taken."""

    message: str
    code: str
    where: str | None = None
    expected: str | None = None
    hint: str | None = None
    exit_code: int = int(ExitCode.FAILED)
    lines: tuple[str, ...] = ()

    @classmethod
    def of(cls, error: GreenproofError) -> "Failed":
        """From the error."""
        lines = tuple(error.lines())
        return cls(error.message, error.code, error.where, error.expected, error.hint, int(error.exit_code), lines)


@dataclass(frozen=True, slots=True)
class State:
    """What is known of one turn, after a step."""

    number: int = 1
    started: str = ""
    readings_before: tuple[Reading, ...] = ()
    readings: tuple[Reading, ...] = ()
    release_before: Release | None = None
    release: Release | None = None
    live: str | None = None
    """Name of the release that serves at the end of the turn."""
    down: tuple[str, ...] = ()
    """What the release stands on and was not ready when the suite had run."""
    phases: tuple[RunPhase, ...] = ()
    collected: tuple[str, ...] = ()
    steps: tuple[StepRecord, ...] = ()
    failure: Failed | None = None
    frozen: str | None = None
    """Why nothing may be done until a person has looked."""
    verdict: str = ""
    exit_code: int = int(ExitCode.NOTHING_VERIFIED)
    not_proven: tuple[str, ...] = ()
    """Gating cases that are not proven, with their verdicts."""
    inherited: tuple[Inherited, ...] = ()
    evidence: tuple[tuple[str, str], ...] = ()
    worklog: str | None = None
    detail: str = ""
    """What the present step has to say."""


@dataclass(frozen=True, slots=True)
class Cycle:
    """One turn: what it works with, and its state."""

    plan: Plan
    environment: Environment
    suite: Suite
    platform: Platform
    journal: Journal
    listener: Listener
    render: Callable[[CycleReport], str]
    """Turns the report into the worklog's text."""
    kept: Kept
    options: CycleOptions = CycleOptions()
    allowed: Callable[[], None] = lambda: None
    """Asked before every effect on the outside; raises when somebody else has taken over."""
    state: State = field(default_factory=State)
    request: ProofRequest | None = None
    """What is to be proven; made once in each process."""
    proof: Proof | None = None
    """As judged, in the process that judged or told again."""

    def found(self, **changes: object) -> "Cycle":
        """The next state."""
        return replace(self, state=replace(self.state, **changes))  # type: ignore[arg-type]


def read_state(cycle: Cycle) -> Cycle:
    """ready: what is the present state? Nothing deployed yet is a valid answer."""
    cut = _up(cycle).cut_off
    if cut is not None:
        cycle.journal.happened(
            EffectRecovered(cycle.state.number, cycle.environment.name, cut.effect, cut.detail or cut.outcome)
        )
        cycle.listener.say(f"a {cut.effect} of {cut.release} had been cut off: {cut.detail or cut.outcome}")
    readings = cycle.platform.ready()
    for reading in readings:
        cycle.journal.reading(reading)
    release = cycle.platform.status().current
    said = ", ".join(f"{r.service} {r.state}" for r in readings)
    return cycle.found(readings_before=readings, release_before=release, detail=said)


def _up(cycle: Cycle) -> Recovery:
    """The environment with the release that was live. Also at the beginning of later steps: whoever killed the loop may
    have killed the environment, and a run that is taken up does not read the state again. Read-only: as it is.
    """
    if cycle.options.read_only:
        return Recovery()
    cycle.allowed()
    recovery = cycle.platform.up()
    if recovery.failed:
        cycle.listener.say(f"the release of last time can't be restored: {recovery.failed}")
    if recovery.restored and cycle.state.readings_before:
        cycle.listener.say(f"the environment was down; {recovery.restored.name} runs again")
        for reading in cycle.platform.ready():
            cycle.journal.reading(reading)
    return recovery


def deploy_release(cycle: Cycle) -> Cycle:
    """deploy: the services as they are now, as one release; every one proven by its identity."""
    key = cycle.journal.key("deploy")
    if cycle.options.deploy:
        cycle.allowed()
        release = cycle.journal.deploy(lambda: cycle.platform.deploy(key=key))
    else:
        _up(cycle)
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
    # Read back: what the platform says that it did is a claim.
    readings = cycle.platform.ready()
    if cycle.options.deploy:
        cycle.journal.deployed(release, cycle.state.release_before, readings)
    else:
        cycle.journal.found([revision.name for revision in release.revisions], release.name)
        for reading in readings:
            cycle.journal.reading(reading)
    return cycle.found(release=release, live=release.name, readings=readings, detail=release.name)


def select_cases(cycle: Cycle) -> Cycle:
    """select: what the suite holds, sorted by priority and value."""
    _up(cycle)
    request = request_of(cycle)
    ids = collect(request, replace(cycle.listener, output=lambda line: None))
    phases = select(ids, cycle.plan.priorities, cycle.plan.features, cycle.options.limit)
    cycle.journal.selected(phases)
    count = sum(len(phase.cases) for phase in phases)
    detail = f"{count} of {len(ids)} cases in {len(phases)} phases"
    return replace(cycle, request=request).found(phases=phases, collected=ids, detail=detail)


def execute_suite(cycle: Cycle) -> Cycle:
    """execute: the plain run phase by phase, then the fault runs. What was seen before a kill is not done again."""
    _up(cycle)
    execution = execute(request_of(cycle), cycle.listener, cycle.kept)
    cycle.kept.put(_EXECUTION, execution)
    ran = len(execution.plain.cases)
    return cycle.found(down=_down(cycle), detail=f"{ran} cases ran, {len(execution.plain.exchanges)} exchanges seen")


def _down(cycle: Cycle) -> tuple[str, ...]:
    """Dependencies that are not ready now; everything, if the environment itself is gone."""
    readings = cycle.platform.ready()
    servers = {dependency.name for dependency in cycle.plan.dependencies}
    gone = all(reading.state == "absent" for reading in readings)
    down = [reading for reading in readings if reading.state != "ready" and (gone or reading.service in servers)]
    for reading in down:
        cycle.journal.reading(reading)
    return tuple(reading.service for reading in down)


def doubt(cycle: Cycle, why: Reason) -> None:
    """Something is known of the whole run that its verdict has to take into account."""
    execution = cycle.kept.get(_EXECUTION, Execution)
    if execution is not None:
        cycle.kept.put(_EXECUTION, replace(execution, changed=(*execution.changed, why)))


def judge_cases(cycle: Cycle) -> Cycle:
    """judge: a verdict for every planned case, and one for the run."""
    proof = _judged(cycle)
    cycle.journal.judged(proof)
    release = cycle.state.release.name if cycle.state.release else None
    making, place = not cycle.options.read_only, (cycle.plan, cycle.environment, cycle.platform)
    keep_configuration(cycle.journal, *place, cycle.suite, release, making=making)
    verdict = proof.verdict
    gate = Gate(cycle.plan.priorities, proof.command)
    proven = sum(v.verdict is Verdict.PROVEN for v in verdict.cases)
    wanting = (Verdict.PROVEN, Verdict.PASSED_OFFLINE)
    return replace(cycle, proof=proof).found(
        verdict=verdict.verdict,
        exit_code=int(verdict.exit_code),
        not_proven=tuple(f"{v.id} {v.verdict}" for v in verdict.cases if gate.gates(v) and v.verdict not in wanting),
        detail=f"{verdict.verdict}: {proven} of {len(verdict.cases)} proven",
    )


def remedy_release(cycle: Cycle) -> Cycle:
    """remedy: a release whose gating cases are proven becomes known good; from one on which a gating case failed, the
    environment goes back to the last known good one, as a whole. Not from one that failed without what it stands on.
    """
    state, options = cycle.state, cycle.options
    if cycle.suite.kind == "offline" or state.release is None:
        return cycle.found(detail="nothing to do: this suite says nothing of a release")
    if state.verdict == "verified" and options.faults and options.limit is None:
        _up(cycle)
        key = cycle.journal.key("known-good")
        cycle.platform.mark_good(state.release.name, cycle.journal.run, key=key)
        cycle.journal.known_good(state.release.name, key)
        return cycle.found(detail=f"{state.release.name} is known good")
    red = [told for told in state.not_proven if told.endswith(f" {Verdict.FAILED}")]
    if not red or not options.deploy or not options.rollback:
        return cycle.found(detail="nothing to do")
    if state.down:
        # Another release would stand on the same.
        down = ", ".join(state.down)
        return cycle.found(
            detail=f"no rollback: {down} was not ready after the suite, so what failed may not be the release"
        )
    return _go_back(cycle, state.release, red)


def _go_back(cycle: Cycle, release: Release, red: list[str]) -> Cycle:
    """Back to the last known good release; where something on the way can't be undone, the loop freezes."""
    good = [known.release for known in cycle.platform.status().releases.good if known.release != release.name]
    if not good:
        return cycle.found(detail="no release is known good yet, so there is nothing to go back to")
    key = cycle.journal.key("rollback")
    cycle.allowed()
    try:
        done = cycle.platform.rollback(good[-1], key=key)
    except GreenproofError as error:
        if error.code != FROZEN:
            raise
        return cycle.found(frozen=" ".join(error.lines()), detail=f"frozen: {error.message}")
    cycle.journal.rolled_back(done.release, done.abandoned, f"{len(red)} gating cases failed", key)
    how = "warm" if done.warm else "cold"
    said = f"back on {done.release.name}, {how}, in {done.duration_s:.2f} s: {len(red)} gating cases failed"
    return cycle.found(live=done.release.name, readings=cycle.platform.ready(), detail=said)


def write_report(cycle: Cycle) -> Cycle:
    """report: the worklog of everything before. Its head is that of the last event that it can speak of: its own
    record and the end of the run come after it, and hold nothing that it doesn't say itself.
    """
    if cycle.proof is None and cycle.state.verdict:
        # Judged by a process that was killed: the same facts give the same verdicts.
        cycle = replace(cycle, proof=_judged(cycle))
    event, head = cycle.journal.head()
    place = cycle.journal.write_worklog(cycle.render(_report_of(cycle, event, head)), head)
    return cycle.found(worklog=str(place), detail=str(place))


type Step = Callable[[Cycle], Cycle]

STEPS: Mapping[str, Step] = {
    "ready": read_state,
    "deploy": deploy_release,
    "select": select_cases,
    "execute": execute_suite,
    "judge": judge_cases,
    "remedy": remedy_release,
    "report": write_report,
}


def take_step(cycle: Cycle, name: str, steps: Mapping[str, Step] = STEPS) -> Cycle:
    """One step. After one that failed only the report is reached, which tells of it.

    A step is finished as soon as the state after it is kept, and is then not taken again.
    """
    kept = cycle.kept.get(_state_after(name), State)
    return _finished(_taken(cycle, name, steps[name]) if kept is None else replace(cycle, state=kept), name)


def end_step(cycle: Cycle, name: str, error: GreenproofError) -> Cycle:
    """The step was ended from outside, and has failed."""
    record = StepRecord(name, "failed", 0.0, error.message)
    return _finished(_with_step(failed(cycle, error), record), name)


def _finished(cycle: Cycle, name: str) -> Cycle:
    """First what would be done again without it, then what tells of it."""
    cycle.kept.put(_state_after(name), cycle.state)
    record = cycle.state.steps[-1]
    if record.result != NOT_REACHED:
        cycle.journal.step_finished(record)
    return cycle


def state_before(kept: Kept, name: str) -> State | None:
    """The state that the step before this one has left; None: there is none."""
    names = list(STEPS)
    index = names.index(name)
    return kept.get(_state_after(names[index - 1]), State) if index else None


def _state_after(name: str) -> str:
    return f"after-{name}"


def _taken(cycle: Cycle, name: str, step: Step) -> Cycle:
    if not cycle.state.started:
        cycle = cycle.found(started=_now())
    if cycle.state.failure is not None and step is not write_report:
        return _with_step(cycle, StepRecord(name, NOT_REACHED, 0.0))
    cycle.listener.say(f"step {name}")
    cycle.listener.doing(f"step {name}", None, False)
    cycle.journal.step_started(name)
    began = time.monotonic()
    try:
        cycle = step(cycle.found(detail=""))
        record = StepRecord(name, "done", time.monotonic() - began, cycle.state.detail)
    except LeaseLostError:
        raise
    except GreenproofError as error:
        cycle = failed(cycle, error)
        record = StepRecord(name, "failed", time.monotonic() - began, error.message)
    cycle.listener.detail(f"step {name}: {record.duration_s:.2f} s")
    cycle.listener.say(
        f"step {name}: {record.result}, {record.detail}" if record.detail else f"step {name}: {record.result}"
    )
    return _with_step(cycle, record).found(inherited=cycle.journal.inherited, evidence=cycle.journal.evidence)


def failed(cycle: Cycle, error: GreenproofError) -> Cycle:
    """The turn, after a step that could not be taken."""
    return cycle.found(failure=Failed.of(error), exit_code=int(error.exit_code))


def request_of(cycle: Cycle) -> ProofRequest:
    """What is to be proven in this turn; the same in each process that asks."""
    request = cycle.request or _new_request(cycle)
    # Without a case there is nothing to put into phases; the plain run then shows why.
    return replace(request, phases=cycle.state.phases, collected=cycle.state.collected)


def _new_request(cycle: Cycle) -> ProofRequest:
    request = suite_request(cycle.plan, cycle.environment, cycle.platform, cycle.suite)
    options = cycle.options
    request = replace(
        request,
        faults=request.faults and options.faults,
        fail_fast=options.fail_fast,
        removed=options.removed,
        measure_gates=True,
    )
    if options.read_only:
        addopts = f"{request.environment.get('PYTEST_ADDOPTS', '')} -p no:cacheprovider".strip()
        kept = {**request.environment, "PYTHONDONTWRITEBYTECODE": "1", "PYTEST_ADDOPTS": addopts}
        request = replace(request, environment=kept)
    return cycle.journal.informed(request, not options.repeat_faults)


def _judged(cycle: Cycle) -> Proof:
    execution = cycle.kept.get(_EXECUTION, Execution)
    assert execution is not None
    return judge(execution, request_of(cycle), cycle.journal.run)


def _report_of(cycle: Cycle, event: int, head: str) -> CycleReport:
    """What the worklog tells: this cycle, beside the run before."""
    state = cycle.state
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
        started=state.started,
        finished=_now(),
        steps=state.steps,
        components=tuple(
            _component(r, before.readings, state.release) for r in state.readings or state.readings_before
        ),
        release=state.release,
        release_before=state.release_before.name if state.release_before else None,
        run_before=before.run,
        proof=cycle.proof,
        by_category=by_category,
        by_priority=by_priority,
        features=features_at_risk(cycle.plan.features, cases),
        failure=state.failure.lines if state.failure else (),
        evidence=cycle.journal.evidence,
        head=head,
        head_event=event,
        inherited=(*before.inherited, *promises_before.inherited(promises), *inherited),
        performance_before=promises_before.beside(promises),
        exit_code=state.exit_code,
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
    return cycle.found(steps=(*cycle.state.steps, record))


def _now() -> str:
    return datetime.now(UTC).isoformat(timespec="seconds")
