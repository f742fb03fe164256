"""No exchange is given to a wrong case, and none is lost: the small version of bench/joining."""

import importlib.util
import sys
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

BENCH = Path(__file__).parents[2] / "bench" / "joining"


@pytest.fixture(scope="module")
def runner() -> Iterator[ModuleType]:
    spec = importlib.util.spec_from_file_location("joining_run", BENCH / "run.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    path = list(sys.path)
    # A dataclass looks its module up while it is made.
    sys.modules[spec.name] = module
    spec.loader.exec_module(module)
    yield module
    del sys.modules[spec.name]
    sys.path[:] = path


@pytest.fixture(scope="module")
def measured(runner: ModuleType) -> Any:
    return runner.measure(["-n 2"], turns=1, timeout=60)


def test_the_suite_itself_is_green(measured: Any) -> None:
    assert measured[0].troubles == ()


def test_nothing_is_wrong_or_lost(runner: ModuleType, measured: Any) -> None:
    assert not runner.surprises(measured), runner.report(measured)
    assert runner.total(measured, outlived=False).sent >= 100


def test_work_that_outlives_its_case_is_ambiguous(runner: ModuleType, measured: Any) -> None:
    # What opens the connection is still the work of a case that runs.
    outlived = (way for way in measured[0].tallies if way.startswith("outlived-") and not way.endswith("-opening"))
    ways = [way for way in outlived if way not in runner.KNOWN]
    assert len(ways) >= 3
    for way in ways:
        tally = measured[0].tallies[way]
        assert (tally.sent, tally.wrong) == (tally.ambiguous, 0), tally.samples
    assert measured[0].tallies["outside-collection"].ambiguous == 2


BROWSER = "polls or polled or browser_itself or shared_page or line_of"


@pytest.fixture(scope="module")
def browsed(runner: ModuleType) -> Any:
    if lacking := runner.MODES["browser"].lacking:
        pytest.skip(lacking)
    (measured,) = runner.measure(["browser"], turns=1, timeout=60, only=BROWSER)
    return measured


def test_what_a_browser_sends_is_of_the_running_case_or_of_none(runner: ModuleType, browsed: Any) -> None:
    assert browsed.troubles == ()
    assert not runner.surprises([browsed]), runner.report([browsed])
    for way in ("browser-after-polls", "browser-shared-page", "browser-line-of-set-up"):
        tally = browsed.tallies[way]
        assert tally.right == tally.sent, way
        assert tally.sent >= 4


def test_a_page_that_a_test_has_left_open_sends_for_no_case(browsed: Any) -> None:
    tally = browsed.tallies["outlived-browser-page"]
    assert (tally.sent, tally.ambiguous) == (1, 1)


def test_the_count_tells_wrong_from_lost(runner: ModuleType) -> None:
    counting = sys.modules["counting"]
    facts = importlib.import_module("greenproof.model.facts")
    exchange = facts.Exchange(
        id="1", target="plain", protocol="http/1.1", method="GET", path="/sent/w/YQ/call/1", status=200, case="b",
        phase=facts.Phase.CALL, worker=None, join=facts.Join.PORT, start_ns=1, head_ns=2, end_ns=3,
    )  # fmt: skip
    truth = sys.modules["truth"].Truth()
    truth.requests.update(["/sent/w/YQ/call/1", "/sent/w/YQ/call/2"])
    tally = counting.count(truth, [exchange])["w"]
    assert (tally.sent, tally.right, tally.wrong, tally.lost) == (2, 0, 1, 1)
