"""The test tree: which files are the user's own tests, conftests and helpers."""

from __future__ import annotations

import os
import sys
from typing import Dict, Iterable, Iterator, Optional, Sequence, Tuple, Union

_INSTALLED = frozenset({"site-packages", "dist-packages"})
_OURSELVES = os.path.dirname(os.path.abspath(__file__))
_LIBRARY = os.path.dirname(os.path.abspath(os.__file__))


class SuiteTree:
    """The folders of a suite, without what is installed in them."""

    def __init__(self, roots: Iterable[str]) -> None:
        """`roots`: the root folder of pytest, and the folders that it was asked for."""
        self._roots = tuple(sorted({_folder(root) for root in roots}))
        self._excluded = tuple(
            _folder(path) for path in (_OURSELVES, _LIBRARY, *_environments()) if self._under_roots(_folder(path))
        )
        self._entries: Dict[str, bool] = {}

    def holds(self, path: str) -> bool:
        """Whether a file (or folder) belongs to the suite."""
        full = _folder(path)
        if not self._under_roots(full) or full.startswith(self._excluded):
            return False
        return _INSTALLED.isdisjoint(full.split(os.sep))

    def folders(self, path: Optional[Sequence[Union[str, bytes]]]) -> Sequence[str]:
        """Those entries of a search path that belong to the suite."""
        return list(self._own(sys.path if path is None else path))

    def _own(self, path: Iterable[Union[str, bytes]]) -> Iterator[str]:
        for entry in path:
            if isinstance(entry, str):
                known = self._entries.get(entry)
                # The empty entry is the current folder, which may change.
                if known is None or not entry:
                    known = self._entries[entry] = self.holds(entry or os.getcwd())
                if known:
                    yield entry

    def _under_roots(self, full: str) -> bool:
        return full.startswith(self._roots)


def _folder(path: str) -> str:
    # The real path: a folder may be imported through a symbolic link.
    return os.path.realpath(path).rstrip(os.sep) + os.sep


def _environments() -> Tuple[str, ...]:
    """The virtual environment; not a system's prefix such as /usr, which may hold everything."""
    return (sys.prefix,) if sys.prefix != sys.base_prefix else ()
