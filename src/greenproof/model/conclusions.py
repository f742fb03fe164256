"""Conclusions of earlier runs: claims with their evidence, their release and an expiry, never facts."""

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum

LIFETIME_DAYS = 7
"""Days after which a conclusion is not taken over any more, whatever happened since."""


class Standing(StrEnum):
    """What a new run makes of an earlier conclusion."""

    CONFIRMED = "confirmed"
    """Observed again, on the same release, with the same result."""
    CARRIED = "carried"
    """Observed again with the same result, on another release: it is a new conclusion now."""
    OVERTURNED = "overturned"
    """Observed again, with another result."""
    UNCHECKED = "unchecked"
    """Not looked at in this run, on the same release: it stays a claim of the earlier run."""
    DROPPED = "dropped"
    """Not looked at, and nothing may be concluded from it any more."""


@dataclass(frozen=True, slots=True)
class Conclusion:
    """One thing that an earlier run concluded."""

    about: str
    """`case` or `promise`."""
    subject: str
    """The id of the case, or the name of the promise."""
    said: str
    """The verdict."""
    run: str
    at: str
    """UTC in ISO 8601."""
    release: str | None
    """Name of the release that it is about; None: unnamed."""
    event: int
    """Its number in the ledger."""
    hash: str
    """Of that event."""
    evidence: bool = True
    """What the run kept beside the ledger is still there, unchanged."""


@dataclass(frozen=True, slots=True)
class Rechecked:
    """An earlier conclusion, beside what this run observed."""

    conclusion: Conclusion
    standing: Standing
    now: str | None
    """What this run concluded; None: it did not look."""
    why: str = ""


@dataclass(frozen=True, slots=True)
class KnownBefore:
    """What the last run of the same kind had concluded, and what became of it."""

    run: str
    at: str
    """UTC in ISO 8601."""
    release: str | None
    rechecked: tuple[Rechecked, ...] = ()

    @property
    def counts(self) -> Mapping[str, int]:
        """How many conclusions have each standing; every standing is named, also with 0."""
        found = Counter(one.standing for one in self.rechecked)
        return {standing.value: found.get(standing, 0) for standing in Standing}
