"""What pytest collected, dropped and could not collect."""

from __future__ import annotations

from typing import Any, Dict, List, Optional, Sequence

import pytest

from pytest_greenproof.control import Control
from pytest_greenproof.texts import PART, head, parts, size, tail


class Collection:
    """Keeps the selected cases and tells what became of the others."""

    def __init__(self, control: Control, select: Optional[Sequence[str]]) -> None:
        self._control = control
        self._select = None if select is None else frozenset(select)
        self._seen: List[pytest.Item] = []
        self._errors: List[List[str]] = []
        self._skipped: List[List[str]] = []

    def saw(self, item: pytest.Item) -> None:
        """An item was made, before any hook could drop it."""
        self._seen.append(item)

    def reported(self, report: pytest.CollectReport) -> None:
        """A file, class or folder was collected, or not."""
        if report.failed and self._wanted(report.nodeid):
            self._errors.append([report.nodeid, tail(report.longreprtext)])
        elif report.skipped and self._wanted(report.nodeid):
            self._skipped.append([report.nodeid, head(_skip_text(report))])

    def keep_selected(self, config: pytest.Config, items: List[pytest.Item]) -> None:
        """Drop what is not selected."""
        if self._select is None:
            return
        dropped = [item for item in items if item.nodeid not in self._select]
        if dropped:
            items[:] = [item for item in items if item.nodeid in self._select]
            config.hook.pytest_deselected(items=dropped)

    def tell(self, items: Sequence[pytest.Item]) -> None:
        """Tell it, in as many messages as its size needs."""
        kept = {id(item) for item in items}
        told: Dict[str, Sequence[Any]] = {
            "ids": [item.nodeid for item in items],
            "deselected": [item.nodeid for item in self._seen if id(item) not in kept],
            "errors": self._errors,
            "skipped": self._skipped,
        }
        self._seen = []
        for message in _messages(told):
            self._control.tell(message)
        self._control.flush()

    def _wanted(self, node_id: str) -> bool:
        """An error of a file of which nothing is selected is not news."""
        if self._select is None or node_id in ("", "."):
            return True
        within = (f"{node_id}::", f"{node_id}/")
        return any(case == node_id or case.startswith(within) for case in self._select)


def _messages(told: Dict[str, Sequence[Any]]) -> List[Dict[str, Any]]:
    """One message if all lists fit in it, else one for each part of each list."""
    empty: Dict[str, Any] = {"m": "collected", **{field: [] for field in told}}
    pieces = [(field, part) for field, entries in told.items() for part in parts(entries)]
    if sum(size(part) for _, part in pieces) <= PART:
        return [{**empty, **dict(pieces)}]
    return [{**empty, field: part} for field, part in pieces]


def _skip_text(report: pytest.CollectReport) -> str:
    reason: Any = report.longrepr
    return str(reason[2]) if isinstance(reason, tuple) and len(reason) == 3 else str(reason)
