"""What a run records once: whoever takes a run up must not record a fact again that it had recorded before."""

from operator import attrgetter

from greenproof.ledger import EventLedger
from greenproof.model.events import (
    CaseFinished,
    CasesPlanned,
    CasesSelected,
    ConclusionsRechecked,
    ConfigurationKept,
    CycleDecided,
    Event,
    FaultRunFinished,
    MeasureKept,
    PerformanceMeasured,
    ReleaseDeployed,
    ReleaseKnownGood,
    RolledBack,
    RunFinished,
    RunJudged,
    StepFinished,
    TargetLost,
    VerdictReached,
    WorklogWritten,
)

type Identity = tuple[str | int, ...]

_BY = {
    CaseFinished: ("cycle", "suite", "case.id"),
    CasesPlanned: ("cycle",),
    CasesSelected: ("cycle",),
    ConclusionsRechecked: ("cycle",),
    ConfigurationKept: ("cycle",),
    CycleDecided: ("cycle",),
    FaultRunFinished: ("cycle", "fault"),
    MeasureKept: ("cycle",),
    PerformanceMeasured: ("cycle", "name"),
    ReleaseDeployed: ("key",),
    ReleaseKnownGood: ("key",),
    RolledBack: ("key",),
    RunFinished: (),
    RunJudged: ("cycle",),
    StepFinished: ("cycle", "step"),
    TargetLost: ("cycle", "target"),
    VerdictReached: ("cycle", "suite", "verdict.id"),
    WorklogWritten: ("path",),
}
_FIELDS = {kind: tuple(attrgetter(name) for name in names) for kind, names in _BY.items()}


def identity_of(event: Event) -> Identity | None:
    """What tells an event from all others of its run; None: it may happen again, like a look at a service."""
    fields = _FIELDS.get(type(event))
    return None if fields is None else (type(event).__name__, *(field(event) for field in fields))


def has_ended(ledger: EventLedger, run: str) -> bool:
    """Whether the end of a run is recorded: then there is nothing to go on with."""
    return any(ledger.entries(run, (RunFinished.__name__,)))


def recorded_in(ledger: EventLedger, run: str) -> set[Identity]:
    """The identities of what a run has recorded so far."""
    found = (identity_of(entry.event) for entry in ledger.entries(run))
    return {identity for identity in found if identity is not None}
