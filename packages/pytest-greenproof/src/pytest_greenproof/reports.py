"""Reports as they leave the process: what pytest says, for the witness to compare."""

from __future__ import annotations

from typing import Any, Dict, List, Optional, Tuple

import pytest

from pytest_greenproof.cases import STOPPED
from pytest_greenproof.control import Control

_MOST_HELD = 100
"""Reports of one case: each failed subtest makes one."""


class Reports:
    """Tells reports."""

    def __init__(self, control: Control) -> None:
        self._control = control
        self._held: Dict[str, List[Tuple[Optional[str], str, bool]]] = {}
        """Reports of cases of which the last one has not come: a case is told in one message."""

    def tell(self, report: pytest.TestReport) -> None:
        """One report. Of subtests only those that failed: the case has its own report besides."""
        if hasattr(report, "context") and not report.failed:
            return
        held = self._held.setdefault(report.nodeid, [])
        held.append((report.when, report.outcome, hasattr(report, "wasxfail")))
        if report.when not in ("setup", "call") or report.outcome == "rerun" or len(held) >= _MOST_HELD:
            self._tell_held(report.nodeid)

    def flush(self) -> None:
        """Tell what was held back."""
        for case in list(self._held):
            self._tell_held(case)

    def _tell_held(self, case: str) -> None:
        self._control.tell({"m": "reported", "case": case, "reports": self._held.pop(case)})

    def stop(self, report: pytest.TestReport, distributor: Any) -> None:
        """End xdist's session when a worker was told to stop."""
        reason: Any = report.longrepr
        if report.skipped and isinstance(reason, tuple) and STOPPED in str(reason[-1]):
            distributor.shouldstop = distributor.shouldstop or str(reason[-1])
