"""Reports as they leave the process: what pytest says, for the witness to compare."""

from __future__ import annotations

from typing import Any

import pytest

from pytest_greenproof.cases import STOPPED
from pytest_greenproof.control import Control


class Reports:
    """Tells reports."""

    def __init__(self, control: Control) -> None:
        self._control = control

    def tell(self, report: pytest.TestReport) -> None:
        """One report. Of subtests only those that failed: the case has its own report besides."""
        if hasattr(report, "context") and not report.failed:
            return
        self._control.tell(
            {
                "m": "reported",
                "case": report.nodeid,
                "when": report.when,
                "outcome": report.outcome,
                "wasxfail": hasattr(report, "wasxfail"),
            }
        )

    def stop(self, report: pytest.TestReport, distributor: Any) -> None:
        """End xdist's session when a worker was told to stop."""
        reason: Any = report.longrepr
        if report.skipped and isinstance(reason, tuple) and STOPPED in str(reason[-1]):
            distributor.shouldstop = distributor.shouldstop or str(reason[-1])
