"""A comparison of two runs: values that are rendered by `reporting`."""

from dataclasses import dataclass, field

from greenproof.model.history import RunSummary
from greenproof.model.verdicts import Reason, Verdict

ABSENT = "absent"
"""Not planned in that run."""
NOT_JUDGED = "not-judged"
"""Planned, but the run ended before it was judged."""
STATES = (*(verdict.value for verdict in Verdict), NOT_JUDGED, ABSENT)
"""Everything that a case can be in a run, in the order in which it is told."""


@dataclass(frozen=True, slots=True)
class Difference:
    """In which way two runs are not of the same kind, and what can't be compared because of it."""

    code: str
    """`command`, `suite`, `environment`, `faults`, `side`, `release`, `unjudged`, `revision-unknown`."""
    before: str
    after: str
    consequence: str
    """A sentence: what is not comparable."""
    gates: bool = True
    """Whether it keeps `--gate` from a clean answer. A new release is what runs are compared for."""


@dataclass(frozen=True, slots=True)
class Change:
    """One case that is not what it was."""

    id: str
    before: str
    """A verdict, `not-judged` or `absent`."""
    after: str
    reasons_before: tuple[Reason, ...] = ()
    reasons_after: tuple[Reason, ...] = ()


@dataclass(frozen=True, slots=True)
class Rename:
    """An id that is gone and a new one with the same function."""

    before: str
    after: str


@dataclass(frozen=True, slots=True)
class Shift:
    """A measured value that changed by more than it usually varies."""

    name: str
    """The id of a case, or the name of a component."""
    before: float
    after: float
    usual: tuple[float, float]
    """The median of the other runs, and the width within which two runs usually differ."""
    samples: int
    """How many other runs that rests on."""
    unit: str = "s"


@dataclass(frozen=True, slots=True)
class ComponentChange:
    """A service or dependency that is not what it was."""

    name: str
    state_before: str | None
    """None: it was not there."""
    state_after: str | None
    revision_before: str | None
    revision_after: str | None


@dataclass(frozen=True, slots=True)
class PromiseChange:
    """A promise about time that is kept or missed otherwise than before, or that is another one now."""

    name: str
    before: str
    """`met`, `missed` or `not-measured`; what it promised is beside it."""
    after: str
    promise_before: str
    promise_after: str
    value_before_ms: float | None
    value_after_ms: float | None
    beyond_spread: bool = False
    """The value changed by more than it usually varies; if not, the change may come from that alone."""


@dataclass(frozen=True, slots=True)
class Comparison:
    """Two runs beside each other. Every number has the same denominator: the union of what both had planned."""

    before: RunSummary
    after: RunSummary
    planned_before: int
    planned_after: int
    denominator: int
    """Ids that at least one of the two had planned."""
    shared: int
    """Ids that both had planned."""
    differences: tuple[Difference, ...]
    transitions: tuple[tuple[str, str, int], ...]
    """(state before, state after, cases); only those that occur. They sum up to the denominator."""
    newly_proven: tuple[Change, ...] = ()
    newly_failed: tuple[Change, ...] = ()
    worse: tuple[Change, ...] = ()
    """What `--gate` counts: no longer proven, newly failed, refuted, or lost."""
    lost: tuple[Change, ...] = ()
    new: tuple[Change, ...] = ()
    renamed: tuple[Rename, ...] = ()
    hollow: tuple[Change, ...] = ()
    """Hollow in both."""
    reasons: tuple[Change, ...] = ()
    """The same verdict for another reason."""
    components: tuple[ComponentChange, ...] = ()
    durations: tuple[Shift, ...] = ()
    latencies: tuple[Shift, ...] = ()
    promises: tuple[PromiseChange, ...] = ()
    speeds: tuple[Shift, ...] = ()
    """Promises whose measured value changed by more than it usually varies."""
    unmeasured: str | None = None
    """Why nothing is said of durations, if nothing can be."""
    counts: tuple[tuple[str, int, int], ...] = field(default=())
    """(state, cases before, cases after), each over the denominator."""

    @property
    def same_kind(self) -> bool:
        """Nothing keeps the two from being compared as a whole."""
        return not any(difference.gates for difference in self.differences)

    @property
    def missed(self) -> tuple[PromiseChange, ...]:
        """Promises that were kept and are missed now, by more than the values usually vary."""
        return tuple(p for p in self.promises if (p.before, p.after) == ("met", "missed") and p.beyond_spread)

    @property
    def identical(self) -> bool:
        """Nothing at all changed."""
        moved = any(before != after for before, after, _ in self.transitions)
        told = (self.reasons, self.components, self.durations, self.latencies, self.promises, self.speeds)
        return not (moved or any(told) or self.differences)
