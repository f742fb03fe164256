"""The server that knows the truth: every request and message names the case and phase that sent it."""

import asyncio
import contextlib
import socket
import threading
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import hypercorn.asyncio
from certificate import make_certificate
from hypercorn.config import Config

START_S = 10.0
_EARLY = b"HTTP/1.1 401 Unauthorized\r\nContent-Length: 2\r\nConnection: close\r\n\r\nno"
_HEADERS = [(b"content-type", b"application/json"), (b"x-greenproof-revision", b"joining-1")]


@dataclass
class Truth:
    """What arrived. Written in the server's thread; read when the suite is over."""

    requests: Counter[str] = field(default_factory=Counter)
    """Path of a request (or of a WebSocket's handshake) -> how often it came."""
    messages: dict[str, Counter[str]] = field(default_factory=dict)
    """Path of a WebSocket -> what its messages said of their sender -> how many came and were echoed."""

    def clear(self) -> None:
        """Forget everything: the next run starts."""
        self.requests.clear()
        self.messages.clear()

    async def app(self, scope: Any, receive: Any, send: Any) -> None:
        """The ASGI application."""
        if scope["type"] == "http":
            self._arrived(scope["path"])
            while (await receive()).get("more_body"):
                pass
            await send({"type": "http.response.start", "status": 200, "headers": _HEADERS})
            await send({"type": "http.response.body", "body": b'{"arrived": true}'})
        elif scope["type"] == "websocket":
            await self._converse(scope["path"], receive, send)
        elif scope["type"] == "lifespan":
            await _live(receive, send)

    def answer_early(self, listening: socket.socket) -> None:
        """Answer each request, and close, before its body was read. Ends when the socket is shut down."""
        with contextlib.suppress(OSError):
            while True:
                connection, _ = listening.accept()
                with connection, contextlib.suppress(OSError):
                    connection.settimeout(START_S)
                    if (head := connection.recv(4096).split(b" ", 2))[0]:
                        self._arrived(head[1].decode())
                        connection.sendall(_EARLY)

    def _arrived(self, path: str) -> None:
        if path.startswith("/sent/"):
            self.requests[path] += 1

    async def _converse(self, path: str, receive: Any, send: Any) -> None:
        self.requests[path] += 1
        told = self.messages.setdefault(path, Counter())
        await receive()
        await send({"type": "websocket.accept", "headers": _HEADERS[1:]})
        while (event := await receive())["type"] == "websocket.receive":
            told[event["text"]] += 1
            await send({"type": "websocket.send", "text": event["text"]})


async def _live(receive: Any, send: Any) -> None:
    while True:
        event = (await receive())["type"]
        await send({"type": f"{event}.complete"})
        if event == "lifespan.shutdown":
            return


@dataclass(frozen=True)
class Served:
    """Where the server listens."""

    truth: Truth
    plain: str
    secure: str
    early: str
    ca: Path


@contextlib.contextmanager
def serve(folder: Path) -> Iterator[Served]:
    """HTTP/1.1 and WebSocket on one port, HTTP/2 over TLS on another, in a thread of their own."""
    ca, key = make_certificate(folder)
    truth, loop = Truth(), asyncio.new_event_loop()
    config = Config()
    (plain, config.insecure_bind), (secure, config.bind) = _listening(), _listening()
    config.certfile, config.keyfile = str(ca), str(key)
    config.keep_alive_timeout, config.graceful_timeout, config.errorlog = 120, 0.2, None
    stop = asyncio.Event()
    thread = threading.Thread(target=_run, args=(loop, truth, config, stop), daemon=True)
    thread.start()
    hasty = socket.create_server(("127.0.0.1", 0))
    early = threading.Thread(target=truth.answer_early, args=(hasty,), daemon=True)
    early.start()
    try:
        yield Served(truth, f"http://{plain}", f"https://{secure}", f"http://127.0.0.1:{hasty.getsockname()[1]}", ca)
    finally:
        with hasty:
            hasty.shutdown(socket.SHUT_RDWR)
            early.join(START_S)
        loop.call_soon_threadsafe(stop.set)
        thread.join(START_S)


def _listening() -> tuple[str, list[str]]:
    """An address that listens already, and its socket as hypercorn takes it over."""
    held = socket.create_server(("127.0.0.1", 0))
    return f"127.0.0.1:{held.getsockname()[1]}", [f"fd://{held.detach()}"]


def _run(loop: asyncio.AbstractEventLoop, truth: Truth, config: Config, stop: asyncio.Event) -> None:
    asyncio.set_event_loop(loop)
    with contextlib.closing(loop):
        # The sockets listen already: who connects before hypercorn is ready, waits.
        loop.run_until_complete(hypercorn.asyncio.serve(truth.app, config, shutdown_trigger=stop.wait))  # type: ignore[arg-type]
