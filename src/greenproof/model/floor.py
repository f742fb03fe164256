"""The floor: what a suite shows against backends that can't serve it."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum

from greenproof.model.facts import RunObservation


class Backend(StrEnum):
    """A controlled backend in the place of every target."""

    REFUSED = "refused"
    """Nothing listens."""
    UNAVAILABLE = "unavailable"
    """503 to everything, WebSocket handshakes too."""
    STATIC = "static"
    """200 and `{"status":"healthy"}` to everything."""


DEAD = (Backend.REFUSED, Backend.UNAVAILABLE)


class FloorOutcome(StrEnum):
    """What became of a case on one backend."""

    PASSED = "passed"
    FAILED = "failed"
    """Also unexpectedly passed, killed or cut off."""
    ERROR = "error"
    """Set-up or teardown failed."""
    SKIPPED = "skipped"
    XFAILED = "xfailed"
    NOT_RUN = "not-run"
    """Never collected, deselected or not reached."""

    @property
    def decided(self) -> bool:
        """Whether it says anything about the backend."""
        return self in (FloorOutcome.PASSED, FloorOutcome.FAILED, FloorOutcome.ERROR)


class Finding(StrEnum):
    """What the outcomes on all backends say about a case. The first that fits, in this order."""

    NOT_RUN = "not-run"
    """Decided on no backend."""
    INVERTED = "inverted"
    """Green on a dead backend, red on the static one."""
    BLIND = "blind"
    """Green on every backend."""
    PARTLY_BLIND = "partly-blind"
    """Green on some."""
    RED = "red"
    """Green on none: its green says something."""


@dataclass(frozen=True, slots=True)
class BackendRun:
    """Everything that was seen of the suite on one backend."""

    backend: Backend
    observation: RunObservation
    """Of a suite that was started several times: the facts of all starts, the last word about each case."""
    cut_off: frozenset[str] = frozenset()
    """Cases that were ended because they ran too long."""
    starts: int = 1
    elsewhere_ns: tuple[int, ...] = ()
    """When requests came for addresses that no variable held, ascending."""
    stalled: bool = False
    """Ended since nothing finished any more, though no case was known to run."""
    tail: tuple[str, ...] = ()
    """The last lines that the command printed."""


@dataclass(frozen=True, slots=True)
class Share:
    """How many of the decided tests pass."""

    passed: int = 0
    decided: int = 0

    @property
    def value(self) -> float | None:
        """0 to 1; None where nothing is decided."""
        return self.passed / self.decided if self.decided else None


@dataclass(frozen=True, slots=True)
class FloorRow:
    """The floor of a set of cases."""

    name: str
    cases: int
    shares: Mapping[Backend, Share]

    @property
    def worst(self) -> float | None:
        """The largest share of all backends."""
        return max((s.value for s in self.shares.values() if s.value is not None), default=None)


@dataclass(frozen=True, slots=True)
class FloorCase:
    """What was found about one case."""

    id: str
    outcomes: Mapping[Backend, FloorOutcome]
    finding: Finding
    cut_off: tuple[Backend, ...] = ()
    reason: str | None = None
    """Why it did not run; None: it did, or nobody said why."""
    unreached: str | None = None
    """Why it was never seen to reach a backend; None: it was, or it did not run."""


@dataclass(frozen=True, slots=True)
class Floor:
    """What a suite is worth before anything is deployed."""

    at: str
    command: tuple[str, ...]
    targets: tuple[str, ...]
    total: FloorRow
    files: tuple[FloorRow, ...]
    categories: tuple[FloorRow, ...]
    priorities: tuple[FloorRow, ...]
    cases: tuple[FloorCase, ...]
    notes: tuple[str, ...]
    """What limits the measurement, in whole sentences."""
    case_timeout_s: float
    duration_s: Mapping[Backend, float] = field(default_factory=dict)
    tail: tuple[str, ...] = ()
    """The last lines of the command, where nothing could be measured."""

    @property
    def measured(self) -> bool:
        """Whether any test was decided on any backend."""
        return self.total.worst is not None
