"""Performance targets that a platform states, and what the relay measured of them."""

from dataclasses import dataclass
from enum import StrEnum

from greenproof.model.routes import Route


class Measure(StrEnum):
    """What is timed, always by the relay's own clock, between two things that it saw itself."""

    RESPONSE = "response"
    """From the head of a request to the head of its answer."""
    COMPLETE = "complete"
    """From the head of a request to the end of its answer."""
    REPLY = "reply"
    """From a message of the client on a WebSocket to the next message of the server."""
    EVENT = "event"
    """From a message of the client (or from the event `after`) to the next message of the server named `event`."""


class Statistic(StrEnum):
    """Which number is compared with the limit."""

    MAX = "max"
    P95 = "p95"
    """Nearest rank: the smallest sample that at least 95 % of all samples do not exceed."""
    MEDIAN = "median"
    """Nearest rank at 50 %."""


@dataclass(frozen=True, slots=True)
class PerformanceTarget:
    """A promise about time."""

    name: str
    routes: tuple[Route, ...]
    limit_ms: float
    measure: Measure = Measure.RESPONSE
    statistic: Statistic = Statistic.P95
    event: str | None = None
    """The name of a server's message, in its JSON field `type`."""
    after: str | None = None
    minimum: int = 1
    """Samples without which nothing is said."""
    gates: bool = False
    """Whether a missed target fails the run."""


class Met(StrEnum):
    """What is known of a target after a run."""

    MET = "met"
    MISSED = "missed"
    NOT_MEASURED = "not-measured"
    """Fewer samples than the minimum."""


@dataclass(frozen=True, slots=True)
class Performance:
    """A target, and what was measured of it in the plain run."""

    target: PerformanceTarget
    met: Met
    n: int
    """Samples; one exchange may hold several messages."""
    value_ms: float | None
    """The statistic that counts."""
    median_ms: float | None
    p95_ms: float | None
    max_ms: float | None
    left_out: int = 0
    """Exchanges on the routes that were not counted: of cases that did not pass, ambiguous, or without an answer."""
    slowest: str | None = None
    """The exchange of the largest sample."""
