"""A backend that gives one and the same answer to everything: HTTP/1.1 on a thread of its own.

It stands behind the relay, which does what differs from test to test: TLS, HTTP/2 and whose an exchange is.
"""

import asyncio
import threading
from typing import Self, cast

from greenproof.adapters.backends.closed import HOST
from greenproof.adapters.backends.conversation import Conversation
from greenproof.model.floor import Backend

_START_S = 10.0
_CLOSE_S = 5.0


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
    """One connection."""

    transport: asyncio.Transport

    def __init__(self, server: BackendServer) -> None:
        self._server = server
        self._talk = Conversation(lambda: server.backend)

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
        self.transport.write(self._talk.receive(data))
        if self._talk.over:
            self.transport.close()
