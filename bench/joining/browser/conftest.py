"""A browser that all tests share, and what they open in it."""

import os
import shutil
from collections.abc import Iterator

import pytest
from playwright.sync_api import Browser, BrowserContext, Page, sync_playwright

_TIMEOUT_MS = 20_000


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption("--turns", type=int, default=1)
    parser.addoption("--plain")
    parser.addoption("--secure")
    parser.addoption("--early")


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    if "turn" in metafunc.fixturenames:
        metafunc.parametrize("turn", range(metafunc.config.getoption("--turns") + 1))


@pytest.fixture(scope="session")
def plain(pytestconfig: pytest.Config) -> str:
    """http://host:port of the server."""
    return pytestconfig.getoption("--plain") or os.environ["PLAIN_URL"]


@pytest.fixture(scope="session")
def browser() -> Iterator[Browser]:
    program = os.environ.get("CHROMIUM") or shutil.which("chromium")
    options = ["--no-sandbox"] if os.geteuid() == 0 else []
    with sync_playwright() as playwright:
        held = playwright.chromium.launch(executable_path=program, args=options, timeout=_TIMEOUT_MS)
        yield held
        held.close()


@pytest.fixture
def page(browser: Browser) -> Iterator[Page]:
    """A page in a context of its own, as most suites have it."""
    context = browser.new_context()
    yield context.new_page()
    context.close()


@pytest.fixture(scope="session")
def shared(browser: Browser) -> Iterator[BrowserContext]:
    """A context that tests share: its connections are kept alive between them."""
    context = browser.new_context()
    yield context
    context.close()


@pytest.fixture(scope="session")
def shared_page(shared: BrowserContext) -> Page:
    return shared.new_page()
