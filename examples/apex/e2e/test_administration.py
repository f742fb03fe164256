"""Who looks after an account: which sessions there are, and how one is ended."""

import uuid

import httpx

from e2e import addresses
from e2e.accounts import Person, log_in
from e2e.answers import body, error_code


def _again(http: httpx.Client, person: Person) -> Person:
    """The same person, logged in a second time."""
    names = {"email": person.email, "password": person.password}
    return log_in(http, {**names, "display_name": person.display_name})


def _sessions(http: httpx.Client, person: Person) -> list[dict[str, str | bool]]:
    answer = http.get(addresses.auth("/sessions"), headers=person.headers)
    sessions: list[dict[str, str | bool]] = body(answer)["sessions"]
    return sessions


def test_every_session_is_listed(http: httpx.Client, person: Person) -> None:
    assert [each["current"] for each in _sessions(http, person)] == [True]
    second = _again(http, person)
    assert [each["current"] for each in _sessions(http, second)] == [False, True]


def test_a_session_that_is_ended_elsewhere_is_over_everywhere(
    http: httpx.Client, person: Person
) -> None:
    second = _again(http, person)
    [first] = [each["id"] for each in _sessions(http, second) if not each["current"]]
    ended = http.delete(addresses.auth(f"/sessions/{first}"), headers=second.headers)
    assert ended.status_code == 204
    after = http.get(addresses.auth("/me"), headers=person.headers)
    assert error_code(after, 401) == "session_revoked"
    assert len(_sessions(http, second)) == 1


def test_an_ended_session_cannot_be_renewed(http: httpx.Client, person: Person) -> None:
    [own] = _sessions(http, person)
    ended = http.delete(addresses.auth(f"/sessions/{own['id']}"), headers=person.headers)
    assert ended.status_code == 204
    renewed = http.post(addresses.auth("/refresh"), json={"refresh_token": person.refresh_token})
    assert error_code(renewed, 401) == "refresh_invalid"


def test_the_session_of_another_is_not_there(
    http: httpx.Client, person: Person, stranger: Person
) -> None:
    [own] = _sessions(http, person)
    refused = http.delete(addresses.auth(f"/sessions/{own['id']}"), headers=stranger.headers)
    assert error_code(refused, 404) == "session_not_found"
    assert _sessions(http, person) == [own]


def test_a_session_that_never_was_is_not_found(http: httpx.Client, person: Person) -> None:
    address = addresses.auth(f"/sessions/{uuid.uuid4().hex}")
    assert error_code(http.delete(address, headers=person.headers), 404) == "session_not_found"
