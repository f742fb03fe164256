"""History: what the ledger says of runs that are over, as values that can be listed and compared."""

from collections.abc import Mapping
from dataclasses import dataclass, field

from greenproof.model.facts import Outcome
from greenproof.model.verdicts import Reason, Verdict


@dataclass(frozen=True, slots=True)
class RunSummary:
    """One run, as far as it came."""

    run: str
    started: str
    """`at` of its first event, UTC."""
    last: str
    """`at` of its last event."""
    events: int = 0
    command: str = ""
    """`prove`, `loop`, `deploy` ..."""
    environment: str = ""
    suite: str | None = None
    release: str | None = None
    """Name of the release that was live last."""
    verdict: str | None = None
    """None: never judged."""
    exit_code: int | None = None
    """None: cut off, or still running."""
    cycles: int = 0
    arguments: tuple[str, ...] = ()
    """The test command."""
    faults: bool | None = None
    """Whether fault runs were asked for; None: not recorded."""
    revisions: tuple[tuple[str, str], ...] = ()
    """(service or target, revision) that answers had to come from."""
    side: str = ""
    """Name of the side release that the cases were run against; empty: the current release."""

    @property
    def finished(self) -> bool:
        """It came to its end."""
        return self.exit_code is not None

    @property
    def judged(self) -> bool:
        """Its cases have verdicts."""
        return self.verdict is not None


@dataclass(frozen=True, slots=True)
class CasePast:
    """What one run showed of one case."""

    id: str
    run: str
    cycle: int
    at: str
    """UTC, when it was recorded."""
    event: int
    """Number of the event in the ledger; `hash` is its hash."""
    hash: str
    suite: str = ""
    outcome: Outcome | None = None
    """What the runner said; None: it never ran."""
    verdict: Verdict | None = None
    """None: it finished, but was never judged."""
    reasons: tuple[Reason, ...] = ()
    duration_s: float | None = None
    """Of its call phase in the plain run."""
    sensitivity: float | None = None
    """Share of the delivered faults that it noticed, 0 to 1."""
    release: str | None = None
    evidence: tuple[str, ...] = ()
    """Ids of evidence, exchanges and receipts that the verdict rests on."""


@dataclass(frozen=True, slots=True)
class ComponentPast:
    """What one probe saw of a service or dependency in one run."""

    name: str
    run: str
    cycle: int
    at: str
    """UTC, when the probe looked."""
    event: int
    hash: str
    probe: str = ""
    state: str = ""
    ok: bool = False
    revision: str | None = None
    """What it named, or else what the run's release holds of it."""
    latency_ms: float | None = None
    ready_s: float | None = None
    """Seconds from the start of the deploy of this run until its release was read back as live; None: no deploy."""
    release: str | None = None
    detail: str = ""


@dataclass(frozen=True, slots=True)
class PerformancePast:
    """What one run measured of a promise about time."""

    name: str
    met: str
    """`met`, `missed` or `not-measured`."""
    measure: str
    statistic: str
    limit_ms: float
    value_ms: float | None = None
    """The statistic that counts."""


@dataclass(frozen=True, slots=True)
class RunRecord:
    """One run with everything that a comparison needs."""

    summary: RunSummary
    planned: tuple[str, ...]
    """Every case that the run was measured against."""
    cases: Mapping[str, CasePast]
    """By id; what was planned and never reached has no entry in a run that was cut off."""
    components: Mapping[str, ComponentPast] = field(default_factory=dict)
    """The last reading of each, by name."""
    bodies: Mapping[str, str] = field(default_factory=dict)
    """Digest of the source of each test function, by its id without parameters; empty: not recorded."""
    performance: Mapping[str, PerformancePast] = field(default_factory=dict)
    """Promises about time, by name."""
