"""The page in a real browser: what a visitor sees, by the script of the page and by its cookies."""

import os
import shutil
import uuid
from collections.abc import Callable, Iterator

import httpx
import pytest
from playwright.sync_api import Browser, Page, sync_playwright

from e2e import addresses
from e2e.accounts import Person
from e2e.conftest import Thread
from e2e.conversations import FIVE
from e2e.costs import Cost, new_costs, new_service, total, written

DEADLINE_MS = 5000
START_MS = 20_000
Store = Callable[[list[Cost]], list[Cost]]
_SMUGGLE = """
(text) => {
  const script = document.createElement("script");
  script.textContent = text;
  document.body.append(script);
}
"""


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
    """The page of `thread`, live, where `person` has logged in."""
    # The context's own client: the cookie that it gets is the page's. Quicker than the form.
    form: dict[str, str | float | bool] = {"email": person.email, "password": person.password}
    page.request.post(
        addresses.frontend("/login"), form=form, max_redirects=0, fail_on_status_code=True
    )
    page.goto(addresses.frontend(f"/threads/{thread['id']}"))
    page.locator("#line[data-state=live]").wait_for(state="attached")
    return page


def _log_in(page: Page, email: str, password: str) -> None:
    """Fill in the form and send it; the page that comes next has been loaded."""
    page.goto(addresses.frontend("/"))
    assert _attributes(page, "form", "id") == ["login"]
    page.get_by_label("E-mail").fill(email)
    page.get_by_label("Password").fill(password)
    with page.expect_event("load"):
        page.get_by_role("button", name="Log in").click()


def _ask(page: Page, question: str) -> list[str]:
    """Ask and wait for the end: an answer, a complaint or a lost line; the answers on the page."""
    page.get_by_label("Message").fill(question)
    page.get_by_role("button", name="Send").click()
    page.locator(".assistant, #problem:not([hidden]), #line[data-state=off]").first.wait_for()
    return page.locator(".assistant").all_inner_texts()


def _attributes(page: Page, selector: str, name: str) -> list[str | None]:
    """This attribute of every element that the page has now."""
    return [element.get_attribute(name) for element in page.locator(selector).all()]


def _texts(page: Page, selector: str) -> list[str]:
    return page.locator(selector).all_inner_texts()


def test_who_logs_in_sees_the_own_threads(page: Page, person: Person, thread: Thread) -> None:
    _log_in(page, person.email, person.password)
    assert _texts(page, "#user") == [person.display_name]
    assert _texts(page, "#threads a") == [thread["title"]]
    cookies = {each["name"]: each for each in page.context.cookies()}
    access = cookies["apex_access"]
    assert (access["httpOnly"], access["sameSite"]) == (True, "Lax")
    assert page.evaluate("document.cookie") == ""


def test_a_wrong_password_is_told(page: Page, person: Person) -> None:
    _log_in(page, person.email, uuid.uuid4().hex)
    assert _attributes(page, "#error", "data-code") == ["credentials_invalid"]
    assert _texts(page, "#error") != [""]
    assert page.context.cookies() == []


def test_a_message_shows_five_events_and_the_computed_answer(desk: Page, store: Store) -> None:
    service = new_service()
    costs = store(new_costs(service, "2026-02-01", "2026-02-03"))
    # Gone as soon as another page is loaded, as it would be for a form that is sent.
    desk.evaluate("window.same = true")
    (answer,) = _ask(desk, f"total cost of {service}")
    assert f"is {written(total(costs))}, over 2 events" in answer
    assert _attributes(desk, "#events li", "data-event") == FIVE
    assert desk.evaluate("window.same") is True


def test_a_message_is_shown_as_text(desk: Page) -> None:
    mark = uuid.uuid4().hex
    question = f"<img src=x onerror=\"document.title='{mark}'\"><b>{mark}</b>"
    answers = _ask(desk, question)
    assert len(answers) == 1
    assert _texts(desk, ".user") == [question]
    assert _texts(desk, "#messages b, #messages img") == []
    # And if markup had come in, the browser would not run what stands in it.
    desk.evaluate(_SMUGGLE, f"document.title='{mark}'")
    assert desk.title() != mark


def test_a_reload_keeps_the_history(desk: Page, store: Store) -> None:
    service = new_service()
    costs = store(new_costs(service, "2026-03-01"))
    question = f"total cost of {service}"
    (answer,) = _ask(desk, question)
    assert written(total(costs)) in answer
    desk.reload()
    assert _texts(desk, "#messages p") == [question, answer]
    assert _attributes(desk, "#events li", "data-event") == FIVE


def test_a_thread_of_another_is_refused(desk: Page, http: httpx.Client, stranger: Person) -> None:
    title = f"Private {uuid.uuid4().hex}"
    body = {"title": title}
    made = http.post(addresses.backend("/threads"), json=body, headers=stranger.headers)
    assert made.status_code == 201
    answer = desk.goto(addresses.frontend(f"/threads/{made.json()['id']}"))
    assert answer is not None
    assert answer.status == 404
    assert _attributes(desk, "#error", "data-code") == ["thread_not_found"]
    assert title not in desk.content()


def test_a_log_out_ends_access_in_every_tab(desk: Page, thread: Thread) -> None:
    other = desk.context.new_page()
    other.goto(addresses.frontend("/threads"))
    assert _texts(other, "#threads a") == [thread["title"]]
    with other.expect_event("load"):
        other.get_by_role("button", name="Log out").click()
    assert _attributes(other, "form", "id") == ["login"]
    desk.reload()
    assert desk.url == addresses.frontend("/")
    assert _attributes(desk, "form", "id") == ["login"]
    assert thread["title"] not in desk.content()
    assert other.context.cookies() == []
