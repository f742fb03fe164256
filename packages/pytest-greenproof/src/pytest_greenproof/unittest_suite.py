"""unittest's suite and result, which tell the session what happens."""

from __future__ import annotations

import os
import signal
import threading
import unittest
from typing import Any, Dict, Iterator, List, Optional, Sequence, Tuple

from pytest_greenproof.clock import now
from pytest_greenproof.unittest_session import Session

__unittest = True

SECONDS = "GREENPROOF_CASE_TIMEOUT"
# A case that catches everything and goes on hears it again.
_AGAIN_S = 5.0


class CutOff(BaseException):
    """The case ran too long. No `Exception`: a test's own `except Exception` does not catch it."""


def all_cases(suite: Any) -> List[Any]:
    """The tests of a suite in order, without those that only stand for a module which could not be imported."""
    return [test for test in _leaves(suite) if not _is_broken(test)]


def failed_imports(suite: Any) -> List[Tuple[str, str]]:
    """(file or module, text) for each module that could not be imported."""
    found = []
    for test in _leaves(suite):
        if _is_broken(test):
            name = getattr(test, "_testMethodName", "?")
            path = name.replace(".", os.sep) + ".py"
            found.append((path if os.path.isfile(path) else name, str(getattr(test, "_exception", ""))[-2000:]))
    return found


def _leaves(suite: Any) -> Iterator[Any]:
    for part in suite:
        if isinstance(part, unittest.TestSuite):
            yield from _leaves(part)
        else:
            yield part


def _is_broken(test: Any) -> bool:
    return type(test).__module__ == "unittest.loader" and type(test).__name__ == "_FailedTest"


class WitnessedSuite(unittest.TestSuite):
    """A flat suite; the set-up of a class belongs to its first case, and its value to all of them."""

    def __init__(self, session: Session, tests: Sequence[Any]) -> None:
        super().__init__(tests)
        self._session = session
        self._planned = list(tests)

    def run(self, result: Any, debug: bool = False) -> Any:
        """Run; the result must know the cases of a class whose set-up fails."""
        result.planned = {}
        for test in self._planned:
            if not _is_broken(test):
                result.planned.setdefault(_class_of(test), []).append(test)
        return super().run(result, debug)

    def _handleModuleFixture(self, test: Any, result: Any) -> None:
        if _is_broken(test) or getattr(result, "_previousTestClass", None) is test.__class__:
            super()._handleModuleFixture(test, result)  # type: ignore[misc]
            return
        self._session.begin(test)
        start_ns = now()
        super()._handleModuleFixture(test, result)  # type: ignore[misc]
        self._session.class_was_set_up(test, start_ns)

    def _handleClassSetUp(self, test: Any, result: Any) -> None:
        if _is_broken(test) or getattr(result, "_previousTestClass", None) is test.__class__:
            super()._handleClassSetUp(test, result)  # type: ignore[misc]
            return
        self._session.begin(test)
        start_ns = now()
        super()._handleClassSetUp(test, result)  # type: ignore[misc]
        self._session.class_was_set_up(test, start_ns)


def _class_of(test: Any) -> str:
    return f"{type(test).__module__}.{type(test).__qualname__}"


class WitnessedResult(unittest.TextTestResult):
    """unittest's own result, with one concluded outcome for each case."""

    planned: Dict[str, List[Any]]
    _session: Session

    def tell(self, session: Session) -> WitnessedResult:
        """Tell this session."""
        self._session = session
        self._deadline = _Deadline()
        self._running: Any = None
        """The case that was started; some versions skip one without starting it."""
        self._outcome = "passed"
        self._exception: Optional[BaseException] = None
        self._reason: Optional[str] = None
        return self

    def startTest(self, test: Any) -> None:
        super().startTest(test)
        if not _is_broken(test):
            self._running = test
            self._outcome, self._exception, self._reason = "passed", None, None
            self._session.call(test)
            self._deadline.arm()

    def stopTest(self, test: Any) -> None:
        self._deadline.disarm()
        if self._running is test:
            self._running = None
            self._session.end(test, self._outcome, self._exception, self._reason)
            if self._session.stopped:
                self.stop()
        super().stopTest(test)

    def addError(self, test: Any, err: Any) -> None:
        super().addError(test, err)
        if isinstance(test, unittest.TestCase):
            self._red(err[1])
        else:
            self._whole_class(test, "failed", err[1])

    def addFailure(self, test: Any, err: Any) -> None:
        super().addFailure(test, err)
        self._red(err[1])

    def addSubTest(self, test: Any, subtest: Any, err: Any) -> None:
        super().addSubTest(test, subtest, err)
        if err is not None:
            self._red(err[1])

    def addSkip(self, test: Any, reason: str) -> None:
        super().addSkip(test, reason)
        if not isinstance(test, unittest.TestCase):
            self._whole_class(test, "skipped", unittest.SkipTest(reason))
        elif self._running is not test:
            self._session.never_called(test, "skipped", unittest.SkipTest(reason))
        elif self._outcome == "passed":
            self._outcome, self._reason = "skipped", reason

    def addExpectedFailure(self, test: Any, err: Any) -> None:
        super().addExpectedFailure(test, err)
        self._outcome, self._reason = "xfailed", "expectedFailure"

    def addUnexpectedSuccess(self, test: Any) -> None:
        super().addUnexpectedSuccess(test)
        self._outcome = "xpassed"

    def _red(self, exception: BaseException) -> None:
        if self._outcome != "failed":
            self._outcome, self._exception = "failed", exception

    def _whole_class(self, holder: Any, outcome: str, exception: BaseException) -> None:
        """`setUpClass (module.Class)` or `setUpModule (module)`: none of its cases will be started."""
        what, _, where = str(getattr(holder, "description", "")).partition(" (")
        if what not in ("setUpClass", "setUpModule"):
            return
        name = where.rstrip(")")
        for kind, tests in self.planned.items():
            if kind == name or (what == "setUpModule" and kind.startswith(f"{name}.")):
                for test in tests:
                    self._session.never_called(test, outcome, exception)


class _Deadline:
    """Cuts a case off that runs longer than the environment allows."""

    def __init__(self) -> None:
        text = os.environ.get(SECONDS)
        self._seconds = float(text) if text else 0.0
        self._possible = hasattr(signal, "setitimer") and threading.current_thread() is threading.main_thread()

    def arm(self) -> None:
        if self._seconds and self._possible:
            signal.signal(signal.SIGALRM, self._expired)
            signal.setitimer(signal.ITIMER_REAL, self._seconds, _AGAIN_S)

    def disarm(self) -> None:
        if self._seconds and self._possible:
            signal.setitimer(signal.ITIMER_REAL, 0)

    def _expired(self, number: int, frame: Any) -> None:
        raise CutOff(f"greenproof cut the case off after {self._seconds:g} s")
