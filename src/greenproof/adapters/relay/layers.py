"""Protocol layers that mitmproxy lacks: opaque bytes before HTTP targets, answers that are replaced from
their head on, and WebSockets that the relay accepts in place of the service."""

import re
from collections.abc import Callable, Generator, Iterable
from typing import Any, cast

import wsproto.events
from mitmproxy import connection
from mitmproxy.net.tls import starts_like_tls_record
from mitmproxy.proxy import commands, context, events, layer, layers, server_hooks, tunnel
from mitmproxy.proxy.layers.http import HttpLayer, HTTPMode, HttpStream, SendHttp
from mitmproxy.proxy.layers.http._events import (
    ErrorCode,
    RequestProtocolError,
    ResponseData,
    ResponseEndOfMessage,
    ResponseHeaders,
)
from mitmproxy.proxy.layers.websocket import WebsocketLayer
from mitmproxy.proxy.mode_specs import ReverseMode
from wsproto import ConnectionType
from wsproto.connection import Connection as WebSocket
from wsproto.connection import ConnectionState

from greenproof.adapters.relay.arranging import WAITING_S, Arranging
from greenproof.adapters.relay.faults import ERROR_MESSAGE, Replacement

REPLACEMENT = "greenproof.replacement"
"""Key in a flow's metadata: the Replacement that is sent in place of the answer."""
ENDLESS = "greenproof.endless"
"""Key in a flow's metadata: the service's answer may never end, so its end is not waited for."""
STREAMED = "greenproof.streamed"
"""Key in a flow's metadata: the replacement has been sent."""
CONTROL = "greenproof.control"
"""Key in a flow's metadata: changes a frame of a WebSocket that is no message, on its way to the client."""
ARRANGING = "greenproof.arranging"
"""Key in a flow's metadata: decides when the messages of a WebSocket go to the client, and how often."""
ACCEPTED = "greenproof.accepted"
"""Key in a flow's metadata: called for each message of a WebSocket that the relay itself accepted."""

_HTTP1 = re.compile(rb"[A-Za-z!#$%&'*+.^_`|~0-9-]{1,32} ")
_PERHAPS_HTTP1 = re.compile(rb"[A-Za-z-]{0,20}\Z")
_HTTP2_PREFACE = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"
_HTTP2_LINE = _HTTP2_PREFACE[:16]
_HTTP2 = b"h2"

type Commands = Generator[commands.Command, Any, None]


class NextLayer:
    """Decides from the first bytes of a client what is spoken on a connection."""

    def server_connect(self, data: server_hooks.ServerConnectionHookData) -> None:
        """Hook of mitmproxy: a connection to the service speaks what that of the client speaks."""
        if data.client.alpn == _HTTP2 and not data.client.tls and not data.server.tls:
            data.server.alpn = _HTTP2

    def next_layer(self, data: layer.NextLayer) -> None:
        """Hook of mitmproxy."""
        if data.layer is None:
            data.layer = _choose(data.context, data.data_client())  # type: ignore[no-untyped-call]


def _choose(place: context.Context, first: bytes) -> layer.Layer | None:
    if not place.layers:
        return None
    client_tls = starts_like_tls_record(first)
    if not client_tls and _PERHAPS_HTTP1.match(first):
        return None
    stack = tunnel.LayerStack()
    if cast("ReverseMode", place.client.proxy_mode).scheme == "https":
        stack /= layers.ServerTLSLayer(place)
    if client_tls:
        stack /= layers.ClientTLSLayer(place)
    opaque = not client_tls and (first.startswith(_HTTP2_LINE) or not _HTTP1.match(first))
    if not client_tls and _HTTP2_PREFACE.startswith(first[: len(_HTTP2_PREFACE)]):
        if len(first) < len(_HTTP2_PREFACE):
            return None
        # HTTP/2 without TLS, with prior knowledge (RFC 9113, 3.3), as gRPC speaks it: mitmproxy goes by what TLS agreed
        # on, and so it is told that this was agreed on.
        opaque, place.client.alpn = False, _HTTP2
        if cast("ReverseMode", place.client.proxy_mode).scheme == "http":
            place.server.alpn = _HTTP2
    stack /= layers.TCPLayer(place) if opaque else RelayHttpLayer(place, HTTPMode.transparent)
    return stack[0]


class RelayHttpLayer(HttpLayer):
    """mitmproxy's, with streams of our own."""

    def make_stream(self, stream_id: int) -> Commands:
        """One request and its answer."""
        self.streams[stream_id] = RelayStream(self.context.fork(), stream_id)
        yield from self.event_to_child(self.streams[stream_id], events.Start())


class RelayStream(HttpStream):
    """A stream whose answer can be replaced as a whole while the service's own is still coming.

    The request went out as ever. What the service sends is taken to its end and thrown away, so that the service
    never notices; only of an answer without an end the service is told that the client left.
    """

    def start_response_stream(self) -> Commands:
        """The head of the answer came and its body is streamed."""
        replacement: Replacement | None = self.flow.metadata.get(REPLACEMENT)
        if replacement is None:
            yield from super().start_response_stream()
            return
        self.flow.metadata[STREAMED] = True
        client = self.context.client
        yield _send(ResponseHeaders(self.stream_id, replacement.response, end_stream=False), client)
        if replacement.body:
            yield _send(ResponseData(self.stream_id, replacement.body), client)
        if self.flow.metadata.get(ENDLESS):
            reason = RequestProtocolError(self.stream_id, "the client left", ErrorCode.CANCEL)
            yield _send(reason, self.context.server)
            yield from self.send_response(already_streamed=True)
            # What came in the same packet as the head is still waiting.
            self.server_state = self.state_errored
        else:
            self.server_state = self.state_discard_response_body

    def state_discard_response_body(self, event: events.Event) -> Commands:
        """Throw the service's body away; its end is the end of the replacement."""
        if isinstance(event, ResponseEndOfMessage):
            yield from self.send_response(already_streamed=True)

    def flow_done(self) -> Commands:
        """The answer is out: what follows a changed protocol is ours."""
        if ACCEPTED in self.flow.metadata:
            self.child_layer = AcceptedWebSocket(self.context, self.flow.metadata[ACCEPTED])
        elif self.flow.websocket and self.flow.response and self.flow.response.status_code == 101:
            self.child_layer = RelayWebSocket(self.context, self.flow)
        else:
            yield from super().flow_done()
            return
        self._handle_event = self.passthrough
        yield from self.child_layer.handle_event(events.Start())
        yield _send(ResponseEndOfMessage(self.stream_id), self.context.client)


def _send(event: Any, to: connection.Connection) -> SendHttp:
    return SendHttp(event, to)


class RelayWebSocket(WebsocketLayer):
    """mitmproxy's, but the server's words that are no messages can be changed as well."""

    def start(self, event: events.Event) -> Commands:
        """The handshake is over: what is sent to the client from now on goes through `CONTROL`."""
        yield from super().start(event)
        change: Callable[[wsproto.events.Event], wsproto.events.Event] | None = self.flow.metadata.get(CONTROL)
        client = self.client_ws
        send = client.send2

        def changed(told: wsproto.events.Event) -> commands.SendData:
            # The echo of what the client itself closed stays as it is.
            if client.state is ConnectionState.REMOTE_CLOSING:
                return send(told)
            told = told if change is None else change(told)
            arranging: Arranging | None = self.flow.metadata.get(ARRANGING)
            return send(told) if arranging is None else self._sent(arranging(told))

        client.send2 = changed  # type: ignore[method-assign, assignment]

    _handle_event = start

    def relay_messages(self, event: events.Event) -> Commands:
        """Something came, or a message has waited long enough for the next one."""
        arranging: Arranging | None = self.flow.metadata.get(ARRANGING)
        if isinstance(event, events.Wakeup):
            yield from self._let_go(arranging)
            return
        waited = arranging is not None and arranging.waiting
        yield from super().relay_messages(event)
        if arranging is None or not arranging.waiting:
            return
        if waited and isinstance(event, events.DataReceived) and event.connection == self.context.client:
            # It may be the answer that the client waits for.
            yield from self._let_go(arranging)
        elif not waited:
            yield commands.RequestWakeup(WAITING_S)

    def done(self, event: events.Event) -> Commands:
        """The conversation is over; a wake-up may still come."""
        if not isinstance(event, events.Wakeup):
            yield from super().done(event)

    def _let_go(self, arranging: Arranging | None) -> Commands:
        if arranging is not None and arranging.waiting and self.client_ws.state is ConnectionState.OPEN:
            yield self._sent(arranging.release())

    def _sent(self, told: Iterable[wsproto.events.Event]) -> commands.SendData:
        return commands.SendData(self.context.client, b"".join(self.client_ws.send(event) for event in told))


class AcceptedWebSocket(layer.Layer):
    """A server that accepts, says that there is an error, and says it again to each message."""

    def __init__(self, place: context.Context, seen: Any) -> None:
        super().__init__(place)
        self.seen = seen
        self.socket = WebSocket(ConnectionType.SERVER)

    def _handle_event(self, event: events.Event) -> Commands:
        if isinstance(event, events.Start):
            yield from self._complain()
        elif isinstance(event, events.DataReceived) and event.connection == self.context.client:
            self.socket.receive_data(event.data)
            for told in self.socket.events():
                yield from self._react(told)
        elif isinstance(event, events.ConnectionClosed) and event.connection == self.context.client:
            yield from self._leave()

    def _react(self, told: wsproto.events.Event) -> Commands:
        if isinstance(told, wsproto.events.Message):
            if told.message_finished:
                self.seen(from_client=True)
                yield from self._complain()
        elif isinstance(told, wsproto.events.Ping):
            yield self._data(told.response())
        elif isinstance(told, wsproto.events.CloseConnection):
            yield self._data(told.response())
            yield from self._leave()

    def _complain(self) -> Commands:
        self.seen(from_client=False)
        yield self._data(wsproto.events.TextMessage(ERROR_MESSAGE.decode()))

    def _data(self, event: wsproto.events.Event) -> commands.SendData:
        return commands.SendData(self.context.client, self.socket.send(event))

    def _leave(self) -> Commands:
        self._handle_event = self._done  # type: ignore[method-assign, assignment]
        self.seen(from_client=None)
        yield commands.CloseConnection(self.context.client)

    def _done(self, _: events.Event) -> Commands:
        yield from ()
