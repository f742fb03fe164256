"""Read the files that may belong to the measure: from a folder, or from a revision of git without checking it out."""

import io
import os
import tokenize
from collections.abc import Iterator
from pathlib import Path, PurePosixPath

from greenproof.adapters.repository import git
from greenproof.model.measure import MeasureFiles

MOST_FILES = 5_000
LARGEST = 1 << 20
"""Bytes of one file."""
MOST_BYTES = 32 << 20
"""Of all files together."""
_DEEPEST = 20
_SKIPPED = frozenset({"node_modules", "build", "dist", "__pycache__", "site-packages"})
_NAMES = frozenset({
    "greenproof.toml", "pytest.toml", ".pytest.toml", "pytest.ini", ".pytest.ini", "pyproject.toml", "tox.ini",
    "setup.cfg",
})  # fmt: skip


def read_folder(root: Path) -> MeasureFiles:
    """What stands in a folder and below it. Links are not followed; what is too large or odd is named."""
    texts: dict[str, str] = {}
    unread: dict[str, str] = {}
    left, count = MOST_BYTES, 0
    for path in _files(root):
        inside = path.relative_to(root).as_posix()
        count += 1
        if count > MOST_FILES or left < 0:
            return MeasureFiles(texts, unread, cut=True)
        try:
            if path.is_symlink() and not path.resolve().is_relative_to(root.resolve()):
                unread[inside] = "it is a link that leads out of the folder"
                continue
            if not path.is_file():
                continue
            if path.stat().st_size > LARGEST:
                unread[inside] = f"it is larger than {LARGEST >> 10} KiB"
                continue
            data = path.read_bytes()
        except (OSError, RuntimeError):
            unread[inside] = "it can't be read"
            continue
        left -= len(data)
        _take(inside, data, texts, unread)
    return MeasureFiles(texts, unread)


def read_revision(root: Path, revision: str) -> tuple[str, MeasureFiles]:
    """The hash of a revision, and what it holds in this folder. Raises UsageError for one that is none."""
    commit = git.commit(root, revision)
    texts: dict[str, str] = {}
    unread: dict[str, str] = {}
    wanted: list[git.Blob] = []
    left, cut = MOST_BYTES, False
    for blob in git.files(root, commit):
        if not _is_wanted(blob.path):
            continue
        if len(wanted) >= MOST_FILES or left < 0:
            cut = True
            break
        if blob.size > LARGEST:
            unread[blob.path] = f"it is larger than {LARGEST >> 10} KiB"
        elif blob.is_link:
            unread[blob.path] = "it is a link"
        else:
            left -= blob.size
            wanted.append(blob)
    for blob, data in git.contents(root, wanted):
        _take(blob.path, data, texts, unread)
    return commit, MeasureFiles(texts, unread, cut)


def _files(root: Path) -> Iterator[Path]:
    # Not Path.walk: that one breaks off at a folder which can be opened, but not listed.
    for place, folders, names in os.walk(root):
        folder = Path(place)
        deep = len(folder.relative_to(root).parts)
        folders[:] = sorted(
            name
            for name in folders
            if deep < _DEEPEST and _is_ours(name) and not os.path.lexists(folder / name / "pyvenv.cfg")
        )
        for name in sorted(names):
            if name.endswith(".py") or name in _NAMES:
                yield folder / name


def _is_ours(folder: str) -> bool:
    return folder not in _SKIPPED and not folder.startswith(".")


def _is_wanted(path: str) -> bool:
    place = PurePosixPath(path)
    return (place.suffix == ".py" or place.name in _NAMES) and all(_is_ours(part) for part in place.parts[:-1])


def _take(path: str, data: bytes, texts: dict[str, str], unread: dict[str, str]) -> None:
    try:
        if b"\0" in data:
            unread[path] = "it is no text"
        elif path.endswith(".py"):
            encoding, _ = tokenize.detect_encoding(io.BytesIO(data).readline)
            texts[path] = data.decode(encoding)
        else:
            texts[path] = data.decode("utf-8-sig")
    except (SyntaxError, UnicodeDecodeError, LookupError):
        unread[path] = "its encoding can't be read"
