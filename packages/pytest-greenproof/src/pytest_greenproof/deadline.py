"""A deadline for each case. A plugin of its own: it is loaded only where a backend may leave tests waiting for ever.

`pytest -p pytest_greenproof.deadline` with `GREENPROOF_CASE_TIMEOUT=SECONDS` in the environment.

The timer raises in the main thread, wherever the case is. That keeps the session: a fixture that waits for a backend is
cut off once and pytest remembers it as failed, whereas a process that was killed and started again would wait
for it once more with every case. What can't be interrupted so (native code that never returns to Python, a
non-daemon thread at exit, a handler that the suite put in the place of ours) is ended from outside.
"""

from __future__ import annotations

import os
import signal
import threading
import time
from typing import Any, Generator

import pytest

SECONDS = "GREENPROOF_CASE_TIMEOUT"

# A case that catches everything and goes on, or that was just running a destructor, hears it again.
_AGAIN_S = 5.0


class CutOff(pytest.fail.Exception):
    """The case ran too long. No `Exception`: a test's own `except Exception` does not catch it."""


@pytest.hookimpl(tryfirst=True)
def pytest_configure(config: pytest.Config) -> None:
    """Begin to watch, and prepare for a run in which most cases are red."""
    text = os.environ.get(SECONDS)
    if not text:
        return
    # `-x` would end the run at the first red, and one file that can't be imported would end it before it began.
    config.option.maxfail = 0
    config.option.continue_on_collection_errors = True
    # Nobody reads these tracebacks, and pytest's long ones cost more than all the rest: 0.1 s for a refused connection.
    config.option.tbstyle = "native"
    if hasattr(signal, "setitimer") and threading.current_thread() is threading.main_thread():
        config.pluginmanager.register(Deadline(float(text)), "greenproof-deadline")


class Deadline:
    """The hooks: one span for set-up and call, another for the teardown."""

    def __init__(self, seconds: float) -> None:
        self._seconds = seconds
        self._until = 0.0
        self._armed = False
        self._before: Any = None

    @pytest.hookimpl(hookwrapper=True, tryfirst=True)
    def pytest_runtest_setup(self) -> Generator[None, Any, None]:
        """Set-up."""
        self._until = time.monotonic() + self._seconds
        yield from self._bounded()

    @pytest.hookimpl(hookwrapper=True, tryfirst=True)
    def pytest_runtest_call(self) -> Generator[None, Any, None]:
        """Call."""
        yield from self._bounded()

    @pytest.hookimpl(hookwrapper=True, tryfirst=True)
    def pytest_runtest_teardown(self) -> Generator[None, Any, None]:
        """Teardown."""
        self._until = time.monotonic() + self._seconds
        yield from self._bounded()

    def _bounded(self) -> Generator[None, Any, None]:
        self._arm()
        yield
        self._disarm()

    def _arm(self) -> None:
        left = max(self._until - time.monotonic(), 0.001)
        if 0 < signal.getitimer(signal.ITIMER_REAL)[0] <= left:
            # The suite's own time-out (pytest-timeout uses the same timer) comes first.
            return
        self._before = signal.signal(signal.SIGALRM, self._expired)
        self._armed = True
        signal.setitimer(signal.ITIMER_REAL, left, _AGAIN_S)

    def _disarm(self) -> None:
        if not self._armed:
            return
        self._armed = False
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, signal.SIG_DFL if self._before is None else self._before)

    def _expired(self, number: int, frame: Any) -> None:
        if self._armed:
            raise CutOff(f"greenproof cut the case off after {self._seconds:g} s")
