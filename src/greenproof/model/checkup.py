"""What a machine has of the things that Greenproof works with, as `doctor` found it."""

from dataclasses import dataclass
from enum import StrEnum


class Health(StrEnum):
    """What is known of one thing."""

    OK = "ok"
    MISSING = "missing"
    BROKEN = "broken"
    """It is there and does not do its part."""


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing that was looked at."""

    name: str
    health: Health
    observed: str
    """What was really seen; never what is supposed."""
    cost: str = ""
    """What can't be done, or is reported as not run, for as long as it stays so."""
    remedy: str = ""
    """What provides it."""
    required: bool = False
    """Nothing can be judged without it."""

    @property
    def stops(self) -> bool:
        """Whether nothing can be judged."""
        return self.required and self.health is not Health.OK
