"""The deadline of each case, in real pytest runs without a witness."""

from __future__ import annotations

import os
import re
import subprocess
import sys
import textwrap
from pathlib import Path
from typing import Dict

import pytest

SOURCE = Path(__file__).resolve().parents[1] / "src"


def outcomes(place: Path, suite: str, *options: str, seconds: str = "0.5") -> Dict[str, str]:
    """Test name -> PASSED, FAILED, ERROR."""
    (place / "test_suite.py").write_text(textwrap.dedent(suite))
    environment = {**os.environ, "PYTHONPATH": str(SOURCE), "GREENPROOF_CASE_TIMEOUT": seconds}
    environment.pop("GREENPROOF_CONTROL", None)
    command = [sys.executable, "-m", "pytest", "-v", "-p", "no:anyio", "-p", "no:asyncio"]
    done = subprocess.run(
        [*command, "-p", "pytest_greenproof.deadline", "-p", "no:cacheprovider", *options],
        cwd=place,
        env=environment,
        capture_output=True,
        text=True,
        timeout=60,
    )
    # With a failing teardown a case has two lines: the last word counts.
    return dict(re.findall(r"::(\w+) (PASSED|FAILED|ERROR)", done.stdout))


def test_each_phase_is_ended_and_the_session_goes_on(tmp_path: Path) -> None:
    suite = """
    import pytest, time, unittest
    @pytest.fixture(scope="session")
    def waits():
        time.sleep(60)
    @pytest.fixture
    def leaves_late():
        yield
        time.sleep(60)
    def test_call():
        while True:
            try:
                time.sleep(60)
            except Exception:
                pass
    def test_setup(waits): pass
    def test_setup_again(waits): pass
    def test_teardown(leaves_late): pass
    class TestCase(unittest.TestCase):
        def test_unittest(self):
            time.sleep(60)
    def test_after(): pass
    """
    assert outcomes(tmp_path, suite, "-x") == {
        "test_call": "FAILED",
        "test_setup": "ERROR",
        "test_setup_again": "ERROR",
        "test_teardown": "ERROR",
        "test_unittest": "FAILED",
        "test_after": "PASSED",
    }


def test_quick_cases_keep_their_own_alarm(tmp_path: Path) -> None:
    suite = """
    import signal, time
    rang = []
    def test_alarm():
        before = signal.signal(signal.SIGALRM, lambda number, frame: rang.append(number))
        signal.setitimer(signal.ITIMER_REAL, 0.05)
        time.sleep(0.2)
        signal.signal(signal.SIGALRM, before)
        assert rang
    def test_no_timer_is_left():
        assert signal.getitimer(signal.ITIMER_REAL)[0] > 0
    """
    assert outcomes(tmp_path, suite, seconds="20") == {"test_alarm": "PASSED", "test_no_timer_is_left": "PASSED"}


def test_a_shorter_timer_of_the_suite_comes_first(tmp_path: Path) -> None:
    (tmp_path / "conftest.py").write_text(
        textwrap.dedent(
            """
            import pytest, signal
            def rang(number, frame):
                raise TimeoutError
            @pytest.hookimpl(hookwrapper=True)
            def pytest_runtest_protocol():
                signal.signal(signal.SIGALRM, rang)
                signal.setitimer(signal.ITIMER_REAL, 0.3)
                yield
                signal.setitimer(signal.ITIMER_REAL, 0)
            """
        )
    )
    suite = """
    import time, pytest
    def test_own():
        with pytest.raises(TimeoutError):
            time.sleep(60)
    """
    assert outcomes(tmp_path, suite, seconds="20") == {"test_own": "PASSED"}


@pytest.mark.parametrize("seconds", ["", "20"])
def test_a_quick_suite_is_left_alone(tmp_path: Path, seconds: str) -> None:
    assert outcomes(tmp_path, "def test_quick(): pass", seconds=seconds) == {"test_quick": "PASSED"}
