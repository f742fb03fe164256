"""What a run did not observe itself, but took over from an earlier one."""

from collections.abc import Mapping
from dataclasses import dataclass, field

from greenproof.model.verdicts import FaultResult

PLAN = "plan"
"""Ids that were planned in the last good run."""
RELEASE = "release"
"""The release that is judged was deployed by an earlier run."""
COMPONENTS = "components"
"""States and latencies that stand beside those of this run."""
FAULTS = "faults"
"""Fault runs of cases that an earlier run proved under the same conditions."""
PERFORMANCE = "performance"
"""What was measured of promises about time, beside what this run measured."""


@dataclass(frozen=True, slots=True)
class Inherited:
    """One thing that a report says and this run did not observe, with where it comes from."""

    what: str
    """`plan`, `release`, `components`, `faults` or `performance`."""
    text: str
    """A sentence."""
    run: str
    """The run that observed it."""
    at: str
    """When that was: UTC in ISO 8601."""
    release: str | None = None
    """Name of the release that was live then; None: unnamed."""
    cases: tuple[str, ...] = ()
    """Ids of cases that are planned only because of that run."""


@dataclass(frozen=True, slots=True)
class Remembered:
    """What the fault runs of an earlier run showed of a case that it proved."""

    conditions: str
    """Digest of all that this depended on."""
    faults: tuple[FaultResult, ...]
    run: str
    at: str
    """UTC in ISO 8601."""


@dataclass(frozen=True, slots=True)
class Baseline:
    """The last good run of the same kind: what it planned is planned again."""

    run: str
    at: str
    """UTC in ISO 8601."""
    cases: tuple[str, ...]
    release: str | None = None
    bodies: Mapping[str, str] = field(default_factory=dict)
    """Digest of the source of each test function, by its id without parameters."""
