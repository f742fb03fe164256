"""HTTP/1.1 with a backend that gives one and the same answer to everything: bytes in, bytes out, no I/O."""

from collections.abc import Callable

import h11

from greenproof.model.floor import Backend

_LARGEST_HEAD = 1 << 20
_ANSWERS = {
    Backend.UNAVAILABLE: (503, b'{"error":"service unavailable"}'),
    Backend.STATIC: (200, b'{"status":"healthy"}'),
}


class Conversation:
    """One connection. Bodies are read and thrown away; WebSocket handshakes are answered like everything else."""

    def __init__(self, backend: Callable[[], Backend], on_request: Callable[[str], None] | None = None) -> None:
        """`on_request` is told the target of each request. With it, CONNECT opens a tunnel, as at a proxy."""
        self._backend = backend
        self._on_request = on_request
        self._http = h11.Connection(h11.SERVER, max_incomplete_event_size=_LARGEST_HEAD)
        self._method, self._target = b"", ""
        self._out = b""
        self.over = False
        """Nothing more is to be read; the connection ends once the answer is out."""
        self.tunnel: str | None = None
        """`host:port` that the client asked to be connected to. What it sends from now on is another conversation."""

    def receive(self, data: bytes) -> bytes:
        """Some bytes of the client (none: it has left), and what is to be sent."""
        self._out = b""
        try:
            self._http.receive_data(data)
            while not self.over and self._take(self._http.next_event()):
                pass
        except (h11.RemoteProtocolError, h11.LocalProtocolError):
            # No HTTP/1.1 (plaintext gRPC, say): there is nothing that it could understand.
            self.over = True
        return self._out

    def _take(self, event: object) -> bool:
        """Whether another event may follow."""
        match event:
            case h11.Request():
                self._method, self._target = event.method, event.target.decode("latin-1")
            case h11.EndOfMessage():
                self._answer()
            case h11.ConnectionClosed():
                self.over = True
            case h11.NEED_DATA | h11.PAUSED:
                if self._http.they_are_waiting_for_100_continue:
                    self._send(h11.InformationalResponse(status_code=100, headers=[]))
                return False
        return True

    def _answer(self) -> None:
        if self._on_request is not None and self._method == b"CONNECT":
            self._out += b"HTTP/1.1 200 Connection established\r\n\r\n"
            self.tunnel, self.over = self._target, True
            return
        if self._on_request is not None:
            self._on_request(self._target)
        status, body = _ANSWERS[self._backend()]
        headers = [("content-type", "application/json"), ("content-length", str(len(body)))]
        self._send(h11.Response(status_code=status, headers=headers))
        if self._method != b"HEAD":
            self._send(h11.Data(data=body))
        self._send(h11.EndOfMessage())
        if self._http.our_state is h11.DONE:
            self._http.start_next_cycle()
        else:
            self.over = True

    def _send(self, event: h11.Event) -> None:
        self._out += self._http.send(event) or b""
