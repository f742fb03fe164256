"""The trace id of the current request, from the W3C `traceparent` header or made here."""

import re
import secrets
from contextvars import ContextVar

from starlette.types import ASGIApp, Receive, Scope, Send

_TRACEPARENT = re.compile(r"^[0-9a-f]{2}-([0-9a-f]{32})-[0-9a-f]{16}-[0-9a-f]{2}")
_trace_id: ContextVar[str] = ContextVar("trace_id", default="")


def trace_id() -> str:
    """32 hexadecimal digits, or an empty string outside a request."""
    return _trace_id.get()


def traceparent() -> str:
    """The header that hands the trace on to the next service."""
    return f"00-{trace_id() or secrets.token_hex(16)}-{secrets.token_hex(8)}-01"


class Tracing:
    """ASGI middleware: the trace id is known to everything that a request does."""

    def __init__(self, app: ASGIApp) -> None:
        self.app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] in ("http", "websocket"):
            given = dict(scope["headers"]).get(b"traceparent", b"").decode("latin-1")
            found = _TRACEPARENT.match(given)
            _trace_id.set(found.group(1) if found else secrets.token_hex(16))
        await self.app(scope, receive, send)
