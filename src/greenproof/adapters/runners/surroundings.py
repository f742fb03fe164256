"""The files beside the code of a suite that its tests may read, and the settings of its runner."""

import hashlib
from collections.abc import Iterator
from pathlib import Path

from greenproof.adapters.runners.census import files_below

SETTINGS = ("pytest.ini", ".pytest.ini", "pyproject.toml", "tox.ini", "setup.cfg", ".env")
_DATA = (
    "*.json", "*.jsonl", "*.ndjson", "*.yaml", "*.yml", "*.toml", "*.ini", "*.cfg", "*.conf", "*.env", "*.txt", "*.csv",
    "*.tsv", "*.xml", "*.html", "*.graphql", "*.gql", "*.sql", "*.proto", "*.snap", "*.ambr", "*.pem", "*.har", "*.md",
)  # fmt: skip
_MOST = 10_000
_LARGEST = 4 << 20


def data_files(root: Path) -> tuple[str, ...] | None:
    """The paths, from the root, of what looks like data; None: there are more than can be looked at."""
    found: list[str] = []
    for file in files_below(root, _DATA):
        if len(found) >= _MOST:
            return None
        found.append(file.relative_to(root).as_posix())
    return tuple(found)


def digest_of(root: Path, path: str) -> str:
    """What a file holds, as a digest; of a large one, its size and when it was changed."""
    file = root / path
    try:
        status = file.stat()
        if status.st_size > _LARGEST or not file.is_file():
            return f"{status.st_size} {status.st_mtime_ns}"
        return hashlib.sha256(file.read_bytes()).hexdigest()
    except OSError:
        return "-"


def settings(root: Path) -> Iterator[tuple[str, str]]:
    """(name, digest) of the files from which a runner takes its settings."""
    for name in SETTINGS:
        if (root / name).is_file():
            yield name, digest_of(root, name)
