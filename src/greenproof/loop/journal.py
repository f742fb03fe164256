"""What a run writes into the ledger, and what it knows of the run before."""

import json
import time
from collections.abc import Callable, Iterable, Mapping
from dataclasses import asdict
from pathlib import Path
from types import TracebackType
from typing import Self

from greenproof import __version__
from greenproof.adapters.interruption import held
from greenproof.analysis.selection import RunPhase
from greenproof.ledger import Ledger, prepare
from greenproof.ledger.evidence import PREFIX
from greenproof.loop.proving import new_run_id
from greenproof.model.errors import from_system
from greenproof.model.events import (
    CaseFinished,
    CasesSelected,
    Event,
    FaultRunFinished,
    ReadingTaken,
    ReleaseDeployed,
    RolledBack,
    RunFinished,
    RunJudged,
    RunStarted,
    StepFinished,
    StepStarted,
    TargetLost,
    VerdictReached,
    WorklogWritten,
)
from greenproof.model.exits import ExitCode
from greenproof.model.facts import (
    TARGET_PROBE,
    CaseRecord,
    Exchange,
    FaultKind,
    Reading,
    Receipt,
    Release,
    RunObservation,
)
from greenproof.model.plan import Environment, Plan
from greenproof.model.proof import Proof
from greenproof.model.redaction import Redactor
from greenproof.model.report import StepRecord
from greenproof.model.verdicts import counts

_CYCLE = 1


class Journal:
    """One run in the ledger. Use as a context manager: a run that ends by an error is recorded as ended."""

    def __init__(self, plan: Plan, environment: Environment, ledger: Ledger, command: str, suite: str) -> None:
        self._plan, self._environment, self._ledger = plan, environment, ledger
        self._suite = suite
        self._began = time.monotonic()
        self._verdict = "nothing-verified"
        self._finished = False
        self.run = new_run_id()
        self.run_before, self._before = _last_readings(ledger, environment.name)
        self._release: str | None = None
        self.evidence: tuple[tuple[str, str], ...] = ()
        """What lies beside the ledger: (what it is, path relative to the worklogs)."""
        self.on_evidence: Callable[[str], None] = lambda text: None
        """Told of each piece of evidence as it is kept."""
        self._append(
            RunStarted(self.run, command, environment.name, environment.kind, suite or None, version=__version__)
        )

    @classmethod
    def open(
        cls,
        plan: Plan,
        environment: Environment,
        command: str = "prove",
        suite: str = "",
        secrets: Iterable[str] = (),
    ) -> Self:
        """Open the ledger of the plan's folder and begin a run. `secrets` never get into it."""
        ledger = Ledger.open(prepare(plan.state), redactor=Redactor(secrets))
        return cls(plan, environment, ledger, command, suite)

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
                self.finish(getattr(error, "exit_code", code), detail=type(error).__name__ if error else "")
        finally:
            self._ledger.close()

    def step_started(self, name: str) -> None:
        """A step began."""
        self._append(StepStarted(_CYCLE, name))

    def step_finished(self, record: StepRecord) -> None:
        """A step ended."""
        self._append(
            StepFinished(_CYCLE, record.name, record.result, duration_s=record.duration_s, detail=record.detail)
        )

    def deployed(self, release: Release, previous: Release | None, readings: Iterable[Reading]) -> None:
        """A release is live, and this is how its parts answer."""
        old = {r.service: r.name for r in previous.revisions} if previous else {}
        changed = tuple(r.service for r in release.revisions if old.get(r.service) != r.name)
        self._release = release.name
        event = ReleaseDeployed(_CYCLE, self._environment.name, release, previous.name if previous else None, changed)
        self._append(event, *(ReadingTaken(_CYCLE, reading) for reading in readings))

    def reading(self, reading: Reading) -> None:
        """A target was looked at before the suite began."""
        self._append(ReadingTaken(_CYCLE, reading))

    def rolled_back(self, release: Release, abandoned: Release | None) -> None:
        """An earlier release is live again."""
        left = abandoned.name if abandoned and abandoned.name != release.name else None
        self._append(RolledBack(_CYCLE, self._environment.name, release, left, "asked for by a person"))

    def selected(self, phases: Iterable[RunPhase]) -> None:
        """What will run, in order."""
        cases = tuple(case for phase in phases for case in phase.cases)
        self._append(CasesSelected(_CYCLE, self._suite, cases))

    def case(self, fault: str | None, record: CaseRecord) -> None:
        """A case finished. Those of a fault run are red because of us: they are told with its end."""
        if fault is None and not self._finished:
            self._append(CaseFinished(_CYCLE, self._suite, record, self._release))

    def judged(self, proof: Proof) -> None:
        """Everything that was concluded, after the facts that it rests on, with what is larger than a row beside it."""
        runs = (("error fault run", proof.error), ("value fault run", proof.value))
        events: list[Event] = [self._fault_run(name, run) for name, run in runs if run is not None]
        events += [TargetLost(_CYCLE, self._suite, t.target, t.detail) for t in proof.plain.lost_targets]
        events += [VerdictReached(_CYCLE, self._suite, verdict, self._release) for verdict in proof.verdict.cases]
        verdict = proof.verdict
        self._verdict = verdict.verdict
        kept = (
            self._keep("exchanges of the plain run", _rows(proof.plain.exchanges)),
            self._keep("receipts", _rows(proof.receipts)),
            self._keep("the last lines of the plain run", "\n".join(proof.tail)),
        )
        found, code = dict(counts(verdict.cases)), int(verdict.exit_code)
        events.append(
            RunJudged(_CYCLE, self._suite, verdict.verdict, code, found, verdict.findings, self._release, evidence=kept)
        )
        with held():
            self._append(*events)

    def _fault_run(self, name: str, run: RunObservation) -> FaultRunFinished:
        delivered = {x.case for x in run.exchanges if x.fault}
        noticed = sum(c.id in delivered and c.failure is not None and c.failure.phase == "call" for c in run.cases)
        kept = (self._keep(f"exchanges of the {name}", _rows(run.exchanges)),)
        return FaultRunFinished(
            _CYCLE,
            self._suite,
            run.fault or FaultKind.ERROR,
            len(run.cases),
            len(delivered),
            noticed,
            run.exit_code,
            run.duration_s,
            evidence=kept,
        )

    def _keep(self, what: str, text: str) -> str:
        """Put a piece of evidence beside the ledger; the event that the id goes into makes its loss noticeable."""
        identifier = self._ledger.put_evidence(text)
        digest = identifier.removeprefix(PREFIX)
        self.evidence += ((what, f"../evidence/{digest[:2]}/{digest}"),)
        self.on_evidence(f"evidence kept: {what}: {identifier}")
        return identifier

    def finish(self, code: ExitCode, detail: str = "") -> str:
        """End the run; the head of the ledger after it."""
        self._finished = True
        duration = time.monotonic() - self._began
        with held():
            self._append(RunFinished(self._verdict, int(code), duration_s=duration, detail=detail))
            return self._ledger.head()

    def write_worklog(self, text: str, head: str) -> Path:
        """Write the worklog of this run; its path."""
        folder = self._plan.state / "worklogs"
        folder.mkdir(parents=True, exist_ok=True)
        path = folder / f"{self.run}.md"
        path.write_text(text, encoding="utf-8", errors="replace")
        copy = self._ledger.put_evidence(text)
        self._append(WorklogWritten(path.relative_to(self._plan.root).as_posix(), head, evidence=(copy,)))
        return path

    def components_before(self) -> Mapping[str, Reading]:
        """The readings of the run before, by component."""
        return self._before

    def _append(self, *events: Event) -> None:
        self._ledger.append_many(self.run, events)


def _rows(values: Iterable[Exchange | Receipt]) -> str:
    return json.dumps([asdict(value) for value in values], indent=1)


def _last_readings(ledger: Ledger, environment: str) -> tuple[str | None, dict[str, Reading]]:
    """The last run on this environment that took readings, and what it read."""
    started: dict[str, str] = {}
    readings: dict[str, dict[str, Reading]] = {}
    for entry in ledger.entries(kinds=("RunStarted", "ReadingTaken")):
        event = entry.event
        if isinstance(event, RunStarted):
            started[entry.run] = event.environment
        elif isinstance(event, ReadingTaken) and event.reading.probe != TARGET_PROBE:
            readings.setdefault(entry.run, {})[event.reading.service] = event.reading
    known = [run for run in readings if started.get(run) == environment]
    return (known[-1], readings[known[-1]]) if known else (None, {})
