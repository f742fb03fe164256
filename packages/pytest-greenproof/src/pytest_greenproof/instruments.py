"""Everything that counts, between the beginning and the end of a call phase."""

from __future__ import annotations

import sys
from typing import Any, Dict, Optional

from pytest_greenproof.checks import Counter, Tally
from pytest_greenproof.mocks import Mocks
from pytest_greenproof.sockets import Sockets, Traffic

_EVASIONS = ("uvloop", "pycurl", "grpc")


class Instruments:
    """Everything that counts."""

    def __init__(self, counter: Optional[Counter], sockets: Sockets, mocks: Mocks) -> None:
        """`counter` is None where asserts cannot be counted."""
        self.counter = counter
        self.sockets = sockets
        self.mocks = mocks
        self._tally = Tally(0, 0)
        self._traffic = Traffic(0, 0, 0)

    def start(self, strangers: bool) -> None:
        """The call phase begins."""
        self._traffic = self.sockets.read()
        if self.counter is not None:
            self.counter.be_careful(strangers)
            self._tally = self.counter.read()

    def stop(self, mocks_before: int) -> Dict[str, Any]:
        """The call phase has ended: what it showed."""
        checks, last_ns = None, None
        if self.counter is not None:
            tally = self.counter.read()
            checks = tally.number - self._tally.number
            last_ns = tally.last_ns if checks else None
        traffic = self.sockets.read()
        return {
            "checks": checks,
            "last_check_ns": last_ns,
            "connections": traffic.connections - self._traffic.connections,
            "foreign": traffic.foreign - self._traffic.foreign,
            "children": traffic.children - self._traffic.children,
            "mocks": self.mocks.calls - mocks_before,
            "evasions": [name for name in _EVASIONS if name in sys.modules],
        }
