"""Events: what happened in a run, in the past tense. The ledger keeps them; screens and reports only read them.

Which run an event belongs to, its place in the order and its time are the ledger's to say. Times within events are
UTC in ISO 8601; `cycle` counts the turns of the loop from 1; `evidence` holds ids of what lies beside the ledger.
Fields that are added later have a default, so that ledgers of older versions stay readable.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from greenproof.model.encoding import fields_of
from greenproof.model.encoding import read as decoded
from greenproof.model.facts import CaseRecord, FaultKind, Reading, Release
from greenproof.model.inheritance import Inherited
from greenproof.model.sensitivity import FieldUnnoticed
from greenproof.model.sides import SideRelease
from greenproof.model.verdicts import CaseVerdict, Reason


@dataclass(frozen=True, slots=True)
class RunStarted:
    """A run began, or a killed one was taken up again."""

    run: str
    command: str
    """`prove`, `run`, `floor` ..."""
    environment: str
    environment_kind: str = "local"
    suite: str | None = None
    arguments: tuple[str, ...] = ()
    version: str = ""
    """Of Greenproof."""
    resumed: bool = False
    expected: tuple[tuple[str, str], ...] = ()
    """(target, revision) that `--expect` named."""
    faults: bool | None = None
    """Whether fault runs were asked for."""
    side: str = ""
    """Name of the side release that the cases are run against; empty: the current release."""


@dataclass(frozen=True, slots=True)
class StepStarted:
    """A named stage of a turn began."""

    cycle: int
    step: str
    attempt: int = 1


@dataclass(frozen=True, slots=True)
class StepFinished:
    """A named stage of a turn ended."""

    cycle: int
    step: str
    status: str
    """`done`, `failed`, `skipped` or `interrupted`."""
    attempt: int = 1
    duration_s: float = 0.0
    detail: str = ""
    evidence: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class ReadingTaken:
    """A probe looked at a service."""

    cycle: int
    reading: Reading
    evidence: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class ReleaseDeployed:
    """A release is live, and was read back as live."""

    cycle: int
    environment: str
    release: Release
    previous: str | None = None
    """Name of the release that was live before."""
    changed: tuple[str, ...] = ()
    """Services whose revision differs from the previous release."""
    duration_s: float = 0.0
    key: str = ""
    """Idempotency key of the effect."""
    evidence: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class DeployFailed:
    """A release could not be made live."""

    cycle: int
    environment: str
    code: str
    message: str
    release: Release | None = None
    service: str | None = None
    """The service that did not do its part."""
    live: str | None = None
    """Name of the release that serves now; None: none."""
    hint: str | None = None
    key: str = ""
    evidence: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class RolledBack:
    """An earlier release was made live again, as a whole."""

    cycle: int
    environment: str
    release: Release
    """What is live now."""
    abandoned: str | None = None
    """Name of the release that was taken away."""
    reason: str = ""
    key: str = ""
    evidence: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class CasesSelected:
    """What will be run, in order, and what will not."""

    cycle: int
    suite: str
    cases: tuple[str, ...]
    left_out: tuple[Reason, ...] = ()
    """Why cases of the suite were not selected; the text names them."""


@dataclass(frozen=True, slots=True)
class CasesPlanned:
    """What the run is measured against: every share that it tells has these cases as its denominator."""

    cycle: int
    suite: str
    cases: tuple[str, ...]
    bodies: Mapping[str, str] = field(default_factory=dict)
    """Digest of the source of each test function, by its id without parameters, from a census of the files."""
    removed: tuple[str, ...] = ()
    """Globs by which a person said that cases are gone on purpose."""


@dataclass(frozen=True, slots=True)
class CaseFinished:
    """The runner said its word about one case."""

    cycle: int
    suite: str
    case: CaseRecord
    release: str | None = None
    """Name of the live release; None: unnamed."""
    evidence: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class FaultRunFinished:
    """A suite ran again with its answers replaced."""

    cycle: int
    suite: str
    fault: FaultKind
    cases: int
    delivered: int
    """Cases to which at least one fault was delivered."""
    noticed: int
    """Of these, cases that turned red in their call phase."""
    exit_code: int | None = None
    duration_s: float = 0.0
    inconclusive: str | None = None
    """Why the run can't be judged, if it can't."""
    evidence: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class TargetLost:
    """A target stopped answering while a suite ran."""

    cycle: int
    suite: str
    target: str
    detail: str = ""
    evidence: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class VerdictReached:
    """A case was judged."""

    cycle: int
    suite: str
    verdict: CaseVerdict
    release: str | None = None
    evidence: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class PerformanceMeasured:
    """A promise about time was measured in the plain run of a suite."""

    cycle: int
    suite: str
    name: str
    met: str
    """`met`, `missed` or `not-measured`."""
    measure: str
    statistic: str
    limit_ms: float
    n: int
    """Samples."""
    value_ms: float | None = None
    """The statistic that counts."""
    median_ms: float | None = None
    p95_ms: float | None = None
    max_ms: float | None = None
    left_out: int = 0
    slowest: str | None = None
    """The exchange of the largest sample."""
    release: str | None = None
    minimum: int = 1
    """Samples without which nothing is said."""
    left_out_why: Mapping[str, int] = field(default_factory=dict)
    """What `left_out` counts, by reason."""
    exchanges: tuple[str, ...] = ()
    """Of the largest samples, in the evidence of the plain run."""
    components: tuple[str, ...] = ()
    """The targets that answered, or else those of the routes."""
    gates: bool = False
    definition: str = ""
    """What was timed, and where."""


@dataclass(frozen=True, slots=True)
class SensitivityMeasured:
    """Proven cases ran again, each under further faults. It changed no verdict."""

    cycle: int
    suite: str
    runs: int
    """Extra runs under faults."""
    seed: int
    cases: int
    """Proven cases."""
    unsafe: int
    """Of these, left out of the extra runs since they may write."""
    delivered: int
    """Faults after whose delivery a case was green or red."""
    noticed: int
    not_delivered: int = 0
    undecided: int = 0
    left_out: int = 0
    """Faults that fit, and were not tried for want of runs."""
    fields: int = 0
    """Fields of answers that a delivered fault changed."""
    unnoticed: tuple[FieldUnnoticed, ...] = ()
    """Those of them that no test noticed."""
    notes: tuple[str, ...] = ()
    duration_s: float = 0.0
    release: str | None = None
    evidence: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class RunJudged:
    """A run of a suite was judged as a whole."""

    cycle: int
    suite: str
    verdict: str
    """`verified`, `failed`, `nothing-verified` or `inconclusive`."""
    exit_code: int
    counts: Mapping[str, int]
    """Cases by verdict."""
    findings: tuple[Reason, ...] = ()
    release: str | None = None
    evidence: tuple[str, ...] = ()
    revisions: tuple[tuple[str, str], ...] = ()
    """(target, revision) that answers had to come from."""
    inherited: tuple[Inherited, ...] = ()
    """What rests on earlier runs."""


@dataclass(frozen=True, slots=True)
class MeasureKept:
    """What the tests and their configuration were in a run, as evidence, and what had changed since `before`."""

    cycle: int
    suite: str
    before: str | None
    weakened: int = 0
    """Findings that nobody had accepted."""
    accepted: int = 0
    notes: int = 0
    findings: tuple[str, ...] = ()
    evidence: tuple[str, ...] = ()
    files: str = ""
    """Digest of all files that may belong to the measure; the same digest: nothing changed. Empty: not recorded."""
    tests: int = 0
    """Test functions in them."""


@dataclass(frozen=True, slots=True)
class ConfigurationKept:
    """What was declared and deployed, and what the tests got, when a run was judged. The evidence holds it."""

    cycle: int
    suite: str
    environment: str
    settings: int
    """How many values were kept."""
    release: str | None = None
    evidence: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class WorklogWritten:
    """The report of a run was written."""

    path: str
    """Relative to the folder of the configuration."""
    head: str
    """Of the ledger, as the worklog prints it."""
    evidence: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class RunFinished:
    """A run ended. A run without this event was cut off."""

    verdict: str
    exit_code: int
    cycles: int = 1
    duration_s: float = 0.0
    detail: str = ""


@dataclass(frozen=True, slots=True)
class ConclusionsRechecked:
    """What the last run of the same kind had concluded was set beside what was observed now."""

    cycle: int
    suite: str
    before: str
    """The run that concluded it."""
    counts: Mapping[str, int]
    """Conclusions by what became of them: `confirmed`, `carried`, `overturned`, `unchecked`, `dropped`."""
    overturned: tuple[str, ...] = ()
    """Cases and promises."""
    evidence: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class ReadOnlyCompared:
    """A read-only run looked at the system before and after."""

    environment: str
    compared: Mapping[str, int]
    """Things that were compared, by part: `working tree`, `release`, `traffic`, `data`."""
    changed: tuple[str, ...] = ()
    not_seen: tuple[str, ...] = ()
    """Of what nothing is claimed, and why."""


@dataclass(frozen=True, slots=True)
class ReleaseKnownGood:
    """The gating cases of a run were proven on this release: it can be gone back to."""

    cycle: int
    environment: str
    release: str
    key: str = ""


@dataclass(frozen=True, slots=True)
class EffectRecovered:
    """A deploy or rollback that had been cut off was finished or undone before anything else was done."""

    cycle: int
    environment: str
    what: str
    detail: str


@dataclass(frozen=True, slots=True)
class LoopPaused:
    """The loop does nothing until a person lets it go on."""

    cycle: int
    step: str
    """The step that comes next."""
    by: str


@dataclass(frozen=True, slots=True)
class LoopResumed:
    """A person let the loop go on."""

    cycle: int
    step: str
    waited_s: float = 0.0


@dataclass(frozen=True, slots=True)
class LoopFrozen:
    """Nothing is done on this environment until a person has looked."""

    cycle: int
    environment: str
    code: str
    why: str
    hint: str | None = None


@dataclass(frozen=True, slots=True)
class StepStuck:
    """A step gave no sign of life for longer than it may."""

    cycle: int
    step: str
    silent_s: float
    evidence: tuple[str, ...] = ()
    """Where every thread of the process stood."""


@dataclass(frozen=True, slots=True)
class RunSuspended:
    """The process that held a run left before its end; another can take it up."""

    cycle: int
    why: str


@dataclass(frozen=True, slots=True)
class CycleDecided:
    """A turn of the loop is over: whether there is another one, and why."""

    cycle: int
    go_on: bool
    reason: str
    """`verified`, `no-progress`, `hours`, `cycles`, `frozen`, `one turn`, or why it goes on."""
    same: int = 0
    """So many turns in a row, this one included, had the same failures on the same release."""
    spent_s: float = 0.0


@dataclass(frozen=True, slots=True)
class SideStarted:
    """A mix of revisions and configuration runs beside the current release, without its traffic."""

    cycle: int
    environment: str
    side: SideRelease
    why: str = ""


@dataclass(frozen=True, slots=True)
class SideTested:
    """The cases of this run are run against a side release: they say nothing of the current one."""

    cycle: int
    environment: str
    side: SideRelease
    why: str = ""


@dataclass(frozen=True, slots=True)
class SideEnded:
    """A side release was ended, and its copy of the data removed."""

    cycle: int
    environment: str
    name: str
    why: str = ""


@dataclass(frozen=True, slots=True)
class UnknownEvent:
    """An event of a newer version, kept as it is."""

    kind: str
    body: Mapping[str, object]


EVENTS: tuple[type[Any], ...] = (
    RunStarted,
    StepStarted,
    StepFinished,
    ReadingTaken,
    ReleaseDeployed,
    DeployFailed,
    RolledBack,
    CasesSelected,
    CasesPlanned,
    CaseFinished,
    FaultRunFinished,
    TargetLost,
    VerdictReached,
    PerformanceMeasured,
    SensitivityMeasured,
    RunJudged,
    MeasureKept,
    ConfigurationKept,
    WorklogWritten,
    RunFinished,
    ConclusionsRechecked,
    ReadOnlyCompared,
    ReleaseKnownGood,
    EffectRecovered,
    LoopPaused,
    LoopResumed,
    LoopFrozen,
    StepStuck,
    RunSuspended,
    CycleDecided,
    SideStarted,
    SideTested,
    SideEnded,
)

type Event = (
    RunStarted
    | StepStarted
    | StepFinished
    | ReadingTaken
    | ReleaseDeployed
    | DeployFailed
    | RolledBack
    | CasesSelected
    | CasesPlanned
    | CaseFinished
    | FaultRunFinished
    | TargetLost
    | VerdictReached
    | PerformanceMeasured
    | SensitivityMeasured
    | RunJudged
    | MeasureKept
    | ConfigurationKept
    | WorklogWritten
    | RunFinished
    | ConclusionsRechecked
    | ReadOnlyCompared
    | ReleaseKnownGood
    | EffectRecovered
    | LoopPaused
    | LoopResumed
    | LoopFrozen
    | StepStuck
    | RunSuspended
    | CycleDecided
    | SideStarted
    | SideTested
    | SideEnded
    | UnknownEvent
)

_BY_KIND = {event.__name__: event for event in EVENTS}


def to_record(event: Event) -> tuple[str, dict[str, object]]:
    """The kind of an event, and its fields as JSON-able values.

    Raises ValueError for a number that is not finite, TypeError for a value that JSON doesn't know.
    """
    if isinstance(event, UnknownEvent):
        return event.kind, dict(event.body)
    if type(event) not in EVENTS:
        raise TypeError(f"{type(event).__name__} is not an event")
    return type(event).__name__, fields_of(event)


def from_record(kind: str, record: Mapping[str, object]) -> Event:
    """The event that `to_record` turned into this record.

    Fields that this version doesn't know are left out. A kind that it doesn't know, or whose fields it can't read,
    becomes an `UnknownEvent` with everything in it.
    """
    event = _BY_KIND.get(kind)
    if event is None:
        return UnknownEvent(kind, record)
    try:
        read: Event = decoded(event, record)
    except (TypeError, ValueError, KeyError):
        return UnknownEvent(kind, record)
    return read
