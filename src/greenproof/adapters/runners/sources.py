"""The source files of a suite, as they are read to choose faults: tests, helpers, conftest files."""

from pathlib import Path

from greenproof.adapters.runners.census import files_below
from greenproof.model.facts import TestProcess

_MOST_BYTES = 32 << 20
"""Of all files together."""
_LARGEST = 2 << 20


def suite_sources(process: TestProcess) -> dict[str, str]:
    """The text of each Python file below the root of the suite, by its path as in node ids. Bounded; what cannot be
    read is left out.
    """
    root = Path(process.rootdir)
    texts: dict[str, str] = {}
    left = _MOST_BYTES
    for file in files_below(root, ("*.py",)):
        try:
            if file.stat().st_size > _LARGEST or not file.is_file():
                continue
            data = file.read_bytes()
        except OSError:
            continue
        left -= len(data)
        if left < 0:
            break
        texts[file.relative_to(root).as_posix()] = data.decode("utf-8", "replace")
    return texts
