"""Two looks at a system, and what is not the same in them: how a read-only run shows that it changed nothing."""

from collections.abc import Mapping
from dataclasses import dataclass, field

TREE = "working tree"
RELEASE = "release"
TRAFFIC = "traffic"
DATA = "data"


@dataclass(frozen=True, slots=True)
class Look:
    """The system at one moment."""

    at: str
    """UTC in ISO 8601."""
    parts: Mapping[str, Mapping[str, str]] = field(default_factory=dict)
    """`working tree`, `release`, `traffic` and `data`: name to what it was, as a digest where it is long."""
    not_seen: tuple[str, ...] = ()
    """What could not be looked at, each with the reason: of that nothing is claimed."""


@dataclass(frozen=True, slots=True)
class Change:
    """One thing that was not the same after as before."""

    part: str
    name: str
    before: str
    after: str


@dataclass(frozen=True, slots=True)
class Comparison:
    """What a read-only run can say of itself."""

    before: Look
    after: Look
    changes: tuple[Change, ...] = ()

    @property
    def counts(self) -> Mapping[str, int]:
        """How many things were compared of each part."""
        return {part: len(found) for part, found in self.before.parts.items()}
