"""What the pages of a running case send, and what a page sends that an earlier case has left open."""

from collections.abc import Iterator
from dataclasses import dataclass, field

import pytest
from playwright.sync_api import Browser, BrowserContext, Page
from sending import message, path

_FETCH = "(target) => fetch(target).then((answer) => answer.text())"
_CONVERSE = """([target, words]) => new Promise((done) => {
    const socket = new WebSocket(target);
    socket.onopen = () => words.forEach((word) => socket.send(word));
    let heard = 0;
    socket.onmessage = () => { heard += 1; if (heard === words.length) socket.close(); };
    socket.onclose = () => done(heard);
})"""
_KEEP_OPEN = """(target) => new Promise((done) => {
    window.socket = new WebSocket(target);
    window.socket.onopen = () => done(true);
})"""
_SAY = """(word) => new Promise((done) => {
    window.socket.onmessage = () => done(true);
    window.socket.send(word);
})"""
_POLL = """([target, number]) => {
    window.polls = setInterval(() => fetch(`${target}${number++}`), 3);
}"""


def fetch(page: Page, way: str, number: int = 1) -> None:
    for _ in range(number):
        assert "arrived" in page.evaluate(_FETCH, path(way))


def test_a_page_of_its_own(turn: int, page: Page, plain: str) -> None:
    answer = page.goto(plain + path("browser-own-context"))
    assert answer is not None
    assert answer.ok
    fetch(page, "browser-own-context", 3)


def test_many_at_once(turn: int, page: Page, plain: str) -> None:
    assert page.goto(plain + path("browser-many-at-once"))
    targets = [path("browser-many-at-once") for _ in range(12)]
    told = page.evaluate("(all) => Promise.all(all.map((one) => fetch(one).then((a) => a.status)))", targets)
    assert told == [200] * 12


def test_a_conversation(turn: int, page: Page, plain: str) -> None:
    assert page.goto(plain + path("browser-websocket"))
    target = plain.replace("http", "ws", 1) + path("browser-websocket")
    assert page.evaluate(_CONVERSE, [target, [message()] * 4]) == 4


@pytest.fixture
def listening(page: Page, plain: str) -> Page:
    """A page whose line is opened before the test, as a page opens it."""
    assert page.goto(plain + path("browser-line-of-set-up"))
    assert page.evaluate(_KEEP_OPEN, plain.replace("http", "ws", 1) + path("browser-line-of-set-up"))
    return page


def test_a_line_of_the_set_up(turn: int, listening: Page) -> None:
    assert listening.evaluate(_SAY, message())
    assert listening.evaluate(_SAY, message())


def test_a_page_that_polls_to_its_end(turn: int, page: Page, plain: str) -> None:
    """It is closed while it sends; what it sent belongs to no later case."""
    assert page.goto(plain + path("browser-polls", phase="any"))
    page.evaluate(_POLL, [path("browser-polls", phase="any"), 0])
    page.wait_for_timeout(40)


def test_after_a_page_that_polled(turn: int, page: Page, plain: str) -> None:
    assert page.goto(plain + path("browser-after-polls"))
    fetch(page, "browser-after-polls", 3)


def test_a_shared_page(turn: int, shared_page: Page, plain: str) -> None:
    assert shared_page.goto(plain + path("browser-shared-page"))
    fetch(shared_page, "browser-shared-page", 2)


def test_a_tab_of_a_shared_context(turn: int, shared: BrowserContext, plain: str) -> None:
    tab = shared.new_page()
    assert tab.goto(plain + path("browser-shared-context"))
    fetch(tab, "browser-shared-context", 2)
    tab.close()


@dataclass
class Left:
    """Pages that are still open, each with what it will send when it is let."""

    pages: dict[str, tuple[Page, str]] = field(default_factory=dict)

    def take_turn(self, kind: str, page: Page) -> None:
        """Let the page of an earlier case send, now; then leave another one."""
        way = f"outlived-browser-{kind}"
        if kind in self.pages:
            held, target = self.pages.pop(kind)
            assert "arrived" in held.evaluate(_FETCH, target)
            held.close()
        self.pages[kind] = page, path(way, phase="gone")


@pytest.fixture(scope="module")
def left(browser: Browser) -> Iterator[Left]:
    held = Left()
    yield held
    for page, _ in held.pages.values():
        page.close()


def test_left_in_a_context_of_its_own(turn: int, browser: Browser, left: Left, plain: str) -> None:
    context = browser.new_context()
    page = context.new_page()
    # What opens its connections is the work of a case that runs, but an earlier page is still there.
    page.goto(plain)
    left.take_turn("own-context", page)


def test_left_by_the_browser_itself(turn: int, browser: Browser, left: Left, plain: str) -> None:
    page = browser.new_page()
    page.goto(plain)
    left.take_turn("page", page)


def test_left_as_a_pop_up(turn: int, page: Page, shared: BrowserContext, left: Left, plain: str) -> None:
    opener = shared.new_page()
    opener.goto(plain)
    with opener.expect_popup() as popup:
        opener.evaluate("window.open(location.href)")
    popup.value.wait_for_load_state()
    opener.close()
    left.take_turn("pop-up", popup.value)
