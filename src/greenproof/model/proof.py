"""A proof: everything that one run of a suite showed and what was concluded from it."""

from collections.abc import Mapping
from dataclasses import dataclass, field

from greenproof.model.conclusions import KnownBefore
from greenproof.model.facts import Receipt, RunObservation
from greenproof.model.inheritance import Inherited
from greenproof.model.measure import MeasureReport
from greenproof.model.performance import Performance
from greenproof.model.sensitivity import Sensitivity
from greenproof.model.sides import SideRelease
from greenproof.model.verdicts import RunVerdict


@dataclass(frozen=True, slots=True)
class TargetSeen:
    """A target at the start of the run, and what was expected of it."""

    name: str
    url: str
    expected: str | None
    """The revision that answers must come from; None: release unnamed."""
    named_by: str
    """`--expect`, `platform`, `seen at the start` or `nobody`."""
    at_start: str | None = None
    """What the target named before the run."""
    at_end: str | None = None
    """What the target named after the run."""


@dataclass(frozen=True, slots=True)
class Proof:
    """One judged run of a suite."""

    run: str
    at: str
    """UTC, when it began."""
    command: tuple[str, ...]
    targets: tuple[TargetSeen, ...]
    verdict: RunVerdict
    plain: RunObservation
    error: RunObservation | None
    value: RunObservation | None
    receipts: tuple[Receipt, ...]
    faults: bool
    """Whether fault runs were asked for."""
    tail: tuple[str, ...] = ()
    """The last lines that the plain run printed."""
    performance: tuple[Performance, ...] = ()
    bodies: Mapping[str, str] = field(default_factory=dict)
    """Digest of the source of each test function, by its id without parameters."""
    inherited: tuple[Inherited, ...] = ()
    """What rests on earlier runs."""
    removed: tuple[str, ...] = ()
    """Globs by which a person said that cases are gone on purpose."""
    sensitivity: Sensitivity | None = None
    """What further faults showed; None: they were not asked for."""
    known_before: KnownBefore | None = None
    """What the last run of the same kind had concluded, and what became of it; None: there is no such run."""
    measure: MeasureReport | None = None
    """What changed in the tests themselves since the last good run; None: nobody looked."""
    side: SideRelease | None = None
    """The side release that the cases were run against; None: the current release."""
