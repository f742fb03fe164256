"""Log-in through the identity provider: consent, state, PKCE, redirects that are registered."""

import uuid
from collections.abc import Iterator
from dataclasses import dataclass
from urllib.parse import parse_qs, urlsplit

import httpx
import pytest

from e2e import addresses
from e2e.accounts import new_registration
from e2e.answers import body, error_code

RETURN_TO = "http://127.0.0.1:9/signed-in"


@dataclass(frozen=True)
class Employee:
    """Somebody with an account at the identity provider."""

    email: str
    name: str
    password: str


def _employ(http: httpx.Client, email: str) -> Employee:
    mark = uuid.uuid4().hex
    employee = Employee(email, f"Employee {mark[:8]}", f"pass-{mark}")
    answer = http.post(addresses.identity("/people"), json=employee.__dict__)
    answer.raise_for_status()
    return employee


@pytest.fixture(scope="module")
def employee(http: httpx.Client) -> Employee:
    """Somebody whom the provider knows."""
    return _employ(http, f"{uuid.uuid4().hex}@company.example")


@pytest.fixture
def browser() -> Iterator[httpx.Client]:
    """A browser with cookies of its own, that shows where it is sent."""
    with httpx.Client(timeout=10) as client:
        yield client


def _place(answer: httpx.Response) -> str:
    assert answer.status_code == 303
    return str(answer.headers["location"])


def _query(address: str) -> dict[str, str]:
    return {name: values[0] for name, values in parse_qs(urlsplit(address).query).items()}


def _start(browser: httpx.Client) -> str:
    """Begin at auth; the provider's address."""
    return _place(browser.get(addresses.auth("/oauth/start"), params={"return_to": RETURN_TO}))


def _decide(
    browser: httpx.Client, provider: str, employee: Employee, decision: str = "allow"
) -> httpx.Response:
    """Fill in the provider's form."""
    filled = {"decision": decision, "email": employee.email, "password": employee.password}
    return browser.post(addresses.identity("/authorize"), data={**_query(provider), **filled})


def _log_in(browser: httpx.Client, employee: Employee) -> str:
    """The whole way to the ticket."""
    callback = _place(_decide(browser, _start(browser), employee))
    home = _place(browser.get(callback))
    assert home.startswith(f"{RETURN_TO}?ticket=")
    return _query(home)["ticket"]


def _redeem(browser: httpx.Client, ticket: str) -> httpx.Response:
    return browser.post(addresses.auth("/oauth/redeem"), json={"ticket": ticket})


def test_a_log_in_at_the_provider_gives_tokens_of_that_person(
    browser: httpx.Client, employee: Employee
) -> None:
    grant = body(_redeem(browser, _log_in(browser, employee)))
    assert grant["user"]["email"] == employee.email
    headers = {"Authorization": f"Bearer {grant['access_token']}"}
    user = body(browser.get(addresses.auth("/me"), headers=headers))["user"]
    assert (user["email"], user["display_name"]) == (employee.email, employee.name)


def test_the_second_log_in_is_the_same_account(browser: httpx.Client, employee: Employee) -> None:
    grants = [body(_redeem(browser, _log_in(browser, employee))) for _ in range(2)]
    assert grants[0]["user"] == grants[1]["user"]
    assert grants[0]["refresh_token"] != grants[1]["refresh_token"]


def test_the_tokens_are_good_at_the_backend(browser: httpx.Client, employee: Employee) -> None:
    grant = body(_redeem(browser, _log_in(browser, employee)))
    headers, title = {"Authorization": f"Bearer {grant['access_token']}"}, uuid.uuid4().hex
    made = browser.post(addresses.backend("/threads"), json={"title": title}, headers=headers)
    assert body(made, 201)["title"] == title


def test_the_form_names_the_client_and_keeps_the_state(browser: httpx.Client) -> None:
    provider = _start(browser)
    page = browser.get(provider)
    assert page.status_code == 200
    assert "apex would like to know who you are" in page.text
    assert f'name="state" value="{_query(provider)["state"]}"' in page.text


def test_who_denies_comes_back_without_a_ticket(browser: httpx.Client, employee: Employee) -> None:
    callback = _place(_decide(browser, _start(browser), employee, "deny"))
    assert _place(browser.get(callback)) == f"{RETURN_TO}?error=access_denied"


def test_a_wrong_password_gives_no_code(browser: httpx.Client, employee: Employee) -> None:
    stranger = Employee(employee.email, employee.name, uuid.uuid4().hex)
    page = _decide(browser, _start(browser), stranger)
    assert page.status_code == 401
    assert "the address or the password is wrong" in page.text


def test_a_log_in_is_finished_once(browser: httpx.Client, employee: Employee) -> None:
    callback = _place(_decide(browser, _start(browser), employee))
    cookies = dict(browser.cookies)
    assert "ticket=" in _place(browser.get(callback))
    browser.cookies.update(cookies)
    assert error_code(browser.get(callback), 400) == "state_invalid"


def test_another_browser_cannot_finish_a_log_in(browser: httpx.Client, employee: Employee) -> None:
    callback = _place(_decide(browser, _start(browser), employee))
    refused = httpx.get(callback, timeout=10)
    assert error_code(refused, 400) == "state_invalid"


def test_a_code_is_good_only_for_its_own_attempt(browser: httpx.Client, employee: Employee) -> None:
    other = _query(_place(_decide(browser, _start(browser), employee)))
    own = _query(_start(browser))
    mixed = {"state": own["state"], "code": other["code"]}
    refused = browser.get(addresses.auth("/oauth/callback"), params=mixed)
    assert error_code(refused, 401) == "code_refused"


def test_a_ticket_is_good_once(browser: httpx.Client, employee: Employee) -> None:
    ticket = _log_in(browser, employee)
    assert _redeem(browser, ticket).status_code == 200
    assert error_code(_redeem(browser, ticket), 401) == "ticket_invalid"


def test_a_way_back_that_is_not_registered_is_refused(browser: httpx.Client) -> None:
    for address in ("https://evil.example/signed-in", "http://127.0.0.1@evil.example/signed-in"):
        refused = browser.get(addresses.auth("/oauth/start"), params={"return_to": address})
        assert error_code(refused, 400) == "redirect_not_registered"
        assert "location" not in refused.headers


def test_the_provider_sends_nobody_to_a_stranger(browser: httpx.Client) -> None:
    asked = {**_query(_start(browser)), "redirect_uri": "https://evil.example/oauth/callback"}
    refused = browser.get(addresses.identity("/authorize"), params=asked)
    assert error_code(refused, 400) == "redirect_not_registered"
    assert "location" not in refused.headers


def test_the_provider_insists_on_pkce(browser: httpx.Client) -> None:
    asked = {**_query(_start(browser)), "code_challenge_method": "plain"}
    refused = browser.get(addresses.identity("/authorize"), params=asked)
    assert error_code(refused, 422) == "invalid_request"


def test_the_provider_gives_tokens_only_to_its_client(
    browser: httpx.Client, employee: Employee
) -> None:
    callback = _query(_place(_decide(browser, _start(browser), employee)))
    form = {
        "grant_type": "authorization_code",
        "code": callback["code"],
        "redirect_uri": RETURN_TO,
        "client_id": "apex",
        "client_secret": uuid.uuid4().hex,
        "code_verifier": uuid.uuid4().hex * 2,
    }
    refused = browser.post(addresses.identity("/token"), data=form)
    assert error_code(refused, 401) == "invalid_client"


def test_an_account_with_a_password_is_not_taken_over(
    http: httpx.Client, browser: httpx.Client
) -> None:
    registration = new_registration()
    assert http.post(addresses.auth("/register"), json=registration).status_code == 201
    impostor = _employ(http, registration["email"])
    callback = _place(_decide(browser, _start(browser), impostor))
    assert error_code(browser.get(callback), 409) == "email_taken"
