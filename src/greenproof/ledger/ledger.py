"""The ledger on SQLite."""

import heapq
import json
import re
import sqlite3
import threading
from collections.abc import Callable, Collection, Iterable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Self

from greenproof.ledger.chain import GENESIS, canonical, link
from greenproof.ledger.database import EVIDENCE, VERSION, open_database, version_of
from greenproof.ledger.entry import Entry, Verification
from greenproof.ledger.evidence import SPILLED, Content, EvidenceFolder
from greenproof.ledger.failures import damaged, in_words
from greenproof.ledger.files import Files, LocalFiles
from greenproof.ledger.subjects import KINDS, bounds, key, name_of, subject_of
from greenproof.ledger.verification import verify
from greenproof.model.errors import LedgerError
from greenproof.model.events import Event, to_record
from greenproof.model.redaction import Redactor

ROW_LIMIT = 16 * 1024
"""Bodies with more bytes than this go to the evidence; the row then refers to them."""

_PAGE = 500
_FIRST_PAGE = 50
_NEVER = 2**63 - 1
_RUN = re.compile(r"[A-Za-z0-9][A-Za-z0-9._:/-]{0,199}\Z")

type Clock = Callable[[], datetime]
type _Row = tuple[int, str, str, str, bytes, str, str | None]


def _now() -> datetime:
    return datetime.now(UTC)


class Ledger:
    """An append-only, hash-chained record of events in `ledger.db`, with `evidence/` beside it.

    Several processes and threads may append at once. What is written is redacted here, and nowhere else.
    """

    def __init__(self, path: Path, connection: sqlite3.Connection, files: Files, clock: Clock, redactor: Redactor):
        self._path = path
        self._connection = connection
        self._files = files
        self._clock = clock
        self._redactor = redactor
        self._evidence = EvidenceFolder(path.parent / EVIDENCE, files, redactor)
        # Ctrl-C may strike between a writer's lock and its first line: then the same thread still has to end the run.
        self._lock = threading.RLock()

    @classmethod
    def open(
        cls,
        path: Path,
        *,
        create: bool = True,
        clock: Clock = _now,
        files: Files | None = None,
        redactor: Redactor | None = None,
    ) -> Self:
        """Open the ledger at `path`; without `create`, a missing one is an error.

        Raises LedgerError for what can't be read or written, for a database that is no ledger, and for a ledger that
        a newer version wrote, which is left as it is.
        """
        files = files or LocalFiles()
        with in_words(path):
            if create:
                files.make_folder(path.parent)
        redactor = redactor or Redactor()
        connection = open_database(path, files, _listing(path, files, redactor), create=create)
        return cls(path, connection, files, clock, redactor)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def append(self, run: str, event: Event) -> Entry:
        """Write one event; it is on disk when this returns."""
        return self.append_many(run, (event,))[0]

    def append_many(self, run: str, events: Iterable[Event]) -> tuple[Entry, ...]:
        """Write several events in one transaction: all or none."""
        if not _RUN.match(run):
            raise LedgerError(
                f"{run[:80]!r} is not a name of a run", code="run-name", expected="letters, digits and . _ : / -"
            )
        prepared = [self._prepared(event) for event in events]
        with self._writing():
            entries = self._chained(run, prepared)
        return tuple(entries)

    def entries(
        self, run: str | None = None, kinds: Collection[str] | None = None, *, after: int = 0
    ) -> Iterator[Entry]:
        """Entries in the order of `seq`: of one run, of some kinds, later than `after`."""
        if run is None and kinds is not None:
            # Each kind has its index; together they would have to be sorted.
            streams = [self._stream("kind = ?", (kind,), after) for kind in sorted(set(kinds))]
            yield from heapq.merge(*streams, key=lambda entry: entry.seq)
            return
        wanted = None if kinds is None else frozenset(kinds)
        condition, values = ("run = ?", (run,)) if run is not None else ("TRUE", ())
        if wanted is not None:
            # The plus keeps SQLite from the index by kind, which would hold the events of all runs.
            condition += f" AND +kind IN ({', '.join('?' * len(wanted))})"
            values = (*values, *sorted(wanted))
        yield from self._stream(condition, values, after)

    def latest(self, kind: str) -> Iterator[Entry]:
        """Entries of one kind, the newest first."""
        return self._backwards("kind = ?", (kind,), None)

    def about(self, what: str, name: str, kinds: Collection[str], *, before: int | None = None) -> Iterator[Entry]:
        """Entries of some kinds about one case or service (`subjects.CASE`, `SERVICE`), the newest first."""
        wanted = frozenset(kinds)
        if self._listed():
            listed = "seq IN (SELECT seq FROM subjects WHERE subject = ?)"
            found = self._backwards(listed, (key(what, name),), before)
        else:
            found = self._backwards(f"kind IN ({', '.join('?' * len(wanted))})", tuple(sorted(wanted)), before)
        for entry in found:
            if entry.kind in wanted and subject_of(entry.kind, entry.body) == key(what, name):
                yield entry

    def names(self, what: str) -> Iterator[str]:
        """The names of all cases or services that events are about, sorted by their bytes."""
        low, high = bounds(what)
        if not self._listed():
            found = (subject_of(e.kind, e.body) for e in self.entries(kinds=KINDS))
            yield from (name_of(key) for key in sorted({k for k in found if k is not None and low <= k < high}))
            return
        while True:
            with self._reading():
                row = self._connection.execute(
                    "SELECT subject FROM subjects WHERE subject > ? AND subject < ? ORDER BY subject LIMIT 1",
                    (low, high),
                ).fetchone()
            if row is None:
                return
            low = row[0]
            yield name_of(low)

    def head(self) -> str:
        """The hash of the last event; `GENESIS` when there is none."""
        return self.last()[1]

    def last(self) -> tuple[int, str]:
        """Number and hash of the last event; (0, `GENESIS`) when there is none."""
        with self._reading():
            seq, digest, _ = self._last()
        return seq, digest

    def runs(self) -> tuple[str, ...]:
        """The runs, in the order of their first events."""
        with self._reading():
            rows = self._connection.execute("SELECT run FROM entries GROUP BY run ORDER BY MIN(seq)").fetchall()
        return tuple(run for (run,) in rows)

    def put_evidence(self, content: Content) -> str:
        """Keep bytes, a text or a JSON value, redacted; return the id that events refer to."""
        return self._evidence.put(content)

    def evidence(self, identifier: str) -> bytes:
        """The bytes of a piece of evidence, checked against its id."""
        return self._evidence.read(identifier)

    def verify(self, head: str | None = None) -> Verification:
        """Check every byte of events and evidence; with `head` also that its event is still there."""
        return verify(self._path, self._files, self._evidence, head)

    def close(self) -> None:
        """Let go of the database."""
        with self._lock:
            self._connection.close()

    def _prepared(self, event: Event) -> tuple[str, bytes, bytes | None]:
        try:
            kind, record = to_record(event)
            clean = self._redactor.tree(record)
            body = canonical(clean)
        except (TypeError, ValueError) as error:
            raise LedgerError(f"this event can't be written as JSON: {error}", code="not-json") from error
        if len(body) > ROW_LIMIT:
            body = canonical({SPILLED: len(body), "evidence": self._evidence.keep(body)})
        return kind, body, subject_of(kind, clean)

    def _chained(self, run: str, prepared: Iterable[tuple[str, bytes, bytes | None]]) -> list[Entry]:
        seq, head, last = self._last()
        rows, subjects, entries = [], [], []
        for kind, body, subject in prepared:
            seq += 1
            at = self._clock().astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%S.%fZ")
            head = link(head, seq, at.encode(), run.encode(), kind.encode(), body)
            rows.append((seq, at, run, kind, body, head))
            if subject is not None:
                subjects.append((seq, subject))
            entries.append(Entry(seq, at, run, kind, json.loads(body), head, at < last))
            last = at
        self._connection.executemany("INSERT INTO entries VALUES (?, ?, ?, ?, ?, ?)", rows)
        self._connection.executemany("INSERT INTO subjects VALUES (?, ?)", subjects)
        return [self._unspilled(entry) for entry in entries]

    def _last(self) -> tuple[int, str, str]:
        row: tuple[int, str, str] | None = self._connection.execute(
            "SELECT seq, hash, at FROM entries ORDER BY seq DESC LIMIT 1"
        ).fetchone()
        return row or (0, GENESIS, "")

    def _listed(self) -> bool:
        """Whether there is a list of subjects: not in an old ledger that can't be written."""
        with self._reading():
            return version_of(self._connection) == VERSION

    def _stream(self, condition: str, values: tuple[object, ...], after: int) -> Iterator[Entry]:
        """Entries that meet a condition, in order, page by page."""
        while rows := self._rows(f"{condition} AND seq > ? ORDER BY seq LIMIT {_PAGE}", (*values, after)):
            yield from (self._entry(row) for row in rows)
            after = rows[-1][0]

    def _backwards(self, condition: str, values: tuple[object, ...], before: int | None) -> Iterator[Entry]:
        """Entries that meet a condition, the newest first; small pages, since few are wanted."""
        before = before if before is not None else _NEVER
        size = _FIRST_PAGE
        while True:
            rows = self._rows(f"{condition} AND seq < ? ORDER BY seq DESC LIMIT {size}", (*values, before))
            yield from (self._entry(row) for row in rows)
            if len(rows) < size:
                return
            before, size = rows[-1][0], _PAGE

    def _rows(self, condition: str, values: tuple[object, ...]) -> list[_Row]:
        before = "(SELECT at FROM entries AS earlier WHERE earlier.seq = entries.seq - 1)"
        # Only question marks are put together here; every value is bound.
        query = f"SELECT seq, at, run, kind, body, hash, {before} FROM entries WHERE {condition}"  # noqa: S608
        with self._reading():
            return self._connection.execute(query, values).fetchall()

    def _entry(self, row: _Row) -> Entry:
        seq, at, run, kind, body, digest, before = row
        try:
            fields = json.loads(body)
        except ValueError as error:
            raise damaged(self._path, f"event {seq} ({run}, {kind}) is not JSON") from error
        if not isinstance(fields, dict):
            raise damaged(self._path, f"event {seq} ({run}, {kind}) has no fields")
        return self._unspilled(Entry(seq, at, run, kind, fields, digest, before is not None and at < before))

    def _unspilled(self, entry: Entry) -> Entry:
        if SPILLED not in entry.body:
            return entry
        body = json.loads(self._evidence.read(str(entry.body["evidence"])))
        return Entry(entry.seq, entry.at, entry.run, entry.kind, body, entry.hash, entry.clock_set_back)

    @contextmanager
    def _reading(self) -> Iterator[None]:
        with self._lock, in_words(self._path):
            yield

    @contextmanager
    def _writing(self) -> Iterator[None]:
        """One writer at a time, of all processes: the head that is read is the head that is followed."""
        with self._lock, in_words(self._path):
            if self._connection.in_transaction:
                self._connection.execute("ROLLBACK")
            self._connection.execute("BEGIN IMMEDIATE")
            try:
                yield
                self._connection.execute("COMMIT")
            except BaseException:
                if self._connection.in_transaction:
                    self._connection.execute("ROLLBACK")
                raise


def _listing(path: Path, files: Files, redactor: Redactor) -> Callable[[str, object], bytes | None]:
    """From the kind and body of a stored event to its subject, also where the body lies in the evidence."""
    evidence = EvidenceFolder(path.parent / EVIDENCE, files, redactor)

    def subject(kind: str, body: object) -> bytes | None:
        if kind in KINDS and isinstance(body, dict) and SPILLED in body:
            try:
                body = json.loads(evidence.read(str(body["evidence"])))
            except (LedgerError, ValueError):
                return None
        return subject_of(kind, body)

    return subject
