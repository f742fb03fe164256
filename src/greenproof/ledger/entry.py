"""Entries of the ledger, and what its verification found."""

from collections.abc import Mapping
from dataclasses import dataclass

from greenproof.model.events import Event, from_record


@dataclass(frozen=True, slots=True)
class Entry:
    """One event as it stands in the ledger. The order is that of `seq`, whatever the clock said."""

    seq: int
    """From 1, without gaps."""
    at: str
    """UTC in ISO 8601, as the clock of the writing machine had it."""
    run: str
    kind: str
    body: Mapping[str, object]
    hash: str
    """Of this event and all before it."""
    clock_set_back: bool = False
    """`at` is earlier than that of the entry before: the clock was set back, and the order is still that of `seq`."""

    @property
    def event(self) -> Event:
        """The event itself; an `UnknownEvent` if a newer version wrote it."""
        return from_record(self.kind, self.body)


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing that is wrong with a ledger."""

    code: str
    """`changed`, `missing`, `foreign`, `damaged`, `unguarded`, `unlisted`, `unknown-head`, `evidence-changed` or
    `-missing`."""
    text: str
    seq: int | None = None
    run: str | None = None
    kind: str | None = None
    evidence: str | None = None


@dataclass(frozen=True, slots=True)
class Verification:
    """What was checked, and everything that was found."""

    head: str
    """The hash of the last event that was read."""
    entries: int
    evidence: int
    """Files that were hashed."""
    findings: tuple[Finding, ...] = ()
    head_checked: bool = False
    """A head was given. Without one, a lost tail can't be noticed."""
    head_seq: int | None = None
    """The number of the event that the given head is the hash of; what follows it, the head says nothing about."""

    @property
    def intact(self) -> bool:
        """Nothing was found."""
        return not self.findings
