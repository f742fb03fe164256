"""What goes wrong below the ledger, said in the ledger's words."""

import errno
import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from greenproof.model.errors import FULL, REFUSED, LedgerError, LedgerPlaceError

_MISPLACED = {errno.EISDIR, errno.ENOTDIR, errno.ENOENT, errno.ELOOP, errno.ENAMETOOLONG}
# SQLite says so little when a write, or the file that it shares with other processes, finds no space.
_WRITING = {sqlite3.SQLITE_IOERR_WRITE, sqlite3.SQLITE_IOERR_SHMSIZE, sqlite3.SQLITE_IOERR_TRUNCATE}
_KEPT = "everything that was appended before is kept"


@contextmanager
def in_words(path: Path) -> Iterator[None]:
    """Turn errors of SQLite and of the file system into LedgerErrors."""
    try:
        yield
    except sqlite3.Error as error:
        raise from_sqlite(error, path) from error
    except UnicodeDecodeError as error:
        # SQLite's own message may quote the damaged bytes, and Python can't read it then.
        raise damaged(path, "it holds text that is not Unicode") from error
    except OSError as error:
        raise _from_system(error, path) from error


def from_sqlite(error: sqlite3.Error, path: Path) -> LedgerError:
    """The LedgerError for an error of SQLite."""
    extended = getattr(error, "sqlite_errorcode", 0)
    code = extended & 0xFF
    if code == sqlite3.SQLITE_FULL or extended in _WRITING:
        return _full(path)
    if code == sqlite3.SQLITE_IOERR:
        return LedgerError(
            f"the ledger cannot be reached: {error}",
            code="ledger-unreachable",
            where=str(path),
            expected="a disk that can be read and written",
            hint="look at the disk, its free space, and the system's log",
        )
    if code in {sqlite3.SQLITE_READONLY, sqlite3.SQLITE_CANTOPEN, sqlite3.SQLITE_PERM}:
        return unwritable(path, str(error))
    if code in {sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED}:
        return LedgerError(
            "the ledger is in use by another process, which did not let go of it",
            code="ledger-busy",
            where=str(path),
            expected="other writers to finish within seconds",
            hint="look for a Greenproof that hangs, end it, and try again",
        )
    if code in {sqlite3.SQLITE_CORRUPT, sqlite3.SQLITE_NOTADB} or isinstance(error, sqlite3.OperationalError):
        return damaged(path, str(error))
    return LedgerError(
        f"the ledger refused an event: {error}",
        code="ledger-refused",
        where=str(path),
        expected="a ledger as Greenproof made it, with nothing added",
    )


def damaged(path: Path, detail: str) -> LedgerError:
    """The file is not a ledger that can be read."""
    return LedgerError(
        f"the ledger is damaged: {detail}",
        code="ledger-damaged",
        where=str(path),
        expected="a ledger that Greenproof wrote",
        hint="restore it from a copy, or set it aside and begin a new one; the evidence files are still readable",
    )


def unwritable(path: Path, detail: str) -> LedgerError:
    """The place of the ledger can't be written to."""
    return LedgerPlaceError(
        f"the ledger cannot be written: {detail}",
        code="ledger-unwritable",
        where=str(path),
        expected="a folder and a file that this user may write",
        hint="change the owner or mode of the folder, or run where you may write",
    )


def _full(path: Path) -> LedgerError:
    return LedgerError(
        f"the disk is full: the event was not written; {_KEPT}",
        code="disk-full",
        where=str(path),
        expected="free space, and no limit of file sizes",
        hint="free some space there (old logs, evidence, temporary files), then run again",
    )


def _from_system(error: OSError, path: Path) -> LedgerError:
    if error.errno in FULL:
        return _full(path)
    if error.errno in REFUSED:
        return unwritable(path, error.strerror or str(error))
    kind = LedgerPlaceError if error.errno in _MISPLACED else LedgerError
    return kind(
        f"the ledger cannot be reached: {error.strerror or error}",
        code="ledger-unreachable",
        where=str(path),
        expected="a ledger that Greenproof wrote, or nothing",
        hint="look what is in its place",
    )
