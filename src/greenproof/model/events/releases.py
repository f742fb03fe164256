"""Releases: what was looked at, deployed, left, known good, and started beside."""

from dataclasses import dataclass

from greenproof.model.facts import Reading, Release
from greenproof.model.sides import SideRelease


@dataclass(frozen=True, slots=True)
class ReadingTaken:
    """A probe looked at a service."""

    cycle: int
    reading: Reading
    evidence: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class ReleaseDeployed:
    """A release is live, and was read back as live."""

    cycle: int
    environment: str
    release: Release
    previous: str | None = None
    """Name of the release that was live before."""
    changed: tuple[str, ...] = ()
    """Services whose revision differs from the previous release."""
    duration_s: float = 0.0
    key: str = ""
    """Idempotency key of the effect."""
    evidence: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class DeployFailed:
    """A release could not be made live."""

    cycle: int
    environment: str
    code: str
    message: str
    release: Release | None = None
    service: str | None = None
    """The service that did not do its part."""
    live: str | None = None
    """Name of the release that serves now; None: none."""
    hint: str | None = None
    key: str = ""
    evidence: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class RolledBack:
    """An earlier release was made live again, as a whole."""

    cycle: int
    environment: str
    release: Release
    """What is live now."""
    abandoned: str | None = None
    """Name of the release that was taken away."""
    reason: str = ""
    key: str = ""
    evidence: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class ReleaseKnownGood:
    """The gating cases of a run were proven on this release: it can be gone back to."""

    cycle: int
    environment: str
    release: str
    key: str = ""


@dataclass(frozen=True, slots=True)
class EffectRecovered:
    """A deploy or rollback that had been cut off was finished or undone before anything else was done."""

    cycle: int
    environment: str
    what: str
    detail: str


@dataclass(frozen=True, slots=True)
class SideStarted:
    """A mix of revisions and configuration runs beside the current release, without its traffic."""

    cycle: int
    environment: str
    side: SideRelease
    why: str = ""


@dataclass(frozen=True, slots=True)
class SideTested:
    """The cases of this run are run against a side release: they say nothing of the current one."""

    cycle: int
    environment: str
    side: SideRelease
    why: str = ""


@dataclass(frozen=True, slots=True)
class SideEnded:
    """A side release was ended, and its copy of the data removed."""

    cycle: int
    environment: str
    name: str
    why: str = ""


type ReleaseEvent = (
    ReadingTaken
    | ReleaseDeployed
    | DeployFailed
    | RolledBack
    | ReleaseKnownGood
    | EffectRecovered
    | SideStarted
    | SideTested
    | SideEnded
)
