"""What makes pages safe in a browser: headers on every answer, no orders from other sites."""

from typing import Final

from starlette.datastructures import Headers, MutableHeaders
from starlette.responses import JSONResponse
from starlette.types import ASGIApp, Message, Receive, Scope, Send
from starlette.websockets import WebSocket

from apex.shared.errors import envelope

_POLICY: Final = "; ".join(
    (
        "default-src 'none'",
        "script-src 'self'",
        "style-src 'self'",
        "connect-src 'self'",
        "img-src data:",
        "form-action 'self'",
        "base-uri 'none'",
        "frame-ancestors 'none'",
    )
)
"""Only files of our own run, none of what stands inside a page."""
_HEADERS: Final = {
    "content-security-policy": _POLICY,
    "x-content-type-options": "nosniff",
    "referrer-policy": "same-origin",
    # Who has logged out finds nothing behind the back button.
    "cache-control": "no-store",
}
_READS: Final = frozenset({"GET", "HEAD", "OPTIONS"})


class Safety:
    """ASGI middleware. `origin` is the public address, without a path."""

    def __init__(self, app: ASGIApp, origin: str) -> None:
        self.app = app
        self.origin = origin

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        async def protected(message: Message) -> None:
            if message["type"] == "http.response.start":
                headers = MutableHeaders(scope=message)
                for name, value in _HEADERS.items():
                    headers.setdefault(name, value)
                if scope["path"].startswith("/static/"):
                    # Asked for again each time; unchanged, it is not sent again.
                    headers["cache-control"] = "no-cache"
            await send(message)

        if scope["type"] not in ("http", "websocket") or self._ours(scope):
            await self.app(scope, receive, protected)
            return
        refusal = JSONResponse(envelope("origin_refused", "this order came from another site"), 403)
        if scope["type"] == "websocket":
            await WebSocket(scope, receive, send).send_denial_response(refusal)
        else:
            await refusal(scope, receive, protected)

    def _ours(self, scope: Scope) -> bool:
        """Browsers say where an order is from. Who does not is none, and has no cookies."""
        headers = Headers(scope=scope)
        origin = headers.get("origin")
        if origin is None or (scope["type"] == "http" and scope["method"] in _READS):
            return True
        own = {f"{scheme}://{headers.get('host', '')}" for scheme in ("http", "https")}
        return origin in own | {self.origin}
