"""The exchanges of one run, as they are seen and as they are told."""

import secrets
import time
from collections.abc import Iterator
from dataclasses import dataclass, field, replace

from greenproof.adapters.relay.faults import Wire
from greenproof.adapters.relay.joining import Joined, Moment
from greenproof.model.facts import Depth, Exchange, FaultKind, Join, MessageSeen

MOST_EXCHANGES = 200_000
LONGEST_PATH = 2_000
_LONGEST_IDENTITY = 200
_DEPTHS = {depth.value: depth for depth in Depth}


@dataclass(slots=True)
class Sight:
    """An exchange that is still going on."""

    id: str
    wire: Wire
    protocol: str
    joined: Joined
    start_ns: int
    status: int | None = None
    head_ns: int | None = None
    end_ns: int | None = None
    trace_id: str | None = None
    identity: str | None = None
    depth: Depth = Depth.UNKNOWN
    synthetic: bool = False
    sent: int = 0
    received: int = 0
    planned: FaultKind | None = None
    """The fault that the answer is to get; `fault` once it was delivered."""
    fault: FaultKind | None = None
    error: str | None = None
    asked_ns: int | None = None
    accepted_ns: int | None = None
    messages: list[MessageSeen] = field(default_factory=list)
    not_kept: int = 0
    last_ns: int | None = None
    greeted: bool = False

    def deliver(self) -> None:
        """The planned fault reached the test."""
        self.fault = self.planned

    def exchange(self) -> Exchange:
        """The fact."""
        return Exchange(
            id=self.id,
            target=self.wire.target,
            protocol=self.protocol,
            method=self.wire.method,
            path=self.wire.path,
            status=self.status,
            case=self.joined.moment.case,
            phase=self.joined.moment.phase,
            worker=self.joined.worker,
            join=self.joined.in_the_end,
            start_ns=self.start_ns,
            head_ns=self.head_ns,
            end_ns=self.end_ns,
            trace_id=self.trace_id,
            identity=self.identity,
            depth=self.depth,
            synthetic=self.synthetic,
            sent=self.sent,
            received=self.received,
            fault=self.fault,
            error=self.error,
            asked_ns=self.asked_ns,
            accepted_ns=self.accepted_ns,
            messages=tuple(self.messages),
            not_kept=self.not_kept,
            last_ns=self.last_ns,
            greeted=self.greeted,
        )


@dataclass(slots=True)
class Recording:
    """All exchanges of one run, in the order in which they started."""

    prefix: str = field(default_factory=lambda: secrets.token_hex(4))
    lost: int = 0
    """Exchanges past the limit: they are counted, not kept."""
    _sights: list[Sight] = field(default_factory=list)
    _count: int = 0

    def start(self, wire: Wire, protocol: str, joined: Joined) -> Sight:
        """An exchange starts now."""
        self._count += 1
        sight = Sight(f"{self.prefix}-{self._count}", wire, protocol, joined, time.monotonic_ns())
        sight.trace_id = joined.trace_id
        if len(self._sights) < MOST_EXCHANGES:
            self._sights.append(sight)
        else:
            self.lost += 1
        return sight

    def move(self, worker: str | None, since_ns: int, left: Moment, entered: Moment) -> None:
        """A worker went from one moment to another at that time, and it is told only now.

        What began since then in another case carries that case's trace: it stays nobody's proof.
        """
        for sight in reversed(self._sights):
            if sight.start_ns < since_ns:
                return
            joined = sight.joined
            if joined.worker == worker and joined.moment.case == left.case and joined.moment.phase is left.phase:
                join = joined.join if entered.case == left.case else Join.AMBIGUOUS
                sight.joined = replace(joined, moment=entered, join=join)

    def exchanges(self) -> Iterator[Exchange]:
        """The facts, finished or not."""
        return (sight.exchange() for sight in self._sights)

    def since(self, index: int) -> list[Exchange]:
        """The facts from this one on, in the order in which they started."""
        return [sight.exchange() for sight in self._sights[index:]]

    def unfinished(self) -> int:
        """Exchanges that are still going on."""
        return sum(sight.end_ns is None for sight in self._sights)


def clean_path(path: str) -> str:
    """The path as it may be told: no query, no bytes that are not text, not without end."""
    bare = path.partition("?")[0].partition("#")[0]
    return bare.encode("utf-8", "surrogateescape").decode("utf-8", "replace")[:LONGEST_PATH]


def clean_identity(value: str | None) -> str | None:
    """The revision that a head names."""
    if not value:
        return None
    return value.encode("utf-8", "surrogateescape").decode("utf-8", "replace")[:_LONGEST_IDENTITY]


def depth_of(value: str | None) -> Depth:
    """How deep the service says it went."""
    return _DEPTHS.get((value or "").strip().lower(), Depth.UNKNOWN)
