"""The one seam between the ledger and the file system, so that a full disk can be tested without privileges."""

import os
import sqlite3
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Protocol

BUSY_SECONDS = 30.0


class Files(Protocol):
    """What the ledger asks of a file system. Every method may raise OSError, `connect` sqlite3.Error."""

    def make_folder(self, path: Path) -> None:
        """Create a folder and its parents, private to the user, if it isn't there."""
        ...

    def start_of(self, path: Path, size: int) -> bytes | None:
        """The first bytes of a file; None if there is no such file."""
        ...

    def read(self, path: Path) -> bytes:
        """The whole file."""
        ...

    def write(self, path: Path, content: bytes) -> None:
        """The whole file or nothing, on disk when this returns."""
        ...

    def walk(self, folder: Path) -> Iterator[Path]:
        """All files below a folder, in order; none if it doesn't exist."""
        ...

    def connect(self, path: Path) -> sqlite3.Connection:
        """Open (or create) a database, in autocommit mode."""
        ...


class LocalFiles:
    """The real one."""

    def make_folder(self, path: Path) -> None:
        """Create a folder and its parents."""
        path.mkdir(mode=0o700, parents=True, exist_ok=True)

    def start_of(self, path: Path, size: int) -> bytes | None:
        """Read the first bytes."""
        try:
            with path.open("rb") as stream:
                return stream.read(size)
        except FileNotFoundError:
            return None

    def read(self, path: Path) -> bytes:
        """Read all bytes."""
        return path.read_bytes()

    def write(self, path: Path, content: bytes) -> None:
        """Write beside the final name, flush to the disk, then rename."""
        descriptor, name = tempfile.mkstemp(prefix=".", suffix=".part", dir=path.parent)
        temporary = Path(name)
        try:
            with os.fdopen(descriptor, "wb") as stream:
                stream.write(content)
                stream.flush()
                os.fsync(stream.fileno())
            temporary.replace(path)
        except BaseException:
            temporary.unlink(missing_ok=True)
            raise
        _flush_folder(path.parent)

    def walk(self, folder: Path) -> Iterator[Path]:
        """List files; those still being written are left out."""
        paths = sorted(folder.rglob("*")) if folder.is_dir() else []
        return (path for path in paths if path.is_file() and not path.name.startswith("."))

    def connect(self, path: Path) -> sqlite3.Connection:
        """Open a database."""
        return sqlite3.connect(path, timeout=BUSY_SECONDS, isolation_level=None, check_same_thread=False)


def _flush_folder(folder: Path) -> None:
    # The rename itself must survive a power cut, too.
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
