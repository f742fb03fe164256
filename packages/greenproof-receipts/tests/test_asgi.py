"""The ASGI middleware, driven by hand: every message that the server would see is looked at."""

import asyncio
import hashlib
import hmac
import json
from types import SimpleNamespace
from typing import Any, Dict, List, Optional

import pytest

from greenproof_receipts import ReceiptsASGI, depth

TRACE = "0af7651916cd43dd8448eb211c80319c"
Messages = List[Dict[str, Any]]


@pytest.fixture(autouse=True)
def identity(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("GREENPROOF_SERVICE", "shop")
    monkeypatch.setenv("GREENPROOF_REVISION", "shop-abc123")
    monkeypatch.setenv("GREENPROOF_NONCE", "secret")


def _http(method: str = "GET", **headers: str) -> Dict[str, Any]:
    raw = [(name.replace("_", "-").encode(), value.encode()) for name, value in headers.items()]
    return {"type": "http", "method": method, "path": "/orders/7", "headers": raw}


def _websocket(denial: bool = True) -> Dict[str, Any]:
    extensions: Dict[str, Any] = {"websocket.http.response": {}} if denial else {}
    return {"type": "websocket", "path": "/ws", "headers": [], "extensions": extensions}


def _serve(app: Any, scope: Dict[str, Any], incoming: Optional[Messages] = None) -> Messages:
    """Run the wrapped application; each sent message remembers the receipts written before it."""
    sent: Messages = []
    waiting = list(incoming or [])

    async def receive() -> Dict[str, Any]:
        return waiting.pop(0)

    async def send(message: Any) -> None:
        sent.append(dict(message))

    asyncio.run(ReceiptsASGI(app)(scope, receive, send))
    return sent


def _receipts(capsys: pytest.CaptureFixture[str]) -> List[Dict[str, Any]]:
    return [json.loads(line) for line in capsys.readouterr().out.splitlines()]


def _headers(message: Dict[str, Any]) -> Dict[str, str]:
    return {name.decode(): value.decode() for name, value in message["headers"]}


async def _order(scope: Any, receive: Any, send: Any) -> None:
    assert depth("core") is None
    scope["route"] = SimpleNamespace(path="/orders/{id}")
    await send({"type": "http.response.start", "status": 200, "headers": []})
    await send({"type": "http.response.body", "body": b"seven"})


def test_an_answer_names_its_revision_and_depth() -> None:
    head = _headers(_serve(_order, _http())[0])
    assert head == {"x-greenproof-revision": "shop-abc123", "x-greenproof-depth": "core"}


def test_a_receipt_says_what_arrived_where(capsys: pytest.CaptureFixture[str]) -> None:
    _serve(_order, _http(traceparent=f"00-{TRACE}-00f067aa0ba902b7-01"))
    [receipt] = _receipts(capsys)
    assert receipt.pop("at").endswith("+00:00")
    assert receipt == {
        "greenproof": "receipt",
        "service": "shop",
        "revision": "shop-abc123",
        "method": "GET",
        "route": "/orders/{id}",
        "path": "/orders/7",
        "status": 200,
        "trace_id": TRACE,
        "depth": "core",
    }


@pytest.mark.parametrize("given", ["", "nonsense", f"00-{TRACE.upper()}-00f067aa0ba902b7-01"])
def test_a_traceparent_that_is_none_is_null(given: str, capsys: pytest.CaptureFixture[str]) -> None:
    _serve(_order, _http(traceparent=given))
    assert _receipts(capsys)[0]["trace_id"] is None


def test_a_challenge_is_answered_with_the_proof() -> None:
    head = _headers(_serve(_order, _http(x_greenproof_challenge="who are you"))[0])
    expected = hmac.new(b"secret", b"who are you", hashlib.sha256).hexdigest()
    assert head["x-greenproof-proof"] == expected


def test_a_challenge_that_is_too_long_is_not_answered() -> None:
    head = _headers(_serve(_order, _http(x_greenproof_challenge="x" * 129))[0])
    assert "x-greenproof-proof" not in head


def test_without_a_nonce_nothing_is_proven(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("GREENPROOF_NONCE")
    head = _headers(_serve(_order, _http(x_greenproof_challenge="who are you"))[0])
    assert "x-greenproof-proof" not in head


def test_a_revision_cannot_smuggle_a_header(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("GREENPROOF_REVISION", "a\r\nSet-Cookie: b")
    assert _headers(_serve(_order, _http())[0]) == {"x-greenproof-depth": "core"}


@pytest.mark.parametrize(
    ("method", "status", "headers", "chunks", "written_before"),
    [
        ("GET", 200, [], [(b"a", True), (b"b", False)], 2),
        ("GET", 200, [(b"content-length", b"2")], [(b"ab", True), (b"", False)], 1),
        ("HEAD", 200, [(b"content-length", b"2")], [(b"", False)], 0),
        ("DELETE", 204, [], [(b"", False)], 0),
    ],
)
def test_the_receipt_is_there_before_the_answer_is_complete(
    method: str,
    status: int,
    headers: Any,
    chunks: Any,
    written_before: int,
    capsys: pytest.CaptureFixture[str],
) -> None:
    seen: List[int] = []

    async def app(scope: Any, receive: Any, send: Any) -> None:
        await send({"type": "http.response.start", "status": status, "headers": headers})
        for chunk, more in chunks:
            await send({"type": "http.response.body", "body": chunk, "more_body": more})

    async def send(message: Any) -> None:
        seen.append(len(_receipts(capsys)))

    asyncio.run(ReceiptsASGI(app)(_http(method), None, send))  # type: ignore[arg-type]
    assert [number for number, count in enumerate(seen) if count] == [written_before]


def test_an_application_that_raises_is_a_500(capsys: pytest.CaptureFixture[str]) -> None:
    async def app(scope: Any, receive: Any, send: Any) -> None:
        raise ValueError("the application's own")

    with pytest.raises(ValueError, match="the application's own"):
        _serve(app, _http())
    assert [each["status"] for each in _receipts(capsys)] == [500]


def test_a_conversation_is_told_at_its_accept_and_at_its_close(
    capsys: pytest.CaptureFixture[str],
) -> None:
    async def app(scope: Any, receive: Any, send: Any) -> None:
        await receive()
        await send({"type": "websocket.accept", "subprotocol": "jwt"})
        for _ in range(2):
            await receive()
            await send({"type": "websocket.send", "text": "pong"})
        await receive()

    said = {"type": "websocket.receive", "text": "ping"}
    incoming = [{"type": "websocket.connect"}, said, said, {"type": "websocket.disconnect"}]
    sent = _serve(app, _websocket(), incoming)
    assert _headers(sent[0]) == {"x-greenproof-revision": "shop-abc123"}
    accepted, closed = _receipts(capsys)
    assert (accepted["phase"], accepted["method"], accepted["status"]) == ("accept", "WS", 101)
    assert (closed["phase"], closed["messages_in"], closed["messages_out"]) == ("close", 2, 2)


async def _refuse(scope: Any, receive: Any, send: Any) -> None:
    await send({"type": "websocket.close", "code": 1008})


def test_a_refused_handshake_names_the_revision(capsys: pytest.CaptureFixture[str]) -> None:
    sent = _serve(_refuse, _websocket())
    assert [message["type"] for message in sent] == [
        "websocket.http.response.start",
        "websocket.http.response.body",
    ]
    assert sent[0]["status"] == 403
    assert _headers(sent[0]) == {"x-greenproof-revision": "shop-abc123"}
    assert [each["status"] for each in _receipts(capsys)] == [403]


def test_a_server_without_denials_gets_the_bare_close(capsys: pytest.CaptureFixture[str]) -> None:
    assert _serve(_refuse, _websocket(denial=False)) == [{"type": "websocket.close", "code": 1008}]
    assert [each["status"] for each in _receipts(capsys)] == [403]


def test_its_own_failure_is_one_warning(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    class Broken:
        def write(self, text: str) -> int:
            raise BrokenPipeError("nobody reads")

    from greenproof_receipts import _exchange

    _exchange._warned.clear()
    with monkeypatch.context() as patched:
        patched.setattr("sys.stdout", Broken())
        first, second = _serve(_order, _http()), _serve(_order, _http())
    assert first[1]["body"] == second[1]["body"] == b"seven"
    assert capsys.readouterr().err.count("receipts may be missing") == 1


def test_depth_outside_a_request_does_nothing() -> None:
    assert depth("core") is None


def test_other_scopes_pass_untouched(capsys: pytest.CaptureFixture[str]) -> None:
    async def app(scope: Any, receive: Any, send: Any) -> None:
        await send({"type": "lifespan.startup.complete"})

    assert _serve(app, {"type": "lifespan"}) == [{"type": "lifespan.startup.complete"}]
    assert _receipts(capsys) == []
