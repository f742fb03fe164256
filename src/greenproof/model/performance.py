"""Promises about time that a platform makes, and what the relay measured of them."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum

from greenproof.model.routes import Route


class Measure(StrEnum):
    """What is timed, always by the relay's own clock, between two things that it saw itself."""

    RESPONSE = "response"
    """From the end of a request to the head of its answer."""
    COMPLETE = "complete"
    """From the end of a request to the end of its answer."""
    HANDSHAKE = "handshake"
    """From a request for a WebSocket to the answer that accepts it."""
    REPLY = "reply"
    """From a message of the client on a WebSocket to the next message of the server."""
    EVENT = "event"
    """From a message of the client (or from the event `after`) to the next message of the server named `event`."""
    PAUSE = "pause"
    """Between two messages of the server with none of the client between them."""


MESSAGE_MEASURES = frozenset({Measure.REPLY, Measure.EVENT, Measure.PAUSE})
"""Those for which single messages are timed."""
SOCKET_MEASURES = MESSAGE_MEASURES | {Measure.HANDSHAKE}


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
    """The name of the server's message at which the clock stops (for `pause`: the last one)."""
    after: str | None = None
    """The name of the server's message at which it starts; None: a message of the client."""
    minimum: int = 1
    """Samples without which nothing is said."""
    gates: bool = False
    """Whether a missed promise fails the run."""
    sent: str | None = None
    """The name of the client's message at which the clock starts; None: any."""
    field: str = "type"
    """The JSON field in which messages name themselves."""
    link: str | None = None
    """The JSON field that has one value in both messages; None: one at a time can be told apart."""

    @property
    def definition(self) -> str:
        """What is timed, and where: numbers of two runs can be compared if this is the same."""
        keys = (("sent", self.sent), ("after", self.after), ("event", self.event), ("link", self.link))
        named = [f"{key} {value!r}" for key, value in keys if value is not None]
        named += [f"field {self.field!r}"] if self.sent or self.after or self.event else []
        return "; ".join((self.measure.value, *named, *map(str, sorted(self.routes, key=str))))


@dataclass(frozen=True, slots=True)
class Watch:
    """What the relay has to keep of single messages, so that promises can be measured. Everything else is forgotten."""

    routes: tuple[Route, ...]
    names: tuple[tuple[str, str], ...] = ()
    """(JSON field, value): how messages name themselves that start or stop a clock."""
    links: tuple[str, ...] = ()
    """JSON fields that link two messages. Of their values a keyed digest is kept, and its key is not."""
    every_client: bool = False
    """Times of every message of the client, named or not."""
    every_server: bool = False


class Met(StrEnum):
    """What is known of a promise after a run."""

    MET = "met"
    MISSED = "missed"
    NOT_MEASURED = "not-measured"
    """Fewer samples than the minimum."""


class LeftOut(StrEnum):
    """Why something on the routes of a promise is no sample."""

    NOT_PASSED = "not-passed"
    """An exchange of a case that did not pass at the first try, or of none."""
    AMBIGUOUS = "ambiguous"
    """An exchange that may belong to another case."""
    UNANSWERED = "unanswered"
    """An exchange without the whole of an answer, or a message that what was to be timed did not follow."""
    EARLY = "early"
    """An exchange that was answered before its request was whole."""
    OVERLAPPING = "overlapping"
    """A message that was sent while an earlier one waited: what follows can't be given to one of them."""
    NOT_KEPT = "not-kept"
    """A message past the relay's limits."""


@dataclass(frozen=True, slots=True)
class Timed:
    """One sample."""

    ms: float
    exchange: str
    case: str | None = None


@dataclass(frozen=True, slots=True)
class Performance:
    """A promise, and what was measured of it in the plain run."""

    target: PerformanceTarget
    met: Met
    n: int
    """Samples; one exchange may hold several messages."""
    value_ms: float | None = None
    """The statistic that counts; None: not measured."""
    median_ms: float | None = None
    p95_ms: float | None = None
    max_ms: float | None = None
    left_out: Mapping[LeftOut, int] = field(default_factory=dict)
    """How much on the routes is no sample, by reason."""
    slowest: tuple[Timed, ...] = ()
    """The largest samples, the largest first: the evidence."""
    components: tuple[str, ...] = ()
    """The targets that answered, or else those of the routes."""
