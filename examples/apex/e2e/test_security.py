"""Security and configuration: what is off is off, what is limited is limited, keys are checked."""

import base64
import hashlib
import hmac
import json
import uuid
from collections.abc import Callable

import httpx
import pytest
import websockets
from websockets.sync.client import connect

from e2e import addresses
from e2e.accounts import Person
from e2e.answers import body, error_code
from e2e.conftest import Thread
from e2e.conversations import DEADLINE, open_socket, receive, send

MESSAGES_AT_ONCE = 60
DISCOVERIES_AT_ONCE = 30


def test_the_bypass_is_off(http: httpx.Client) -> None:
    headers = {"X-Apex-Bypass": uuid.uuid4().hex}
    refused = http.post(addresses.auth("/test-users"), headers=headers)
    assert error_code(refused, 404) == "bypass_off"


def test_an_empty_key_is_no_key_for_the_bypass(http: httpx.Client) -> None:
    refused = http.post(addresses.auth("/test-users"), headers={"X-Apex-Bypass": ""})
    assert error_code(refused, 404) == "bypass_off"


def test_analytics_answers_nobody_without_the_key(http: httpx.Client) -> None:
    address = addresses.analytics(f"/owners/{uuid.uuid4()}/totals")
    assert error_code(http.get(address), 401) == "key_invalid"


def test_a_users_token_is_no_key_for_analytics(http: httpx.Client, regular: Person) -> None:
    address = addresses.analytics(f"/owners/{regular.id}/totals")
    assert error_code(http.get(address, headers=regular.headers), 401) == "key_invalid"


def test_a_socket_without_the_subprotocol_is_refused() -> None:
    with (
        pytest.raises(websockets.InvalidStatus) as refused,
        connect(addresses.websocket(), open_timeout=DEADLINE),
    ):
        pytest.fail("a socket without the subprotocol was accepted")
    assert refused.value.response.status_code == 400
    assert json.loads(refused.value.response.body or b"")["error"]["code"] == "subprotocol_missing"


def _refused_at_last(post: Callable[[], httpx.Response], most: int) -> httpx.Response:
    """Ask until the limit refuses, which happens soon after `most` requests and not before."""
    for number in range(2 * most):
        answer = post()
        if answer.status_code == 429:
            assert number >= most
            return answer
        assert answer.status_code == 404
    pytest.fail("there is no limit")


def test_too_many_messages_are_refused_for_one_person_only(
    http: httpx.Client, person: Person, regular: Person, topic: Thread
) -> None:
    address = addresses.backend(f"/threads/{uuid.uuid4()}/messages")
    refused = _refused_at_last(
        lambda: http.post(address, json={"content": "hello"}, headers=person.headers),
        MESSAGES_AT_ONCE,
    )
    assert error_code(refused, 429) == "rate_limited"
    assert 1 <= int(refused.headers["retry-after"]) <= 10
    own = addresses.backend(f"/threads/{topic['id']}/messages")
    question = {"content": uuid.uuid4().hex}
    answer = body(http.post(own, json=question, headers=regular.headers), 201)
    assert answer["message"]["content"] == question["content"]


def test_too_many_discoveries_are_refused(http: httpx.Client, person: Person) -> None:
    address = addresses.backend(f"/mcp/servers/none-{uuid.uuid4().hex[:8]}/discovery")
    refused = _refused_at_last(
        lambda: http.post(address, headers=person.headers), DISCOVERIES_AT_ONCE
    )
    assert error_code(refused, 429) == "rate_limited"


def test_a_socket_has_the_same_limit(person: Person) -> None:
    with open_socket(person) as socket:
        codes = []
        for _ in range(2 * MESSAGES_AT_ONCE):
            send(socket, type="message", thread_id=str(uuid.uuid4()), content="hello")
            codes.append(receive(socket)["error"]["code"])
            if codes[-1] == "rate_limited":
                break
        token = uuid.uuid4().hex
        send(socket, type="ping", token=token)
        assert receive(socket) == {"type": "pong", "token": token}
    assert codes[-1] == "rate_limited"
    assert len(codes) > MESSAGES_AT_ONCE


def _signed(header: dict[str, str], claims: dict[str, object], secret: str) -> str:
    def part(value: bytes) -> str:
        return base64.urlsafe_b64encode(value).decode().rstrip("=")

    head = f"{part(json.dumps(header).encode())}.{part(json.dumps(claims).encode())}"
    digest = hmac.new(secret.encode(), head.encode(), hashlib.sha256).digest()
    return f"{head}.{part(digest) if header['alg'] != 'none' else ''}"


def _claims(token: str) -> dict[str, object]:
    claims: dict[str, object] = json.loads(base64.urlsafe_b64decode(token.split(".")[1] + "=="))
    return claims


@pytest.mark.parametrize("algorithm", ["none", "HS256"])
def test_a_token_that_somebody_else_has_made_is_refused(
    http: httpx.Client, regular: Person, algorithm: str
) -> None:
    header = {"alg": algorithm, "typ": "JWT"}
    forged = _signed(header, _claims(regular.access_token), uuid.uuid4().hex)
    headers = {"Authorization": f"Bearer {forged}"}
    refused = http.get(addresses.backend("/threads"), headers=headers)
    assert error_code(refused, 401) == "token_invalid"


def test_an_unknown_path_is_told_in_the_one_shape(http: httpx.Client, regular: Person) -> None:
    address = addresses.backend(f"/{uuid.uuid4().hex}")
    assert error_code(http.get(address, headers=regular.headers), 404) == "not_found"


def test_a_body_that_is_no_json_is_told_in_the_one_shape(
    http: httpx.Client, regular: Person
) -> None:
    headers = {**regular.headers, "Content-Type": "application/json"}
    refused = http.post(addresses.backend("/threads"), content=b"{not json", headers=headers)
    assert error_code(refused, 422) == "invalid_request"


@pytest.mark.parametrize("service", ["auth", "identity", "analytics"])
def test_a_service_says_which_revision_answers(http: httpx.Client, service: str) -> None:
    answer = http.get(getattr(addresses, service)("/version"))
    version = body(answer)
    assert version["service"] == service
    assert version["revision"] == answer.headers["x-greenproof-revision"] != ""
