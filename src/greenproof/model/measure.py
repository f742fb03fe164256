"""The measure: tests, helpers, conftest files and their configuration, and what changed in it to its disadvantage."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum

type Form = Mapping[str, object]
"""A measure as JSON-able values: what a run keeps of it."""


class Weight(StrEnum):
    """What a finding means."""

    WEAKENED = "weakened"
    """The measure may be green now for less. Gates."""
    NOTE = "note"
    """Worth a look. Gates nothing."""


@dataclass(frozen=True, slots=True)
class MeasureFiles:
    """The files of a tree that may belong to its measure."""

    texts: Mapping[str, str]
    """By path below the root, with `/`."""
    unread: Mapping[str, str] = field(default_factory=dict)
    """Why a file was not read, by path."""
    cut: bool = False
    """There are more files than are read."""


@dataclass(frozen=True, slots=True)
class Place:
    """Where something stands."""

    path: str
    line: int = 0
    """1-based; 0: the file as a whole."""

    def __str__(self) -> str:
        return f"{self.path}:{self.line}" if self.line else self.path


@dataclass(frozen=True, slots=True)
class MeasureFinding:
    """One change of the measure."""

    code: str
    weight: Weight
    subject: str
    """The test, helper or setting: its path and name, without a line."""
    place: Place
    """Where it stands now; for what is gone, where it stood."""
    text: str
    """A sentence."""
    was: str = ""
    now: str = ""
    tests: int = 0
    """How many tests it touches; 0: not counted."""
    id: str = ""
    """Stable as long as the change itself is the same, wherever its lines move."""


@dataclass(frozen=True, slots=True)
class Measured:
    """What a run finds out about the measure before its tests, and keeps after them."""

    report: "MeasureReport"
    files: str
    """Digest of all files that may belong to the measure."""
    form: Form | None
    """None: it is what the last good run kept, under `evidence`."""
    evidence: str = ""


@dataclass(frozen=True, slots=True)
class Acceptance:
    """A person's word that a finding is all right, for a while."""

    finding: str
    """The id of the finding."""
    reason: str
    by: str
    on: str
    """Day on which it was accepted, in ISO 8601."""
    expires: str
    """The last day on which it holds, in ISO 8601."""
    code: str = ""
    subject: str = ""


@dataclass(frozen=True, slots=True)
class MeasureBaseline:
    """What the last good run kept of its measure."""

    run: str
    at: str
    """UTC in ISO 8601."""
    evidence: str
    """Id of the form that it kept; empty if it kept none."""
    removed: tuple[str, ...] = ()
    """Globs of tests of which later runs were told that they are gone on purpose."""
    files: str = ""
    """Digest of the files that it kept; empty: not recorded."""
    tests: int = 0
    """Test functions in them."""


@dataclass(frozen=True, slots=True)
class MeasureReport:
    """The findings between two measures, and what a person said of them."""

    before: str | None
    """What it was compared with: a run or a revision; None: there is nothing."""
    at: str = ""
    """When that was: UTC in ISO 8601."""
    open: tuple[MeasureFinding, ...] = ()
    """Weakened, and nobody has accepted it. Gates."""
    accepted: tuple[tuple[MeasureFinding, Acceptance], ...] = ()
    expired: tuple[tuple[str, Acceptance], ...] = ()
    """Of the open ones, by id: those that were accepted once."""
    notes: tuple[MeasureFinding, ...] = ()
    tests: tuple[int, int] = (0, 0)
    """Test functions before and now."""
    why: str = ""
    """Without anything to compare with: why."""
