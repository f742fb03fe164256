"""What a run means for the product: rows of the test matrix, and the state of each feature."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Row:
    """One category or priority: planned, and what came of it."""

    name: str
    target: str
    """What was asked for: a number of proven cases, or a tolerated share of failures; `-` where nothing was."""
    planned: int
    counts: dict[str, int]
    met: bool | None
    """Whether the target is met; None where there is none, or no case."""


@dataclass(frozen=True, slots=True)
class FeatureState:
    """One feature after a run."""

    name: str
    tier: str
    value: float
    proven: int
    cases: int
    state: str
    """`guarded` (something is proven, nothing failed), `broken` (a case failed), `unguarded` (nothing is proven)."""

    @property
    def at_risk(self) -> float:
        """Revenue a year that nothing proven protects today."""
        return 0.0 if self.state == "guarded" else self.value
