"""Prove a suite: run it plainly through the relay, repeat what passed under two faults, and judge every case."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime

from greenproof.adapters.logs.receipts import LogPlace, mark, read_receipts
from greenproof.adapters.runners.census import bodies
from greenproof.adapters.runners.command import resolve
from greenproof.adapters.runners.silenced import silenced
from greenproof.analysis.authenticity import Evidence, judge_run
from greenproof.analysis.authenticity.conclusion import conclude
from greenproof.analysis.comparison import Plan, take_over
from greenproof.analysis.conclusions import recheck
from greenproof.analysis.performance import measured, missed
from greenproof.loop.kept import Keeper, NothingKept
from greenproof.loop.measuring import gating
from greenproof.loop.proof_request import Listener, ProofRequest, new_run_id
from greenproof.loop.remembering import Conditions, inherited_from, known_of
from greenproof.loop.session import session
from greenproof.loop.targets import looked_at, still_the_same
from greenproof.model.facts import Receipt, RunObservation
from greenproof.model.inheritance import Remembered
from greenproof.model.proof import Proof, TargetSeen
from greenproof.model.verdicts import Reason

_RECEIPTS_WAIT_S = 2.0


@dataclass(frozen=True, slots=True)
class Execution:
    """The facts of an executed suite, not yet judged."""

    at: str
    targets: tuple[TargetSeen, ...]
    changed: tuple[Reason, ...]
    plain: RunObservation
    error: RunObservation | None
    value: RunObservation | None
    receipts: tuple[Receipt, ...]
    planned: tuple[str, ...]
    silenced: Mapping[str, str]
    """What looks like a test and is never collected, each with the reason."""
    tail: tuple[str, ...]
    bodies: Mapping[str, str] = field(default_factory=dict)
    """Digest of each test function, by its id without parameters."""
    inherited: Plan = Plan()
    """What is planned because of the last good run."""
    conditions: Mapping[str, str] = field(default_factory=dict)
    remembered: Mapping[str, Remembered] = field(default_factory=dict)


def prove(request: ProofRequest, listener: Listener, run: str | None = None) -> Proof:
    """Run, repeat under faults, judge. Leaves no process behind, whatever happens."""
    return judge(execute(request, listener), request, run or new_run_id())


@dataclass(frozen=True, slots=True)
class Beginning:
    """What was seen before the first case ran."""

    at: str
    targets: tuple[TargetSeen, ...]
    logs: tuple[tuple[str, int], ...]
    """(target, bytes that its log had)."""


@dataclass(frozen=True, slots=True)
class _Receipts:
    """What the serving side had to say of the plain run."""

    receipts: tuple[Receipt, ...]


def execute(request: ProofRequest, listener: Listener, keeper: Keeper | None = None) -> Execution:
    """The plain run and the fault runs, with everything that was seen of them.

    With a `keeper` that has seen a part of it already, only the rest is done.
    """
    keeper = keeper or NothingKept()
    resolve(request.command, request.directory, request.environment.get("PATH"))
    targets, dead = looked_at(request, listener)
    with session(request, dead, keeper=keeper) as running:
        logs = {t.name: mark(t.service or t.name, t.log, t.log_source) for t in request.targets if t.log}
        sizes = tuple((name, place.offset) for name, place in logs.items())
        at = datetime.now(UTC).isoformat(timespec="seconds")
        began = keeper.value("beginning", Beginning, lambda: Beginning(at, targets, sizes))
        targets = began.targets
        marks = [replace(logs[name], offset=size) for name, size in began.logs if name in logs]
        plain, result = running.plain(listener)
        receipts = keeper.value("receipts", _Receipts, lambda: _receipts(marks, plain)).receipts
        error = value = None
        conditions: Mapping[str, str] = {}
        remembered: Mapping[str, Remembered] = {}
        if request.faults and not request.offline and not plain.relay_lost and not plain.lost_targets:
            conditions = conditions_of(request, plain, targets)
            remembered = known_of(conditions, request.known)
            error, value = running.faulted(plain, listener, remembered)
        listener.doing("judging", None, False)
    targets, changed = still_the_same(targets, request)
    found = {case: digest for p in plain.processes[:1] for case, digest in bodies(p).items()}
    reported = (case.id for case in plain.cases)
    known = dict.fromkeys((*request.collected, *plain.collected, *plain.deselected, *reported, *found))
    inherited = take_over(request.baseline, tuple(known), found, request.removed)
    planned = (*inherited.cases, *_selected(tuple(found), request))
    hidden = {case: why for p in plain.processes[:1] for case, why in silenced(p).items()}
    return Execution(
        began.at,
        targets,
        changed,
        plain,
        error,
        value,
        receipts,
        planned,
        hidden,
        result.tail,
        found,
        inherited=inherited,
        conditions=conditions,
        remembered=remembered,
    )


def conditions_of(request: ProofRequest, plain: RunObservation, targets: tuple[TargetSeen, ...]) -> Mapping[str, str]:
    """Digests of all that the fault runs of the passed cases depend on."""
    if not plain.processes:
        return {}
    seen = Conditions(plain.processes[0], request.command, request.environment, targets, request.claims)
    return seen.of(plain)


def judge(execution: Execution, request: ProofRequest, run: str) -> Proof:
    """From facts to verdicts; touches nothing."""
    evidence = Evidence(
        plain=execution.plain,
        claims=request.claims,
        error=execution.error,
        value=execution.value,
        receipts=execution.receipts,
        expected={t.name: t.expected for t in execution.targets},
        services={t.name: t.service or t.name for t in request.targets},
        planned=execution.planned,
        inherited=frozenset(execution.inherited.cases),
        silenced=execution.silenced,
        command=request.command,
        offline=request.offline,
        conditions=execution.conditions,
        remembered=execution.remembered,
    )
    cases, findings = judge_run(evidence)
    performance = measured(request.performance, execution.plain)
    guarded = gating(request.measure) if request.measure_gates else ()
    verdict = conclude(cases, (*findings, *execution.changed, *missed(performance), *guarded), request.gate)
    return Proof(
        run=run,
        at=execution.at,
        command=request.command,
        targets=execution.targets,
        verdict=verdict,
        plain=execution.plain,
        error=execution.error,
        value=execution.value,
        receipts=execution.receipts,
        faults=request.faults,
        tail=execution.tail,
        bodies=execution.bodies,
        performance=performance,
        inherited=(*request.inherited, *execution.inherited.inherited, *inherited_from(execution.remembered)),
        removed=request.removed,
        measure=request.measure,
        known_before=recheck(request.before, cases, performance, request.release, execution.at),
    )


def collect(request: ProofRequest, listener: Listener) -> tuple[str, ...]:
    """The ids that the command would run, without running one."""
    with session(request) as running:
        observation, _ = running.run(None, (), listener, request.timeout)
    return tuple(dict.fromkeys((*observation.collected, *observation.deselected)))


def _receipts(marks: Sequence[LogPlace], plain: RunObservation) -> _Receipts:
    """What the services wrote of the plain run."""
    first = min((x.head_ns for x in plain.exchanges if x.head_ns is not None), default=None)
    first_s = None if first is None else first / 1e9
    return _Receipts(read_receipts(marks, _traces(plain), wait_s=_RECEIPTS_WAIT_S, first_s=first_s))


def _traces(run: RunObservation) -> frozenset[str]:
    answered = (x for x in run.exchanges if x.head_ns is not None and x.case and not x.synthetic)
    return frozenset(x.trace_id for x in answered if x.trace_id)


def _selected(planned: Sequence[str], request: ProofRequest) -> tuple[str, ...]:
    """What is planned of the tests that stand in the sources: all but those that were collected and left for another
    time. A test that is not even collected was never left out by us.
    """
    planned = tuple(dict.fromkeys(planned))
    if not request.phases:
        return planned
    wanted = {case.split("[", 1)[0] for phase in request.phases for case in phase.cases}
    left_out = {case.split("[", 1)[0] for case in request.collected} - wanted
    return tuple(case for case in planned if case.split("[", 1)[0] not in left_out)
