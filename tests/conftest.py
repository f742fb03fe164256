"""What all tests rely on, wherever they are started."""

import os
import signal
from collections.abc import Iterator

import pytest


def pytest_addoption(parser: pytest.Parser) -> None:
    """What `make hostile` adds."""
    parser.addoption("--hostile", action="store_true", help="also the rare and slow cases of tests/hostile")
    parser.addoption("--instants", type=int, default=2, help="at how many seeded instants each command is interrupted")
    parser.addoption("--seed", type=int, default=0, help="of these instants")


SLOWEST_FIRST = ("apex", "loop", "hostile", "bench", "adapters", "cli")
"""Folders of tests, so that the short ones fill up the end of a run with several workers."""


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """The rare cases wait for `--hostile`; the slowest go first."""
    if not config.getoption("--hostile"):
        rare = [item for item in items if item.get_closest_marker("hostile")]
        config.hook.pytest_deselected(items=rare)
        items[:] = [item for item in items if item not in rare]
    items.sort(key=_turn)


def _turn(item: pytest.Item) -> int:
    folder = item.nodeid.removeprefix("tests/").partition("/")[0]
    return SLOWEST_FIRST.index(folder) if folder in SLOWEST_FIRST else len(SLOWEST_FIRST)


@pytest.fixture(scope="session", autouse=True)
def interruptible() -> None:
    """Commands that tests start can be interrupted, even if this run itself was started in the background, or by nohup.

    A shell starts background jobs with SIGINT ignored, nohup ignores SIGHUP, and children inherit both.
    """
    if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
        signal.signal(signal.SIGINT, signal.default_int_handler)
    if signal.getsignal(signal.SIGHUP) is signal.SIG_IGN:
        signal.signal(signal.SIGHUP, signal.SIG_DFL)


@pytest.fixture(scope="session", autouse=True)
def on_their_own() -> Iterator[None]:
    """Test commands that tests start are no part of this run, even if it is one of several workers."""
    ours = {name: value for name, value in os.environ.items() if name.startswith("PYTEST_XDIST_")}
    for name in ours:
        del os.environ[name]
    yield
    # Other plugins look for them in the end.
    os.environ.update(ours)
