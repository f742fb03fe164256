"""The page: log in, open a thread, send a message, read the answer. As a browser without script."""

import html
import re
import uuid
from collections.abc import Callable, Iterator

import pytest
import requests

from e2e import addresses
from e2e.accounts import Person
from e2e.conftest import Thread
from e2e.conversations import FIVE
from e2e.costs import Cost, new_costs, new_service, total, written

TIMEOUT = 10
Store = Callable[[list[Cost]], list[Cost]]


@pytest.fixture
def browser(person: Person) -> Iterator[requests.Session]:
    """A session of `person` that is logged in."""
    with requests.Session() as session:
        form = {"email": person.email, "password": person.password}
        session.post(addresses.frontend("/login"), data=form, timeout=TIMEOUT).raise_for_status()
        yield session


def _open_thread(browser: requests.Session, title: str) -> requests.Response:
    return browser.post(addresses.frontend("/threads"), data={"title": title}, timeout=TIMEOUT)


def test_who_logs_in_is_greeted_by_name(person: Person) -> None:
    form = {"email": person.email, "password": person.password}
    with requests.Session() as session:
        page = session.post(addresses.frontend("/login"), data=form, timeout=TIMEOUT)
    assert page.status_code == 200
    assert f'<span id="user">{person.display_name}</span>' in page.text


def test_a_wrong_password_is_told(person: Person) -> None:
    form = {"email": person.email, "password": uuid.uuid4().hex}
    page = requests.post(addresses.frontend("/login"), data=form, timeout=TIMEOUT)
    assert page.status_code == 401
    assert 'data-code="credentials_invalid"' in page.text


def test_who_is_not_logged_in_gets_the_form() -> None:
    page = requests.get(addresses.frontend("/threads"), timeout=TIMEOUT)
    assert page.status_code == 200
    assert 'action="/login" id="login"' in page.text


def test_a_thread_is_opened_from_the_page(browser: requests.Session) -> None:
    title = f"Plans {uuid.uuid4().hex}"
    page = _open_thread(browser, title)
    assert page.status_code == 200
    assert f"<h1>{title}</h1>" in page.text
    listed = browser.get(addresses.frontend("/threads"), timeout=TIMEOUT)
    assert listed.status_code == 200
    assert f">{title}</a> (0)" in listed.text


def test_the_answer_and_its_events_are_on_the_page(
    browser: requests.Session, thread: Thread, store: Store
) -> None:
    service = new_service()
    costs = store(new_costs(service, "2026-01-01", "2026-01-02"))
    page = browser.post(
        addresses.frontend(f"/threads/{thread['id']}/messages"),
        data={"content": f"total cost of {service}"},
        timeout=TIMEOUT,
    )
    assert page.status_code == 200
    assert f"is {written(total(costs))}, over 2 events" in page.text
    assert re.findall(r'data-event="(\w+)"', page.text) == FIVE


def test_a_title_cannot_smuggle_markup(browser: requests.Session) -> None:
    title = f"<script>alert('{uuid.uuid4().hex}')</script>"
    page = _open_thread(browser, title)
    assert page.status_code == 200
    assert title not in page.text
    assert title in html.unescape(page.text)


def test_a_thread_of_another_is_not_shown(browser: requests.Session, stranger: Person) -> None:
    made = requests.post(
        addresses.backend("/threads"),
        json={"title": uuid.uuid4().hex},
        headers=stranger.headers,
        timeout=TIMEOUT,
    )
    assert made.status_code == 201
    address = addresses.frontend(f"/threads/{made.json()['id']}")
    page = browser.get(address, timeout=TIMEOUT)
    assert page.status_code == 404
    assert 'data-code="thread_not_found"' in page.text


def test_who_logs_out_is_asked_to_log_in(browser: requests.Session, thread: Thread) -> None:
    address = addresses.frontend(f"/threads/{thread['id']}")
    before = browser.get(address, timeout=TIMEOUT)
    assert (before.status_code, thread["title"] in before.text) == (200, True)
    page = browser.post(addresses.frontend("/logout"), timeout=TIMEOUT)
    assert page.status_code == 200
    assert 'id="login"' in page.text


def test_a_session_that_ended_elsewhere_is_asked_to_log_in(
    browser: requests.Session, thread: Thread
) -> None:
    address = addresses.frontend(f"/threads/{thread['id']}")
    before = browser.get(address, timeout=TIMEOUT)
    assert (before.status_code, thread["title"] in before.text) == (200, True)
    ended = {"Authorization": f"Bearer {browser.cookies['apex_access']}"}
    requests.post(addresses.auth("/logout"), headers=ended, timeout=TIMEOUT).raise_for_status()
    page = browser.get(address, timeout=TIMEOUT)
    assert page.status_code == 200
    assert 'id="login"' in page.text
    assert "apex_access" not in browser.cookies


def test_another_site_cannot_give_orders(browser: requests.Session) -> None:
    title = uuid.uuid4().hex
    refused = browser.post(
        addresses.frontend("/threads"),
        data={"title": title},
        headers={"Origin": "http://elsewhere.example"},
        timeout=TIMEOUT,
    )
    assert refused.status_code == 403
    assert refused.json()["error"]["code"] == "origin_refused"
    listed = browser.get(addresses.frontend("/threads"), timeout=TIMEOUT)
    assert listed.status_code == 200
    assert "<li>None yet.</li>" in listed.text
