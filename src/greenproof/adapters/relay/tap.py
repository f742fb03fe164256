"""The hook of mitmproxy that sees HTTP: stamps, joins, traces, and carries faults out."""

import time
from collections.abc import Callable
from functools import partial

from mitmproxy import connection, http
from mitmproxy.proxy import server_hooks

from greenproof.adapters.relay import faults
from greenproof.adapters.relay.disturbing import Disturbing
from greenproof.adapters.relay.faults import Wire
from greenproof.adapters.relay.joining import traceparent
from greenproof.adapters.relay.layers import ACCEPTED, ENDLESS, REPLACEMENT, STREAMED
from greenproof.adapters.relay.listeners import Listener, Listeners
from greenproof.adapters.relay.loss import LossWatch
from greenproof.adapters.relay.mutation import Emptying
from greenproof.adapters.relay.recording import Sight, clean_identity, clean_path, depth_of
from greenproof.adapters.relay.rewriting import NAMING, names_of, to_relay, to_service
from greenproof.adapters.relay.run import Run
from greenproof.model.facts import FaultKind

SIGHT = "greenproof.sight"
"""Key in a flow's metadata."""
_HELD = "greenproof.held"
"""Key in a flow's metadata: the body is held back until it is whole; this changes it then."""
_TRACES = (b"traceparent", b"tracestate")
LARGEST_HELD = 64 << 10
"""Bytes of a request's body that are held back; larger ones, and those of unknown size, are streamed."""


class Tap:
    """HTTP requests and answers, and whose the connections are."""

    def __init__(
        self, listeners: Listeners, run: Callable[[], Run], loss: LossWatch, disturbing: Disturbing | None = None
    ) -> None:
        self.listeners = listeners
        self.run = run
        self.loss = loss
        self.disturbing = disturbing

    def client_connected(self, client: connection.Client) -> None:
        """A client is there: whose is it?"""
        listener = self.listeners.at(client.sockname)
        if listener is not None:
            peer, local = client.peername, client.sockname
            self.run().joining.connect(client.id, (peer[0], peer[1]), (local[0], local[1]), listener.slot)

    def client_disconnected(self, client: connection.Client) -> None:
        """Its source port may be used again by somebody else."""
        self.run().joining.disconnect(client.id, by_client=self.listeners.left_by_itself(client.id))

    def server_connect_error(self, data: server_hooks.ServerConnectionHookData) -> None:
        """Connecting to a target failed."""
        listener = self.listener_of(data.client)
        if listener is not None and not listener.target.down:
            self.loss.suspect(listener.target.name, listener.origin, data.server.error or "")

    def listener_of(self, client: connection.Client) -> Listener | None:
        """The port that the client came to; None when it was closed in the meantime."""
        return self.listeners.at(client.sockname)

    def requestheaders(self, flow: http.HTTPFlow) -> None:
        """The head of a request came: the exchange starts and belongs to the present moment."""
        listener = self.listener_of(flow.client_conn)
        if listener is None:
            return
        run, request = self.run(), flow.request
        names = names_of(request.headers)
        wire = Wire(listener.target.name, _method(request, names), clean_path(request.path))
        joined = run.joining.join(flow.client_conn.id)
        protocol = "websocket" if wire.method == "WS" else _protocol(request)
        sight = run.recording.start(wire, protocol, joined)
        flow.metadata[SIGHT] = sight
        if joined.certain:
            sight.planned = faults.fault_for(run.plan, joined.moment, wire)
        _trace(request.headers, traceparent(joined.trace_id))
        if not names.isdisjoint(NAMING):
            to_service(request.headers, listener.address, listener.origin)
        if b"upgrade" in names:
            _stay_on_http1(request)
        request.stream = _is_large(request, names)

    def request(self, flow: http.HTTPFlow) -> None:
        """The whole of a request came."""
        sight: Sight | None = flow.metadata.get(SIGHT)
        if sight is not None and sight.wire.method != "WS":
            sight.asked_ns = time.monotonic_ns()

    def responseheaders(self, flow: http.HTTPFlow) -> None:
        """The head of the service's answer came."""
        sight: Sight | None = flow.metadata.get(SIGHT)
        answer, listener = flow.response, self.listener_of(flow.client_conn)
        if sight is None or answer is None or listener is None:
            return
        if answer.status_code != 101 or sight.wire.method != "WS":
            sight.head_ns = time.monotonic_ns()
        else:
            sight.accepted_ns = time.monotonic_ns()
        sight.status = answer.status_code
        sight.identity = clean_identity(answer.headers.get(listener.target.identity_header))
        sight.depth = depth_of(answer.headers.get("x-greenproof-depth"))
        to_relay(answer.headers, listener.peers)
        if answer.status_code == 101:
            if sight.planned is FaultKind.VALUE and answer.headers.pop("sec-websocket-protocol", None):
                sight.deliver()
            return
        if sight.wire.method == "WS":
            self._refused(flow, sight, answer)
            return
        answer.stream = True
        self._fault(flow, sight, answer)

    def _fault(self, flow: http.HTTPFlow, sight: Sight, answer: http.Response) -> None:
        """Put the planned fault in the place of the answer, or into it."""
        if sight.planned is FaultKind.ERROR:
            _replace(flow, sight, answer)
        elif sight.planned in (FaultKind.TAILORED, FaultKind.LATER, FaultKind.EMPTIED):
            self._tailor(flow, sight, answer)
        elif sight.planned is FaultKind.VALUE and sight.wire.method != "GRPC":
            instead = faults.substitute_for(self.run().plan, sight.joined.moment)
            if instead is not None and instead.bare and _may_be_bared(answer):
                answer.stream = False
                flow.metadata[_HELD] = faults.bare_body
            else:
                _change(flow, sight, answer)
        elif sight.planned is FaultKind.SENSITIVITY and self.disturbing is not None:
            self.disturbing.head(flow, sight, answer)

    def _tailor(self, flow: http.HTTPFlow, sight: Sight, answer: http.Response) -> None:
        run, case = self.run(), sight.joined.moment.case or ""
        instead = faults.substitute_for(run.plan, sight.joined.moment)
        # Emptied answers go on with what it reads elsewhere: the effect of a request is often seen there only.
        claimed = faults.is_claimed(run.plan, sight.joined.moment, sight.wire)
        run.answers[case] += claimed
        number = run.answers[case]
        if instead is None or number < instead.after + claimed or not number or not run.is_due(case):
            return
        refusal = 400 <= answer.status_code < 500
        if instead.only_errors is not refusal:
            # What the test was refused before is another matter than what it was granted.
            return
        if instead.emptied:
            if faults.is_event_stream(answer.headers):
                _put(flow, sight, faults.empty_stream(answer))
            elif not _may_be_held(answer.headers):
                # Other values must do.
                _change(flow, sight, answer)
            else:
                answer.stream = False
                whole, again = number >= instead.whole_from, not number % 2
                emptying = Emptying(instead.blank, instead.lists, instead.without, whole, again)
                flow.metadata[_HELD] = partial(faults.empty_body, emptying=emptying)
        elif instead.status is None:
            sight.deliver()
            sight.end_ns = time.monotonic_ns()
            flow.kill()  # type: ignore[no-untyped-call]
        else:
            _put(flow, sight, faults.error_answer(answer, instead.status, instead.status, page=True))

    def response(self, flow: http.HTTPFlow) -> None:
        """The answer is over; a body that was held back can be changed now."""
        sight: Sight | None = flow.metadata.get(SIGHT)
        if sight is None or flow.response is None:
            return
        if ACCEPTED in flow.metadata:
            flow.response.raw_content = b""
            return
        replacement: faults.Replacement | None = flow.metadata.get(REPLACEMENT)
        if replacement is not None and STREAMED not in flow.metadata:
            # The service's answer had no body, so nothing was streamed.
            flow.response.raw_content = b"" if flow.request.method == "HEAD" else replacement.body
        change = flow.metadata.pop(_HELD, None)
        if change is not None and change(flow.response):
            sight.deliver()
        if self.disturbing is not None:
            self.disturbing.over(flow, sight)
        if not flow.websocket:
            sight.end_ns = time.monotonic_ns()

    def error(self, flow: http.HTTPFlow) -> None:
        """No answer, or not the whole of it."""
        sight: Sight | None = flow.metadata.get(SIGHT)
        if sight is None or sight.end_ns is not None:
            return
        sight.end_ns = time.monotonic_ns()
        client_left = _client_left(flow)
        # mitmproxy answers 502 (or 400) in the place of a service that gave no head.
        sight.synthetic = sight.status is None and not client_left
        sight.error = "the client left" if client_left else _reason(flow)

    def _refused(self, flow: http.HTTPFlow, sight: Sight, answer: http.Response) -> None:
        run = self.run()
        certain = sight.joined.certain
        if not certain or not faults.accepts(run.plan, sight.joined.moment, sight.wire):
            answer.stream = True
            return

        def seen(from_client: bool | None) -> None:
            if from_client is None:
                sight.end_ns = time.monotonic_ns()
            elif from_client:
                sight.sent += 1
            else:
                sight.received += 1
                sight.fault = FaultKind.ERROR

        flow.metadata[ACCEPTED] = seen
        flow.response = faults.accepting_answer(flow.request)


def _client_left(flow: http.HTTPFlow) -> bool:
    text = flow.error.msg.lower() if flow.error else ""
    return not flow.client_conn.connected or "by client" in text or "client disconnected" in text


def _replace(flow: http.HTTPFlow, sight: Sight, answer: http.Response) -> None:
    grpc = sight.wire.method == "GRPC" and flow.request.is_http2
    _put(flow, sight, faults.grpc_answer(answer) if grpc else faults.error_answer(answer))


def _put(flow: http.HTTPFlow, sight: Sight, replacement: faults.Replacement) -> None:
    answer = flow.response
    if answer is None:
        return
    flow.metadata[ENDLESS] = faults.is_event_stream(answer.headers)
    flow.metadata[REPLACEMENT] = replacement
    flow.response = replacement.response
    flow.response.stream = True
    sight.deliver()


def _change(flow: http.HTTPFlow, sight: Sight, answer: http.Response) -> None:
    if faults.change_headers(answer.headers):
        sight.deliver()
    encoded, length = _is_encoded(answer.headers), _length(answer.headers)
    if faults.is_event_stream(answer.headers):
        if not encoded:
            answer.stream = faults.ChangedLines(sight.deliver)
    elif encoded or (length is not None and length <= faults.LARGEST_CHANGED):
        # A compressed body cannot be changed in part: it is held back unless it is too large for that.
        if length is None or length <= faults.LARGEST_CHANGED:
            answer.stream = False
            flow.metadata[_HELD] = faults.change_body
    else:
        answer.stream = faults.ChangedHead(answer.headers, length is not None, sight.deliver)


def _is_encoded(headers: http.Headers) -> bool:
    return str(headers.get("content-encoding", "identity")).lower() != "identity"


def _length(headers: http.Headers) -> int | None:
    size = headers.get("content-length")
    return int(size) if size and size.isdigit() else None


def _may_be_held(headers: http.Headers) -> bool:
    length = _length(headers)
    return length is None or length <= faults.LARGEST_CHANGED


def _may_be_bared(answer: http.Response) -> bool:
    redirects = 300 <= answer.status_code < 400
    return not redirects and not faults.is_event_stream(answer.headers) and _may_be_held(answer.headers)


def _trace(headers: http.Headers, parent: str) -> None:
    kept = (field for field in headers.fields if field[0].lower() not in _TRACES)
    headers.fields = (*kept, (b"traceparent", parent.encode()))


def _method(request: http.Request, names: frozenset[bytes]) -> str:
    if b"upgrade" in names and request.headers.get("upgrade", "").lower() == "websocket":
        return "WS"
    if b"content-type" in names and request.headers.get("content-type", "").startswith("application/grpc"):
        return "GRPC"
    return clean_path(request.method)[:32].upper()


def _protocol(request: http.Request) -> str:
    return "http/2" if request.is_http2 else "http/1.1"


def _stay_on_http1(request: http.Request) -> None:
    """HTTP/2 without TLS is not spoken here: an offer to change to it would be accepted by the service."""
    if request.headers.get("upgrade", "").lower() == "h2c":
        for name in ("upgrade", "http2-settings", "connection"):
            request.headers.pop(name, None)


def _is_large(request: http.Request, names: frozenset[bytes]) -> bool:
    if b"content-length" not in names:
        return request.is_http2 or b"transfer-encoding" in names
    size = request.headers["content-length"]
    return not size.isdigit() or int(size) > LARGEST_HELD


def _reason(flow: http.HTTPFlow) -> str:
    # Messages of mitmproxy may quote what the service sent; only what is surely harmless is told.
    text = flow.error.msg if flow.error else ""
    known = ("server closed connection", "Connect call failed", "Connection refused", "TLS", "verify failed")
    return next((word for word in known if word.lower() in text.lower()), "no answer")
