"""The readiness probe over HTTP: a 200 counts only with the right identity, proven where possible."""

import asyncio
import hashlib
import hmac
import json
import secrets
import time
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

import h11

from greenproof.model.facts import Reading
from greenproof.model.plan import IdentitySource

CHALLENGE_HEADER = "X-Greenproof-Challenge"
PROOF_HEADER = "x-greenproof-proof"
LARGEST_BODY = 256 * 1024
LONGEST_DETAIL = 600


@dataclass(frozen=True, slots=True)
class Answer:
    """An HTTP answer; names of headers in lower case, the body cut at 256 KiB."""

    status: int
    headers: Mapping[str, str]
    body: bytes
    latency_ms: float


@dataclass(frozen=True, slots=True)
class HttpCheck:
    """What is asked, and what a good answer looks like."""

    service: str
    port: int
    path: str
    host: str = "127.0.0.1"
    identity: IdentitySource = IdentitySource()
    expected: str | None = None
    """The identity that must answer; None: any."""
    nonce: str | None = None
    """Key of the proof, if the service was started by us."""


class NoAnswer(Exception):
    """No HTTP answer came; `state` is that of a reading."""

    def __init__(self, state: str, detail: str, latency_ms: float) -> None:
        super().__init__(detail)
        self.state = state
        self.detail = detail
        self.latency_ms = latency_ms


async def ask(
    host: str, port: int, path: str, headers: Mapping[str, str] | None = None, timeout: float = 5.0
) -> Answer:
    """GET over a connection of its own. Raises NoAnswer."""
    started = time.monotonic()

    def since() -> float:
        return (time.monotonic() - started) * 1000

    try:
        async with asyncio.timeout(timeout):
            return await _get(host, port, path, headers or {}, started)
    except TimeoutError:
        raise NoAnswer("timeout", f"no answer within {since():.0f} ms", since()) from None
    except ConnectionRefusedError:
        raise NoAnswer("refused", f"nothing listens on {host}:{port}", since()) from None
    except (OSError, asyncio.IncompleteReadError) as error:
        raise NoAnswer("garbage", f"the connection broke: {error}", since()) from error
    except h11.RemoteProtocolError as error:
        raise NoAnswer("garbage", f"the answer is not HTTP: {error}", since()) from error


async def read(check: HttpCheck, timeout: float = 5.0) -> Reading:
    """One reading: `ready`, `not-ready`, `wrong-identity`, `foreign-process`, `refused`, `timeout`, `garbage`."""
    challenge = secrets.token_hex(16)
    try:
        answer = await ask(check.host, check.port, check.path, {CHALLENGE_HEADER: challenge}, timeout)
        identity = await _identity(check, answer, timeout)
    except NoAnswer as error:
        return _reading(check, error.state, None, error.latency_ms, error.detail)
    state, detail = _judge(check, answer, identity, challenge)
    return _reading(check, state, identity, answer.latency_ms, detail)


def prove(nonce: str, challenge: str) -> str:
    """What a service that knows the nonce answers to the challenge."""
    return hmac.new(nonce.encode(), challenge.encode(), hashlib.sha256).hexdigest()


def failing_checks(body: bytes) -> str:
    """What a readiness document says is wrong; its beginning if it says so in no known way."""
    text = body.decode("utf-8", "replace").strip()
    try:
        document = json.loads(text)
    except (ValueError, RecursionError):
        return " ".join(text.split())[:LONGEST_DETAIL]
    checks = document.get("checks", document.get("dependencies")) if isinstance(document, dict) else None
    if isinstance(checks, dict):
        checks = [
            {"name": name, **value} if isinstance(value, dict) else {"name": name, "status": value}
            for name, value in checks.items()
        ]
    if isinstance(checks, list):
        bad = [check for check in checks if not _looks_good(check)]
        if bad:
            return json.dumps(bad)[:LONGEST_DETAIL]
    return json.dumps(document)[:LONGEST_DETAIL]


def _judge(check: HttpCheck, answer: Answer, identity: str | None, challenge: str) -> tuple[str, str]:
    proof = answer.headers.get(PROOF_HEADER)
    if proof is not None and check.nonce is not None and not _same(proof, prove(check.nonce, challenge)):
        return "foreign-process", "the proof of identity is wrong: another process answers"
    if answer.status != 200:
        return (
            "not-ready",
            f"GET {check.path} answered {answer.status}: {failing_checks(answer.body)}",
        )
    if check.expected is not None and _says_identity(check.identity) and identity != check.expected:
        got = identity if identity is not None else f"none ({_place(check.identity)})"
        return "wrong-identity", f"expected {check.expected}, got {got}"
    return "ready", f"GET {check.path} answered 200"


def _same(one: str, other: str) -> bool:
    return hmac.compare_digest(one.encode(), other.encode())


def _says_identity(source: IdentitySource) -> bool:
    return bool(source.path or source.header)


def _place(source: IdentitySource) -> str:
    if source.path:
        return f"field {source.field!r} of {source.path}"
    return f"header {source.header}"


async def _identity(check: HttpCheck, answer: Answer, timeout: float) -> str | None:
    source = check.identity
    if source.path:
        document = await ask(check.host, check.port, source.path, timeout=timeout)
        return _field(document.body, source.field or "revision")
    return answer.headers.get(source.header.lower()) if source.header else None


def _field(body: bytes, name: str) -> str | None:
    try:
        value: Any = json.loads(body)
    except (ValueError, RecursionError):
        return None
    for part in name.split("."):
        value = value.get(part) if isinstance(value, dict) else None
    return None if value is None else str(value)


def _looks_good(check: object) -> bool:
    if not isinstance(check, dict):
        return False
    said = check.get("ok", check.get("status", check.get("state", check.get("healthy"))))
    good = ("ok", "ready", "healthy", "up", "pass")
    return said is True or (isinstance(said, str) and said.lower() in good)


def _reading(check: HttpCheck, state: str, identity: str | None, latency_ms: float, detail: str) -> Reading:
    return Reading(
        service=check.service,
        probe="http",
        at=datetime.now(UTC).isoformat(),
        ok=state == "ready",
        state=state,
        identity=identity,
        latency_ms=round(latency_ms, 3),
        detail=detail,
    )


async def _get(host: str, port: int, path: str, headers: Mapping[str, str], started: float) -> Answer:
    reader, writer = await asyncio.open_connection(host, port)
    try:
        connection = h11.Connection(h11.CLIENT)
        fields = [("Host", f"{host}:{port}"), ("Connection", "close"), *headers.items()]
        writer.write(connection.send(h11.Request(method="GET", target=path, headers=fields)) or b"")
        writer.write(connection.send(h11.EndOfMessage()) or b"")
        await writer.drain()
        return await _receive(connection, reader, started)
    finally:
        writer.close()


async def _receive(connection: h11.Connection, reader: asyncio.StreamReader, started: float) -> Answer:
    head: h11.Response | None = None
    body, latency = b"", 0.0
    while True:
        event = connection.next_event()
        if event is h11.NEED_DATA:
            connection.receive_data(await reader.read(65536))
        elif isinstance(event, h11.Response):
            head, latency = event, (time.monotonic() - started) * 1000
        elif isinstance(event, h11.Data):
            body += event.data
        if head is not None and (isinstance(event, h11.EndOfMessage) or len(body) > LARGEST_BODY):
            names = {name.decode("latin-1"): value.decode("latin-1") for name, value in head.headers}
            return Answer(head.status_code, names, body[:LARGEST_BODY], latency)
        if isinstance(event, h11.ConnectionClosed):
            raise h11.RemoteProtocolError("the connection was closed without an answer")
