"""The SQLite file of a ledger: how it is opened, guarded, and refused."""

import json
import sqlite3
import time
from collections.abc import Callable
from pathlib import Path

from greenproof.ledger.failures import damaged, in_words
from greenproof.ledger.files import Files
from greenproof.model.errors import LedgerError, LedgerPlaceError

VERSION = 2
"""2 added the index by kind and the subjects; a ledger of version 1 gets them as soon as it can be written."""
APPLICATION = 0x47505246
"""`GPRF`, in SQLite's application id: tells a ledger from other databases."""

EVIDENCE = "evidence"
"""The folder beside the ledger."""

_MAGIC = b"SQLite format 3\0"
_HEADER = 100
_ATTEMPTS = 50

_VERSION_1 = {
    "entries": (
        "CREATE TABLE entries (seq INTEGER PRIMARY KEY, at TEXT NOT NULL, run TEXT NOT NULL, "
        "kind TEXT NOT NULL, body BLOB NOT NULL, hash TEXT NOT NULL) STRICT"
    ),
    "entries_of_run": "CREATE INDEX entries_of_run ON entries (run, seq)",
    "entries_stay": (
        "CREATE TRIGGER entries_stay BEFORE DELETE ON entries "
        "BEGIN SELECT RAISE(ABORT, 'the ledger is append-only'); END"
    ),
    "entries_stay_as_they_are": (
        "CREATE TRIGGER entries_stay_as_they_are BEFORE UPDATE ON entries "
        "BEGIN SELECT RAISE(ABORT, 'the ledger is append-only'); END"
    ),
    # INSERT OR REPLACE deletes without firing delete triggers; a new entry must follow the last one.
    "entries_follow": (
        "CREATE TRIGGER entries_follow BEFORE INSERT ON entries "
        "WHEN NEW.seq <> (SELECT COALESCE(MAX(seq), 0) + 1 FROM entries) "
        "BEGIN SELECT RAISE(ABORT, 'the ledger is append-only'); END"
    ),
}
_SINCE_2 = {
    "entries_of_kind": "CREATE INDEX entries_of_kind ON entries (kind, seq)",
    # Derived from the entries and no part of the chain: a verification compares the two.
    "subjects": "CREATE TABLE subjects (seq INTEGER PRIMARY KEY, subject BLOB NOT NULL) STRICT",
    "subjects_by_name": "CREATE INDEX subjects_by_name ON subjects (subject, seq)",
    "subjects_stay": (
        "CREATE TRIGGER subjects_stay BEFORE DELETE ON subjects "
        "BEGIN SELECT RAISE(ABORT, 'the ledger is append-only'); END"
    ),
    "subjects_stay_as_they_are": (
        "CREATE TRIGGER subjects_stay_as_they_are BEFORE UPDATE ON subjects "
        "BEGIN SELECT RAISE(ABORT, 'the ledger is append-only'); END"
    ),
}

type Listing = Callable[[str, object], bytes | None]
"""From the kind and body of an entry, as they are stored, to its subject."""


def schema_of(version: int) -> dict[str, str]:
    """Name and statement of everything that a ledger of this version holds."""
    return _VERSION_1 if version < VERSION else {**_VERSION_1, **_SINCE_2}


def version_of(connection: sqlite3.Connection) -> int:
    """The version of an opened ledger."""
    return _pragma(connection, "user_version")


def open_database(path: Path, files: Files, listing: Listing, *, create: bool) -> sqlite3.Connection:
    """A connection to the ledger at `path`. A file that is no ledger, or a newer one, is left untouched."""
    with in_words(path):
        _check_file(path, files, create)
        connection = files.connect(path)
        try:
            _prepare(connection, path, listing)
        except BaseException:
            connection.close()
            raise
        return connection


def _check_file(path: Path, files: Files, create: bool) -> None:
    start = files.start_of(path, _HEADER)
    if start is None and _evidence_lies_beside(path, files):
        # Another process may have begun it meanwhile: the ledger comes before its evidence.
        start = files.start_of(path, _HEADER)
        if start is None:
            raise LedgerError(
                "the ledger is gone, but its evidence is still there",
                code="ledger-gone",
                where=str(path),
                expected="the ledger that the evidence beside it belongs to",
                hint=f"restore it from a copy, or set {path.parent / EVIDENCE} aside: the next run begins a new one",
            )
    if start is None and not create:
        raise LedgerError(
            "there is no ledger here",
            code="ledger-missing",
            where=str(path),
            expected="a ledger that an earlier run wrote",
        )
    if not start:
        return
    if len(start) < _HEADER or not start.startswith(_MAGIC):
        raise damaged(path, "the file is not an SQLite database")
    _check_version(int.from_bytes(start[68:72], "big"), int.from_bytes(start[60:64], "big"), path)


def _evidence_lies_beside(path: Path, files: Files) -> bool:
    return next(files.walk(path.parent / EVIDENCE), None) is not None


def _check_version(application: int, version: int, path: Path) -> None:
    if (application, version) == (0, 0):
        return
    if application != APPLICATION:
        raise LedgerPlaceError(
            "this database is not a ledger",
            code="ledger-foreign",
            where=str(path),
            expected="a ledger that Greenproof wrote",
        )
    if version > VERSION:
        raise LedgerPlaceError(
            f"a newer Greenproof wrote this ledger (version {version}); it was not touched",
            code="ledger-newer",
            where=str(path),
            expected=f"version {VERSION}",
            hint="use the newer Greenproof, or another folder",
        )


def _prepare(connection: sqlite3.Connection, path: Path, listing: Listing) -> None:
    version = version_of(connection)
    _check_version(_pragma(connection, "application_id"), version, path)
    connection.execute("PRAGMA trusted_schema = OFF")
    connection.execute("PRAGMA synchronous = FULL")
    if version == 0:
        _patiently(connection, "PRAGMA journal_mode = WAL")
        _create(connection, path)
    elif version < VERSION:
        _upgrade(connection, listing)


def _upgrade(connection: sqlite3.Connection, listing: Listing) -> None:
    """Add what is newer. In a place that can't be written, everything is found all the same, only slower."""
    try:
        connection.execute("BEGIN IMMEDIATE")
        if version_of(connection) < VERSION:
            for statement in _SINCE_2.values():
                connection.execute(statement)
            rows = connection.execute("SELECT seq, kind, body FROM entries")
            found = ((seq, listing(kind, _json(body))) for seq, kind, body in rows)
            named = ((seq, subject) for seq, subject in found if subject is not None)
            connection.executemany("INSERT INTO subjects VALUES (?, ?)", named)
            connection.execute(f"PRAGMA user_version = {VERSION}")
        connection.execute("COMMIT")
    except sqlite3.OperationalError as error:
        if connection.in_transaction:
            connection.execute("ROLLBACK")
        if error.sqlite_errorcode & 0xFF not in {sqlite3.SQLITE_READONLY, sqlite3.SQLITE_FULL}:
            raise
    except BaseException:
        if connection.in_transaction:
            connection.execute("ROLLBACK")
        raise


def _json(body: bytes) -> object:
    try:
        value: object = json.loads(body)
    except ValueError:
        return None
    return value


def _create(connection: sqlite3.Connection, path: Path) -> None:
    connection.execute("BEGIN IMMEDIATE")
    try:
        if version_of(connection) == 0:
            if connection.execute("SELECT COUNT(*) FROM sqlite_master").fetchone()[0]:
                raise LedgerPlaceError(
                    "this database is not a ledger",
                    code="ledger-foreign",
                    where=str(path),
                    expected="a ledger that Greenproof wrote, or no file",
                )
            for statement in schema_of(VERSION).values():
                connection.execute(statement)
            connection.execute(f"PRAGMA application_id = {APPLICATION}")
            connection.execute(f"PRAGMA user_version = {VERSION}")
        connection.execute("COMMIT")
    except BaseException:
        if connection.in_transaction:
            connection.execute("ROLLBACK")
        raise


def _pragma(connection: sqlite3.Connection, name: str) -> int:
    value: int = connection.execute(f"PRAGMA {name}").fetchone()[0]
    return value


def _patiently(connection: sqlite3.Connection, statement: str) -> None:
    """Changing the journal mode doesn't wait for other processes by itself."""
    for attempt in range(_ATTEMPTS):
        try:
            connection.execute(statement)
        except sqlite3.OperationalError as error:
            if error.sqlite_errorcode & 0xFF != sqlite3.SQLITE_BUSY or attempt == _ATTEMPTS - 1:
                raise
            time.sleep(0.02)
        else:
            return
