"""The ASGI middleware: HTTP requests and WebSocket conversations."""

from __future__ import annotations

from typing import Any, Awaitable, Callable, List, MutableMapping, Optional, Tuple

from greenproof_receipts._exchange import Exchange, enter, guarded
from greenproof_receipts._identity import CHALLENGE_HEADER, Identity

Scope = MutableMapping[str, Any]
Message = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[Message]]
Send = Callable[[Message], Awaitable[None]]
App = Callable[[Scope, Receive, Send], Awaitable[None]]
RawHeaders = List[Tuple[bytes, bytes]]

_DENIAL = "websocket.http.response"


class ReceiptsASGI:
    """Wrap an ASGI application, outermost, so that every answer carries its identity."""

    def __init__(self, app: App, service: Optional[str] = None) -> None:
        self.app = app
        self.identity = Identity.from_environment(service)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one connection; anything but HTTP and WebSocket passes untouched."""
        witness = self._witness(scope, receive, send)
        if witness is None:
            await self.app(scope, receive, send)
            return
        try:
            await self.app(scope, witness.receive, witness.send)
        except Exception:
            witness.fail()
            raise
        finally:
            witness.finish()

    def _witness(self, scope: Scope, receive: Receive, send: Send) -> Optional[_Witness]:
        kinds = {"http": _HttpWitness, "websocket": _WebSocketWitness}
        found: List[_Witness] = []

        def begin() -> None:
            kind = kinds.get(scope["type"])
            if kind is not None:
                exchange = _exchange(self.identity, scope)
                enter(exchange)
                found.append(kind(exchange, scope, receive, send))

        guarded(begin)
        return found[0] if found else None


class _Witness:
    """Stands between the application and the server for one connection."""

    def __init__(self, exchange: Exchange, scope: Scope, receive: Receive, send: Send) -> None:
        self.exchange = exchange
        self.scope = scope
        self._receive = receive
        self._send = send
        self._outer_root = scope.get("root_path", "")

    async def receive(self) -> Message:
        return await self._receive()

    async def send(self, message: Message) -> None:
        await self._send(message)

    def fail(self) -> None:
        """The application raised: before its answer began, the server will say 500."""
        if self.exchange.status is None:
            self.exchange.status = 500

    def finish(self) -> None:
        """The application is done; whatever was not written yet is written now."""
        guarded(self._write)

    def _write(self) -> None:
        self._name_route()
        self.exchange.write()

    def _name_route(self) -> None:
        template = getattr(self.scope.get("route"), "path", None)
        if isinstance(template, str):
            root = self.scope.get("root_path", "")
            mounted = root[len(self._outer_root) :] if root.startswith(self._outer_root) else ""
            self.exchange.route = mounted + template

    def _add_headers(self, message: Message) -> None:
        exchange = self.exchange
        headers: RawHeaders = list(message.get("headers") or [])
        for name, value in exchange.identity.headers(exchange.challenge, exchange.depth):
            headers.append((name.lower().encode("ascii"), value.encode("ascii")))
        message["headers"] = headers


class _HttpWitness(_Witness):
    """Writes the receipt before the client can hold the whole answer."""

    def __init__(self, exchange: Exchange, scope: Scope, receive: Receive, send: Send) -> None:
        super().__init__(exchange, scope, receive, send)
        self._remaining: Optional[int] = None

    async def send(self, message: Message) -> None:
        guarded(lambda: self._look(message))
        await self._send(message)

    def _look(self, message: Message) -> None:
        if message["type"] == "http.response.start":
            self._head(message)
        elif message["type"] == "http.response.body":
            self._body(message)

    def _head(self, message: Message) -> None:
        status = int(message["status"])
        self.exchange.status = status
        self._remaining = _content_length(message)
        self._add_headers(message)
        # The head is then the whole answer.
        if self.exchange.method == "HEAD" or status in (204, 304) or self._remaining == 0:
            self._write()

    def _body(self, message: Message) -> None:
        # With a Content-Length the client is done when its last byte is, not at the empty end mark.
        if self._remaining is not None:
            self._remaining -= len(message.get("body", b""))
        if not message.get("more_body", False) or self._remaining == 0:
            self._write()


class _WebSocketWitness(_Witness):
    """Counts messages, and names the revision in an accepted and in a refused handshake."""

    def __init__(self, exchange: Exchange, scope: Scope, receive: Receive, send: Send) -> None:
        super().__init__(exchange, scope, receive, send)
        self._accepted = False
        self._can_deny = _DENIAL in (scope.get("extensions") or {})

    async def receive(self) -> Message:
        message = await self._receive()
        guarded(lambda: self._look_in(message))
        return message

    async def send(self, message: Message) -> None:
        if message["type"] == "websocket.close" and not self._accepted and self._can_deny:
            # A bare close has no place for headers; this is the same 403 with one.
            head = {"type": f"{_DENIAL}.start", "status": 403, "headers": []}
            await self.send(head)
            await self.send({"type": f"{_DENIAL}.body", "body": b""})
            return
        guarded(lambda: self._look_out(message))
        await self._send(message)

    def _look_in(self, message: Message) -> None:
        if message["type"] == "websocket.receive":
            self.exchange.messages_in += 1
        elif message["type"] == "websocket.disconnect":
            self._write()

    def _look_out(self, message: Message) -> None:
        kind = message["type"]
        if kind == "websocket.send":
            self.exchange.messages_out += 1
        elif kind == "websocket.accept":
            self._accept(message)
        elif kind == f"{_DENIAL}.start":
            self.exchange.status = int(message["status"])
            self._add_headers(message)
        elif kind == f"{_DENIAL}.body":
            if not message.get("more_body", False):
                self._write()
        elif kind == "websocket.close":
            if not self._accepted:
                self.exchange.status = 403
            self._write()

    def _accept(self, message: Message) -> None:
        self._accepted = True
        self.exchange.status = 101
        self._add_headers(message)
        self._name_route()
        self.exchange.write_accept()


def _exchange(identity: Identity, scope: Scope) -> Exchange:
    headers = {name: value.decode("latin-1") for name, value in scope.get("headers") or []}
    return Exchange(
        identity=identity,
        method="WS" if scope["type"] == "websocket" else str(scope["method"]),
        path=str(scope["path"]),
        traceparent=headers.get(b"traceparent", ""),
        challenge=headers.get(CHALLENGE_HEADER.lower().encode("ascii")),
    )


def _content_length(message: Message) -> Optional[int]:
    for name, value in message.get("headers") or []:
        if name.lower() == b"content-length":
            return int(value)
    return None
