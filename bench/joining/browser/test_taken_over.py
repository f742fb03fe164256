"""A page that one case after the other takes over, as it is."""

from collections.abc import Iterator

import pytest
from playwright.sync_api import BrowserContext, Page
from sending import path

_POLL = """([target, number]) => {
    setInterval(() => fetch(`${target}${number++}`), 10);
}"""


@pytest.fixture(scope="module")
def taken(shared: BrowserContext) -> Iterator[Page]:
    """A page that one test after the other takes over as it is."""
    page = shared.new_page()
    yield page
    page.close()


def test_a_shared_page_that_polls(turn: int, taken: Page, plain: str) -> None:
    """Until the next test takes it, it sends what the earlier one has begun."""
    assert taken.goto(plain + path("browser-shared-page-taken"))
    taken.evaluate(_POLL, [path("outlived-browser-shared-page-polls", phase="any"), 0])
