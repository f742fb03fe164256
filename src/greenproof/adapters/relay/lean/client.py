"""One client of the lean relay: request after request, each answer passed on as it comes."""

import asyncio
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, cast

from greenproof.adapters.relay.faults import Wire
from greenproof.adapters.relay.joining import traceparent
from greenproof.adapters.relay.lean import heads
from greenproof.adapters.relay.lean.heads import Answer, Framing, NotSimpleError
from greenproof.adapters.relay.lean.service import Back
from greenproof.adapters.relay.loss import LossWatch
from greenproof.adapters.relay.recording import Sight, clean_identity, clean_path, depth_of
from greenproof.adapters.relay.run import Run
from greenproof.adapters.relay.transports import close_gently

if TYPE_CHECKING:
    from greenproof.adapters.relay.listeners import Listener

MOST_HELD = 256 << 10
"""Bytes of a client that are held before nothing more is read from it."""
CONNECT_S = 30.0
_NO_ANSWER = (
    b"HTTP/1.1 502 Bad Gateway\r\nContent-Type: text/plain\r\nContent-Length: 31\r\nConnection: close\r\n\r\n"
    b"greenproof relay: no answer\r\n\r\n"
)


@dataclass(frozen=True, slots=True)
class Place:
    """What a client's connection needs to know of the relay."""

    run: Callable[[], Run]
    loss: LossWatch
    hand_over: Callable[["Listener", asyncio.Transport, bytes], None]
    """Gives a connection to mitmproxy, with what was read of it."""
    left: Callable[["Front"], None]


class Front(asyncio.Protocol):
    """The client's connection. At any time at most one request of it is under way."""

    transport: asyncio.Transport

    def __init__(self, place: Place, listener: "Listener") -> None:
        self.place = place
        self.listener = listener
        self.id = f"lean-{id(self)}"
        self._run: Run | None = None
        """The run in which the connection was joined to a worker."""
        self._held = bytearray()
        self._back: Back | None = None
        self._connecting: asyncio.Task[None] | None = None
        self._to_send: list[bytes] = []
        """What waits for the connection to the service."""
        self._upload = 0
        """Bytes of the request's body that are still to come."""
        self._sight: Sight | None = None
        self._method = ""
        self._head = bytearray()
        self._answer: Answer | None = None
        self._left = 0
        """Bytes of the answer's body that are still to come."""
        self._ended = False
        """The client sends no more."""

    # -- the client ---------------------------------------------------------------------------------------------------

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """A client is there. Whose it is, is asked when it says something."""
        self.transport = cast("asyncio.Transport", transport)

    def data_received(self, data: bytes) -> None:
        """The client sent something."""
        if self._upload and not self._held:
            part, data = data[: self._upload], data[self._upload :]
            self._upload -= len(part)
            if not self._upload and self._sight is not None:
                self._sight.asked_ns = time.monotonic_ns()
            self._send(part)
        if data:
            self._held += data
            if self._sight is None:
                self._next()
            elif len(self._held) > MOST_HELD:
                self.transport.pause_reading()

    def eof_received(self) -> bool:
        """The client sends no more; it may still read. The service is told, and does what it would do."""
        self._ended = True
        if self._sight is None:
            return False
        if self._back is not None and self._back.transport.can_write_eof():
            self._back.transport.write_eof()
        return True

    def connection_lost(self, exc: Exception | None) -> None:
        """The client has left, or we closed."""
        self._finish("the client left")
        self._forget(by_client=self._ended or exc is not None)
        if self._connecting is not None:
            self._connecting.cancel()
        self._drop_service()
        self.place.left(self)

    def pause_writing(self) -> None:
        """The client does not take what it is sent."""
        if self._back is not None:
            self._back.transport.pause_reading()

    def resume_writing(self) -> None:
        """It takes more."""
        if self._back is not None:
            self._back.transport.resume_reading()

    def read(self, on: bool) -> None:
        """Go on to read from the client, or wait."""
        if on and len(self._held) <= MOST_HELD:
            self.transport.resume_reading()
        else:
            self.transport.pause_reading()

    # -- requests -----------------------------------------------------------------------------------------------------

    def _next(self) -> None:
        """Take the next request, if the whole of its head is there."""
        end = self._held.find(heads.END)
        if end < 0:
            if len(self._held) > heads.LARGEST_HEAD or not heads.PERHAPS.match(self._held):
                self._hand_over()
            return
        run = self.place.run()
        if run.plan is not None:
            self._hand_over()
            return
        try:
            request = heads.request(bytes(self._held[: end + len(heads.END)]))
        except NotSimpleError:
            self._hand_over()
            return
        del self._held[: end + len(heads.END)]
        self._begin(run, request)

    def _begin(self, run: Run, request: heads.Request) -> None:
        if self._run is not run:
            self._meet(run)
        listener = self.listener
        joined = run.joining.join(self.id)
        wire = Wire(listener.target.name, clean_path(request.method)[:32].upper(), clean_path(request.path))
        self._sight = run.recording.start(wire, "http/1.1", joined)
        self._method = request.method
        parent = traceparent(joined.trace_id)
        head = request.written(parent, listener.origin.authority.encode(), listener.address, listener.origin)
        body = bytes(self._held[: request.length])
        del self._held[: len(body)]
        self._upload = request.length - len(body)
        if not self._upload:
            self._sight.asked_ns = self._sight.start_ns
        self._send(head + body)

    def _meet(self, run: Run) -> None:
        self._forget()
        peer, local = self.transport.get_extra_info("peername"), self.transport.get_extra_info("sockname")
        self._run = run
        run.joining.connect(self.id, (peer[0], peer[1]), (local[0], local[1]), self.listener.slot)

    def _forget(self, by_client: bool = False) -> None:
        if self._run is not None:
            self._run.joining.disconnect(self.id, by_client)

    def _send(self, data: bytes) -> None:
        if self._back is not None:
            self._back.transport.write(data)
            return
        self._to_send.append(data)
        if self._connecting is None:
            self.transport.pause_reading()
            self._connecting = asyncio.get_running_loop().create_task(self._connect())

    async def _connect(self) -> None:
        origin = self.listener.origin
        try:
            async with asyncio.timeout(CONNECT_S):
                _, back = await asyncio.get_running_loop().create_connection(
                    lambda: Back(self), origin.host, origin.port
                )
        except (OSError, TimeoutError) as problem:
            self._connecting = None
            if not self.listener.target.down:
                self.place.loss.suspect(self.listener.target.name, origin, str(problem))
            self._no_answer("Connect call failed")
            return
        self._connecting = None
        self._back = back
        if back.over:
            # It closed at once.
            self._back = None
            self._no_answer("server closed connection")
            return
        back.transport.writelines(self._to_send)
        self._to_send.clear()
        if self._ended:
            back.transport.write_eof()
        self.transport.resume_reading()

    def _hand_over(self) -> None:
        """What comes now is for mitmproxy: with everything that was not yet sent."""
        self._drop_service()
        if self._run is not None:
            peer = self.transport.get_extra_info("peername")
            self._run.joining.pass_on(self.id, (peer[0], peer[1]))
            self._run = None
        held = bytes(self._held)
        self._held.clear()
        self.place.left(self)
        self.place.hand_over(self.listener, self.transport, held)

    # -- answers ------------------------------------------------------------------------------------------------------

    def answered(self, data: bytes) -> None:
        """The service sent something: pass it on, and see where the answer ends."""
        if self._sight is None:
            # Nobody asked. A client of its own would see it, too, and close.
            self.transport.abort()
            return
        if self._answer is None:
            self._head += data
            self._take_heads()
        else:
            self._pass(self._answer, b"", data)

    def _take_heads(self) -> None:
        while self._answer is None and (end := self._head.find(heads.END)) >= 0:
            head = bytes(self._head[: end + len(heads.END)])
            del self._head[: len(head)]
            try:
                answer = heads.answer(head, self._method, self.listener.peers)
            except NotSimpleError:
                self._no_answer("no answer")
                return
            if answer.status < 200:
                # A word on the way. To change the protocol nobody has asked.
                self.transport.write(answer.raw)
                if answer.status == 101:
                    self.transport.abort()
                continue
            self._begin_answer(answer)
        if self._answer is None and len(self._head) > heads.LARGEST_HEAD:
            self._no_answer("no answer")

    def _begin_answer(self, answer: Answer) -> None:
        sight = self._sight
        if sight is None:
            return
        sight.head_ns = time.monotonic_ns()
        sight.status = answer.status
        sight.identity = clean_identity(answer.value(self.listener.target.identity_header.lower().encode()))
        sight.depth = depth_of(answer.value(b"x-greenproof-depth"))
        self._answer, self._left = answer, answer.length
        body = bytes(self._head)
        self._head.clear()
        self._pass(answer, answer.raw, body)

    def _pass(self, answer: Answer, head: bytes, data: bytes) -> None:
        """Write head and body in one go; what lies past the end of the answer is passed on as well, and is its end."""
        ended, broken = answer.framing is Framing.NONE, False
        if answer.framing is Framing.LENGTH:
            self._left -= len(data)
            ended = self._left <= 0
        elif answer.framing is Framing.CHUNKED and data:
            try:
                ended = answer.chunked_end(data)
            except NotSimpleError:
                broken = True
        if ended:
            # Before the client can know of it: its next word comes after the end.
            self._finish(None)
        if head or data:
            self.transport.write(head + data if head else data)
        if broken:
            self._finish("no answer")
            self.transport.close()
        elif ended and not self.transport.is_closing():
            self._after()

    def _after(self) -> None:
        """An answer is over: the next request may have come already."""
        if self._ended:
            self.transport.close()
            return
        if len(self._held) > MOST_HELD:
            self.transport.resume_reading()
        if self._held:
            self._next()

    def service_left(self, back: Back) -> None:
        """The service closed: for the client that is the end, too, as it would be without us."""
        if self._back is not back:
            return
        self._back = None
        if self._sight is not None and self._answer is None:
            self._no_answer("server closed connection")
            return
        if self._answer is not None and self._answer.framing is Framing.CLOSE:
            self._finish(None)
        self._finish("server closed connection")
        self._close()

    def _no_answer(self, reason: str) -> None:
        """What mitmproxy says in the place of a service that gave no head, and as little evidence."""
        if self._sight is not None:
            self._sight.synthetic = True
        self._finish(reason)
        if not self.transport.is_closing():
            self.transport.write(_NO_ANSWER)
            self._close()

    def _close(self) -> None:
        """We end it: an upload that is still under way is read to its end."""
        if self._upload:
            close_gently(self.transport)
        else:
            self.transport.close()

    def _finish(self, error: str | None) -> None:
        sight, self._sight, self._answer = self._sight, None, None
        self._head.clear()
        if sight is not None:
            sight.end_ns = time.monotonic_ns()
            sight.error = error

    def _drop_service(self) -> None:
        back, self._back = self._back, None
        if back is not None:
            back.transport.abort()
