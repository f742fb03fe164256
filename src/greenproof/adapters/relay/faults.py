"""Which answers are replaced, and by what. Decisions are pure; the taps carry them out."""

import base64
import hashlib
import json
from collections.abc import Callable, Iterable
from dataclasses import dataclass

from mitmproxy import http

from greenproof.adapters.relay import mutation
from greenproof.adapters.relay.joining import Moment
from greenproof.model.facts import FaultKind, Phase
from greenproof.model.faults import CaseFaults, FaultPlan, Substitute
from greenproof.model.routes import Route
from greenproof.model.sensitivity import Disturbance

LARGEST_CHANGED = 1 << 20
"""Bytes of a body that a value fault looks at."""

_DETAIL = {"code": "greenproof_fault", "message": "injected by Greenproof"}
ERROR_BODY = json.dumps({"error": _DETAIL}).encode()
ERROR_PAGE = b"<!doctype html><title>Service Unavailable</title><h1>Try again later</h1>\n"
"""What a gateway says in the place of a service; no word of it is in `ERROR_BODY`."""
OK_BODY = json.dumps({"status": "ok"}).encode()
OK_MESSAGE = json.dumps({"type": "ok", "status": "ok"}).encode()
ERROR_MESSAGE = json.dumps({"type": "error", "error": _DETAIL}).encode()

_GRPC_MESSAGE = (b"grpc-message", b"injected by Greenproof")

_KEPT = ("access-control-", "connection", "date", "keep-alive", "server", "x-greenproof-")
"""Beginnings of the headers that an error answer keeps: what carries it, what lets a page read it, who gave it. All
else belonged to the answer that was replaced; a test that checks only a header must notice."""
_APPLICATION = frozenset({"allow", "content-disposition", "link", "www-authenticate"})
_EVENT_STREAMS = (
    "text/event-stream", "application/x-ndjson", "application/ndjson", "application/jsonl",
    "application/json-seq", "application/stream+json", "multipart/x-mixed-replace",
)  # fmt: skip
_TEXTUAL = ("json", "xml", "javascript", "x-www-form-urlencoded", "yaml", "csv")


@dataclass(frozen=True, slots=True)
class Wire:
    """Where an exchange runs: what routes are matched against."""

    target: str
    method: str
    path: str

    def on(self, routes: Iterable[Route]) -> bool:
        """Whether one of the routes is this one."""
        return any(route.matches(self.target, self.method, self.path) for route in routes)


def fault_for(plan: FaultPlan | None, moment: Moment, wire: Wire) -> FaultKind | None:
    """The fault that an answer at this moment gets."""
    if plan is None or moment.case is None:
        return None
    case = plan.cases.get(moment.case)
    if case is not None and case.instead is not None and case.instead.untouched:
        return None
    if moment.phase is Phase.SETUP:
        spared = case is not None and case.spared
        return plan.kind if wire.on(plan.fixture_routes) and not spared else None
    if case is None or moment.phase is not Phase.CALL:
        return None
    if not _claims(case, plan, wire):
        beyond = case.instead is not None and case.instead.emptied and not wire.on(plan.plumbing)
        return FaultKind.EMPTIED if beyond else None
    return plan.kind if case.instead is None else case.instead.kind


def is_claimed(plan: FaultPlan | None, moment: Moment, wire: Wire) -> bool:
    """Whether an answer is on a route that its case claims."""
    case = None if plan is None else plan.cases.get(moment.case or "")
    return case is not None and plan is not None and _claims(case, plan, wire)


def substitute_for(plan: FaultPlan | None, moment: Moment) -> Substitute | None:
    """What a case gets under a tailored fault."""
    case = None if plan is None else plan.cases.get(moment.case or "")
    return None if case is None else case.instead


def disturbance_for(plan: FaultPlan | None, moment: Moment) -> Disturbance | None:
    """The one fault that a case gets in a sensitivity run; None: its answers are only looked at."""
    case = None if plan is None else plan.cases.get(moment.case or "")
    return None if case is None else case.disturbance


def accepts(plan: FaultPlan | None, moment: Moment, wire: Wire) -> bool:
    """Whether a WebSocket handshake that the service refuses is accepted in its place."""
    if plan is None or plan.kind is not FaultKind.ERROR or moment.phase is not Phase.CALL:
        return False
    case = plan.cases.get(moment.case or "")
    return case is not None and wire.on(case.refused)


def _claims(case: CaseFaults, plan: FaultPlan, wire: Wire) -> bool:
    if case.routes:
        return wire.on(case.routes)
    return not wire.on(plan.plumbing)


def media_type(headers: http.Headers) -> str:
    """`text/html`, without parameters."""
    kind: str = headers.get("content-type", "")
    return kind.partition(";")[0].strip().lower()


def is_event_stream(headers: http.Headers) -> bool:
    """Whether the body is a stream of events that may never end."""
    return media_type(headers) in _EVENT_STREAMS


def is_textual(headers: http.Headers) -> bool:
    """Whether the body is text; without a content type, it is looked at as text."""
    kind = media_type(headers)
    return not kind or kind.startswith("text/") or any(word in kind for word in _TEXTUAL)


def charset(headers: http.Headers) -> str | None:
    """The charset that the content type names."""
    for part in headers.get("content-type", "").split(";")[1:]:
        name, _, value = part.partition("=")
        if name.strip().lower() == "charset":
            return value.strip().strip("\"'") or None
    return None


@dataclass(frozen=True, slots=True)
class Replacement:
    """What a client gets in place of an answer."""

    response: http.Response
    body: bytes


def error_answer(answer: http.Response, status: int = 500, refusal: int = 200, page: bool = False) -> Replacement:
    """The opposite of the answer: an error for a success, a success (or `refusal`) for an expected 4xx.

    As `page`, the error is one of a gateway: HTML, and without a word of the other.

    An answer that is a server's error already becomes another one: a test that waits for exactly this error notices,
    one that accepts any failure (a fallback on a service that is down) does not.
    """
    if answer.status_code >= 500:
        status = 500 if answer.status_code != 500 else 503
    elif answer.status_code >= 400:
        status = refusal
    body = OK_BODY if status < 400 else ERROR_PAGE if page else ERROR_BODY
    headers = _kept(answer.headers)
    headers["content-type"] = "text/html; charset=utf-8" if body is ERROR_PAGE else "application/json"
    headers["content-length"] = str(len(body))
    if status in (429, 503):
        # Who waits before it tries again need not wait long.
        headers["retry-after"] = "0"
    response = http.Response.make(status, b"", headers)
    response.http_version = answer.http_version
    response.headers["content-length"] = str(len(body))
    return Replacement(response, body)


def empty_stream(answer: http.Response) -> Replacement:
    """A stream of events that ends before the first."""
    headers = answer.headers.copy()
    for name in ("transfer-encoding", "content-encoding"):
        headers.pop(name, None)
    headers["content-length"] = "0"
    response = http.Response.make(answer.status_code, b"", headers)
    response.http_version = answer.http_version
    return Replacement(response, b"")


def grpc_answer(answer: http.Response) -> Replacement:
    """The same for gRPC: status INTERNAL without a message, or for an error an empty message that is valid."""
    headers = _kept(answer.headers)
    headers["content-type"] = "application/grpc"
    failed = answer.headers.get("grpc-status", "0") != "0"
    response = http.Response.make(200, b"", headers)
    response.headers.pop("content-length", None)
    response.http_version = answer.http_version
    told = ((b"grpc-status", b"0"),) if failed else ((b"grpc-status", b"13"), _GRPC_MESSAGE)
    response.trailers = http.Headers(told)
    body = b"\x00\x00\x00\x00\x00" if failed else b""
    return Replacement(response, body)


def _kept(headers: http.Headers) -> http.Headers:
    return http.Headers([(n, v) for n, v in headers.fields if n.lower().decode("latin-1").startswith(_KEPT)])


def accepting_answer(request: http.Request) -> http.Response:
    """The answer of a server that accepts this WebSocket handshake (RFC 6455, section 4.2.2)."""
    key = request.headers.get("sec-websocket-key", "")
    digest = hashlib.sha1((key + "258EAFA5-E914-47DA-95CA-C5AB0DC85B11").encode(), usedforsecurity=False).digest()
    headers = {
        "Upgrade": "websocket",
        "Connection": "Upgrade",
        "Sec-WebSocket-Accept": base64.b64encode(digest).decode(),
    }
    offered = request.headers.get("sec-websocket-protocol", "").split(",")[0].strip()
    if offered:
        headers["Sec-WebSocket-Protocol"] = offered
    response = http.Response.make(101, b"", headers)
    response.headers.pop("content-length", None)
    return response


def change_headers(headers: http.Headers) -> bool:
    """Change the values of the headers that belong to the application; false when there is none.

    Those that frame the body, steer caches and sessions, or make clients wait or go elsewhere stay as they are.
    """
    changed = False
    for name in dict.fromkeys(name.lower() for name in headers):
        if (name.startswith("x-") and not name.startswith("x-greenproof-")) or name in _APPLICATION:
            values = headers.get_all(name)
            others = [mutation.mutate_text(value) for value in values]
            if others != values:
                headers.set_all(name, others)
                changed = True
    return changed


def change_body(response: http.Response) -> bool:
    """Change the values of a buffered answer in place; false when nothing in it can differ."""
    try:
        plain = response.get_content(strict=True) or b""
    except ValueError:
        return False
    if len(plain) > LARGEST_CHANGED:
        head, rest = plain[:LARGEST_CHANGED], plain[LARGEST_CHANGED:]
        changed = mutation.mutate_head(head, charset(response.headers), is_textual(response.headers)) + rest
    else:
        changed = mutation.mutate_body(plain, charset(response.headers), is_textual(response.headers))
    if changed == plain:
        return False
    response.content = changed
    return True


def empty_body(response: http.Response, emptying: mutation.Emptying = mutation.LISTS_EMPTIED) -> bool:
    """Take out of a buffered answer what a test could look at; false when there is nothing in it.

    One that holds nothing from the start is as empty as it is to be, where lists keep their length.
    """
    try:
        plain = response.get_content(strict=True) or b""
    except ValueError:
        return False
    changed = mutation.empty(plain, charset(response.headers), emptying, is_textual(response.headers))
    if changed == plain:
        return emptying.lists and mutation.is_blank(plain, charset(response.headers))
    response.content = changed
    return True


def change_message(content: bytes, text: bool, kind: FaultKind) -> bytes:
    """What a WebSocket message from the server becomes."""
    if kind is FaultKind.LATER and text:
        return OK_MESSAGE if _is_refusal(content) else ERROR_MESSAGE
    if kind in (FaultKind.ERROR, FaultKind.LATER):
        return ERROR_MESSAGE if text else mutation.other_bytes(content)
    return mutation.mutate_body(content, None, text)


def bare_body(response: http.Response) -> bool:
    """Change the values of a buffered answer, and take away the headers that an error takes away."""
    fields = response.headers.fields
    plain = response.get_content(strict=False) or b""
    kind = response.headers.get("content-type")
    framing = {
        name: response.headers[name] for name in ("content-length", "transfer-encoding") if name in response.headers
    }
    response.headers = _kept(response.headers)
    if kind is not None:
        response.headers["content-type"] = kind
    for name, value in framing.items():
        response.headers[name] = value
    if plain:
        response.content = plain
        change_body(response)
    return bool(response.headers.fields != fields or response.content != plain)


def _is_refusal(content: bytes) -> bool:
    """Whether a message says itself that it is an error."""
    try:
        said = json.loads(content)
    except (ValueError, RecursionError):
        return False
    return isinstance(said, dict) and ("error" in said or said.get("type") == "error")


def other_close_code(code: int) -> int:
    """Of RFC 6455, section 7.4.1: an internal error for a normal closure, a normal closure for all else."""
    return 1011 if code in (1000, 1001, 1005) else 1000


class ChangedLines:
    """A stream of events of which each `data:` line is changed as soon as it is whole."""

    def __init__(self, delivered: Callable[[], None]) -> None:
        self.rest = b""
        self.delivered = delivered

    def __call__(self, data: bytes) -> list[bytes]:
        """The chunks to send for these; at the end (no data) what is left."""
        held = self.rest + data
        cut = held.rfind(b"\n") + 1 if data and len(held) < LARGEST_CHANGED else len(held)
        whole, self.rest = held[:cut], held[cut:]
        lines = whole.splitlines(keepends=True)
        changed = b"".join(mutation.mutate_line(line) for line in lines)
        if changed != whole:
            self.delivered()
        return [changed] if changed else []


class ChangedHead:
    """A body of which the first part is changed: whole when it is small, else with its length kept."""

    def __init__(self, headers: http.Headers, fixed: bool, delivered: Callable[[], None]) -> None:
        self.charset, self.textual = charset(headers), is_textual(headers)
        self.fixed = fixed
        self.delivered = delivered
        self.held: bytes | None = b""

    def __call__(self, data: bytes) -> list[bytes]:
        """The chunks to send for these; nothing while the first part is still coming."""
        if self.held is None:
            return [data] if data else []
        held = self.held + data
        if data and len(held) < LARGEST_CHANGED:
            self.held = held
            return []
        self.held = None
        whole = not data and not self.fixed
        change = mutation.mutate_body if whole else mutation.mutate_head
        head, rest = held[:LARGEST_CHANGED], held[LARGEST_CHANGED:]
        changed = change(head, self.charset, self.textual)
        if len(changed) != len(head) and self.fixed:
            changed = mutation.mutate_bytes(head)
        if changed != head:
            self.delivered()
        return [chunk for chunk in (changed, rest) if chunk]
