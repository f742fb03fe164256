"""Prove a suite: run it plainly through the relay, repeat what passed under two faults, and judge every case."""

import contextlib
import os
import secrets
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from pathlib import Path

from greenproof.adapters.confinement import Network
from greenproof.adapters.logs.receipts import mark, read_receipts
from greenproof.adapters.probes.identity import TargetIdentity, identify
from greenproof.adapters.relay import RelayTarget, Witness
from greenproof.adapters.runners.addresses import variable_templates
from greenproof.adapters.runners.census import bodies
from greenproof.adapters.runners.command import CommandResult, TestCommand, resolve
from greenproof.adapters.runners.leftovers import end_marked
from greenproof.adapters.runners.silenced import silenced
from greenproof.adapters.runners.sources import suite_sources
from greenproof.adapters.runners.witnessed import (
    merged_bundle,
    plugin_folder,
    witnessed_command,
    witnessed_environment,
)
from greenproof.analysis.authenticity import Evidence, judge_run, plan_faults, reasons
from greenproof.analysis.authenticity.claims import Claims
from greenproof.analysis.authenticity.conclusion import Gate, conclude
from greenproof.analysis.authenticity.shared import Statements
from greenproof.analysis.authenticity.tailoring import tailored
from greenproof.analysis.authenticity.tolerance import Sources
from greenproof.analysis.comparison import Plan, take_over
from greenproof.analysis.conclusions import recheck
from greenproof.analysis.performance import measured, missed, watch_for
from greenproof.analysis.selection import RunPhase
from greenproof.loop.kept import Keeper, NothingKept
from greenproof.loop.measuring import gating
from greenproof.loop.merging import merge
from greenproof.loop.redacting import redacted, redacted_case
from greenproof.loop.remembering import Conditions, Known, inherited_from, known_of
from greenproof.loop.spool import write_spool
from greenproof.model.conclusions import Conclusion
from greenproof.model.errors import GreenproofError
from greenproof.model.exits import ExitCode
from greenproof.model.facts import TARGET_PROBE, CaseRecord, Outcome, Reading, Receipt, RunObservation
from greenproof.model.faults import FaultPlan
from greenproof.model.inheritance import Baseline, Inherited, Remembered
from greenproof.model.measure import MeasureReport
from greenproof.model.performance import PerformanceTarget
from greenproof.model.plan import IdentitySource, LogSource
from greenproof.model.proof import Proof, TargetSeen
from greenproof.model.redaction import redact_text
from greenproof.model.verdicts import Reason

_FAULT_RUN_FLOOR_S = 60.0
_FAULT_RUN_FACTOR = 3.0
_WAIT_FOR_EVENT_S = 15.0
_RECEIPTS_WAIT_S = 2.0


class TargetDownError(GreenproofError):
    """No target could be reached before the suite began, so nothing can be verified."""

    exit_code = ExitCode.NOTHING_VERIFIED


@dataclass(frozen=True, slots=True)
class ProofTarget:
    """An address that the tests talk to, and how its release is known."""

    name: str
    url: str
    variables: tuple[str, ...] = ()
    service: str | None = None
    """The name in receipts; None: the target's own."""
    revision: str | None = None
    """What the platform deployed."""
    identity: IdentitySource = IdentitySource()
    log: Path | None = None
    log_source: LogSource = LogSource()
    ca: Path | None = None


@dataclass(frozen=True, slots=True)
class ProofRequest:
    """What is to be proven, and how."""

    command: tuple[str, ...]
    directory: Path
    state: Path
    """The folder `.greenproof`."""
    targets: tuple[ProofTarget, ...]
    claims: Claims
    expect: Mapping[str, str] = field(default_factory=dict)
    gate: Gate = Gate()
    performance: tuple[PerformanceTarget, ...] = ()
    faults: bool = True
    fail_fast: bool = False
    timeout: float = 900.0
    environment: Mapping[str, str] = field(default_factory=lambda: dict(os.environ))
    phases: tuple[RunPhase, ...] = ()
    """Empty: everything that the command collects, in one go."""
    baseline: Baseline | None = None
    """The last good run of the same kind: what it planned is planned again."""
    inherited: tuple[Inherited, ...] = ()
    """What else rests on earlier runs, to be told beside the verdicts."""
    removed: tuple[str, ...] = ()
    """Globs of cases that are gone on purpose."""
    collected: tuple[str, ...] = ()
    """With phases: every id that the command collects, also those that no phase holds."""
    offline: bool = False
    measure: MeasureReport | None = None
    """What changed in the tests themselves since the last good run."""
    measure_gates: bool = False
    """Whether that keeps the run from being verified."""
    confine: bool = False
    """The tests get a network of their own, in which nothing is but the relay."""
    known: Known = field(default_factory=dict)
    """What earlier runs saw of cases that they proved; empty: every fault run is made."""
    before: tuple[Conclusion, ...] = ()
    """What the last run of the same kind concluded."""
    release: str | None = None
    """Name of the release that is judged; None: unnamed."""
    redact: Callable[[str], str] = redact_text
    """What every text from the tests goes through before anyone sees or keeps it."""


@dataclass(frozen=True, slots=True)
class Listener:
    """Who is told what happens meanwhile. Each is called from one thread at a time."""

    say: Callable[[str], None] = lambda text: None
    """A line about the progress of the run."""
    output: Callable[[str], None] = lambda line: None
    """A line that the plain run printed."""
    case: Callable[[str | None, CaseRecord], None] = lambda fault, record: None
    """A case finished, in the plain run (None) or under a fault."""
    reading: Callable[[Reading], None] = lambda reading: None
    """A target was looked at before the suite began."""
    doing: Callable[[str, int | None, bool], None] = lambda what, total, fault: None
    """What is done from now on, how many cases it has if that is known, and whether they run under a fault."""
    detail: Callable[[str], None] = lambda text: None
    """A line about relay and plugin."""


def new_run_id() -> str:
    """An id that sorts by time and is never used twice."""
    return f"{datetime.now(UTC):%Y%m%dT%H%M%SZ}-{secrets.token_hex(3)}"


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
    targets, dead = _looked_at(request, listener)
    with session(request, dead, keeper=keeper) as running:
        logs = {t.name: mark(t.service or t.name, t.log, t.log_source) for t in request.targets if t.log}
        sizes = tuple((name, place.offset) for name, place in logs.items())
        at = datetime.now(UTC).isoformat(timespec="seconds")
        began = keeper.value("beginning", Beginning, lambda: Beginning(at, targets, sizes))
        targets = began.targets
        marks = [replace(logs[name], offset=size) for name, size in began.logs if name in logs]
        plain, result = running.plain(listener)
        receipts = keeper.value(
            "receipts", _Receipts, lambda: _Receipts(read_receipts(marks, _traces(plain), wait_s=_RECEIPTS_WAIT_S))
        ).receipts
        error = value = None
        conditions: Mapping[str, str] = {}
        remembered: Mapping[str, Remembered] = {}
        if request.faults and not request.offline and not plain.relay_lost and not plain.lost_targets:
            conditions = conditions_of(request, plain, targets)
            remembered = known_of(conditions, request.known)
            error, value = running.faulted(plain, listener, remembered)
        listener.doing("judging", None, False)
    targets, changed = _still_the_same(targets, request)
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


class Session:
    """One relay and one prepared environment for all runs of a suite."""

    def __init__(
        self, request: ProofRequest, witness: Witness, network: Network | None = None, keeper: Keeper | None = None
    ) -> None:
        self._keeper = keeper or NothingKept()
        self._network = None if network is None else network.pid
        self._request = request
        self._witness = witness
        self._plugin = plugin_folder(request.state / "cache")
        secure = any(v.startswith(("https", "wss")) for v in witness.addresses().values())
        self._bundle = (
            merged_bundle(request.environment, witness.ca_certificate, request.state / "cache" / "relay")
            if secure
            else None
        )

    def plain(self, listener: Listener) -> tuple[RunObservation, CommandResult]:
        """The plain run: in one go, or phase by phase until a gating phase fails."""
        request = self._request
        self._addresses_told(listener)
        if not request.phases:
            listener.say("plain run: the system as it is")
            listener.doing("plain run", None, False)
            return self._kept("plain", None, None, listener, request.timeout)
        done = []
        for number, phase in enumerate(request.phases, 1):
            listener.doing(f"phase {phase.name}", len(phase.cases), False)
            listener.say(f"phase {phase.name}: {len(phase.cases)} cases")
            done.append(self._kept(f"plain-{number}", None, phase.cases, listener, request.timeout))
            red = any(c.outcome is not Outcome.PASSED for c in done[-1][0].cases)
            if request.fail_fast and phase.gates and red:
                listener.say(f"phase {phase.name} is red and gates: the phases after it are not run")
                break
        wanted = tuple(case for phase in request.phases for case in phase.cases)
        return merge([observation for observation, _ in done], wanted), done[-1][1]

    def _addresses_told(self, listener: Listener) -> None:
        for target in self._request.targets:
            place = self._witness.address_of(target.name)
            listener.detail(f"relay: {target.name} is {place}, before {self._request.redact(target.url)}")

    def faulted(
        self, plain: RunObservation, listener: Listener, known: Collection[str] = ()
    ) -> tuple[RunObservation | None, RunObservation | None]:
        """The two fault runs over the cases that they can tell something new about."""
        candidates = plan_faults(plain, self._request.claims, known)
        if known:
            listener.say(f"fault runs: {len(known)} cases were proven before under the same conditions")
        if not candidates.ids:
            return None, None
        limit = min(self._request.timeout, max(_FAULT_RUN_FLOOR_S, plain.duration_s * _FAULT_RUN_FACTOR))
        listener.doing("fault run 1 of 2", len(candidates.ids), True)
        listener.say(f"fault run 1 of 2: {len(candidates.ids)} cases, their answers replaced by errors")
        error, _ = self._kept("fault-1", candidates.error, candidates.ids, listener, limit)
        texts = suite_sources(plain.processes[0]) if plain.processes else {}
        tolerance, statements = Sources.read(texts).tolerance, Statements(texts)
        second = tailored(candidates.value, plain, error, self._request.claims, tolerance, statements)
        listener.doing("fault run 2 of 2", len(candidates.ids), True)
        listener.say(f"fault run 2 of 2: {len(candidates.ids)} cases, {_second_faults(second)}")
        # Who listens for an event that is replaced waits for it to the end of its own patience.
        limit = min(self._request.timeout, limit + second.listening * _WAIT_FOR_EVENT_S)
        value, _ = self._kept("fault-2", second, candidates.ids, listener, limit)
        return error, value

    def _kept(
        self,
        name: str,
        fault: FaultPlan | None,
        select: Sequence[str] | None,
        listener: Listener,
        timeout: float,
    ) -> tuple[RunObservation, CommandResult]:
        """A run of the command, or what is kept of it."""

        def make(rest: Sequence[str] | None, spool: Path | None) -> tuple[RunObservation, CommandResult]:
            if rest is not None and select is not None and len(rest) < len(select):
                listener.say(f"{name}: {len(select) - len(rest)} cases finished before, {len(rest)} are left")
            return self.run(fault, rest, listener, timeout, spool=spool)

        return self._keeper.seen(name, None if fault is None else fault.kind, select, make)

    def run(
        self,
        fault: FaultPlan | None,
        select: Sequence[str] | None,
        listener: Listener,
        timeout: float,
        extra: Mapping[str, str] | None = None,
        spool: Path | None = None,
    ) -> tuple[RunObservation, CommandResult]:
        """One run of the command, with all facts about it. `extra` variables are for this run alone."""
        request, witness = self._request, self._witness
        kind = fault.kind.value if fault else None
        watch = watch_for(request.performance) if fault is None else None

        def on_case(record: CaseRecord) -> None:
            listener.case(kind, redacted_case(record, request.redact))

        def on_news(news: RunObservation) -> None:
            if spool is not None:
                write_spool(spool, redacted(news, request.redact))

        witness.begin(fault, select, on_case, watch, on_news if spool else None)
        environment = witnessed_environment(
            {**request.environment, **(extra or {})},
            plugin=self._plugin,
            control=witness.control,
            addresses=witness.addresses(),
            bundle=self._bundle,
            command=request.command,
            fault_run=fault is not None,
        )
        argv = witnessed_command([_addressed(token, witness, request.targets) for token in request.command])
        if request.fail_fast and fault is None and not request.phases:
            environment["PYTEST_ADDOPTS"] += " --maxfail=1"

        def tell(line: str) -> None:
            listener.output(request.redact(line))

        command = TestCommand(
            argv, directory=request.directory, environment=environment, timeout=timeout, network=self._network
        )
        try:
            # The output of a fault run is full of reds that we caused: it would only mislead.
            result = command.run(on_line=tell if fault is None else None)
        finally:
            end_marked("GREENPROOF_CONTROL", witness.control)
        observation = witness.finish(
            exit_code=result.exit_code, timed_out=result.timed_out, duration_s=result.duration_s
        )
        listener.detail(
            f"{f'{kind} fault run' if kind else 'run'}: exit status {result.exit_code}, {result.duration_s:.1f} s, "
            f"test processes: {len(observation.processes)}, exchanges: {len(observation.exchanges)}"
        )
        return redacted(observation, request.redact), replace(result, tail=tuple(map(request.redact, result.tail)))


@contextlib.contextmanager
def session(
    request: ProofRequest,
    dead: Collection[str] = (),
    operators: str | None = None,
    keeper: Keeper | None = None,
) -> Iterator[Session]:
    """A relay before the targets, for as many runs as are wanted. `operators`: who decides about further faults."""
    relayed = [
        RelayTarget(
            name=t.name,
            url=t.url,
            variables=variable_templates(t.name, t.url, t.variables, request.environment),
            identity_header=t.identity.header or "X-Greenproof-Revision",
            ca=t.ca,
            down=t.name in dead,
        )
        for t in request.targets
    ]
    with contextlib.ExitStack() as stack:
        network = stack.enter_context(Network.start(t.url for t in request.targets)) if request.confine else None
        state = request.state / "cache" / "relay"
        witness = stack.enter_context(Witness.start(relayed, state=state, network=network, operators=operators))
        if keeper is not None:
            keeper.mark(witness.control)
        yield Session(request, witness, network, keeper)


def _second_faults(plan: FaultPlan) -> str:
    own = sum(case.instead is not None for case in plan.cases.values())
    changed = "the values in their answers changed"
    return f"{changed}, or for {own} of them a failure that they may be putting up with" if own else changed


def _addressed(token: str, witness: Witness, targets: Sequence[ProofTarget]) -> str:
    """`{NAME}` in the command becomes the address of that target at the relay."""
    for target in targets:
        token = token.replace(f"{{{target.name}}}", witness.address_of(target.name))
    return token


def _looked_at(request: ProofRequest, listener: Listener) -> tuple[tuple[TargetSeen, ...], frozenset[str]]:
    """What each target says before the suite begins, and which of them can't be reached.

    A target that is slow or talks nonsense is told and judged by the tests all the same, and so is one of several that
    is down. If none can be reached, a run would only make noise: TargetDownError.
    """
    seen, dead, told = [], {}, []
    for target in request.targets:
        identity = _identify(target)
        detail = request.redact(identity.detail)
        at = datetime.now(UTC).isoformat(timespec="milliseconds")
        state, revision = identity.state, identity.revision
        listener.reading(
            Reading(target.name, TARGET_PROBE, at, identity.answered, state, revision, identity.latency_ms, detail)
        )
        if not identity.answered:
            told.append(f"target {target.name} at {request.redact(target.url)}: {detail}")
        if not identity.reachable:
            dead[target.name] = (detail, identity.hint)
        seen.append(_seen(target, identity, request))
    if dead and len(dead) == len(request.targets):
        raise _down(dead, request)
    for line in told:
        listener.say(line)
    return tuple(seen), frozenset(dead)


def _down(dead: Mapping[str, tuple[str, str]], request: ProofRequest) -> TargetDownError:
    what = "; ".join(f"{name}: {detail}" for name, (detail, _) in dead.items())
    hints = dict.fromkeys(hint for _, hint in dead.values())
    return TargetDownError(
        f"no target can be reached, so nothing was run: {what}",
        code="target-down",
        where=", ".join(request.redact(t.url) for t in request.targets),
        expected="a service that answers HTTP",
        hint="; ".join(hints),
    )


def _seen(target: ProofTarget, identity: TargetIdentity, request: ProofRequest) -> TargetSeen:
    """What the target names at the start, and what is therefore expected of every answer."""
    if expected := request.expect.get(target.name):
        return TargetSeen(target.name, target.url, expected, "--expect", identity.revision)
    if target.revision:
        return TargetSeen(target.name, target.url, target.revision, "platform", identity.revision)
    named_by = "seen at the start" if identity.revision else "nobody"
    return TargetSeen(target.name, target.url, identity.revision, named_by, identity.revision)


def _identify(target: ProofTarget) -> TargetIdentity:
    return identify(target.url, target.identity, ca=str(target.ca) if target.ca else None)


def _still_the_same(
    targets: Sequence[TargetSeen], request: ProofRequest
) -> tuple[tuple[TargetSeen, ...], tuple[Reason, ...]]:
    """Ask each named target again: a release that changed under the suite proves nothing."""
    after, changed = [], []
    by_name = {t.name: t for t in request.targets}
    for target in targets:
        now = _identify(by_name[target.name]).revision if target.at_start else None
        after.append(replace(target, at_end=now))
        if now is not None and now != target.at_start:
            text = f"{target.name}: named {target.at_start} before the run, and {now} after it."
            changed.append(reasons.RELEASE_CHANGED.reason(text))
    return tuple(after), tuple(changed)


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
