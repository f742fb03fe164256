"""Registration, log-in, rotation and revocation. Here these routes are the feature itself."""

import base64
import json
import uuid

import httpx
import requests

from e2e import addresses
from e2e.accounts import Person, new_registration
from e2e.answers import body, error_code


def _claims(token: str) -> dict[str, str]:
    payload = token.split(".")[1]
    claims: dict[str, str] = json.loads(base64.urlsafe_b64decode(payload + "=="))
    return claims


def test_registration_returns_the_new_account(http: httpx.Client) -> None:
    registration = new_registration()
    user = body(http.post(addresses.auth("/register"), json=registration), 201)["user"]
    assert user["email"] == registration["email"]
    assert user["display_name"] == registration["display_name"]
    assert str(uuid.UUID(user["id"])) == user["id"]


def test_registering_twice_is_a_conflict(http: httpx.Client) -> None:
    registration = new_registration()
    assert http.post(addresses.auth("/register"), json=registration).status_code == 201
    again = http.post(addresses.auth("/register"), json=registration)
    assert error_code(again, 409) == "email_taken"


def test_a_short_password_is_refused(http: httpx.Client) -> None:
    registration = {**new_registration(), "password": "short"}
    answer = http.post(addresses.auth("/register"), json=registration)
    assert error_code(answer, 422) == "invalid_request"


def test_login_gives_a_token_for_this_account(person: Person) -> None:
    answer = requests.post(
        addresses.auth("/login"),
        json={"email": person.email, "password": person.password},
        timeout=10,
    )
    grant = body(answer)
    assert grant["user"]["email"] == person.email
    assert _claims(grant["access_token"])["sub"] == person.id
    assert 0 < grant["expires_in"] <= 3600


def test_the_address_is_not_case_sensitive(http: httpx.Client, person: Person) -> None:
    credentials = {"email": person.email.upper(), "password": person.password}
    assert body(http.post(addresses.auth("/login"), json=credentials))["user"]["id"] == person.id


def test_a_wrong_password_is_refused(http: httpx.Client, person: Person) -> None:
    credentials = {"email": person.email, "password": uuid.uuid4().hex}
    answer = http.post(addresses.auth("/login"), json=credentials)
    assert error_code(answer, 401) == "credentials_invalid"


def test_an_unknown_address_is_refused_in_the_same_words(http: httpx.Client) -> None:
    credentials = {"email": f"{uuid.uuid4().hex}@example.org", "password": "does-not-matter"}
    answer = http.post(addresses.auth("/login"), json=credentials)
    assert error_code(answer, 401) == "credentials_invalid"


def test_me_names_the_caller(http: httpx.Client, person: Person) -> None:
    user = body(http.get(addresses.auth("/me"), headers=person.headers))["user"]
    assert user == {"id": person.id, "email": person.email, "display_name": person.display_name}


def test_a_new_name_is_seen_on_the_next_read(http: httpx.Client, person: Person) -> None:
    name = f"Renamed {uuid.uuid4().hex[:8]}"
    changed = http.patch(addresses.auth("/me"), json={"display_name": name}, headers=person.headers)
    assert body(changed)["user"]["display_name"] == name
    read = http.get(addresses.auth("/me"), headers=person.headers)
    assert body(read)["user"]["display_name"] == name


def test_a_forged_token_is_refused(http: httpx.Client, person: Person) -> None:
    head, payload, signature = person.access_token.split(".")
    forged = f"{head}.{payload}.{signature[::-1]}"
    answer = http.get(addresses.auth("/me"), headers={"Authorization": f"Bearer {forged}"})
    assert error_code(answer, 401) == "token_invalid"


def test_refresh_gives_a_new_pair_for_the_same_person(http: httpx.Client, person: Person) -> None:
    renewed = body(
        http.post(addresses.auth("/refresh"), json={"refresh_token": person.refresh_token})
    )
    assert renewed["refresh_token"] != person.refresh_token
    assert renewed["access_token"] != person.access_token
    headers = {"Authorization": f"Bearer {renewed['access_token']}"}
    assert body(http.get(addresses.auth("/me"), headers=headers))["user"]["id"] == person.id


def test_a_refresh_token_is_good_once(http: httpx.Client, person: Person) -> None:
    used = {"refresh_token": person.refresh_token}
    assert http.post(addresses.auth("/refresh"), json=used).status_code == 200
    again = http.post(addresses.auth("/refresh"), json=used)
    assert error_code(again, 401) == "refresh_invalid"


def test_a_replayed_refresh_token_ends_the_session(http: httpx.Client, person: Person) -> None:
    used = {"refresh_token": person.refresh_token}
    renewed = body(http.post(addresses.auth("/refresh"), json=used))
    assert http.post(addresses.auth("/refresh"), json=used).status_code == 401
    headers = {"Authorization": f"Bearer {renewed['access_token']}"}
    after = http.get(addresses.auth("/me"), headers=headers)
    assert error_code(after, 401) == "session_revoked"


def test_logout_ends_the_session_at_once(person: Person) -> None:
    with requests.Session() as session:
        session.headers.update(person.headers)
        assert session.post(addresses.auth("/logout"), timeout=10).status_code == 204
        after = session.get(addresses.auth("/me"), timeout=10)
    assert error_code(after, 401) == "session_revoked"
