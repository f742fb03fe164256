"""What a worklog tells of one cycle: values only, rendered by `reporting`."""

from collections.abc import Mapping
from dataclasses import dataclass, field

from greenproof.model.facts import Release
from greenproof.model.history import PerformancePast
from greenproof.model.inheritance import Inherited
from greenproof.model.proof import Proof
from greenproof.model.value import FeatureState, Row


@dataclass(frozen=True, slots=True)
class Component:
    """A service or dependency now, beside what it was in the run before."""

    name: str
    state: str
    revision: str | None
    latency_ms: float | None
    detail: str = ""
    state_before: str | None = None
    """None: no run before, or it was not there."""
    latency_before_ms: float | None = None

    @property
    def degradation(self) -> float | None:
        """Latency now over latency before; 2.0 means twice as slow. None without both."""
        if not self.latency_ms or not self.latency_before_ms:
            return None
        return self.latency_ms / self.latency_before_ms


@dataclass(frozen=True, slots=True)
class StepRecord:
    """One step of a cycle."""

    name: str
    result: str
    """`done`, `failed` or `not reached`."""
    duration_s: float
    detail: str = ""


@dataclass(frozen=True, slots=True)
class CycleReport:
    """One cycle of the loop."""

    project: str
    environment: str
    run: str
    started: str
    """UTC."""
    finished: str
    steps: tuple[StepRecord, ...]
    components: tuple[Component, ...]
    release: Release | None = None
    release_before: str | None = None
    run_before: str | None = None
    proof: Proof | None = None
    by_category: tuple[Row, ...] = ()
    by_priority: tuple[Row, ...] = ()
    features: tuple[FeatureState, ...] = ()
    failure: tuple[str, ...] = ()
    """Why the cycle ended before its end, as a person reads it."""
    evidence: tuple[tuple[str, str], ...] = ()
    """(what, path relative to the worklog)."""
    head: str | None = None
    """Of the ledger: the hash of the last event that the worklog speaks of."""
    head_event: int | None = None
    """The number of that event."""
    inherited: tuple[Inherited, ...] = ()
    """What this run did not observe itself, but took over from earlier ones."""
    exit_code: int = 0
    performance_before: Mapping[str, PerformancePast] = field(default_factory=dict)
    """What the run before measured of the same promises about time, by name."""
