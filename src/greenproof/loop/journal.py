"""What a run writes into the ledger, and what it knows of the run before."""

import json
import time
from collections.abc import Callable, Collection, Iterable
from dataclasses import asdict, replace
from datetime import UTC, datetime
from pathlib import Path
from types import TracebackType
from typing import Self

from greenproof import __version__
from greenproof.adapters.interruption import held
from greenproof.analysis.conclusions import recheck
from greenproof.analysis.selection import RunPhase
from greenproof.ledger import Ledger, prepare
from greenproof.ledger.evidence import PREFIX, Content
from greenproof.loop.inheriting import (
    ComponentsBefore,
    PerformanceBefore,
    components_before,
    last_good,
    origin_of,
    performance_before,
)
from greenproof.loop.knowing import concluded_before
from greenproof.loop.measuring import since_last_good
from greenproof.loop.once import identity_of, recorded_in
from greenproof.loop.proof_request import ProofRequest, new_run_id
from greenproof.loop.remembering import remembered
from greenproof.model.conclusions import KnownBefore, Standing
from greenproof.model.errors import GreenproofError, from_system
from greenproof.model.events import (
    CaseFinished,
    CasesPlanned,
    CasesSelected,
    ConclusionsRechecked,
    DeployFailed,
    Event,
    FaultRunFinished,
    MeasureKept,
    PerformanceMeasured,
    ReadingTaken,
    ReleaseDeployed,
    ReleaseKnownGood,
    RolledBack,
    RunFinished,
    RunJudged,
    RunStarted,
    RunSuspended,
    SensitivityMeasured,
    StepFinished,
    StepStarted,
    TargetLost,
    VerdictReached,
    WorklogWritten,
)
from greenproof.model.exits import ExitCode
from greenproof.model.facts import (
    CaseRecord,
    Exchange,
    FaultKind,
    Reading,
    Receipt,
    Release,
    RunObservation,
)
from greenproof.model.inheritance import Inherited
from greenproof.model.measure import Measured
from greenproof.model.performance import Performance
from greenproof.model.plan import Environment, Plan
from greenproof.model.proof import Proof
from greenproof.model.redaction import Redactor, redact_arguments
from greenproof.model.report import StepRecord
from greenproof.model.sensitivity import Sensitivity
from greenproof.model.sides import SideRelease
from greenproof.model.verdicts import counts


class Journal:
    """One run in the ledger. Use as a context manager: a run that ends by an error is recorded as ended."""

    def __init__(
        self,
        plan: Plan,
        environment: Environment,
        ledger: Ledger,
        command: str,
        suite: str,
        arguments: tuple[str, ...] = (),
        faults: bool | None = None,
        run: str | None = None,
        resumed: bool = False,
        side: str = "",
    ) -> None:
        self._plan, self._environment, self._ledger = plan, environment, ledger
        self._suite = suite
        self._began = time.monotonic()
        self._verdict = "nothing-verified"
        self._finished = False
        self.run = run or new_run_id()
        self.cycle = 1
        """The turn of the loop."""
        self.durable = False
        """Another process can take the run up."""
        self.allowed: Callable[[], None] = lambda: None
        """Asked before anything is written: raises, if somebody else has taken the run over."""
        self._recorded = recorded_in(ledger, self.run) if resumed else set()
        self._before = components_before(ledger, environment.name, without=self.run)
        self._release: str | None = None
        self._measure: Measured | None = None
        self._deploy_s = 0.0
        self.inherited: tuple[Inherited, ...] = ()
        """What a report of this run takes over from earlier ones, but for the plan."""
        self.evidence: tuple[tuple[str, str], ...] = ()
        """What lies beside the ledger: (what it is, path relative to the worklogs)."""
        self.on_evidence: Callable[[str], None] = lambda text: None
        """Told of each piece of evidence as it is kept."""
        started = RunStarted(
            self.run,
            command,
            environment.name,
            environment.kind,
            suite or None,
            redact_arguments(arguments),
            version=__version__,
            resumed=resumed,
            faults=faults,
            side=side,
        )
        # As it is kept, without secrets: only so can it be compared with what earlier runs kept.
        kept = ledger.append(self.run, started).event
        self._started = kept if isinstance(kept, RunStarted) else started
        self._promises_before = performance_before(ledger, self._started, without=self.run)

    @classmethod
    def open(
        cls,
        plan: Plan,
        environment: Environment,
        command: str = "prove",
        suite: str = "",
        secrets: Iterable[str] = (),
        arguments: tuple[str, ...] = (),
        faults: bool | None = None,
        run: str | None = None,
        resumed: bool = False,
        side: str = "",
    ) -> Self:
        """Open the ledger of the plan's folder and begin a run, or go on with one. `secrets` never get into it.

        `arguments` are the test command and what selects cases: runs that have the same are comparable. A run that
        tests the `side` release of that name is not comparable with others, and none of them inherits from it.
        """
        ledger = Ledger.open(prepare(plan.state), redactor=Redactor(secrets))
        return cls(plan, environment, ledger, command, suite, arguments, faults, run, resumed, side)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        try:
            if not self._finished:
                code = ExitCode.INTERRUPTED if isinstance(error, KeyboardInterrupt) else ExitCode.INTERNAL_ERROR
                if isinstance(error, OSError) and (known := from_system(error)):
                    code = known.exit_code
                self._left(getattr(error, "exit_code", code), type(error).__name__ if error else "")
        finally:
            self._ledger.close()

    def _left(self, code: ExitCode, why: str) -> None:
        """The process goes without a word: a run that nobody can take up has ended."""
        if self.durable:
            self._append(RunSuspended(self.cycle, why))
        else:
            self.finish(code, detail=why)

    def step_started(self, name: str) -> None:
        """A step began."""
        self._append(StepStarted(self.cycle, name))

    def step_finished(self, record: StepRecord) -> None:
        """A step ended."""
        self._append(
            StepFinished(self.cycle, record.name, record.result, duration_s=record.duration_s, detail=record.detail)
        )

    def informed(self, request: ProofRequest, remember: bool = True) -> ProofRequest:
        """The request, with what it inherits from earlier runs: the plan of the last good one, the release, and, if it
        may `remember` them, the fault runs of cases that nothing has touched since.
        """
        revisions = {t.revision for t in request.targets if t.revision}
        side = bool(self._started.side)
        if self._release is None and revisions and not side:
            self.found(revisions)
        self._measure = since_last_good(self._plan.root, self._ledger, request.removed)
        return replace(
            request,
            measure=self._measure.report,
            baseline=last_good(self._ledger, self._started),
            inherited=self.inherited,
            # What was concluded of the current release, and tried on it, says nothing of another.
            known=remembered(self._ledger, self._started) if remember and request.faults and not side else {},
            before=() if side else concluded_before(self._ledger, self._started),
            release=self._release,
        )

    def beside(self, side: SideRelease) -> None:
        """This is what is judged, and not the release that is live."""
        self._release = side.release.name

    def found(self, revisions: Collection[str], name: str | None = None) -> None:
        """These revisions, a release of this name, are live, and this run did not deploy them."""
        origin = origin_of(self._ledger, self._environment.name, revisions)
        self._release = origin.release if origin else name
        self.inherited += (origin,) if origin else ()

    def deploy(self, act: Callable[[], Release]) -> Release:
        """Deploy, and record what went wrong if it fails. How long it took goes with `deployed`."""
        began = time.monotonic()
        try:
            release = act()
        except GreenproofError as error:
            name = self._environment.name
            failed = DeployFailed(self.cycle, name, error.code, error.message, hint=error.hint, key=self.key("deploy"))
            self._append(failed)
            raise
        self._deploy_s = time.monotonic() - began
        return release

    def deployed(self, release: Release, previous: Release | None, readings: Iterable[Reading]) -> None:
        """What `deploy` made is live, and this is how its parts answer."""
        old = {r.service: r.name for r in previous.revisions} if previous else {}
        changed = tuple(r.service for r in release.revisions if old.get(r.service) != r.name)
        self._release = release.name
        event = ReleaseDeployed(
            self.cycle,
            self._environment.name,
            release,
            previous.name if previous else None,
            changed,
            round(self._deploy_s, 3),
            self.key("deploy"),
        )
        self._append(event, *(ReadingTaken(self.cycle, reading) for reading in readings))

    def key(self, step: str) -> str:
        """The idempotency key of an effect: a run does each step of each cycle once."""
        return f"{self.run}/{self.cycle}/{step}"

    def reading(self, reading: Reading) -> None:
        """A target was looked at before the suite began."""
        self._append(ReadingTaken(self.cycle, reading))

    def rolled_back(
        self, release: Release, abandoned: Release | None, why: str = "asked for by a person", key: str | None = None
    ) -> None:
        """An earlier release is live again."""
        left = abandoned.name if abandoned and abandoned.name != release.name else None
        key = key or self.key("rollback")
        self._append(RolledBack(self.cycle, self._environment.name, release, left, why, key))

    def known_good(self, release: str, key: str) -> None:
        """The gating cases were proven on this release."""
        self._append(ReleaseKnownGood(self.cycle, self._environment.name, release, key))

    def happened(self, event: Event) -> None:
        """Something that only a loop meets."""
        with held():
            self._append(event)

    def keep(self, what: str, text: Content) -> str:
        """Put something beside the ledger, for an event that refers to it."""
        return self._keep(what, text)

    def take_up(
        self, release: str | None, inherited: tuple[Inherited, ...], evidence: tuple[tuple[str, str], ...], verdict: str
    ) -> None:
        """What this run had found out before its process was killed."""
        self._release, self.inherited, self.evidence = release, inherited, evidence
        self._verdict = verdict or self._verdict

    def selected(self, phases: Iterable[RunPhase]) -> None:
        """What will run, in order."""
        cases = tuple(case for phase in phases for case in phase.cases)
        self._append(CasesSelected(self.cycle, self._suite, cases))

    def case(self, fault: str | None, record: CaseRecord) -> None:
        """A case finished. Those of a fault run are red because of us: they are told with its end."""
        if fault is None and not self._finished:
            self._append(CaseFinished(self.cycle, self._suite, record, self._release))

    def judged(self, proof: Proof) -> None:
        """Everything that was concluded, after the facts that it rests on, with what is larger than a row beside it."""
        runs = (("error fault run", proof.error), ("value fault run", proof.value))
        events: list[Event] = [self._fault_run(name, run) for name, run in runs if run is not None]
        planned = tuple(dict.fromkeys(verdict.id for verdict in proof.verdict.cases))
        events.append(CasesPlanned(self.cycle, self._suite, planned, proof.bodies, proof.removed))
        events += [TargetLost(self.cycle, self._suite, t.target, t.detail) for t in proof.plain.lost_targets]
        events += [VerdictReached(self.cycle, self._suite, verdict, self._release) for verdict in proof.verdict.cases]
        events += self._measure_kept(proof)
        events += [self._measured(performance) for performance in proof.performance]
        events += self._known_before(proof)
        verdict = proof.verdict
        self._verdict = verdict.verdict
        kept = (
            self._keep("exchanges of the plain run", _rows(proof.plain.exchanges)),
            self._keep("receipts", _rows(proof.receipts)),
            self._keep("the last lines of the plain run", "\n".join(proof.tail)),
        )
        found, code = dict(counts(verdict.cases)), int(verdict.exit_code)
        events.append(
            RunJudged(
                self.cycle,
                self._suite,
                verdict.verdict,
                code,
                found,
                verdict.findings,
                self._release,
                kept,
                tuple((t.name, t.expected) for t in proof.targets if t.expected),
                proof.inherited,
            )
        )
        with held():
            self._append(*events)

    def sensed(self, found: Sensitivity) -> None:
        """What further faults showed, with every one of them beside it."""
        cases = found.cases
        trials = json.dumps([asdict(trial) for trial in found.trials], indent=1)
        kept = (self._keep("faults of the sensitivity runs", trials),)
        event = SensitivityMeasured(
            self.cycle,
            self._suite,
            found.runs,
            found.seed,
            len(cases),
            sum(case.unsafe is not None for case in cases),
            sum(case.delivered for case in cases),
            sum(case.noticed for case in cases),
            sum(case.not_delivered for case in cases),
            sum(case.undecided for case in cases),
            found.left_out,
            found.fields,
            found.unnoticed,
            found.notes,
            found.duration_s,
            self._release,
            kept,
        )
        with held():
            self._append(event)

    def _measure_kept(self, proof: Proof) -> list[Event]:
        """What the tests were in this run, so that a later one can be compared with it."""
        found, measured = proof.measure, self._measure
        if found is None or measured is None:
            return []
        what = "what the tests are"
        kept = self._known(what, measured.evidence) if measured.form is None else self._keep(what, dict(measured.form))
        ids = tuple(finding.id for finding in found.open)
        opened, accepted, notes = len(found.open), len(found.accepted), len(found.notes)
        return [
            MeasureKept(
                self.cycle, self._suite, found.before, opened, accepted, notes, ids, (kept,), measured.files,
                found.tests[1],
            )
        ]  # fmt: skip

    def known_now(self, release: Release | None) -> KnownBefore | None:
        """What the last run of the same kind concluded, where this one observed no case."""
        at = datetime.now(UTC).isoformat(timespec="seconds")
        return recheck(concluded_before(self._ledger, self._started), (), (), release.name if release else None, at)

    def _known_before(self, proof: Proof) -> list[Event]:
        """What became of the conclusions of the run before."""
        known = proof.known_before
        if known is None:
            return []
        told = [asdict(one) for one in known.rechecked]
        kept = (self._keep("what was known before", json.dumps(told, indent=1)),)
        overturned = tuple(r.conclusion.subject for r in known.rechecked if r.standing is Standing.OVERTURNED)
        return [ConclusionsRechecked(self.cycle, self._suite, known.run, known.counts, overturned, kept)]

    def _measured(self, found: Performance) -> PerformanceMeasured:
        target = found.target
        return PerformanceMeasured(
            self.cycle,
            self._suite,
            target.name,
            found.met.value,
            target.measure.value,
            target.statistic.value,
            target.limit_ms,
            found.n,
            value_ms=found.value_ms,
            median_ms=found.median_ms,
            p95_ms=found.p95_ms,
            max_ms=found.max_ms,
            left_out=sum(found.left_out.values()),
            slowest=found.slowest[0].exchange if found.slowest else None,
            release=self._release,
            minimum=target.minimum,
            left_out_why={why.value: count for why, count in found.left_out.items()},
            exchanges=tuple(dict.fromkeys(timed.exchange for timed in found.slowest)),
            components=found.components,
            gates=target.gates,
            definition=target.definition,
        )

    def _fault_run(self, name: str, run: RunObservation) -> FaultRunFinished:
        delivered = {x.case for x in run.exchanges if x.fault}
        noticed = sum(c.id in delivered and c.failure is not None and c.failure.phase == "call" for c in run.cases)
        kept = (self._keep(f"exchanges of the {name}", _rows(run.exchanges)),)
        return FaultRunFinished(
            self.cycle,
            self._suite,
            run.fault or FaultKind.ERROR,
            len(run.cases),
            len(delivered),
            noticed,
            run.exit_code,
            run.duration_s,
            evidence=kept,
        )

    def _keep(self, what: str, text: Content) -> str:
        """Put a piece of evidence beside the ledger; the event that the id goes into makes its loss noticeable."""
        return self._known(what, self._ledger.put_evidence(text))

    def _known(self, what: str, identifier: str) -> str:
        """A piece of evidence that lies there already."""
        digest = identifier.removeprefix(PREFIX)
        self.evidence += ((what, f"../evidence/{digest[:2]}/{digest}"),)
        self.on_evidence(f"evidence kept: {what}: {identifier}")
        return identifier

    def finish(self, code: ExitCode, detail: str = "") -> str:
        """End the run; the head of the ledger after it."""
        self._finished = True
        duration = time.monotonic() - self._began
        with held():
            self._append(RunFinished(self._verdict, int(code), self.cycle, duration, detail))
            return self._ledger.head()

    def write_worklog(self, text: str, head: str) -> Path:
        """Write the worklog of this run; its path."""
        folder = self._plan.state / "worklogs"
        folder.mkdir(parents=True, exist_ok=True)
        path = folder / (f"{self.run}.md" if self.cycle == 1 else f"{self.run}-{self.cycle}.md")
        path.write_text(text, encoding="utf-8", errors="replace")
        copy = self._ledger.put_evidence(text)
        self._append(WorklogWritten(path.relative_to(self._plan.root).as_posix(), head, evidence=(copy,)))
        return path

    def head(self) -> tuple[int, str]:
        """Number and hash of the last event."""
        return self._ledger.last()

    @property
    def before(self) -> ComponentsBefore:
        """The components in the run before."""
        return self._before

    @property
    def promises_before(self) -> PerformanceBefore:
        """What the run before measured of promises about time."""
        return self._promises_before

    def _append(self, *events: Event) -> None:
        self.allowed()
        events = tuple(event for event in events if identity_of(event) not in self._recorded)
        # Ctrl-C in the middle of it must not leave the ledger locked: the end of the run has to be written, too.
        with held():
            self._ledger.append_many(self.run, events)
            self._recorded.update(known for event in events if (known := identity_of(event)) is not None)


def _rows(values: Iterable[Exchange | Receipt]) -> str:
    return json.dumps([asdict(value) for value in values], indent=1)
