"""Verification: any changed, missing, inserted or reordered byte is found, and the event is named."""

import hashlib
import json
import sqlite3
from collections.abc import Iterator
from contextlib import closing
from dataclasses import dataclass, field
from pathlib import Path

from greenproof.ledger.chain import GENESIS, link
from greenproof.ledger.database import VERSION, schema_of, version_of
from greenproof.ledger.entry import Finding, Verification
from greenproof.ledger.evidence import PREFIX, SPILLED, EvidenceFolder, references
from greenproof.ledger.failures import in_words
from greenproof.ledger.files import Files
from greenproof.ledger.subjects import subject_of
from greenproof.model.errors import LedgerError

MOST_FINDINGS = 100
"""Of one code; a ledger that was rewritten as a whole is not worth a line for each event."""

_CANDIDATES = 8
_TYPES = ("integer", "text", "text", "text", "blob", "text")
_COLUMNS = ("seq", "at", "run", "kind", "body", "hash")
# Text is read as bytes, so that what is not UTF-8 can be named rather than fail.
_QUERY = (
    "SELECT seq, CAST(at AS BLOB), CAST(run AS BLOB), CAST(kind AS BLOB), CAST(body AS BLOB), CAST(hash AS BLOB), "
    "typeof(seq), typeof(at), typeof(run), typeof(kind), typeof(body), typeof(hash) "
    "FROM entries NOT INDEXED ORDER BY seq"
)
_SUBJECTS = "SELECT seq, subject FROM subjects NOT INDEXED ORDER BY seq"


@dataclass(frozen=True, slots=True)
class _Row:
    """One stored event, byte by byte."""

    seq: int
    at: bytes
    run: bytes
    kind: bytes
    body: bytes
    hash: str
    types: tuple[str, ...]

    def finding(self, code: str, text: str, evidence: str | None = None) -> Finding:
        run, kind = self.run.decode("utf-8", "replace"), self.kind.decode("utf-8", "replace")
        return Finding(code, f"event {self.seq} ({run}, {kind}) {text}", self.seq, run, kind, evidence)


@dataclass(slots=True)
class _Walk:
    """What is known while the rows go by."""

    findings: list[Finding] = field(default_factory=list)
    candidates: list[str] | None = field(default_factory=lambda: [GENESIS])
    """Hashes that the next event may follow; None after a gap, where it can't be known."""
    head: str = GENESIS
    asked: str | None = None
    """The head that must be there."""
    asked_seq: int | None = None
    """The number of the event that it is the hash of; 0 for the head of an empty ledger."""
    last: int = 0
    count: int = 0
    wanted: list[tuple[_Row, str]] = field(default_factory=list)


def verify(path: Path, files: Files, evidence: EvidenceFolder, head: str | None) -> Verification:
    """Check the file, its guards, the chain, the evidence, and that the event with the hash `head` is there."""
    asked = None if head is None else head.strip().lower()
    walk = _Walk(asked=asked, asked_seq=0 if asked == GENESIS else None)
    with in_words(path), closing(files.connect(path)) as connection:
        try:
            connection.execute("BEGIN")
            walk.findings += _damage(connection)
            walk.findings += _guards(connection)
            listed = _Listed(connection)
            for row in _rows(connection):
                _visit(walk, row, evidence, listed)
            walk.findings += listed.rest()
        except (sqlite3.DatabaseError, UnicodeDecodeError) as error:
            walk.findings.append(Finding("damaged", f"the database can't be read to its end: {error}"))
    checked = _check_evidence(walk, evidence)
    if head is not None and walk.asked_seq is None:
        walk.findings.append(Finding("unknown-head", f"no event has the hash {head}: the tail is lost or rewritten"))
    return Verification(walk.head, walk.count, checked, _shortened(walk.findings), head is not None, walk.asked_seq)


def _damage(connection: sqlite3.Connection) -> Iterator[Finding]:
    for (text,) in connection.execute("PRAGMA integrity_check(10)"):
        if text != "ok":
            yield Finding("damaged", f"the database file is damaged: {text}")


def _guards(connection: sqlite3.Connection) -> Iterator[Finding]:
    found = dict(connection.execute("SELECT name, sql FROM sqlite_master WHERE sql IS NOT NULL"))
    wanted = schema_of(version_of(connection))
    for name in sorted(wanted.keys() | found.keys()):
        if found.get(name) != wanted.get(name):
            yield Finding("unguarded", f"the database's {name!r} is not as Greenproof made it")


def _rows(connection: sqlite3.Connection) -> Iterator[_Row]:
    for seq, *values in connection.execute(_QUERY):
        # In a damaged file even a column that may not be empty can be.
        at, run, kind, body, digest = (value or b"" for value in values[:5])
        yield _Row(seq, at, run, kind, body, digest.decode("utf-8", "replace"), tuple(values[5:]))


class _Listed:
    """What events are listed under, read along with the events."""

    def __init__(self, connection: sqlite3.Connection) -> None:
        there = connection.execute("SELECT 1 FROM sqlite_master WHERE name = 'subjects'").fetchone()
        self._rows = iter(connection.execute(_SUBJECTS) if there else ())
        self._next: tuple[int, bytes] | None = next(self._rows, None)
        self._stray: list[int] = []
        self.complete = there is not None and version_of(connection) == VERSION

    def of(self, seq: int) -> bytes | None:
        """What the event with this number is listed under."""
        while self._next is not None and self._next[0] < seq:
            self._pass()
        if self._next is None or self._next[0] != seq:
            return None
        subject = self._next[1]
        self._next = next(self._rows, None)
        return subject

    def rest(self) -> Iterator[Finding]:
        """Every listing of an event that is not there."""
        while self._next is not None:
            self._pass()
        for seq in self._stray:
            yield Finding("unlisted", f"the list of subjects names event {seq}, which is not there", seq)

    def _pass(self) -> None:
        assert self._next is not None
        if len(self._stray) < MOST_FINDINGS:
            self._stray.append(self._next[0])
        self._next = next(self._rows, None)


def _visit(walk: _Walk, row: _Row, evidence: EvidenceFolder, listed: _Listed) -> None:
    walk.count += 1
    if row.seq != walk.last + 1:
        walk.findings.append(_gap(walk, row))
        walk.candidates = None if row.seq > walk.last else walk.candidates
    holds = _check_link(walk, row)
    walk.last, walk.head = max(row.seq, walk.last), row.hash
    body = _json(row.body)
    wanted = set(references(body))
    if isinstance(body, dict) and SPILLED in body:
        body = _spilled(wanted, evidence)
        wanted |= set(references(body))
    walk.wanted += [(row, identifier) for identifier in wanted]
    subject = listed.of(row.seq)
    if holds and listed.complete and body is not None and subject != subject_of(row.kind.decode("utf-8"), body):
        text = "is not listed under its subject: a history would miss it"
        walk.findings.append(row.finding("unlisted", text))


def _gap(walk: _Walk, row: _Row) -> Finding:
    if row.seq <= walk.last:
        return row.finding("foreign", "was inserted: the first event has the number 1")
    first, last = walk.last + 1, row.seq - 1
    which = f"event {first} is" if first == last else f"events {first} to {last} are"
    return Finding("missing", f"{which} missing", first)


def _check_link(walk: _Walk, row: _Row) -> bool:
    """The hash must follow from the one before. After a change, the chain is picked up again where it holds."""
    if row.types != _TYPES:
        wrong = [name for name, kind, right in zip(_COLUMNS, row.types, _TYPES, strict=True) if kind != right]
        walk.findings.append(row.finding("changed", f"was changed: {', '.join(wrong)} of another type"))
    if walk.candidates is None:
        return _holds(walk, row)
    links = [link(before, row.seq, row.at, row.run, row.kind, row.body) for before in walk.candidates]
    if row.hash in links:
        return _holds(walk, row)
    walk.findings.append(row.finding("changed", "was changed, or is not where it was written"))
    # What follows may rest on the stored hash, on the one that should stand here, or on an earlier one.
    walk.candidates = [row.hash, links[0], *walk.candidates][:_CANDIDATES]
    return False


def _holds(walk: _Walk, row: _Row) -> bool:
    walk.candidates = [row.hash]
    if row.hash == walk.asked:
        walk.asked_seq = row.seq
    return True


def _spilled(identifiers: set[str], evidence: EvidenceFolder) -> object:
    """The body that was too large for its row; None if it can't be read, which is found elsewhere."""
    try:
        (identifier,) = identifiers
        return _json(evidence.read(identifier))
    except (LedgerError, ValueError):
        return None


def _json(text: bytes) -> object:
    try:
        value: object = json.loads(text)
    except (ValueError, RecursionError):
        return None
    return value


def _check_evidence(walk: _Walk, evidence: EvidenceFolder) -> int:
    hashes: dict[Path, str | None] = {}
    wanted = {identifier for _, identifier in walk.wanted}
    with in_words(Path("evidence")):
        for path in evidence.kept():
            hashes[path] = _hash(evidence, path)
            if hashes[path] != path.name and PREFIX + path.name not in wanted:
                walk.findings.append(
                    Finding("evidence-changed", f"{path.name[:80]} is not what was kept", evidence=path.name)
                )
    for row, identifier in walk.wanted:
        _check_reference(walk, row, identifier, hashes, evidence)
    return len(hashes)


def _hash(evidence: EvidenceFolder, path: Path) -> str | None:
    try:
        return hashlib.sha256(evidence.content(path)).hexdigest()
    except OSError:
        return None


def _check_reference(
    walk: _Walk, row: _Row, identifier: str, hashes: dict[Path, str | None], evidence: EvidenceFolder
) -> None:
    path = evidence.path(identifier)
    if path not in hashes:
        walk.findings.append(row.finding("evidence-missing", f"refers to {identifier}, which is missing", identifier))
    elif hashes[path] != path.name:
        walk.findings.append(row.finding("evidence-changed", f"refers to {identifier}, which was changed", identifier))


def _shortened(findings: list[Finding]) -> tuple[Finding, ...]:
    shown: list[Finding] = []
    counts: dict[str, int] = {}
    for finding in findings:
        counts[finding.code] = counts.get(finding.code, 0) + 1
        if counts[finding.code] <= MOST_FINDINGS:
            shown.append(finding)
    rest = {code: count - MOST_FINDINGS for code, count in counts.items() if count > MOST_FINDINGS}
    return (*shown, *(Finding(code, f"and {count} more that are {code}") for code, count in rest.items()))
