"""Cases: what was planned, how each went, what was concluded and what was kept."""

from collections.abc import Mapping
from dataclasses import dataclass, field

from greenproof.model.facts import CaseRecord, FaultKind
from greenproof.model.sensitivity import FieldUnnoticed
from greenproof.model.verdicts import CaseVerdict, Reason


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


type CaseEvent = (
    CasesSelected
    | CasesPlanned
    | CaseFinished
    | FaultRunFinished
    | TargetLost
    | VerdictReached
    | PerformanceMeasured
    | SensitivityMeasured
    | MeasureKept
    | ConfigurationKept
)
