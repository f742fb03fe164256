"""What every backend of the ledger offers; SQLite is the first."""

from collections.abc import Collection, Iterable, Iterator
from typing import Protocol

from greenproof.ledger.entry import Entry, Verification
from greenproof.model.events import Event


class EventLedger(Protocol):
    """An append-only, hash-chained record of events, with evidence beside it. All errors are LedgerErrors."""

    def append(self, run: str, event: Event) -> Entry:
        """Write one event; it is on disk when this returns."""
        ...

    def append_many(self, run: str, events: Iterable[Event]) -> tuple[Entry, ...]:
        """Write several events one after another, all or none."""
        ...

    def entries(
        self, run: str | None = None, kinds: Collection[str] | None = None, *, after: int = 0
    ) -> Iterator[Entry]:
        """Entries in the order of `seq`: of one run, of some kinds, later than `after`."""
        ...

    def about(self, what: str, name: str, kinds: Collection[str], *, before: int | None = None) -> Iterator[Entry]:
        """Entries of some kinds about one case or service, the newest first: all, or those earlier than `before`."""
        ...

    def latest(self, kind: str) -> Iterator[Entry]:
        """Entries of one kind, the newest first."""
        ...

    def names(self, what: str) -> Iterator[str]:
        """The names of all cases or services that events are about, sorted."""
        ...

    def head(self) -> str:
        """The hash of the last event."""
        ...

    def last(self) -> tuple[int, str]:
        """Number and hash of the last event."""
        ...

    def runs(self) -> tuple[str, ...]:
        """The runs, in the order of their first events."""
        ...

    def put_evidence(self, content: bytes | str | dict[str, object] | list[object]) -> str:
        """Keep a piece of evidence, redacted, and return the id by which events refer to it."""
        ...

    def evidence(self, identifier: str) -> bytes:
        """The bytes of a piece of evidence."""
        ...

    def verify(self, head: str | None = None) -> Verification:
        """Check every byte; with `head` also that the event with this hash is still there."""
        ...

    def close(self) -> None:
        """Let go of everything; closing twice is fine."""
        ...
