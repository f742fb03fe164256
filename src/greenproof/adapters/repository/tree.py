"""A working tree at one moment, as digests: to tell whether anything in it was changed."""

import hashlib
import os
from collections.abc import Iterator, Mapping
from pathlib import Path

MOST_FILES = 50_000
LARGEST = 64 << 20
"""Bytes of a file whose content is read; of a larger one only size and time of change are taken."""
_OURS = frozenset({".greenproof", ".git"})
"""Folders that are left out: what Greenproof itself keeps, and what git does."""


def tree(root: Path) -> Mapping[str, str]:
    """Digest of each file below a folder, by its path; also where links lead. Files past the limit are one entry."""
    found: dict[str, str] = {}
    for path in _files(root):
        inside = path.relative_to(root).as_posix()
        if len(found) >= MOST_FILES:
            found["..."] = "more files than are looked at"
            break
        found[inside] = _digest(path)
    return found


def _files(root: Path) -> Iterator[Path]:
    for folder, folders, names in os.walk(root):
        folders[:] = sorted(name for name in folders if name not in _OURS and not _is_environment(Path(folder) / name))
        yield from (Path(folder) / name for name in sorted(names))


def _is_environment(folder: Path) -> bool:
    """A virtual environment, which is no part of what people wrote."""
    return (folder / "pyvenv.cfg").exists()


def _digest(path: Path) -> str:
    try:
        if path.is_symlink():
            return f"link to {path.readlink()}"
        status = path.stat()
        if not path.is_file():
            return "no file"
        if status.st_size > LARGEST:
            return f"{status.st_size} bytes, changed at {status.st_mtime_ns}"
        return hashlib.sha256(path.read_bytes()).hexdigest()
    except OSError as error:
        return f"unreadable: {error.strerror}"
