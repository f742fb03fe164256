"""The page in a real browser: what a visitor sees, by the script of the page and by its cookies."""

import os
import re
import shutil
import uuid
from collections.abc import Callable, Iterator

import httpx
import pytest
from playwright.sync_api import Browser, Page, expect, sync_playwright

from e2e import addresses
from e2e.accounts import Person
from e2e.conftest import Thread
from e2e.conversations import FIVE
from e2e.costs import Cost, new_costs, new_service, total, written

DEADLINE_MS = 5000
START_MS = 20_000
Store = Callable[[list[Cost]], list[Cost]]

expect.set_options(timeout=DEADLINE_MS)


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    """One browser for all journeys; it ends with this module.

    Playwright keeps an event loop in the test thread for as long as it runs, which no asynchronous
    test of another module could stand.
    """
    program = os.environ.get("CHROMIUM") or shutil.which("chromium")
    if program is None:
        pytest.skip("no Chromium here: apt install chromium, or name one in CHROMIUM")
    # Chromium refuses its own sandbox to root.
    options = ["--no-sandbox"] if os.geteuid() == 0 else []
    with sync_playwright() as playwright:
        started = playwright.chromium.launch(
            executable_path=program, args=options, timeout=START_MS
        )
        yield started
        started.close()


@pytest.fixture
def page(browser: Browser) -> Iterator[Page]:
    """A page of a visitor who was never here: cookies and cache are its own."""
    context = browser.new_context()
    context.set_default_timeout(DEADLINE_MS)
    yield context.new_page()
    context.close()


@pytest.fixture
def desk(page: Page, person: Person, thread: Thread) -> Page:
    """The page of `thread`, where `person` has logged in."""
    _log_in(page, person.email, person.password)
    page.wait_for_url("**/threads")
    _open(page, thread)
    return page


def _log_in(page: Page, email: str, password: str) -> None:
    page.goto(addresses.frontend("/"))
    page.get_by_label("E-mail").fill(email)
    page.get_by_label("Password").fill(password)
    page.get_by_role("button", name="Log in").click()


def _open(page: Page, thread: Thread) -> None:
    """Open the page of a thread, and wait until it is live."""
    page.goto(addresses.frontend(f"/threads/{thread['id']}"))
    page.locator("#line[data-state=live]").wait_for(state="attached")


def _ask(page: Page, question: str) -> None:
    page.get_by_label("Message").fill(question)
    page.get_by_role("button", name="Send").click()


def _events(page: Page) -> list[str | None]:
    return [item.get_attribute("data-event") for item in page.locator("#events li").all()]


def test_who_logs_in_sees_the_own_threads(page: Page, person: Person, thread: Thread) -> None:
    _log_in(page, person.email, person.password)
    expect(page.locator("#user")).to_have_text(person.display_name)
    shown = page.locator("#threads a").all_inner_texts()
    assert shown == [thread["title"]]
    cookies = {each["name"]: each for each in page.context.cookies()}
    access = cookies["apex_access"]
    assert (access["httpOnly"], access["sameSite"]) == (True, "Lax")
    assert page.evaluate("document.cookie") == ""


def test_a_wrong_password_is_told(page: Page, person: Person) -> None:
    _log_in(page, person.email, uuid.uuid4().hex)
    problem = page.locator("#error")
    expect(problem).to_have_attribute("data-code", "credentials_invalid")
    told = problem.inner_text()
    assert told
    assert page.context.cookies() == []


def test_a_message_shows_five_events_and_the_computed_answer(desk: Page, store: Store) -> None:
    service = new_service()
    costs = store(new_costs(service, "2026-02-01", "2026-02-03"))
    desk.evaluate("window.never_left = true")
    _ask(desk, f"total cost of {service}")
    answer = desk.locator(".assistant")
    expect(answer).to_contain_text(f"is {written(total(costs))}, over 2 events")
    assert _events(desk) == FIVE
    # Live: it is still the same page, which no answer to a form has replaced.
    assert desk.evaluate("window.never_left") is True


def test_a_message_is_shown_as_text(desk: Page) -> None:
    mark = uuid.uuid4().hex
    question = f"<img src=x onerror=\"document.title='{mark}'\"><b>{mark}</b>"
    _ask(desk, question)
    expect(desk.locator(".assistant")).to_have_count(1)
    assert desk.locator(".user").inner_text() == question
    assert desk.locator("#messages b, #messages img").count() == 0
    assert desk.title() != mark


def test_a_reload_keeps_the_history(desk: Page, store: Store) -> None:
    service = new_service()
    costs = store(new_costs(service, "2026-03-01"))
    _ask(desk, f"total cost of {service}")
    expect(desk.locator(".assistant")).to_contain_text(written(total(costs)))
    before = desk.locator("#messages p").all_inner_texts()
    desk.reload()
    after = desk.locator("#messages p").all_inner_texts()
    assert after == before
    assert len(after) == 2
    assert _events(desk) == FIVE


def test_a_thread_of_another_is_refused(desk: Page, http: httpx.Client, stranger: Person) -> None:
    title = f"Private {uuid.uuid4().hex}"
    made = http.post(addresses.backend("/threads"), json={"title": title}, headers=stranger.headers)
    assert made.status_code == 201
    answer = desk.goto(addresses.frontend(f"/threads/{made.json()['id']}"))
    assert answer is not None
    assert answer.status == 404
    expect(desk.locator("#error")).to_have_attribute("data-code", "thread_not_found")
    assert title not in desk.content()


def test_a_log_out_ends_access_in_every_tab(desk: Page, thread: Thread) -> None:
    other = desk.context.new_page()
    other.goto(addresses.frontend("/threads"))
    expect(other.locator("#user")).to_have_count(1)
    other.get_by_role("button", name="Log out").click()
    expect(other.locator("#login")).to_be_visible()
    desk.reload()
    expect(desk.locator("#login")).to_be_visible()
    assert re.fullmatch(re.escape(addresses.frontend("/")), desk.url)
    assert thread["title"] not in desk.content()
    assert other.context.cookies() == []
