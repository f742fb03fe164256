"""A backend that gives one and the same answer to everything: HTTP/1.1 on a thread of its own.

It stands behind the relay, which does what differs from test to test: TLS, HTTP/2 and whose an exchange is.
"""

import asyncio
import threading
from typing import Self, cast

import h11

from greenproof.adapters.backends.closed import HOST
from greenproof.model.floor import Backend

_LARGEST_HEAD = 1 << 20
_START_S = 10.0
_CLOSE_S = 5.0
_ANSWERS = {
    Backend.UNAVAILABLE: (503, b'{"error":"service unavailable"}'),
    Backend.STATIC: (200, b'{"status":"healthy"}'),
}


class BackendServer:
    """Listens on a free port of this machine until it is closed. A context manager."""

    def __init__(self) -> None:
        self.backend = Backend.UNAVAILABLE
        """What it plays; may be changed at any time."""
        self.url = ""
        self._lines: set[_Line] = set()
        self._loop = asyncio.new_event_loop()
        self._started = threading.Event()
        self._trouble: OSError | None = None
        # A daemon: whatever happens to us, it must not keep the process.
        self._thread = threading.Thread(target=self._run, name="greenproof-backend", daemon=True)

    def __enter__(self) -> Self:
        self._thread.start()
        if not self._started.wait(_START_S):
            raise OSError("the controlled backend did not start")
        if self._trouble is not None:
            raise self._trouble
        return self

    def __exit__(self, *_: object) -> None:
        if self._thread.is_alive():
            self._loop.call_soon_threadsafe(self._loop.stop)
            self._thread.join(_CLOSE_S)

    def _run(self) -> None:
        try:
            server = self._loop.run_until_complete(self._loop.create_server(lambda: _Line(self), HOST, 0, backlog=1024))
        except OSError as problem:
            self._trouble = problem
            self._started.set()
            self._loop.close()
            return
        self.url = f"http://{HOST}:{server.sockets[0].getsockname()[1]}"
        self._loop.call_soon(self._started.set)
        try:
            self._loop.run_forever()
        finally:
            server.close()
            for line in list(self._lines):
                line.transport.abort()
            # One more turn, in which the aborted connections let go of their sockets.
            self._loop.run_until_complete(asyncio.sleep(0))
            self._loop.close()

    def opened(self, line: "_Line") -> None:
        """A client is there."""
        self._lines.add(line)

    def closed(self, line: "_Line") -> None:
        """It has left."""
        self._lines.discard(line)


class _Line(asyncio.Protocol):
    """One connection. Bodies are read and thrown away."""

    transport: asyncio.Transport

    def __init__(self, server: BackendServer) -> None:
        self._server = server
        self._http = h11.Connection(h11.SERVER, max_incomplete_event_size=_LARGEST_HEAD)
        self._head_only = False

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Somebody connected."""
        self.transport = cast("asyncio.Transport", transport)
        self._server.opened(self)

    def connection_lost(self, exc: Exception | None) -> None:
        """It has left."""
        self._server.closed(self)

    def pause_writing(self) -> None:
        """Who does not read answers is not heard either."""
        self.transport.pause_reading()

    def resume_writing(self) -> None:
        """It reads again."""
        self.transport.resume_reading()

    def data_received(self, data: bytes) -> None:
        """Some bytes; every whole request in them is answered."""
        try:
            self._http.receive_data(data)
            while self._take(self._http.next_event()):
                pass
        except (h11.RemoteProtocolError, h11.LocalProtocolError):
            # No HTTP/1.1 (plaintext gRPC, say): there is nothing that it could understand.
            self.transport.close()

    def _take(self, event: object) -> bool:
        """Whether another event may follow."""
        match event:
            case h11.Request():
                self._head_only = event.method == b"HEAD"
            case h11.EndOfMessage():
                self._answer()
            case h11.ConnectionClosed():
                self.transport.close()
                return False
            case h11.NEED_DATA | h11.PAUSED:
                self._encourage()
                return False
        return not self.transport.is_closing()

    def _encourage(self) -> None:
        if self._http.they_are_waiting_for_100_continue:
            self._send(h11.InformationalResponse(status_code=100, headers=[]))

    def _answer(self) -> None:
        status, body = _ANSWERS[self._server.backend]
        headers = [("content-type", "application/json"), ("content-length", str(len(body)))]
        self._send(h11.Response(status_code=status, headers=headers))
        if not self._head_only:
            self._send(h11.Data(data=body))
        self._send(h11.EndOfMessage())
        if self._http.our_state is h11.DONE:
            self._http.start_next_cycle()
        else:
            self.transport.close()

    def _send(self, event: h11.Event) -> None:
        self.transport.write(self._http.send(event) or b"")
